"""Why a feed that is due is not polled this moment, for `aggregator status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.engine.back_pressure import BackPressure
from aggregator.engine.store import Store
from aggregator.hosts import host_of
from aggregator.model import Feed, PollState

PATIENCE = timedelta(seconds=30)
"""So long after its time a feed that nothing holds back should be taken. A guess: a full house takes its turns."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What the server knows of the next polls at one moment."""

    now: datetime
    due: Mapping[str, datetime | None]
    claimed: Mapping[str, datetime]
    held: Mapping[str, datetime]
    """Host → the end of its hold."""
    unregistered: frozenset[str]
    not_poll: str
    """Why no worker claims anything, '' where they do."""

    def next_poll_at(self, feed_id: str) -> datetime | None:
        """What the due set says counts, also after a reload; of a feed that is being polled it says when the claim
        lapses, so that is now."""
        return self.now if feed_id in self.claimed else self.due.get(feed_id)

    def why(self, feed: Feed, state: PollState | None) -> str:
        """Why the feed waits though its time has come; '' where it has not."""
        due_at = self.due.get(feed.feed_id)
        held_until = self.held.get(host_of(address_of(feed, state)))
        # The nearest reason first: what is not registered has no due time, what is claimed has its lease for one.
        if feed.feed_id in self.unregistered:
            return "the server does not know it: `aggregator run` registers it"
        if feed.feed_id in self.claimed:
            return "it is being polled"
        if due_at is None or due_at > self.now:
            return ""
        if self.not_poll:
            return f"polling is held: {self.not_poll}"
        if held_until is not None:
            until = f"{held_until:%Y-%m-%d %H:%M} UTC"
            return f"its host asked to be left alone until {until}"
        if self.now - due_at > PATIENCE:
            return "no poll worker has taken it: is `aggregator run` at work, and its host not busy with other feeds?"
        return "a poll worker takes it up as soon as its host is free"


def address_of(feed: Feed, state: PollState | None) -> str:
    """Where the feed is asked now: a permanent redirect may have moved it."""
    return state.url if state is not None else feed.url


async def waits(
    store: Store,
    feeds: Sequence[Feed],
    states: Mapping[str, PollState | None],
    back_pressure: BackPressure,
) -> Waits:
    """Raises EngineError."""
    feed_ids = [feed.feed_id for feed in feeds]
    hosts = [host_of(address_of(feed, states.get(feed.feed_id))) for feed in feeds]
    due = await store.polls.due_times(feed_ids)
    claimed = await store.polls.claimed(feed_ids)
    return Waits(
        now=await store.server_time(),
        due=due,
        claimed=claimed,
        held=await store.polls.held_hosts(hosts),
        unregistered=frozenset(await store.registration.unregistered(feed_ids)),
        not_poll=back_pressure.why_not_poll,
    )
