"""Running commands and scripts: the one door through which the stores reach Redis.

Every write is a script, because a script is applied whole and redis-py repeats a command whose answer it did not get
(measured: one XADD call, two entries). Each script is gated (by a token, a gate, or the value it expects), checks
types and arguments before its first write (a script is not rolled back), and makes a command that the server may
refuse for want of memory its first write, so that nothing is half done under `noeviction`.

A script's text is `lua/common.lua` followed by its own file; it is sent once and then called by its hash.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha1
from importlib.resources import files
from itertools import chain
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, ResponseError

from aggregator.engine.client import (
    Client,
    database_of,
    engine_error,
    engine_errors,
)
from aggregator.engine.codec import RecordKind, Unreadable, decode
from aggregator.engine.keys import Keys
from aggregator.engine.slips import Slips
from aggregator.engine.wire import milliseconds, span_ms
from aggregator.errors import EngineRefused
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
    common = (folder / "common.lua").read_text(encoding="utf-8")
    own = (folder / f"{name}.lua").read_text(encoding="utf-8")
    return f"{common}\n{own}"


@cache
def script_hash(name: str) -> str:
    """By which the server knows a script it was sent before."""
    # Redis chose SHA-1; it names a script of ours and guards nothing.
    return sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()


def ms_or_now(now: datetime | None) -> str:
    """The argument from which a script takes its time: '' means the server's own clock."""
    return "" if now is None else str(milliseconds(now))


def nonce() -> str:
    """Marks one call, so that its repeat is recognised as the same."""
    return secrets.token_hex(8)


def batches(
    values: Sequence[T],
    size: int,
) -> Iterator[Sequence[T]]:
    """The values, `size` at a time: while a command runs, the server serves nobody else."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def flattened(groups: Iterable[Iterable[Argument]]) -> list[Argument]:
    """The members of all groups behind each other, as commands and scripts take pairs."""
    return list(chain.from_iterable(groups))


def blocking(wait: timedelta) -> tuple[Argument, ...]:
    """The words that make a read wait, BLOCK_MS at most; none for a read that does not."""
    # BLOCK 0 would wait for ever.
    if wait <= timedelta(0):
        return ()
    return ("BLOCK", min(BLOCK_MS, span_ms(wait)))


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
        try:
            with engine_errors():
                return await self.client.execute_command(*words)
        except EngineRefused as error:
            raise self._with_keys(error, words) from error

    def _with_keys(
        self,
        error: EngineRefused,
        words: Sequence[Argument],
    ) -> EngineRefused:
        """The error with the keys that a command named, where one of them holds another type: the server says not
        which."""
        if "WRONGTYPE" not in str(error):
            return error
        keys = [word for word in map(str, words) if word.startswith(self.keys.prefix)]
        return EngineRefused(f"{error}: {', '.join(keys)}")

    async def script(
        self,
        name: str,
        keys: Sequence[str],
        arguments: Sequence[Argument],
    ) -> Any:
        """What the script answers. Raises EngineDown, EngineRefused; after either, all of it or nothing was done."""
        with engine_errors():
            try:
                return await self.client.execute_command(
                    "EVALSHA",
                    script_hash(name),
                    len(keys),
                    *keys,
                    *arguments,
                )
            # The first call on this server, or the first after its restart or a SCRIPT FLUSH.
            except NoScriptError:
                return await self.client.execute_command(
                    "EVAL",
                    script_text(name),
                    len(keys),
                    *keys,
                    *arguments,
                )

    async def script_answers(
        self,
        name: str,
        keys: Sequence[str],
        arguments: Sequence[Argument],
    ) -> list[Any]:
        """What a script that does many calls answers to each; an EngineError stands in the place of a refused one.

        Raises EngineDown, EngineRefused, after which each call was done or not; ValueError for what cannot be sent.
        """
        answers = await self.script(name, keys, arguments)
        return [engine_error(answer) or answer for answer in answers]

    async def many(
        self,
        commands: Sequence[Sequence[Argument]],
    ) -> list[Any]:
        """The answers to many reads of single keys, sent together; None for a key of another type, which is noted."""
        if not commands:
            return []
        with engine_errors():
            async with self.client.pipeline(transaction=False) as pipe:
                for words in commands:
                    pipe.execute_command(*words)
                # One key of another type must not cost the answers of the others.
                answers = await pipe.execute(raise_on_error=False)
            return [
                self._answer_of(text(words[1]), answer)
                for words, answer in zip(commands, answers, strict=True)
            ]

    def _answer_of(self, key: str, answer: Any) -> Any:
        """The answer, None for one that the key's type forbids. Raises any other error of the server."""
        if not isinstance(answer, Exception):
            return answer
        if isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer):
            self.slips.note(
                "key",
                key,
                Unreadable(OTHER_TYPE.format(key=key)),
            )
            return None
        raise answer

    def readable(
        self,
        kind: RecordKind[T],
        place: str,
        data: Any,
    ) -> T | None:
        """The record, or None for what cannot be read, which is noted. `place`: key and row, as people look for it."""
        record = decode(kind, data)
        if isinstance(record, Unreadable):
            self.slips.note(kind.name, place, record)
            return None
        return record

    def readable_rows(
        self,
        kind: RecordKind[T],
        key: str,
        rows: Iterable[tuple[Any, Any]],
    ) -> list[T]:
        """The records of a stream's rows (id, fields), without those that cannot be read."""
        records: list[T] = []
        for stream_id, fields in rows:
            record = self.readable(kind, f"{key} {text(stream_id)}", fields)
            if record is not None:
                records.append(record)
        return records

    def readable_fields(
        self,
        kind: RecordKind[T],
        key: str,
        values: Iterable[tuple[Any, Any]],
    ) -> dict[str, T]:
        """The records of a hash by field, without those that are not there (None) or cannot be read."""
        records: dict[str, T] = {}
        for field, value in values:
            if value is None:
                continue
            record = self.readable(kind, f"{key} {text(field)}", value)
            if record is not None:
                records[text(field)] = record
        return records

    async def pages(
        self,
        key: str,
        start: str,
        count: int,
    ) -> AsyncIterator[list[tuple[Any, Any]]]:
        """The rows of a stream from the id `start` (`-` for its first) on, `count` at a time."""
        while page := await self.command("XRANGE", key, start, "+", "COUNT", count):
            yield page
            start = f"({text(page[-1][0])}"

    async def pages_backwards(
        self,
        key: str,
        count: int,
    ) -> AsyncIterator[list[tuple[Any, Any]]]:
        """The rows of a stream from its last one back, `count` at a time."""
        end = "+"
        while page := await self.command("XREVRANGE", key, end, "-", "COUNT", count):
            yield page
            end = f"({text(page[-1][0])}"

    async def server_time(self) -> datetime:
        """The clock that counts, since workers' clocks differ."""
        # redis-py asks every node of a cluster for TIME; a script with a key of ours is answered where the other
        # scripts take their time.
        answer = await self.command(
            "EVAL",
            "return redis.call('TIME')",
            1,
            self.keys.due,
        )
        seconds, micros = map(int, answer)
        return EPOCH + timedelta(seconds=seconds, microseconds=micros)

    def public_streams(self) -> dict[str, tuple[str, timedelta]]:
        """Short name → key and how long its messages are kept."""
        keys = self.keys
        retention = self.retention
        streams = {
            "events": (keys.events, retention.events),
            "reports": (keys.reports, retention.reports),
            "digest": (keys.digest, retention.digest),
            "trouble": (keys.trouble, retention.trouble),
        }
        for queue in self.queues.values():
            if queue.kind == "stream":
                streams[f"queue:{queue.name}"] = (
                    keys.queue(queue.name),
                    retention.queues,
                )
        return streams

    async def close(self) -> None:
        """Ends the connections."""
        await self.client.aclose()


def text(value: Argument) -> str:
    """As text, whatever it is: names and fields under our keys may be anybody's bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
