"""What the benches of scale, growth and latency share: a server that tells what its scripts held it, and tables."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from math import ceil
from pathlib import Path

import psutil

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.scripts import script_hash
from aggregator.engine.store import Store


@asynccontextmanager
async def store_on_a_server() -> AsyncIterator[Store]:
    """The embedded server in a temporary directory (AOF everysec); its slow log takes every script over 0.2 ms."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        running = await server.start()
        store = Store(connect(running.url))
        await store.engine.command("CONFIG", "SET", "slowlog-log-slower-than", 200)
        await store.engine.command("CONFIG", "SET", "slowlog-max-len", 100_000)
        try:
            yield store
        finally:
            await store.close()
            await server.stop()


async def longest_script(store: Store) -> tuple[str, float]:
    """(name, milliseconds) of the script that held the server longest since the last call; ('', 0.0): none over 0.2."""
    texts = (files("aggregator.engine") / "lua").iterdir()
    names = [
        text.name.removesuffix(".lua") for text in texts if text.name.endswith(".lua")
    ]
    known = {script_hash(name).encode(): name for name in names if name != "common"}
    longest = ("", 0.0)
    for line in await store.engine.client.slowlog_get(100_000):
        words = line["command"].split(b" ", 2)
        held_ms = line["duration"] / 1000
        if words[0] == b"EVALSHA" and words[1] in known and held_ms > longest[1]:
            longest = (known[words[1]], held_ms)
    await store.engine.command("SLOWLOG", "RESET")
    return longest


async def server_seconds(store: Store) -> float:
    """Processor time of the server so far."""
    usage = await store.engine.client.info("cpu")
    return float(usage["used_cpu_user"]) + float(usage["used_cpu_sys"])


def memory_mb() -> float:
    """Proportional set size of this process."""
    return float(psutil.Process().memory_full_info().pss) / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, command: str
) -> None:
    """A table in Markdown, and the command that made it."""
    print(f"\n{command}\n\n| {' | '.join(headings)} |")
    print("|---|" + "--:|" * (len(headings) - 1))
    for row in rows:
        print(f"| {' | '.join(_cell(value) for value in row)} |", flush=True)


def _cell(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and value < 100
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )
