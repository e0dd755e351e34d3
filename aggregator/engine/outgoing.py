"""Messages on their way out: which streams, queues and channels each goes to, as scripts take it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from aggregator.engine import wire
from aggregator.engine.keys import Keys
from aggregator.engine.scripts import Argument, Engine
from aggregator.model import Event, Kind, Message, Queue


def deliveries(
    engine: Engine,
    messages: Iterable[Message],
    queued: Iterable[tuple[str, Message]],
) -> list[tuple[Message, list[str | Queue]]]:
    """Each distinct message with where it goes: keys of streams and queues."""
    sent: list[tuple[Message, list[str | Queue]]] = []
    for message in messages:
        targets: list[str | Queue] = []
        if message.kind is not Kind.MERGED:
            targets.append(engine.keys.reports)
        if message.kind in (Kind.NEW, Kind.MERGED):
            targets.append(engine.keys.events)
        sent.append((message, targets))
    for name, message in queued:
        queue = engine.queues.get(name)
        if queue is None:
            continue  # taken out of feeds.toml between assigning and publishing
        _targets_of(message, sent).append(queue)
    return sent


def _targets_of(
    message: Message,
    sent: list[tuple[Message, list[str | Queue]]],
) -> list[str | Queue]:
    """Where the message goes already; of a new one nowhere yet."""
    for known, targets in sent:
        # The script gets it once, however many queues take it: with its document it has some 5 KB.
        if known is message or known == message:
            return targets
    targets = []
    sent.append((message, targets))
    return targets


def message_arguments(
    keys: Keys,
    message: Message,
    targets: Sequence[str | Queue],
    pushed_at: datetime,
) -> list[Argument]:
    """As publish.lua takes it, which is told the names of its fields (`wire.MESSAGE_FIELDS`) once for all messages.
    Only what goes to the public streams is told on a channel."""
    streams: list[str] = []
    lists: list[str] = []
    is_public = False
    for target in targets:
        if isinstance(target, str):
            streams.append(target)
            is_public = True
        elif target.kind == "stream":
            streams.append(keys.queue(target.name))
        else:
            lists.append(keys.queue(target.name))
    told = wire.told_of(message)
    values: list[Argument] = []
    if streams:
        values = wire.message_values(told, message.document)
    queued = channel = notification = b""
    if lists:
        queued = wire.message_json(message, pushed_at=pushed_at)
    if is_public:
        channel = f"{keys.event_channel}{wire.channel_tail(message)}".encode()
        notification = wire.notification_json(told)
    return [
        *counted(values),
        *counted(streams),
        *counted(lists),
        queued,
        channel,
        notification,
    ]


def event_arguments(events: Iterable[Event]) -> list[Argument]:
    """As scripts take events: id, record, the id of the survivor of one that was absorbed."""
    arguments: list[Argument] = []
    for event in events:
        arguments += [event.event_id, wire.encode(event), event.merged_into]
    return arguments


def report_counts(counts: Mapping[str, int]) -> list[Argument]:
    """As scripts add to the hourly counts: field, number, …"""
    arguments: list[Argument] = []
    for name, number in counts.items():
        arguments += [f"reports:{name}", number]
    return arguments


def counted(values: Sequence[Argument]) -> list[Argument]:
    """The values behind their number, as scripts read them."""
    return [len(values), *values]
