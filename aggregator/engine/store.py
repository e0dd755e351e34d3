"""Everything that is read from or written to Redis, in one object: `Store(client, prefix=…, retention=…, queues=…)`.

All are coroutines or asynchronous iterators. Errors of the server come as EngineDown (call again later) and
EngineRefused (an operator must act); a lost claim or lead as StaleToken. After EngineDown the same call may be made
again: what was done is not done twice. `now` moves the clock in tests; left out, the server's counts.

poll_store (due set, claims, states, commits, hosts)
    register(feeds: Mapping[id, due_at])    feed_ids() -> list    states(ids) -> {id: PollState | None}
    due_times(ids) -> {id: datetime | None}    due_counts(*, now) -> DueCounts    next_due_at() -> datetime | None
    claim(limit, *, hosts, lease, spacing, now) -> Claims(claims, skipped, now_at)
    claim_these({id: host}, *, lease, spacing, now) -> Claims    claimed(ids, *, now) -> {id: lapses_at}
    release(claim, *, due_at, now)    renew_claim(claim, lease, *, now)    commit(Commit, *, now)
    known(id) -> {key: KnownEntry}
    hold_host(host, until_at, *, now)    held_hosts(hosts, *, now) -> {host: until_at}
    operator_state(id, change, *, due_at, notices, at, now) -> PollState    set_due(id, due_at | None, *, now) -> bool
    server_time() -> datetime
registration (is it the server that knows our feeds)
    registration() -> Registered(mark, feed_count)    unregistered(ids) -> list
    mark_installation(before, notices, *, at) -> mark that stands
event_store (lead, waiting entries, publishing, fingerprints)
    lead(worker, lease, *, now) -> int | None    lead_or_leader(…) -> Lead    renew(token, lease)    resign(token)
    waiting_count() -> int    next_entries(count, *, block) -> Waiting(rows)
    publish(token, publications, *, now) -> list[Published]    reject_entry(token, stream_id, notice, *, at)
    events(ids) -> {id: Event}    event_of(entry_id) -> str | None    fingerprints(since) -> AsyncIterator
    fingerprints_of(entry_ids) -> {entry_id: FingerprintRecord}
    rulings() -> list[Ruling]    aliases() -> {absorbed: survivor}    event_named(event or entry id) -> Event | None
holds (why the stages hold back, for every worker)
    holds() -> Holds    note_slow_consumer(reason)    hold_events(token, reason, notice, *, at) -> bool
ruling_store (the operator's word)
    ask(RulingRequest) -> bool    answer(ruling_id) -> RulingAnswer | None    asked_count() -> int
    next_asked() -> Asked | None    rule(token, RulingPublication, *, now) -> bool    examples(ids) -> {id: Example}
retention (what is dropped when)
    trim(*, now) -> TrimReport    trim_fingerprints(before) -> int    forget_known(*, now) -> int
    forget_merged(*, now) -> int    forget_rulings(before) -> int
    groups() -> list[GroupLag]    public_streams() -> {name: (key, kept for)}
watch_store (digests, counts, reading along)
    append_digest(Digest) -> bool    digests(since)    totals(since, *, until) -> Totals    trouble(since)
    rows(stream, since)    messages(since, *, stream) -> AsyncIterator[Message]    events_since(since) -> list[Event]
    memory_bytes() -> int    server_risks() -> tuple of sentences
    last_ids(streams) -> {stream: id}    tail(last_ids, *, block, count) -> list[Row]
delivery_store (what [[notify]] sends)
    undelivered(queue, *, count, fresh, block) -> list[Row]    delivered(queue, stream_ids)
    give_up(queue, stream_id, notice, *, at) -> bool
here
    use(retention=…, queues=…)    close()
"""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.engine.client import Client
from aggregator.engine.delivery_store import DeliveryStore
from aggregator.model import Queue, RetentionSettings


class Store(DeliveryStore):
    """One installation's data, under one key prefix."""

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "agg",
        retention: RetentionSettings | None = None,
        queues: Iterable[Queue] = (),
    ) -> None:
        super().__init__(client, prefix=prefix, retention=retention)
        self.queues = {queue.name: queue for queue in queues}

    def use(self, *, retention: RetentionSettings, queues: Iterable[Queue]) -> None:
        """Takes over the settings of a reloaded feeds.toml."""
        self.retention = retention
        self.queues = {queue.name: queue for queue in queues}
