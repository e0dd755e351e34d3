"""Searching by meaning over what the event stage stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from aggregator.daemon.nearness import Nearness
from aggregator.engine.store import Store
from tests.daemon.stages import START, Stages
from tests.daemon.test_stages import MEANT, QUAKE, by_topic, feed, rss


async def test_headlines_that_mean_the_query_are_near_it(store: Store):
    stages = Stages(store, feed("a"), feed("b"), settings=MEANT)
    stages.encoder = by_topic
    await stages.run("a", rss(("1", QUAKE), ("2", "School budget passed")))
    asked: list[str] = []

    async def encode(texts: Sequence[tuple[str, str]]) -> Sequence[bytes]:
        asked.extend(title for title, _ in texts)
        return by_topic(texts)

    nearness = Nearness(store, encode)
    day = timedelta(days=1)
    likeness = await nearness.likeness("terremoto 6.8", since_at=START - day)
    [quake] = [m.event_id for m in await stages.messages() if m.title == QUAKE]
    assert max(likeness, key=likeness.__getitem__) == quake
    assert likeness[quake] > 0.99
    assert asked == ["terremoto 6.8"]
    # What came since is found by its words, until the log is read again.
    await stages.run("b", rss(("9", "Again 6.8 shakes the ports"), site="b"))
    await nearness.likeness("6.8", since_at=START - day)
    assert await _known(nearness, START - day) == 2
    assert await _known(nearness, START - 2 * day) == 3


async def _known(nearness: Nearness, since_at: datetime) -> int:
    """How many headlines a search from then on compares."""
    return len((await nearness._headlines(since_at)).event_ids)
