"""Messages on their way out: which streams, queues and channels each goes to, as scripts take it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.engine import wire
from aggregator.engine.keys import Keys
from aggregator.engine.scripts import Argument, Engine
from aggregator.model import Kind, Message, Queue


def deliveries(
    engine: Engine, messages: Iterable[Message], queued: Iterable[tuple[str, Message]]
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
        same = next((targets for known, targets in sent if known == message), None)
        if same is None:
            sent.append((message, [queue]))
        else:
            same.append(queue)
    return sent


def message_arguments(
    keys: Keys, message: Message, targets: Sequence[str | Queue], pushed_at: datetime
) -> list[Argument]:
    """As publish.lua takes it. Only what goes to the public streams is told on a channel."""
    public = [target for target in targets if isinstance(target, str)]
    queues = [target for target in targets if isinstance(target, Queue)]
    streams = public + [
        keys.queue(queue.name) for queue in queues if queue.kind == "stream"
    ]
    lists = [keys.queue(queue.name) for queue in queues if queue.kind == "list"]
    flat = (
        [part for pair in wire.message_fields(message).items() for part in pair]
        if streams
        else []
    )
    return [
        *counted(flat),
        *counted(streams),
        *counted(lists),
        wire.message_json(message, pushed_at=pushed_at) if lists else "",
        f"{keys.event_channel}{wire.channel_tail(message)}" if public else "",
        wire.notification_json(message) if public else "",
    ]


def counted(values: Sequence[str]) -> list[Argument]:
    """The values behind their number, as scripts read them."""
    return [len(values), *values]
