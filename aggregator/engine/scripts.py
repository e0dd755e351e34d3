"""Running commands and scripts: the one door through which the stores reach Redis.

Every write is a script, because a script is applied whole and redis-py repeats a command whose answer it did not get
(measured: one XADD call, two entries). Each script is gated (by a token, a gate, or the value it expects), checks
types and arguments before its first write (a script is not rolled back), and makes a command that the server may
refuse for want of memory its first write, so that nothing is half done under `noeviction`.

A script's text is `lua/common.lua` followed by its own file; it is sent once and then called by its hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, ResponseError

from aggregator.engine.client import Client, database_of, engine_errors
from aggregator.engine.codec import RecordKind, Unreadable, decode
from aggregator.engine.keys import Keys
from aggregator.engine.slips import Slips
from aggregator.engine.wire import milliseconds
from aggregator.model import EPOCH, Queue, RetentionSettings

Argument = str | bytes | int
T = TypeVar("T")

OTHER_TYPE = "it holds another type: delete it (redis-cli DEL '{key}')"
BLOCK_MS = 2_000
"""The longest wait in one command: less than half the socket's timeout."""
LIST_CAP = 100_000
"""Messages a list queue holds at most: a guess (500 MB at 5 KB)."""


@cache
def script_text(name: str) -> str:
    """What the server runs: the common functions, then the script."""
    folder = files("aggregator.engine") / "lua"
    return "\n".join(
        (folder / f"{part}.lua").read_text(encoding="utf-8")
        for part in ("common", name)
    )


@cache
def script_hash(name: str) -> str:
    """By which the server knows a script it was sent before."""
    return sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()


def ms_or_now(now: datetime | None) -> str:
    """The argument from which a script takes its time: '' means the server's own clock."""
    return "" if now is None else str(milliseconds(now))


def nonce() -> str:
    """Marks one call, so that its repeat is recognised as the same."""
    return secrets.token_hex(8)


class Engine:
    """What the stores are built on: a client, the key names, the retention and the queues in force."""

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "agg",
        retention: RetentionSettings | None = None,
        queues: Iterable[Queue] = (),
    ) -> None:
        self.client = client
        self.keys = Keys(prefix, database_of(client))
        self.retention = retention or RetentionSettings()
        self.queues = {queue.name: queue for queue in queues}
        self.list_cap = LIST_CAP
        self.slips = Slips()
        """What was read and is not ours."""

    async def command(self, *words: Argument) -> Any:
        """One command that may be repeated without harm. Raises EngineDown, EngineRefused."""
        with engine_errors():
            return await self.client.execute_command(*words)

    async def script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """What the script answers. Raises EngineDown, EngineRefused; after either, all of it or nothing was done."""
        with engine_errors():
            try:
                return await self.client.execute_command(
                    "EVALSHA", script_hash(name), len(keys), *keys, *arguments
                )
            except NoScriptError:
                return await self.client.execute_command(
                    "EVAL", script_text(name), len(keys), *keys, *arguments
                )

    async def many(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers to many reads of single keys, sent together; None for a key of another type, which is noted."""
        if not commands:
            return []
        with engine_errors():
            async with self.client.pipeline(transaction=False) as pipe:
                for words in commands:
                    pipe.execute_command(*words)
                answers = await pipe.execute(raise_on_error=False)
            return [
                self._own(text(words[1]), answer)
                for words, answer in zip(commands, answers, strict=True)
            ]

    def _own(self, key: str, answer: Any) -> Any:
        """The answer, None for one that the key's type forbids. Raises any other error of the server."""
        if not isinstance(answer, Exception):
            return answer
        if isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer):
            self.slips.note("key", key, Unreadable(OTHER_TYPE.format(key=key)))
            return None
        raise answer

    def readable(self, kind: RecordKind[T], place: str, data: Any) -> T | None:
        """The record, or None for what cannot be read, which is noted. `place`: key and row, as people look for it."""
        record = decode(kind, data)
        if isinstance(record, Unreadable):
            self.slips.note(kind.name, place, record)
            return None
        return record

    def readable_rows(
        self, kind: RecordKind[T], key: str, rows: Iterable[tuple[Any, Any]]
    ) -> list[T]:
        """The records of a stream's or a hash's rows (id or field, value), without those that cannot be read."""
        records = [
            self.readable(kind, f"{key} {text(row)}", value) for row, value in rows
        ]
        return [record for record in records if record is not None]

    async def server_time(self) -> datetime:
        """The clock that counts, since workers' clocks differ."""
        answer = await self.command(
            "EVAL", "return redis.call('TIME')", 1, self.keys.due
        )
        seconds, micros = map(int, answer)
        return EPOCH + timedelta(seconds=seconds, microseconds=micros)

    def public_streams(self) -> dict[str, tuple[str, timedelta]]:
        """Short name → key and how long its messages are kept."""
        keys, kept = self.keys, self.retention
        streams = {
            "events": (keys.events, kept.events),
            "reports": (keys.reports, kept.reports),
            "digest": (keys.digest, kept.digest),
            "trouble": (keys.trouble, kept.trouble),
        }
        queues = [
            queue.name for queue in self.queues.values() if queue.kind == "stream"
        ]
        return streams | {
            f"queue:{name}": (keys.queue(name), kept.queues) for name in queues
        }

    async def close(self) -> None:
        """Ends the connections."""
        await self.client.aclose()


def text(value: Argument) -> str:
    """As text, whatever it is: names and fields under our keys may be anybody's bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
