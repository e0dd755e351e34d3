"""The README's consumers, as programs: through restarts of the server, their own deaths, trimming, a flushed server.

The programs are the README's text but for the place of the server. Each event arrives; one that is told again is one whose
acknowledgement a death took.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from aggregator.engine.client import connect
from aggregator.engine.store import Store
from aggregator.model import RetentionSettings
from tests.daemon.program import until
from tests.server import servers_to_try

README = Path(__file__).resolve().parents[1] / "README.md"
GO_PACKAGES = Path("/usr/share/gocode")
"""Where Debian puts the sources of Go's packages."""
PLACE = "/home/me/.local/state/aggregator/engine/server.sock"


def program(language: str, mark: str) -> str:
    """The one program of the README in this language that has `mark` in it."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```",
        README.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    [found] = [block for block in blocks if mark in block]
    assert PLACE in found
    return str(found)


class Server:
    """A server of the test's own, whose every acknowledged write survives a kill."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.program = program
        self.socket = str(folder / "s")
        self.start()

    def start(self) -> None:
        words = [
            "--port",
            "0",
            "--unixsocket",
            self.socket,
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *words, "--appendfsync", "always", "--save", ""],
                stdout=log, stderr=log,
            )  # fmt: skip
        self.client = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        until(self._answers, what="the server answers", alive=self.process)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.client.close()
        self.process.send_signal(number)
        self.process.wait(20)

    def publish(self, *ids: str) -> None:
        for name in ids:
            fields = {
                "id": name,
                "kind": "event.new",
                "lang": "en",
                "title": f"Title {name}",
                "url": "https://a.example",
            }
            self.client.xadd("agg:events", fields)

    def trim(self, **kept: object) -> None:
        async def trim() -> None:
            store = Store(
                connect(f"unix://{self.socket}"), retention=RetentionSettings(**kept)
            )  # type: ignore[arg-type]
            await store.retention.trim()
            await store.close()

        asyncio.run(trim())


def written(file: Path, text: str, socket: str) -> Path:
    """The program in a file, with the place of the test's server in it."""
    file.write_text(text.replace(PLACE, socket), encoding="utf-8")
    return file


class Consumer:
    """A program of the README, started again and again; its output is kept beside its file."""

    def __init__(self, file: Path, *command: str) -> None:
        """`command`: what runs the file; nothing where it runs by itself."""
        self.file = file
        self.output = file.with_suffix(".txt")
        self._command = command
        self.start()

    def start(self) -> None:
        with (
            self.output.open("ab") as output,
            (self.file.with_suffix(".log")).open("ab") as errors,
        ):
            self.process = subprocess.Popen(
                [*self._command, str(self.file)],
                cwd=self.file.parent,
                stdout=output,
                stderr=errors,
            )

    def kill(self) -> None:
        assert self.process.poll() is None, self.file.with_suffix(".log").read_text()
        self.process.kill()
        self.process.wait(10)

    def told(self) -> list[str]:
        return [
            line.split()[0] for line in self.output.read_text().splitlines() if line
        ]

    def has(self, *ids: str) -> None:
        # A busy machine takes half a minute to load the program.
        until(
            lambda: set(ids) <= set(self.told()),
            what="every event is told",
            seconds=100,
            alive=self.process,
        )


@pytest.fixture(params=servers_to_try(), ids=lambda program: Path(program).name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, request.param)
    yield made
    if made.process.poll() is None:
        made.end()


def compiled(file: Path) -> Path:
    """The Go program of this file, built of Debian's packages; skipped where there are none."""
    surroundings = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_PACKAGES),
        "GOFLAGS": "",
    }
    if shutil.which("go") is None:
        pytest.skip("there is no Go here (Debian: golang-go)")
    if not (GO_PACKAGES / "src/github.com/gomodule/redigo").is_dir():
        pytest.skip(
            "there is no redigo here (Debian: golang-github-gomodule-redigo-dev)"
        )
    program = file.with_suffix("")
    subprocess.run(
        ["go", "build", "-o", str(program), str(file)],
        env=surroundings,
        check=True,
        timeout=300,
    )
    return program


def of_a_group(language: str, server: Server, folder: Path) -> Consumer:
    """The README's consumer of a group in this language."""
    if language == "go":
        text = program("go", "XREADGROUP")
        return Consumer(compiled(written(folder / "consumer.go", text, server.socket)))
    text = program("python", "xreadgroup")
    file = written(folder / "consumer.py", text, server.socket)
    return Consumer(file, sys.executable)


@pytest.fixture(
    params=[
        "python",
        pytest.param("go", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ]
)
def consumer(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path
) -> Iterator[Consumer]:
    made = of_a_group(request.param, server, tmp_path)
    yield made
    made.process.kill()
    made.process.wait(10)


LONG = pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(600)])


def disturb(server: Server, consumer: Consumer, what: str) -> None:
    """One of the things that happen to servers and consumers."""
    match what:
        case "restart":
            server.end()
            server.start()
        case "crash":
            server.end(signal.SIGKILL)
            server.start()
        case "kill":
            consumer.kill()
            consumer.start()
        case "trim":
            server.trim(events=timedelta(0))
        case "both":
            consumer.kill()
            server.end(signal.SIGKILL)
            server.start()
            server.trim(events=timedelta(0))
            consumer.start()


@pytest.mark.parametrize("steps", [8, LONG])
def test_every_event_arrives_through_restarts_trims_and_kills(
    server: Server, consumer: Consumer, steps: int
):
    chance = random.Random(17)
    published = ["first"]  # from now on there is a group, for which everything is kept
    server.publish(*published)
    consumer.has(*published)
    disturbances = 0
    for step in range(steps):
        fresh = [f"e{step}-{n}" for n in range(chance.randint(1, 40))]
        server.publish(*fresh)
        published += fresh
        what = chance.choice(("restart", "crash", "kill", "trim", "both"))
        disturb(server, consumer, what)
        disturbances += what != "trim"
    consumer.has(*published)
    told = consumer.told()
    assert set(told) == set(published)
    # One that was told before its acknowledgement was lost is told again; its id says so.
    assert len(told) - len(published) <= 2 * disturbances


def test_what_a_cap_dropped_of_the_pending_does_not_stop_the_consumer(
    server: Server, consumer: Consumer
):
    server.publish("first")
    consumer.has("first")
    consumer.kill()
    server.publish(*(f"taken-{n}" for n in range(500)))
    server.client.xreadgroup(
        "newsroom", "desk-1", {"agg:events": ">"}, count=500
    )  # taken, and died before its work
    server.trim(max_stream_bytes=4096)
    assert server.client.xlen("agg:events") < 500
    consumer.start()
    server.publish("after")
    consumer.has("after", "taken-499")
    until(
        lambda: server.client.xpending("agg:events", "newsroom")["pending"] == 0,
        what="nothing stays pending",
    )


def test_what_another_deleted_does_not_stop_the_consumer(
    server: Server, consumer: Consumer
):
    server.publish("first")
    consumer.has("first")
    consumer.kill()
    server.publish("gone", "stays")
    server.client.xreadgroup("newsroom", "desk-1", {"agg:events": ">"})
    [(place, _), *_] = server.client.xrange("agg:events", "-", "+")[-2:]
    server.client.xdel("agg:events", place)
    consumer.start()
    consumer.has("stays")
    assert "gone" not in consumer.told()


def test_a_flushed_server_gets_its_group_back(server: Server, consumer: Consumer):
    server.publish("before")
    consumer.has("before")
    server.client.flushall()
    server.publish("after")
    consumer.has("after")
    server.client.xgroup_destroy("agg:events", "newsroom")
    server.publish("later")
    consumer.has("later")


@pytest.fixture
def taker(server: Server, tmp_path: Path) -> Iterator[Consumer]:
    text = program("python", "blmove")
    made = Consumer(written(tmp_path / "taker.py", text, server.socket), sys.executable)
    yield made
    made.process.kill()
    made.process.wait(10)


@pytest.mark.parametrize("steps", [8, LONG])
def test_a_list_queue_loses_nothing_through_restarts_and_kills(
    server: Server, taker: Consumer, steps: int
):
    chance, consumer = random.Random(18), taker
    pushed: list[str] = []
    for step in range(steps):
        fresh = [f"e{step}-{n}" for n in range(chance.randint(1, 30))]
        for name in fresh:
            server.client.lpush(
                "agg:queue:todo", f'{{"id": "{name}", "title": "Title"}}'
            )
        pushed += fresh
        disturb(server, consumer, chance.choice(("restart", "crash", "kill")))
    consumer.has(*pushed)
    until(
        lambda: not server.client.exists("agg:queue:todo", "agg:queue:todo:desk-1"),
        what="nothing stays taken",
    )
    told = consumer.told()
    assert set(told) == set(pushed)
    assert len(told) - len(pushed) <= steps


def listener(server: Server, folder: Path) -> Consumer:
    """The JavaScript program; skipped where its package cannot be had."""
    folder.mkdir()
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "redis"]
    try:
        subprocess.run(
            install, cwd=folder, check=True, capture_output=True, timeout=200
        )
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"the npm package redis cannot be installed here: {error}")
    text = program("js", "pSubscribe")
    return Consumer(written(folder / "watch.mjs", text, server.socket), "node")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_javascript_program_hears_every_event_once_through_restarts_and_kills(
    server: Server, tmp_path: Path
):
    """Of a channel: whatever is said while it listens. It listens again after each restart, by itself."""
    chance = random.Random(19)
    watcher = listener(server, tmp_path / "js")
    said: list[str] = []
    for step in range(50):
        name = f"e{step}"
        until(
            lambda: server.client.pubsub_numpat(),
            what="it listens",
            alive=watcher.process,
        )
        server.client.publish(
            "agg:ch:event:new:en:a", f'{{"title": "{name}", "sources": []}}'
        )
        said.append(name)
        until(
            lambda n=name: n in watcher.output.read_text().split(),
            what="it is told",
            alive=watcher.process,
        )  # type: ignore[misc]
        disturb(server, watcher, chance.choice(("restart", "crash", "kill")))
    watcher.kill()
    heard = [line.split()[1] for line in watcher.output.read_text().splitlines()]
    assert heard == said
