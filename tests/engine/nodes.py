"""Plain servers on loopback ports, for tests of fail-over and of a cluster. The program is the embedded one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from redis.asyncio import Redis

from aggregator.engine.server_place import server_program

SECONDS = 60


class Node:
    """One server process. `kill` ends it as a power cut would."""

    def __init__(
        self, folder: Path, port: int, *lines: str, sentinel: bool = False
    ) -> None:
        folder.mkdir()
        self.port = port
        config = folder / "node.conf"
        place = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f"logfile {folder / 'log'}",
            'save ""',
        ]
        config.write_text(
            "\n".join([*(place if not sentinel else place[:-1]), *lines]) + "\n"
        )
        self._process = subprocess.Popen(
            [server_program(), config, *(["--sentinel"] if sentinel else [])]
        )
        self.client = Redis(
            host="127.0.0.1", port=port, protocol=3, legacy_responses=False
        )

    async def ask(self, *words: str | int) -> object:
        return await self.client.execute_command(*words)  # type: ignore[no-untyped-call]

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    async def close(self) -> None:
        await self.client.aclose()
        self.kill()


def free_ports(count: int) -> list[int]:
    """Ports nobody uses, each low enough that a cluster's bus (10,000 above) is a port too."""
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        for port in _candidates():
            probe = stack.enter_context(socket.socket())
            bus = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10_000))
                found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free ports")


def _candidates() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        start = 11_000 + probe.getsockname()[1] % 9_000
    yield from range(start, start + 1000)


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Waits for other processes to reach a state; a server that does not answer has not reached it."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(OSError, Exception):
                if await question():
                    return
            await asyncio.sleep(0.05)
