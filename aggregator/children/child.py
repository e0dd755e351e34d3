"""One child process as the daemon sees it: started, handed a message, answering it, ended.

Rules:
- Each child has two pipes of its own. Nothing is shared between children, so one that is killed in the middle of a
  message leaves no lock held and no half of it before another's; and no thread and no lock is between the daemon's loop
  and a child: with a pool's threads the hand-over of a document cost as much as reading it.
- A message is its length in 8 bytes, then its bytes. The child's first one is empty: it is ready.
- A child that does not answer in time, or whose caller is cancelled, is killed at once. What it ended by is told when
  its last word was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

Serve = Callable[..., None]
"""What runs in the child: descriptors of the pipes it reads and writes, then what else it was given."""

_LENGTH = struct.Struct(">Q")
_PIECE_BYTES = 1 << 20
END_LIMIT_S = 5.0
"""How long the end of a killed child is waited for: the fork server tells it within milliseconds."""


class ChildEnded(Exception):
    """The child ended before it answered. `status`: its exit status, or the signal it died of as a negative number."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Child:
    """A running child; made by `started`, and handed one message at a time."""

    def __init__(
        self,
        process: BaseProcess,
        requests: Connection,
        answers: Connection,
    ) -> None:
        self._process = process
        self._requests = requests
        self._answers = answers
        self._reader = _Reader()
        self._writing: asyncio.WriteTransport | None = None
        self._reading: asyncio.ReadTransport | None = None
        self.answered_count = 0

    async def connect(self, limit_s: float) -> None:
        """Wait for its first word. Raises ChildEnded, TimeoutError; then it is killed."""
        loop = asyncio.get_running_loop()
        self._reading, _ = await loop.connect_read_pipe(
            lambda: self._reader, self._answers
        )
        self._writing, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, self._requests
        )
        await self._next_message(limit_s)

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be asked of it any more."""
        return self._reader.is_over

    async def answer(self, message: bytes, limit_s: float) -> bytes:
        """What it answers to a message. Raises ChildEnded, TimeoutError; then, and when cancelled, it is killed."""
        assert self._writing is not None, "connect it first"
        self._writing.write(_LENGTH.pack(len(message)) + message)
        answer = await self._next_message(limit_s)
        self.answered_count += 1
        return answer

    async def _next_message(self, limit_s: float) -> bytes:
        try:
            async with asyncio.timeout(limit_s):
                return await self._reader.message()
        except EOFError:
            raise ChildEnded(await asyncio.to_thread(self._status)) from None
        except BaseException:
            self.kill()
            raise

    def _status(self) -> int:
        self._process.join(END_LIMIT_S)
        return self._process.exitcode or 0

    def kill(self) -> None:
        """At once, whatever it does; `end` waits until it is gone."""
        self._reader.is_over = True
        if self._process.is_alive():
            with contextlib.suppress(OSError):
                self._process.kill()

    def close(self) -> None:
        """Let go of its pipes; one that waits for a message then ends by itself."""
        if self._writing is not None:
            self._writing.close()
        if self._reading is not None:
            self._reading.close()

    def end(self) -> None:
        """Returns when it is gone; blocks for END_LIMIT_S at most."""
        self.kill()
        self._process.join(END_LIMIT_S)


def started(
    context: ForkServerContext,
    serve: Serve,
    arguments: tuple[Any, ...],
) -> Child:
    """A child that runs `serve`; blocks while the fork server loads. Raises OSError, EOFError, RuntimeError."""
    asked, requests = context.Pipe(duplex=False)
    answers, told = context.Pipe(duplex=False)
    # The child alone holds its ends: its death is then the end of what we read.
    with asked, told:
        try:
            process = context.Process(
                target=_run,
                args=(serve, asked, told, arguments),
                daemon=True,
            )
            process.start()
        except BaseException:
            requests.close()
            answers.close()
            raise
    return Child(process, requests, answers)


class _Reader(asyncio.Protocol):
    """Puts together the messages that a child sends; one is waited for at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self.is_over = False

    async def message(self) -> bytes:
        """The next message. Raises EOFError."""
        if self.is_over:
            raise EOFError
        self._waiting = asyncio.get_running_loop().create_future()
        self._tell()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._tell()

    def _tell(self) -> None:
        if self._waiting is None or self._waiting.done():
            return
        if len(self._received) < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack_from(self._received)
        end = _LENGTH.size + length
        if len(self._received) >= end:
            self._waiting.set_result(bytes(self._received[_LENGTH.size : end]))
            del self._received[:end]

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(EOFError())


# --- in the child ---------------------------------------------------------------------------------------------


def _run(
    serve: Serve,
    asked: Connection,
    told: Connection,
    arguments: tuple[Any, ...],
) -> None:
    serve(asked.fileno(), told.fileno(), *arguments)


def received(source: int) -> bytes | None:
    """The next message of a pipe; None when its other end is closed."""
    head = _exactly(source, _LENGTH.size)
    if head is None:
        return None
    return _exactly(source, _LENGTH.unpack(head)[0])


def _exactly(source: int, count: int) -> bytes | None:
    pieces: list[bytes] = []
    while count:
        piece = os.read(source, min(count, _PIECE_BYTES))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def send(target: int, message: bytes) -> None:
    """A message into a pipe. Raises OSError when nobody reads it any more."""
    rest = memoryview(_LENGTH.pack(len(message)) + message)
    while rest:
        rest = rest[os.write(target, rest) :]
