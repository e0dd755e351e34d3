"""Running commands and scripts: the one door through which the stores reach Redis.

Every write is a script, because a script is applied whole and redis-py repeats a command whose answer it did not get
(measured: one XADD call, two entries). Each script is gated (by a token, a gate, or the value it expects), checks
types and arguments before its first write (a script is not rolled back), and makes a command that the server may
refuse for want of memory its first write, so that nothing is half done under `noeviction`.

A script's text is `lua/common.lua` followed by its own file; it is sent once and then called by its hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from aggregator.engine.client import Client, engine_errors
from aggregator.engine.keys import Keys
from aggregator.engine.wire import milliseconds
from aggregator.model import RetentionSettings

Argument = str | bytes | int

BLOCK_MS = 2_000
"""The longest wait in one command: less than half the socket's timeout."""


@cache
def script_text(name: str) -> str:
    folder = files("aggregator.engine") / "lua"
    return "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", name))


@cache
def script_hash(name: str) -> str:
    return sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()


def ms_or_now(now: datetime | None) -> str:
    """The argument from which a script takes its time: '' means the server's own clock."""
    return "" if now is None else str(milliseconds(now))


def nonce() -> str:
    """Marks one call, so that its repeat is recognised as the same."""
    return secrets.token_hex(8)


class Engine:
    """What the stores are built on: a client, the key names, the retention in force."""

    def __init__(self, client: Client, *, prefix: str = "agg", retention: RetentionSettings | None = None) -> None:
        self.client = client
        self.keys = Keys(prefix)
        self.retention = retention or RetentionSettings()

    async def command(self, *words: Argument) -> Any:
        """One command that may be repeated without harm. Raises EngineDown, EngineRefused."""
        with engine_errors():
            return await self.client.execute_command(*words)

    async def script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """What the script answers. Raises EngineDown, EngineRefused; after either, all of it or nothing was done."""
        with engine_errors():
            try:
                return await self.client.execute_command("EVALSHA", script_hash(name), len(keys), *keys, *arguments)
            except NoScriptError:
                return await self.client.execute_command("EVAL", script_text(name), len(keys), *keys, *arguments)

    async def many(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers to many reads, sent together."""
        if not commands:
            return []
        with engine_errors():
            async with self.client.pipeline(transaction=False) as pipe:
                for words in commands:
                    pipe.execute_command(*words)
                return list(await pipe.execute())

    async def close(self) -> None:
        await self.client.aclose()


def text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
