"""What an operator is told of a feed's polls: each change once. Pure."""

from __future__ import annotations

from datetime import timedelta

from aggregator.hosts import host_of
from aggregator.model import FailureKind, Feed, FeedRead, Notice, PollState

FAILING_AFTER = 3
"""Failed polls in a row after which the operator is told. A guess: with back-off from 15 min, three mean 45 min."""
TOLD_AT_ONCE = frozenset(
    {FailureKind.CREDENTIALS, FailureKind.BAD_URL, FailureKind.PRIVATE_ADDRESS}
)
"""Kinds that no waiting mends: the operator has to change feeds.toml."""
RUNAWAY_ENTRIES = 1000
"""New entries within an hour beyond which a feed is quarantined (situation 16)."""
RUNAWAY = f"more than {RUNAWAY_ENTRIES} new entries within an hour: nothing of it is published until released"
OUTAGE = "our own network seems to be down: no feed is blamed, all are tried again, later each time"


def feed_notice(
    kind: str,
    feed: Feed,
    url: str,
    detail: str,
) -> Notice:
    """A notice about a feed; `url` is the address whose host it names."""
    return Notice(kind, feed.feed_id, host_of(url), detail)


def told_after(kind: FailureKind | None) -> int:
    """Failed polls in a row after which the operator is told of this kind."""
    if kind in TOLD_AT_ONCE:
        return 1
    return FAILING_AFTER


def failure_notices(feed: Feed, state: PollState) -> tuple[Notice, ...]:
    """What is told of a failed poll; `state` is the feed's after it."""
    if state.failure_count != told_after(state.failure_kind):
        return ()
    detail = f"failing: {state.failure_detail}"
    return (feed_notice("failing", feed, state.url, detail),)


def success_notices(
    feed: Feed,
    before: PollState,
    after: PollState,
    read: FeedRead | None,
    *,
    runaway: bool,
) -> tuple[Notice, ...]:
    """What is told of a good poll; `before` and `after` are the feed's states."""
    told: list[tuple[str, str]] = []
    # Only who was told of the failure is told that it has ended.
    if before.failure_count >= told_after(before.failure_kind):
        words = f"answers again after {before.failure_count} failures"
        told.append(("recovered", words))
    if runaway:
        told.append(("quarantined", RUNAWAY))
    # Once, not at every poll: an archive's document is too long for ever.
    if after.dropped_count and not before.dropped_count:
        words = beyond_words(after.dropped_count, feed.max_entries)
        told.append(("dropped", words))
    if read is not None and after.clock_error != before.clock_error:
        told.append(("clock", _clock_words(after.clock_error)))
    return tuple(feed_notice(kind, feed, after.url, words) for kind, words in told)


def beyond_words(count: int, limit: int) -> str:
    """The notice about entries that are left unread."""
    return f"{count:,} entries of its document lie beyond max_entries = {limit}: the newest {limit} are read"


def _clock_words(error: timedelta | None) -> str:
    if error is None:
        return "the publisher's clock is right again"
    hours = error.total_seconds() / 3600
    return f"the publisher's clock is wrong: {hours:+.1f} h are added to its times for matching"
