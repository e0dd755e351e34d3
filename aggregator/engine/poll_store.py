"""What the poll stage reads and writes: the due set, claims, states, known entries, commits, holds of hosts.

Rules: only the holder of a claim changes a feed's state; a claim lapses by itself; a host has one connection at a
time, taken and freed with the claim; the server's clock counts, so that the workers' clocks do not matter: a time that
a worker worked out by its own is written as the server's, by the difference of the two. Every
method may be called again after EngineDown: what was done before is not done twice.

`now` is for tests, whose clock moves, and for backfills; left out, the server's clock is taken.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from aggregator.engine import wire
from aggregator.engine.codec import INSTANT, KNOWN_ENTRY, POLL_STATE, Unreadable, decode
from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import (
    OTHER_TYPE,
    Argument,
    Engine,
    ms_or_now,
    nonce,
    text,
)
from aggregator.errors import StaleToken, UnreadableRecord
from aggregator.model import EPOCH, Claim, KnownEntry, Notice, Poll, PollState

NEVER = "+inf"
"""The due time of a feed that is not polled again by itself. It stays in the due set, so that it counts as known."""
PAGE = 500
"""Ids in one command, and candidates in one claim. A claim of 100 held the server 2.5 ms, one of 500 26 ms, on 2 cores
with a load of 5 to 7 (tests/bench/engine_store.py); the daemon asks for 64 at most."""
DUE_PAGE = 2_000
"""Ids that one look at the due set answers with, behind the first: it holds the server 0.7 ms, 1 ms at the 90th
percentile; with 5,000 it was 1.3 and 5 ms (100,000 due feeds of one host, 2 cores with a load of 15)."""
CHANGE_TRIES = 5
CLOCKS_AGREE = timedelta(seconds=1)
"""Clocks that differ by less count as one: most of it is the way to the server and back."""
AHEAD_KEPT = timedelta(seconds=30)
"""How long the difference of two clocks is believed: a guess, NTP moves them by microseconds in it."""
_ZERO = timedelta(0)
FAR_LEASE = timedelta(hours=1)
"""A claim that lapses later than this from now was made before the clock was set back: no fetch takes so long."""


class Skip(StrEnum):
    """Why a feed was not claimed."""

    UNKNOWN = "unknown"
    CLAIMED = "claimed"
    EARLY = "early"
    HELD = "held"
    OPEN = "open"
    SPACED = "spaced"
    UNREADABLE = "unreadable"
    """A later version wrote its state, or its key or its host's holds another type: this worker leaves it alone."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A feed that could not be claimed: another worker has it, or its host is held, in use, or asked a moment ago."""

    feed_id: str
    why: Skip
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a claim got, what it had to leave, and the time that counted."""

    claims: tuple[Claim, ...]
    skipped: tuple[Skipped, ...]
    now_at: datetime

    @property
    def left_count(self) -> int:
        """How many of the feeds asked for are no longer due: claimed now, or by another worker a moment ago."""
        return len(self.claims) + sum(
            skip.why in (Skip.CLAIMED, Skip.EARLY) for skip in self.skipped
        )


@dataclass(frozen=True, slots=True)
class DueCounts:
    """`parked_count` feeds are never polled again by themselves; `total_count` includes them."""

    total_count: int
    due_count: int
    parked_count: int


class PollStore:
    """The due set, claims, states, known entries, commits, holds of hosts."""

    _ahead: timedelta | None = None
    """Of the server's clock before ours, when it was last looked at."""
    _ahead_until: float = 0.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    # --- which feeds there are ---

    async def register(self, feeds: Mapping[str, datetime]) -> None:
        """Makes exactly these feeds known, the new ones due at the time given. Known ones keep their due time; one no
        longer listed leaves the due set, and what was seen of it is kept."""
        ids, ahead = iter(feeds), await self._server_ahead(None)
        while page := list(islice(ids, PAGE)):
            pairs: list[Argument] = []
            for feed_id in page:
                pairs += [wire.milliseconds(feeds[feed_id] + ahead), feed_id]
            await self._engine.command("SADD", self._keys.feeds, *page)
            await self._engine.command("ZADD", self._keys.due, "NX", *pairs)
        gone = [feed_id for feed_id in await self.feed_ids() if feed_id not in feeds]
        for start in range(0, len(gone), PAGE):
            await self._engine.command(
                "ZREM", self._keys.due, *gone[start : start + PAGE]
            )

    async def feed_ids(self) -> list[str]:
        """Every registered feed, the one due first in front."""
        return [
            text(member)
            for member in await self._engine.command("ZRANGE", self._keys.due, 0, -1)
        ]

    async def states(self, feed_ids: Sequence[str]) -> dict[str, PollState | None]:
        """The state of each feed; None for one never polled (or whose record this version cannot read)."""
        found: dict[str, PollState | None] = {}
        for start in range(0, len(feed_ids), PAGE):
            page = feed_ids[start : start + PAGE]
            answers = await self._engine.many(
                [("HGET", self._keys.feed(feed_id), "state") for feed_id in page]
            )
            for feed_id, answer in zip(page, answers, strict=True):
                place = f"{self._keys.feed(feed_id)} state"
                found[feed_id] = (
                    None
                    if answer is None
                    else self._engine.readable(POLL_STATE, place, answer)
                )
        return found

    async def healths(self, feed_ids: Sequence[str]) -> Counter[str]:
        """How many of the feeds are in which health, those never polled as `new`. The server counts: reading 100,000
        states here took 2.4 s, the counts take 0.13."""
        counts: Counter[str] = Counter()
        for start in range(0, len(feed_ids), PAGE):
            page = feed_ids[start : start + PAGE]
            answer = await self._engine.script(
                "healths", (self._keys.due,), (self._keys.prefix, *page)
            )
            for health, count in zip(answer[::2], answer[1::2], strict=True):
                counts[text(health)] += int(count)
        return counts

    async def due_times(self, feed_ids: Sequence[str]) -> dict[str, datetime | None]:
        """When each feed is due; None: never by itself, or not registered."""
        scores: list[object] = []
        for start in range(0, len(feed_ids), PAGE):
            scores += await self._engine.command(
                "ZMSCORE", self._keys.due, *feed_ids[start : start + PAGE]
            )
        return {
            feed_id: _due_at(score)
            for feed_id, score in zip(feed_ids, scores, strict=True)
        }

    async def due_counts(self, *, now: datetime | None = None) -> DueCounts:
        latest = wire.milliseconds(now or await self._engine.server_time())
        total, due, parked = await self._engine.many(
            [
                ("ZCARD", self._keys.due),
                ("ZCOUNT", self._keys.due, "-inf", latest),
                ("ZCOUNT", self._keys.due, NEVER, NEVER),
            ]
        )
        return DueCounts(total_count=total, due_count=due, parked_count=parked)

    async def next_due_at(self) -> datetime | None:
        """When the next feed (or a lapsing claim) is due; None when nothing ever is."""
        first = await self._engine.command("ZRANGE", self._keys.due, 0, 0, "WITHSCORES")
        return _due_at(first[0][1]) if first else None

    async def _due(self, due_at: datetime | None, now: datetime | None) -> Argument:
        """A time of this worker's clock as the server's, for a script."""
        return _due(due_at, await self._server_ahead(now))

    async def _server_ahead(self, now: datetime | None) -> timedelta:
        """How far the server's clock is ahead of ours; nothing where a test gives the time for both.

        Otherwise a worker whose clock is an hour slow would poll without a pause: all it sets would be due already.
        """
        if now is not None:
            return _ZERO
        if self._ahead is None or time.monotonic() >= self._ahead_until:
            ahead = await self._engine.server_time() - datetime.now(UTC)
            self._ahead = ahead if abs(ahead) >= CLOCKS_AGREE else _ZERO
            self._ahead_until = time.monotonic() + AHEAD_KEPT.total_seconds()
        return self._ahead

    def clock_moved(self) -> None:
        """Our own clock was set: compare it with the server's again."""
        self._ahead = None

    # --- claims ---

    async def claim(
        self,
        limit: int,
        *,
        hosts: Mapping[str, str],
        lease: timedelta,
        spacing: timedelta,
        now: datetime | None = None,
    ) -> Claims:
        """Takes up to `limit` feeds whose time has come and whose host is free, the longest due first.

        `hosts` maps feed id to host for every configured feed; a feed that is not in it is left to other workers. The
        due set is read in pages (claimed feeds leave its head, which the next page allows for), and of each host only
        the first feed is tried, since it can have one connection.
        """
        mark = nonce()
        claims: list[Claim] = []
        skipped: list[Skipped] = []
        tried: set[str] = set()
        start, size = 0, min(PAGE, max(limit, 1))
        while True:
            now_ms, page = await self._engine.script(
                "due", (self._keys.due,), (ms_or_now(now), start, size)
            )
            candidates = _one_of_each_host(
                [text(member) for member in page], hosts, tried
            )
            found = await self._claim(
                candidates, limit - len(claims), lease, spacing, mark, "", now
            )
            claims += found.claims
            skipped += found.skipped
            if len(claims) >= limit or len(page) < size:
                return Claims(
                    claims=tuple(claims), skipped=tuple(skipped), now_at=_at_ms(now_ms)
                )
            start, size = start + size - found.left_count, DUE_PAGE

    async def claim_these(
        self,
        feeds: Mapping[str, str],
        *,
        lease: timedelta,
        spacing: timedelta,
        now: datetime | None = None,
    ) -> Claims:
        """Takes exactly these feeds (id → host), due or not, where nobody has them and their hosts are free."""
        return await self._claim(
            list(feeds.items()), len(feeds), lease, spacing, nonce(), NEVER, now
        )

    async def _claim(
        self,
        candidates: Sequence[tuple[str, str]],
        limit: int,
        lease: timedelta,
        spacing: timedelta,
        mark: str,
        latest: str,
        now: datetime | None,
    ) -> Claims:
        head: list[Argument] = [
            self._keys.prefix,
            ms_or_now(now),
            _ms(lease),
            _ms(spacing),
        ]
        claims: list[Claim] = []
        skipped: list[Skipped] = []
        server_ms = "0"  # only without candidates
        for start in range(0, len(candidates), PAGE):
            pairs = [part for pair in candidates[start : start + PAGE] for part in pair]
            arguments = [*head, limit - len(claims), mark, latest, *pairs]
            server_ms, taken, left = await self._engine.script(
                "claim", (self._keys.due, self._keys.token), arguments
            )
            read = [self._claimed(answer) for answer in taken]
            claims += [one for one in read if isinstance(one, Claim)]
            skipped += [one for one in read if isinstance(one, Skipped)] + [
                self._skipped(answer) for answer in left
            ]
            if len(claims) >= limit:
                break
        return Claims(tuple(claims), tuple(skipped), _at_ms(server_ms))

    async def claimed(
        self, feed_ids: Sequence[str], *, now: datetime | None = None
    ) -> dict[str, datetime]:
        """Those of the feeds that a worker has now (whoever it is), with the time at which the claim lapses."""
        latest = now or await self._engine.server_time()
        found: dict[str, datetime] = {}
        for start in range(0, len(feed_ids), PAGE):
            page = feed_ids[start : start + PAGE]
            leases = await self._instants(page, self._keys.feed, "lease")
            found.update(
                {
                    feed_id: lapses
                    for feed_id, lapses in leases.items()
                    if lapses > latest
                }
            )
        return found

    async def _instants(
        self, names: Sequence[str], key_of: Callable[[str], str], field: str
    ) -> dict[str, datetime]:
        """The times that stand in one field of each name's hash; those without one are missing."""
        answers = await self._engine.many(
            [("HGET", key_of(name), field) for name in names]
        )
        found: dict[str, datetime] = {}
        for name, answer in zip(names, answers, strict=True):
            at = (
                self._engine.readable(INSTANT, f"{key_of(name)} {field}", answer)
                if answer
                else None
            )
            if at is not None:
                found[name] = at
        return found

    def _claimed(self, answer: Sequence[bytes]) -> Claim | Skipped:
        """A claim as the script gave it. A feed whose state is damaged begins anew (its known entries stand, so nothing
        is published twice); one whose state a later version wrote is left to that."""
        feed_id, token, lapses = text(answer[0]), int(answer[1]), _at_ms(answer[2])
        state = (
            decode(POLL_STATE, answer[3])
            if len(answer) > 3 and answer[3] is not None
            else None
        )
        if not isinstance(state, Unreadable):
            return Claim(feed_id, token, lapses, state)
        self._engine.slips.note(
            POLL_STATE.name, f"{self._keys.feed(feed_id)} state", state
        )
        return (
            Skipped(feed_id, Skip.UNREADABLE, lapses)
            if state.is_later
            else Claim(feed_id, token, lapses, None)
        )

    def _skipped(self, answer: Sequence[bytes]) -> Skipped:
        feed_id, why, until = text(answer[0]), Skip(text(answer[1])), text(answer[2])
        if why is Skip.UNREADABLE:
            self._engine.slips.note(
                "key", until, Unreadable(OTHER_TYPE.format(key=until))
            )
            return Skipped(feed_id, why, None)
        return Skipped(feed_id, why, _due_at(float(until)) if float(until) else None)

    async def release(
        self, claim: Claim, *, due_at: datetime, now: datetime | None = None
    ) -> None:
        """Gives a claim back untouched (offline, shutdown); the feed is due again at `due_at`. Raises StaleToken."""
        answer = await self._engine.script(
            "release",
            (self._keys.due, self._keys.feed(claim.feed_id)),
            (
                self._keys.prefix,
                claim.feed_id,
                claim.token,
                ms_or_now(now),
                await self._due(due_at, now),
            ),
        )
        _raise_if_stale(answer, claim)

    async def renew_claim(
        self, claim: Claim, lease: timedelta, *, now: datetime | None = None
    ) -> None:
        """Keeps a claim and its host's slot for another `lease`. Raises StaleToken: it passed to another worker."""
        answer = await self._engine.script(
            "renew_claim",
            (self._keys.due, self._keys.feed(claim.feed_id)),
            (self._keys.prefix, claim.feed_id, claim.token, ms_or_now(now), _ms(lease)),
        )
        _raise_if_stale(answer, claim)

    async def hold_host(
        self, host: str, until_at: datetime, *, now: datetime | None = None
    ) -> None:
        """Nobody asks this host before `until_at`; what is already held longer stays so."""
        await self._engine.script(
            "hold_host",
            (self._keys.host(host),),
            (ms_or_now(now), await self._due(until_at, now)),
        )

    async def held_hosts(
        self, hosts: Iterable[str], *, now: datetime | None = None
    ) -> dict[str, datetime]:
        """Those of `hosts` that are held now, with the end of it."""
        names = list(dict.fromkeys(hosts))
        latest = now or await self._engine.server_time()
        found: dict[str, datetime] = {}
        for start in range(0, len(names), PAGE):
            page = names[start : start + PAGE]
            ends = await self._instants(page, self._keys.host, "held")
            found.update({host: end for host, end in ends.items() if end > latest})
        return found

    # --- what a poll reads and writes ---

    async def known(self, feed_id: str) -> dict[str, KnownEntry]:
        """The feed's known entries by identity key."""
        key = self._keys.known(feed_id)
        [answer] = await self._engine.many([("HGETALL", key)])
        found: dict[str, KnownEntry] = {}
        for field, value in (answer or {}).items():
            known = self._engine.readable(KNOWN_ENTRY, f"{key} {text(field)}", value)
            if known is not None:
                found[text(field)] = known
        return found

    async def commit(self, poll: Poll, *, now: datetime | None = None) -> None:
        """Writes all that a poll found, frees its host, ends the claim. A repeat changes nothing. Raises StaleToken:
        the claim has passed to another worker, nothing was written. ValueError: it has no claim."""
        claim, keys = poll.claim, self._keys
        if claim is None:
            raise ValueError(f"feed {poll.state.feed_id} was not claimed for this poll")
        answer = await self._engine.script(
            "commit",
            (
                *(keys.due, keys.feed(claim.feed_id), keys.known(claim.feed_id)),
                *(keys.entries, keys.trouble, keys.host(poll.host)),
            ),
            self._commit_arguments(claim, poll, now, await self._server_ahead(now)),
        )
        _raise_if_stale(answer, claim)

    def _commit_arguments(
        self, claim: Claim, poll: Poll, now: datetime | None, ahead: timedelta
    ) -> list[Argument]:
        known = [
            part
            for key, value in poll.known.items()
            for part in (key, wire.known_bytes(value))
        ]
        counts = _counts(poll)
        hold = poll.own_hold_until_at
        return [
            *(self._keys.prefix, claim.feed_id, claim.token, ms_or_now(now)),
            *(
                wire.encode(poll.state),
                _due(poll.due_at, ahead),
                "" if hold is None else _due(hold, ahead),
            ),
            *(
                _ms(self._engine.retention.digest),
                len(poll.entries),
                len(known),
                len(poll.notices),
                len(counts),
            ),
            *(wire.encode(entry) for entry in poll.entries),
            *known,
            *notice_arguments(
                self._engine, poll.notices, poll.state.last_poll_at or EPOCH
            ),
            *counts,
        ]

    # --- the operator's changes ---

    async def operator_state(
        self,
        feed_id: str,
        change: Callable[[PollState], PollState],
        *,
        due_at: datetime | None = None,
        notices: Sequence[Notice] = (),
        at: datetime | None = None,
        now: datetime | None = None,
    ) -> PollState:
        """Replaces the state of a feed that nobody polls now by `change(state)`, with a new due time if one is given.

        `at` dates the notices (default: the server's time). Raises StaleToken while a worker has the feed (try again
        when its poll has ended), KeyError for a feed that was never polled, UnreadableRecord.
        """
        key = self._keys.feed(feed_id)
        tail: list[Argument] = [
            "" if due_at is None else await self._due(due_at, now),
            len(notices),
        ]
        tail += notice_arguments(
            self._engine, notices, at or now or await self._engine.server_time()
        )
        for _ in range(CHANGE_TRIES):
            before = await self._engine.command("HGET", key, "state")
            if before is None:
                raise KeyError(feed_id)
            stood = decode(POLL_STATE, before)
            if isinstance(stood, Unreadable):
                raise UnreadableRecord(
                    f"{key} state", stood.why, is_later=stood.is_later
                )
            state = change(stood)
            answer = await self._engine.script(
                "change_state",
                (self._keys.due, key, self._keys.trouble),
                [feed_id, ms_or_now(now), before, wire.encode(state), *tail],
            )
            if text(answer) in ("done", "repeated"):
                return state
        raise StaleToken(
            f"feed {feed_id} is being polled now; try again when that has ended"
        )

    async def set_due_times(
        self, due: Mapping[str, datetime | None], *, now: datetime | None = None
    ) -> None:
        """The same for many feeds at once; those that are being polled now are left to their polls."""
        ids = iter(due)
        while page := list(islice(ids, PAGE)):
            arguments: list[Argument] = [ms_or_now(now), _ms(FAR_LEASE)]
            for feed_id in page:
                arguments += [feed_id, await self._due(due[feed_id], now)]
            await self._engine.script(
                "set_due", (self._keys.due, *map(self._keys.feed, page)), arguments
            )

    async def set_due(
        self, feed_id: str, due_at: datetime | None, *, now: datetime | None = None
    ) -> bool:
        """Sets when a registered feed is polled next; None: never by itself. False: it is being polled now, and that
        poll will set it."""
        arguments = (
            ms_or_now(now),
            _ms(FAR_LEASE),
            feed_id,
            await self._due(due_at, now),
        )
        return bool(
            await self._engine.script(
                "set_due", (self._keys.due, self._keys.feed(feed_id)), arguments
            )
        )


def _one_of_each_host(
    page: Sequence[str], hosts: Mapping[str, str], tried: set[str]
) -> list[tuple[str, str]]:
    """(feed id, host) of the first feed of each host not yet in `tried`, which is added to; '' is no host."""
    found = []
    for feed_id in page:
        host = hosts.get(feed_id)
        if host is None or (host and host in tried):
            continue
        tried.add(host)
        found.append((feed_id, host))
    return found


def _counts(poll: Poll) -> list[Argument]:
    """What this poll adds to the hourly counts: field, number, …"""
    counts = {f"polls:{poll.result}": 1} if poll.result else {}
    counts |= {
        f"entries:{outcome}": number
        for outcome, number in poll.outcomes.items()
        if number
    }
    return [part for pair in counts.items() for part in pair]


def _raise_if_stale(answer: bytes, claim: Claim) -> None:
    if text(answer) == "stale":
        raise StaleToken(
            f"the claim of feed {claim.feed_id} has passed to another worker"
        )


def _due(due_at: datetime | None, ahead: timedelta) -> Argument:
    return NEVER if due_at is None else wire.milliseconds(due_at + ahead)


def _due_at(score: object) -> datetime | None:
    if score is None or (number := float(str(score))) == float("inf"):
        return None
    return _at_ms(number)


def _at_ms(ms: float | str | bytes) -> datetime:
    return EPOCH + timedelta(milliseconds=float(ms))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
