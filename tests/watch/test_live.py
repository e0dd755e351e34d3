from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from structlog.testing import capture_logs

from aggregator.errors import EngineDown
from aggregator.model import Kind, Message
from aggregator.watch import live
from aggregator.watch.live import Broadcast


def message(number: int) -> Message:
    return Message(id=f"{number:032}", kind=Kind.NEW, event_id=f"e{number:020}")


class Channel:
    """A stream of messages that can be opened many times, and counts how often it was."""

    def __init__(self, *, failures: int = 0) -> None:
        self.opened = 0
        self.open_now = 0
        self.failures = failures
        self.waiting: asyncio.Queue[Message] = asyncio.Queue()

    async def messages(self) -> AsyncIterator[Message]:
        self.opened += 1
        if self.opened <= self.failures:
            raise EngineDown("away")
        self.open_now += 1
        try:
            while True:
                yield await self.waiting.get()
        finally:
            self.open_now -= 1


async def test_every_listener_hears_every_message_over_one_stream():
    channel = Channel()
    broadcast = Broadcast(channel.messages)
    async with broadcast.listening() as one, broadcast.listening() as other:
        channel.waiting.put_nowait(message(1))
        assert await one.get() == message(1)
        assert await other.get() == message(1)
        assert channel.opened == 1
        assert broadcast.listener_count == 2


async def test_the_stream_is_open_only_while_somebody_listens():
    channel = Channel()
    broadcast = Broadcast(channel.messages)
    assert channel.opened == 0
    for number in (1, 2):
        async with broadcast.listening() as queue:
            channel.waiting.put_nowait(message(number))
            await queue.get()
            assert channel.open_now == 1
        assert channel.open_now == 0
    assert channel.opened == 2


async def test_a_listener_who_does_not_keep_up_loses_the_oldest():
    channel = Channel()
    broadcast = Broadcast(channel.messages)
    async with broadcast.listening() as quick, broadcast.listening() as slow:
        for number in range(live.QUEUE_LENGTH + 5):
            channel.waiting.put_nowait(message(number))
            assert await quick.get() == message(number)
        assert slow.qsize() == live.QUEUE_LENGTH
        assert await slow.get() == message(5)


async def test_a_broken_stream_is_opened_again():
    channel = Channel(failures=1)
    broadcast = Broadcast(channel.messages)
    with capture_logs() as logged:
        async with broadcast.listening() as queue:
            channel.waiting.put_nowait(message(7))
            assert await asyncio.wait_for(queue.get(), 10) == message(7)
    assert channel.opened == 2
    assert [line["event"] for line in logged] == ["live_interrupted"]
