"""What the poll stage reads and writes: the due set, claims, states, known entries, commits, holds of hosts.

Rules: only the holder of a claim changes a feed's state; a claim lapses by itself; a host has one connection at a
time, taken and freed with the claim; the server's clock counts, so that the workers' clocks do not matter: a time that
a worker worked out by its own is written as the server's, by the difference of the two. Every
method may be called again after EngineDown: what was done before is not done twice.

`now` is for tests, whose clock moves, and for backfills; left out, the server's clock is taken.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from aggregator.engine import wire
from aggregator.engine.codec import INSTANT, KNOWN_ENTRY, POLL_STATE, Unreadable, decode
from aggregator.engine.grouped import GroupedReads, GroupedScript
from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import (
    OTHER_TYPE,
    Argument,
    Engine,
    batches,
    flattened,
    ms_or_now,
    nonce,
    text,
)
from aggregator.engine.wire import span_ms
from aggregator.errors import EngineDown, StaleToken, UnreadableRecord
from aggregator.model import (
    EPOCH,
    Claim,
    KnownEntry,
    Notice,
    Poll,
    PollState,
    replace,
)

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
    """What a claim got, and what it had to leave."""

    claims: tuple[Claim, ...]
    skipped: tuple[Skipped, ...]

    @property
    def left_count(self) -> int:
        """How many of the feeds asked for are no longer due: claimed now, or by another worker a moment ago."""
        # EARLY: another worker has polled it since, and set its next due time.
        taken = [skip for skip in self.skipped if skip.why in _TAKEN]
        return len(self.claims) + len(taken)


_TAKEN = (Skip.CLAIMED, Skip.EARLY)


@dataclass(frozen=True, slots=True)
class DueCounts:
    """`parked_count` feeds are never polled again by themselves; `total_count` includes them."""

    total_count: int
    due_count: int
    parked_count: int


def _wall_offset_s() -> float:
    return time.time() - time.monotonic()


class PollStore:
    """The due set, claims, states, known entries, commits, holds of hosts."""

    _ahead: timedelta | None = None
    """Of the server's clock before ours, when it was last looked at."""
    _ahead_until: float = 0.0
    _wall_offset_s: float = 0.0
    """Of our wall clock from the monotonic one, then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys
        self._commits = GroupedScript(engine, "commit")
        self._holds = GroupedScript(engine, "hold_host")
        self._known_reads = GroupedReads(engine, "known")
        self._unanswered: tuple[list[tuple[str, str]], _ClaimCall] | None = None
        """What was asked for when the server went away: it may have claimed it."""

    # --- which feeds there are ---

    async def register(self, feeds: Mapping[str, datetime]) -> None:
        """Makes exactly these feeds known, the new ones due at the time given. Known ones keep their due time; one no
        longer listed leaves the due set, and what was seen of it is kept."""
        ahead = await self._server_ahead(None)
        for page in batches(list(feeds), PAGE):
            pairs: list[Argument] = []
            for feed_id in page:
                due_at = feeds[feed_id] + ahead
                pairs += [wire.milliseconds(due_at), feed_id]
            # The set first: a feed in `due` that is not in it would never be forgotten.
            await self._engine.command("SADD", self._keys.feeds, *page)
            # NX: a known feed's due time is a claim's lease while it is being polled.
            await self._engine.command(
                "ZADD",
                self._keys.due,
                "NX",
                *pairs,
            )
        registered = await self.feed_ids()
        removed = [feed_id for feed_id in registered if feed_id not in feeds]
        for page in batches(removed, PAGE):
            await self._engine.command("ZREM", self._keys.due, *page)

    async def feed_ids(self) -> list[str]:
        """Every registered feed, the one due first in front."""
        members = await self._engine.command(
            "ZRANGE",
            self._keys.due,
            0,
            -1,
        )
        return [text(member) for member in members]

    async def states(
        self,
        feed_ids: Sequence[str],
    ) -> dict[str, PollState | None]:
        """The state of each feed; None for one never polled (or whose record this version cannot read)."""
        states: dict[str, PollState | None] = {}
        for page in batches(feed_ids, PAGE):
            answers = await self._engine.many(
                [("HGET", self._keys.feed(feed_id), "state") for feed_id in page]
            )
            for feed_id, answer in zip(page, answers, strict=True):
                states[feed_id] = self._state(feed_id, answer)
        return states

    def _state(
        self,
        feed_id: str,
        answer: bytes | None,
    ) -> PollState | None:
        if answer is None:
            return None
        place = f"{self._keys.feed(feed_id)} state"
        return self._engine.readable(POLL_STATE, place, answer)

    async def healths(self, feed_ids: Sequence[str]) -> Counter[str]:
        """How many of the feeds are in which health, those never polled as `new`. The server counts: reading 100,000
        states here took 2.4 s, the counts take 0.13."""
        counts: Counter[str] = Counter()
        for page in batches(feed_ids, PAGE):
            answer = await self._engine.script(
                "healths",
                (self._keys.due,),
                (self._keys.prefix, *page),
            )
            # Lua answers a flat list: health, count, health, count, …
            for health, count in zip(answer[::2], answer[1::2], strict=True):
                counts[text(health)] += int(count)
        return counts

    async def due_times(
        self,
        feed_ids: Sequence[str],
    ) -> dict[str, datetime | None]:
        """When each feed is due; None: never by itself, or not registered."""
        due_times: dict[str, datetime | None] = {}
        for page in batches(feed_ids, PAGE):
            scores = await self._engine.command(
                "ZMSCORE",
                self._keys.due,
                *page,
            )
            for feed_id, score in zip(page, scores, strict=True):
                due_times[feed_id] = _due_at(score)
        return due_times

    async def due_counts(self, *, now: datetime | None = None) -> DueCounts:
        """How many feeds are registered, due, and parked, by the server's clock."""
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
        first = await self._engine.command(
            "ZRANGE",
            self._keys.due,
            0,
            0,
            "WITHSCORES",
        )
        return _due_at(first[0][1]) if first else None

    async def _due(
        self,
        due_at: datetime | None,
        now: datetime | None,
    ) -> Argument:
        """A time of this worker's clock as the server's, for a script."""
        return _due(due_at, await self._server_ahead(now))

    async def _server_ahead(self, now: datetime | None) -> timedelta:
        """How far the server's clock is ahead of ours; nothing where a test gives the time for both.

        Otherwise a worker whose clock is an hour slow would poll without a pause: all it sets would be due already.
        """
        if now is not None:
            return _ZERO
        is_stale = time.monotonic() >= self._ahead_until
        # Our clock may have been set a moment ago: an hour forward, what is set now would wait an hour longer.
        step_s = _wall_offset_s() - self._wall_offset_s
        is_set = abs(step_s) > CLOCKS_AGREE.total_seconds()
        if self._ahead is None or is_stale or is_set:
            ahead = await self._engine.server_time() - datetime.now(UTC)
            if abs(ahead) < CLOCKS_AGREE:
                ahead = _ZERO
            self._ahead = ahead
            self._ahead_until = time.monotonic() + AHEAD_KEPT.total_seconds()
            self._wall_offset_s = _wall_offset_s()
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
        again, self._unanswered = self._unanswered, None
        if again is not None:
            # What the server did before it went away it answers now; given up, these feeds waited for their lease.
            answer = await self._claimed_again(*again, limit=limit)
            if answer.claims:
                return answer
        call = _ClaimCall(
            lease,
            spacing,
            nonce(),
            latest="",
            now=now,
        )
        asked: list[tuple[str, str]] = []
        try:
            return await self._claim_due(limit, call, hosts, asked)
        except EngineDown:
            self._unanswered = (asked, call)
            raise

    async def _claimed_again(
        self,
        candidates: list[tuple[str, str]],
        call: _ClaimCall,
        *,
        limit: int,
    ) -> Claims:
        """The claims of a call whose answer was lost, by its nonce."""
        try:
            return await self._claim(candidates, call, limit=limit)
        except EngineDown:
            self._unanswered = (candidates, call)
            raise

    async def _claim_due(
        self,
        limit: int,
        call: _ClaimCall,
        hosts: Mapping[str, str],
        asked: list[tuple[str, str]],
    ) -> Claims:
        """`claim`, page by page; adds to `asked` what each page asks for, before it does."""
        claims: list[Claim] = []
        skipped: list[Skipped] = []
        tried_hosts: set[str] = set()
        start = 0
        size = min(PAGE, max(limit, 1))
        while True:
            page = await self._engine.script(
                "due",
                (self._keys.due,),
                (ms_or_now(call.now), start, size),
            )
            candidates = _one_of_each_host(page, hosts, tried_hosts)
            asked += candidates
            answer = await self._claim(candidates, call, limit=limit - len(claims))
            claims += answer.claims
            skipped += answer.skipped
            is_last_page = len(page) < size
            if len(claims) >= limit or is_last_page:
                return Claims(tuple(claims), tuple(skipped))
            # What was claimed has left the head of the due set, so that the rest has moved up.
            start += size - answer.left_count
            # Behind the first page stand hosts that are held or open: thousands of feeds of one, it may be.
            size = DUE_PAGE

    async def claim_these(
        self,
        feeds: Mapping[str, str],
        *,
        lease: timedelta,
        spacing: timedelta,
        now: datetime | None = None,
    ) -> Claims:
        """Takes exactly these feeds (id → host), due or not, where nobody has them and their hosts are free."""
        call = _ClaimCall(
            lease,
            spacing,
            nonce(),
            latest=NEVER,
            now=now,
        )
        return await self._claim(
            list(feeds.items()),
            call,
            limit=len(feeds),
        )

    async def _claim(
        self,
        candidates: Sequence[tuple[str, str]],
        call: _ClaimCall,
        *,
        limit: int,
    ) -> Claims:
        claims: list[Claim] = []
        skipped: list[Skipped] = []
        for page in batches(candidates, PAGE):
            arguments = [
                self._keys.prefix,
                ms_or_now(call.now),
                span_ms(call.lease),
                span_ms(call.spacing),
                limit - len(claims),
                call.nonce,
                call.latest,
                *flattened(page),
            ]
            taken, left = await self._engine.script(
                "claim",
                (self._keys.due, self._keys.token),
                arguments,
            )
            for answer in taken:
                claim = self._claimed(answer)
                if isinstance(claim, Claim):
                    claims.append(claim)
                else:
                    skipped.append(claim)
            skipped += [self._skipped(answer) for answer in left]
            if len(claims) >= limit:
                break
        return Claims(tuple(claims), tuple(skipped))

    async def claimed(
        self,
        feed_ids: Sequence[str],
        *,
        now: datetime | None = None,
    ) -> dict[str, datetime]:
        """Those of the feeds that a worker has now (whoever it is), with the time at which the claim lapses."""
        return await self._instants_ahead(feed_ids, self._keys.feed, "lease", now)

    async def _instants_ahead(
        self,
        names: Sequence[str],
        key_of: Callable[[str], str],
        field: str,
        now: datetime | None,
    ) -> dict[str, datetime]:
        """The times to come that stand in one field of each name's hash; names without one are missing."""
        latest = now or await self._engine.server_time()
        instants: dict[str, datetime] = {}
        for page in batches(names, PAGE):
            answers = await self._engine.many(
                [("HGET", key_of(name), field) for name in page]
            )
            for name, answer in zip(page, answers, strict=True):
                if not answer:
                    continue
                place = f"{key_of(name)} {field}"
                at = self._engine.readable(INSTANT, place, answer)
                if at is not None and at > latest:
                    instants[name] = at
        return instants

    def _claimed(self, answer: Sequence[bytes]) -> Claim | Skipped:
        """A claim as the script gave it. A feed whose state is damaged begins anew (its known entries stand, so nothing
        is published twice); one whose state a later version wrote is left to that."""
        feed_id = text(answer[0])
        token = int(answer[1])
        lapses_at = wire.instant_of_ms(answer[2])
        # Lua ends a list at its first nil: a feed never polled answers without its state.
        if len(answer) <= 3 or answer[3] is None:
            return Claim(feed_id, token, lapses_at, None)
        state = decode(POLL_STATE, answer[3])
        if not isinstance(state, Unreadable):
            return Claim(feed_id, token, lapses_at, state)
        place = f"{self._keys.feed(feed_id)} state"
        self._engine.slips.note(POLL_STATE.name, place, state)
        if state.is_later:
            return Skipped(feed_id, Skip.UNREADABLE, lapses_at)
        return Claim(feed_id, token, lapses_at, None)

    def _skipped(self, answer: Sequence[bytes]) -> Skipped:
        feed_id, reason, until = map(text, answer)
        why = Skip(reason)
        if why is Skip.UNREADABLE:
            # Of a key of another type, claim.lua answers the key in the place of the time.
            other_type = Unreadable(OTHER_TYPE.format(key=until))
            self._engine.slips.note("key", until, other_type)
            return Skipped(feed_id, why, None)
        if float(until) == 0:
            return Skipped(feed_id, why, None)
        return Skipped(feed_id, why, _due_at(float(until)))

    async def release(
        self,
        claim: Claim,
        *,
        due_at: datetime,
        now: datetime | None = None,
    ) -> None:
        """Gives a claim back untouched (offline, shutdown); the feed is due again at `due_at`. Raises StaleToken."""
        due = await self._due(due_at, now)
        await self._write_under(claim, "release", due, now)

    async def renew_claim(
        self,
        claim: Claim,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> None:
        """Keeps a claim and its host's slot for another `lease`. Raises StaleToken: it passed to another worker."""
        await self._write_under(claim, "renew_claim", span_ms(lease), now)

    async def _write_under(
        self,
        claim: Claim,
        script: str,
        value: Argument,
        now: datetime | None,
    ) -> None:
        arguments = (
            self._keys.prefix,
            claim.feed_id,
            claim.token,
            ms_or_now(now),
            value,
        )
        keys = (
            self._keys.due,
            self._keys.feed(claim.feed_id),
        )
        answer = await self._engine.script(script, keys, arguments)
        _raise_if_stale(answer, claim)

    async def hold_host(
        self,
        host: str,
        until_at: datetime,
        *,
        now: datetime | None = None,
    ) -> None:
        """Nobody asks this host before `until_at`; what is already held longer stays so."""
        await self._holds.call(
            (self._keys.host(host),),
            (ms_or_now(now), await self._due(until_at, now)),
        )

    async def held_hosts(
        self,
        hosts: Iterable[str],
        *,
        now: datetime | None = None,
    ) -> dict[str, datetime]:
        """Those of `hosts` that are held now, with the end of it."""
        names = list(dict.fromkeys(hosts))
        return await self._instants_ahead(names, self._keys.host, "held", now)

    # --- what a poll reads and writes ---

    async def known(self, feed_id: str) -> dict[str, KnownEntry]:
        """The feed's known entries by identity key."""
        key = self._keys.known(feed_id)
        answer = await self._known_reads.read("HGETALL", key)
        values = (answer or {}).items()
        return self._engine.readable_fields(KNOWN_ENTRY, key, values)

    async def seen_items(self, feed_id: str) -> str:
        """The items of the document that was read last, where the feed's state does not hold them; '' for none."""
        key = self._keys.feed(feed_id)
        answer = await self._known_reads.read("HGET", key, "seen")
        return text(answer or "")

    async def commit(
        self,
        poll: Poll,
        *,
        now: datetime | None = None,
    ) -> None:
        """Writes all that a poll found, frees its host, ends the claim. A repeat changes nothing. Raises StaleToken:
        the claim has passed to another worker, nothing was written. ValueError: it has no claim."""
        claim = poll.claim
        if claim is None:
            raise ValueError(f"feed {poll.state.feed_id} was not claimed for this poll")
        keys = (
            self._keys.due,
            self._keys.feed(claim.feed_id),
            self._keys.known(claim.feed_id),
            self._keys.entries,
            self._keys.trouble,
            self._keys.host(poll.host),
        )
        ahead = await self._server_ahead(now)
        arguments = self._commit_arguments(claim, poll, now, ahead)
        answer = await self._commits.call(keys, arguments)
        _raise_if_stale(answer, claim)

    def _commit_arguments(
        self,
        claim: Claim,
        poll: Poll,
        now: datetime | None,
        ahead: timedelta,
    ) -> list[Argument]:
        state = poll.state
        seen: list[Argument] = []
        if state.seen_items is not None:
            # In a field of its own: it is most of a state, and of twenty polls nineteen do not change it.
            seen = [state.seen_items]
            state = replace(state, seen_items=None)
        known: list[Argument] = []
        for identity_key, entry in poll.known.items():
            known += [identity_key, wire.known_bytes(entry)]
        counts = _counts(poll)
        notices_at = poll.state.last_poll_at or EPOCH
        return [
            self._keys.prefix,
            claim.feed_id,
            claim.token,
            ms_or_now(now),
            wire.state_bytes(state),
            _due(poll.due_at, ahead),
            _hold_until(poll.own_hold_until_at, ahead),
            span_ms(self._engine.retention.digest),
            len(poll.entries),
            len(known),
            len(poll.notices),
            len(counts),
            len(seen),
            *map(wire.encode, poll.entries),
            *known,
            *notice_arguments(self._engine, poll.notices, notices_at),
            *counts,
            *seen,
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
        due: Argument = ""
        if due_at is not None:
            due = await self._due(due_at, now)
        told_at = at or now or await self._engine.server_time()
        tail: list[Argument] = [due, len(notices)]
        tail += notice_arguments(self._engine, notices, told_at)
        # The script refuses when another state stands than the one changed here: then that one is changed.
        for _ in range(CHANGE_TRIES):
            before = await self._engine.command("HGET", key, "state")
            if before is None:
                raise KeyError(feed_id)
            standing = decode(POLL_STATE, before)
            if isinstance(standing, Unreadable):
                raise UnreadableRecord(
                    f"{key} state",
                    standing.why,
                    is_later=standing.is_later,
                )
            state = change(standing)
            answer = await self._engine.script(
                "change_state",
                (self._keys.due, key, self._keys.trouble),
                [feed_id, ms_or_now(now), before, wire.state_bytes(state), *tail],
            )
            if text(answer) in ("done", "repeated"):
                return state
        raise StaleToken(
            f"feed {feed_id} is being polled now; try again when that has ended"
        )

    async def set_due_times(
        self,
        due: Mapping[str, datetime | None],
        *,
        now: datetime | None = None,
    ) -> None:
        """The same for many feeds at once; those that are being polled now are left to their polls."""
        for page in batches(list(due), PAGE):
            arguments: list[Argument] = [ms_or_now(now), span_ms(FAR_LEASE)]
            for feed_id in page:
                arguments += [feed_id, await self._due(due[feed_id], now)]
            keys = (
                self._keys.due,
                *map(self._keys.feed, page),
            )
            await self._engine.script("set_due", keys, arguments)

    async def set_due(
        self,
        feed_id: str,
        due_at: datetime | None,
        *,
        now: datetime | None = None,
    ) -> bool:
        """Sets when a registered feed is polled next; None: never by itself. False: it is being polled now, and that
        poll will set it."""
        arguments = (
            ms_or_now(now),
            span_ms(FAR_LEASE),
            feed_id,
            await self._due(due_at, now),
        )
        keys = (self._keys.due, self._keys.feed(feed_id))
        return bool(await self._engine.script("set_due", keys, arguments))


@dataclass(frozen=True, slots=True)
class _ClaimCall:
    """What is the same for every page of one call. `latest`: the due time up to which feeds are taken; '' is now."""

    lease: timedelta
    spacing: timedelta
    nonce: str
    latest: str
    now: datetime | None


def _one_of_each_host(
    page: Sequence[bytes],
    hosts: Mapping[str, str],
    tried_hosts: set[str],
) -> list[tuple[str, str]]:
    """(feed id, host) of the first feed of each host not yet tried; '' is no host. Adds to `tried_hosts`."""
    candidates = []
    for member in page:
        feed_id = text(member)
        host = hosts.get(feed_id)
        # Another worker's configuration names this feed, ours does not (yet, or any more).
        if host is None:
            continue
        if host and host in tried_hosts:
            continue
        tried_hosts.add(host)
        candidates.append((feed_id, host))
    return candidates


def _counts(poll: Poll) -> list[Argument]:
    """What this poll adds to the hourly counts: field, number, …"""
    counts: list[Argument] = []
    if poll.result:
        counts += [f"polls:{poll.result}", 1]
    for outcome, number in poll.outcomes.items():
        if number:
            counts += [f"entries:{outcome}", number]
    return counts


def _raise_if_stale(answer: bytes, claim: Claim) -> None:
    if text(answer) == "stale":
        raise StaleToken(
            f"the claim of feed {claim.feed_id} has passed to another worker"
        )


def _due(due_at: datetime | None, ahead: timedelta) -> Argument:
    return NEVER if due_at is None else wire.milliseconds(due_at + ahead)


def _hold_until(until_at: datetime | None, ahead: timedelta) -> Argument:
    """'' holds nothing; a hold has no NEVER."""
    return "" if until_at is None else wire.milliseconds(until_at + ahead)


def _due_at(score: object) -> datetime | None:
    if score is None:
        return None
    due_ms = float(str(score))
    if math.isinf(due_ms):
        return None
    due_at = decode(INSTANT, due_ms)
    # A time beyond all calendars is somebody else's, and never comes.
    return None if isinstance(due_at, Unreadable) else due_at
