"""What one GET that is answered by a 304 costs: over a connection of our own, and through the HTTP library.

    python -m tests.bench.fetch_cost [--batch 50] [--rounds 30]

The publisher is a process of its own and answers with 200 bytes. The two ways take turns, `--batch` requests each, one
after another; printed is the processor time of one, of the cheapest batch and of the median one.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from datetime import timedelta
from statistics import median

from aggregator.fetch.fetcher import Fetcher
from aggregator.model import FetchSettings, NotModified, PollRequest, Validators

ANSWER = (
    b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=300\r\n'
    b"Date: Sun, 29 Nov 2026 18:48:46 GMT\r\nServer: nginx\r\n\r\n"
)
SETTINGS = FetchSettings(allow_private_networks=True, per_host_interval=timedelta(0))


class Publisher(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(ANSWER)


async def serve() -> None:
    """Prints its port, then serves until it is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Publisher, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def batch_us(fetcher: Fetcher, url: str, count: int) -> float:
    """Microseconds of processor time for one fetch."""
    request = PollRequest("f", url, Validators('"1"', url=url))
    started = time.process_time()
    for _ in range(count):
        answer = await fetcher.fetch(request)
        assert isinstance(answer, NotModified), answer
    return 1e6 * (time.process_time() - started) / count


async def bench(port: int, count: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of each batch, by way."""
    url = f"http://127.0.0.1:{port}/feed"
    figures: dict[str, list[float]] = {"direct": [], "library": []}
    async with (
        Fetcher(SETTINGS, contact="", version="0") as direct,
        Fetcher(SETTINGS, contact="", version="0") as library,
    ):
        library._direct = None
        for _ in range(rounds):
            figures["direct"].append(await batch_us(direct, url, count))
            figures["library"].append(await batch_us(library, url, count))
    return figures


def run(count: int, rounds: int) -> dict[str, list[float]]:
    """Prints the figures; answers microseconds of each batch, by way."""
    words = [sys.executable, "-m", "tests.bench.fetch_cost", "--serve"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as publisher:
        assert publisher.stdout is not None
        try:
            port = int(publisher.stdout.readline())
            figures = asyncio.run(bench(port, count, rounds))
        finally:
            publisher.terminate()
    for name, times in figures.items():
        print(f"{name}: {min(times):.0f} µs at best, {median(times):.0f} at the median")
    return figures


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--batch", type=int, default=50)
    reading.add_argument("--rounds", type=int, default=30)
    reading.add_argument("--serve", action="store_true", help="be the publisher")
    chosen = reading.parse_args()
    if chosen.serve:
        asyncio.run(serve())
    else:
        run(chosen.batch, chosen.rounds)


if __name__ == "__main__":
    main()
