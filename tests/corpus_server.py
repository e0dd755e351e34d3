"""A loopback publisher of real feeds: each document of a folder on a loopback address of its own, with an ETag.

Run it by hand: `python -m tests.corpus_server ../shared/corpus/real --port 8900 --config /tmp/feeds.toml`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web


class CorpusServer:
    """Serves `documents[n]` at 127.(1+n/62500).(…).(…); answers 304 to a matching ETag; counts requests."""

    def __init__(self, documents: Sequence[Path]) -> None:
        self.documents = list(documents)
        self.requests: list[str] = []
        self._by_host = {address(n): path for n, path in enumerate(self.documents)}
        self.port = 0

    def url(self, position: int) -> str:
        return f"http://{address(position)}:{self.port}/feed"

    async def answer(self, request: web.Request) -> web.Response:
        host = request.host.partition(":")[0]
        self.requests.append(host)
        body = self._by_host[host].read_bytes()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        kind = (
            "application/feed+json" if body.lstrip()[:1] == b"{" else "application/xml"
        )
        return web.Response(body=body, headers={"ETag": tag, "Content-Type": kind})

    @asynccontextmanager
    async def running(self, port: int = 0):
        """Listen on every document's address, all on one port."""
        application = web.Application()
        application.router.add_get("/feed", self.answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        first = web.TCPSite(runner, address(0), port)
        await first.start()
        self.port = first._server.sockets[0].getsockname()[1]
        for position in range(1, len(self.documents)):
            await web.TCPSite(runner, address(position), self.port).start()
        try:
            yield self
        finally:
            await runner.cleanup()


def address(position: int) -> str:
    return f"127.{1 + position // 62500}.{position // 250 % 250}.{1 + position % 250}"


def feeds_toml(server: CorpusServer, *, state_dir: Path, extra: str = "") -> str:
    """A configuration that polls everything the server has."""
    head = (
        f'[aggregator]\nstate_dir = "{state_dir}"\n[fetch]\nallow_private_networks = true\nper_host_interval = "0s"\n'
        f'[dedup]\nmeaning = false\n[defaults]\nbacklog = "all"\nmin_interval = "1s"\n{extra}\n'
    )
    feeds = (
        f'[[feed]]\nid = "real-{n}"\nurl = "{server.url(n)}"\n'
        for n in range(len(server.documents))
    )
    return head + "".join(feeds)


def real_documents(shared: Path) -> list[Path]:
    return sorted(
        path for path in (shared / "corpus" / "real").rglob("*") if path.is_file()
    )


async def _serve(folder: Path, port: int, config: Path | None) -> None:
    server = CorpusServer(sorted(path for path in folder.rglob("*") if path.is_file()))
    async with server.running(port):
        if config:
            config.write_text(
                feeds_toml(server, state_dir=config.parent / "state"), encoding="utf-8"
            )
        print(f"serving {len(server.documents)} documents from {server.url(0)}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("folder", type=Path)
    reading.add_argument("--port", type=int, default=0)
    reading.add_argument("--config", type=Path)
    chosen = reading.parse_args()
    asyncio.run(_serve(chosen.folder, chosen.port, chosen.config))
