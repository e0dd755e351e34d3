"""A walk through the README with nothing but the wheel: every command in it, in an environment, a home and a directory of
their own outside the checkout, without the extra `meaning`; each prints what the README says of it.

The feeds are the demo's, served on loopback. What is installed comes from pip's own configuration.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.cli.sample_feeds import outlets
from tests.corpus_server import CorpusServer
from tests.daemon.program import until
from tests.test_readme_commands import CHECKOUT, README

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PLACE = "~/.local/state/aggregator/engine/server.sock"
FERRY = re.compile(
    "Ferry with 214 aboard|All 214 rescued as ferry Marlin|runs aground (?:off|near) Port Ellery"
)
"""An event goes by the title of its first report, and any of them may come first."""
FRESH = "Orchestra of Tallmere opens its hundredth season"


def shell_lines() -> list[str]:
    """What the README's shell blocks tell people to type, without comments; the recipes have a test of their own."""
    text = README.partition("### Recipes for `redis-cli`")
    text = text[0] + text[2].partition("```sh")[2].partition("```")[2]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [
        re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines()
    ]
    return [line for line in lines if line]


@dataclass
class Place:
    """A home outside the checkout with the wheel installed."""

    home: Path
    port: int
    output: str = ""
    waiting: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("LANG", "TMPDIR", "TERM")
        }
        path = f"{self.home}/.aggregator/bin:{os.environ['PATH']}"
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": path,
            "TZ": "UTC",
            "COLUMNS": "140",
        }

    def sh(self, line: str, *, status: int = 0) -> str:
        found = subprocess.run(
            ["bash", "-c", line], cwd=self.home, env=self.environment, capture_output=True, text=True,
            timeout=900, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert found.returncode == status, (
            f"{line}: {found.returncode}\n{found.stdout}\n{found.stderr}"
        )
        return found.stdout

    def start(self, line: str) -> subprocess.Popen[str]:
        """A command that goes on; its output is read when it is ended."""
        words = ["bash", "-c", f"exec {line}"]
        process = subprocess.Popen(
            words,
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_hears_ctrl_c,
        )
        self.waiting[line] = process
        return process

    def end(self, line: str) -> str:
        process = self.waiting.pop(line)
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=30)[0]


def _hears_ctrl_c() -> None:
    """A shell without job control starts what runs in the background, such as these tests, deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = Path(
        tempfile.mkdtemp(prefix="w", dir="/tmp")
    )  # the way to a unix socket has at most 100 letters
    made = Place(folder, free_port())
    yield made
    for line in list(made.waiting):
        made.waiting[line].kill()
        made.waiting[line].communicate()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def publisher(place: Place) -> Iterator[CorpusServer]:
    """The demo's feeds, whole, on addresses of loopback."""
    folder = place.home / "published"
    folder.mkdir()
    for outlet in outlets():
        body = outlet.body(started_at=datetime.now(UTC), elapsed=timedelta(minutes=1))
        (folder / outlet.feed_id).write_bytes(body)
    server = CorpusServer(sorted(folder.iterdir()))
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    started = threading.Event()

    async def serve() -> None:
        async with server.running():
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(20)
    yield server
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()


def installed(place: Place) -> None:
    """The first two lines, with a wheel of a fresh clone in the place of the package's name, and without meaning."""
    clone = place.home / "clone"
    if (CHECKOUT / ".git").exists():
        subprocess.run(
            ["git", "clone", "-q", str(CHECKOUT), str(clone)], check=True, timeout=100
        )
    else:
        ignored = shutil.ignore_patterns(".venv", ".*_cache", "__pycache__")
        shutil.copytree(CHECKOUT, clone, ignore=ignored)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(place.home / "wheel"),
        str(clone),
    ]
    subprocess.run(build, check=True, timeout=300, capture_output=True)
    [wheel] = (place.home / "wheel").glob("*.whl")
    install, path, *_ = shell_lines()
    assert "'feeds-to-events[embedded,meaning]'" in install
    assert path == "export PATH=~/.aggregator/bin:$PATH"
    words = install.replace("feeds-to-events[embedded,meaning]", f"{wheel}[embedded]")
    place.sh(
        words.replace("python3", shlex.quote(sys.executable), 1).replace(
            "pip install", "pip install -q"
        )
    )
    assert "/clone" not in place.sh(
        "python -c 'import aggregator; print(aggregator.__file__)'"
    )


def configured(place: Place, publisher: CorpusServer) -> None:
    """`init` as the README has it; then a list of the feeds that there are here, added by the command."""
    assert "wrote feeds.toml: 36 feeds" in place.sh("aggregator init")
    assert place.sh("aggregator check").startswith("[aggregator]")
    (place.home / "feeds.toml").unlink()
    place.sh("aggregator init --empty")
    file = place.home / "feeds.toml"
    text = file.read_text().replace("127.0.0.1:9191", f"127.0.0.1:{place.port}")
    file.write_text(
        text + '\n[fetch]\nallow_private_networks = true\nper_host_interval = "0s"\n'
    )
    urls = [publisher.url(number) for number in range(len(publisher.documents))]
    assert "added" in place.sh(f"aggregator feeds add {urls[0]}")
    with file.open("a") as written:
        written.writelines(f'\n[[feed]]\nurl = "{url}"\n' for url in urls[1:])
    assert len(place.sh("aggregator feeds list").splitlines()) == len(
        publisher.documents
    )


def publish_one_more(place: Place, publisher: CorpusServer) -> None:
    """A report that nobody has told yet, at the one outlet that writes RSS in English first."""
    file = next(path for path in publisher.documents if b"<rss" in path.read_bytes())
    item = f"<item><title>{FRESH}</title><guid>fresh</guid><link>https://tallmere.example/season</link></item>"
    file.write_bytes(file.read_bytes().replace(b"<item>", item.encode() + b"<item>", 1))
    said = place.sh("aggregator poll " + publisher.url(publisher.documents.index(file)))
    assert FRESH in said, said


@pytest.fixture(scope="module")
def running(place: Place, publisher: CorpusServer) -> Place:
    installed(place)
    configured(place, publisher)
    (place.home / "run.log").touch()
    daemon = place.start("aggregator run > run.log 2>&1")
    until(
        lambda: "daemon_ready" in (place.home / "run.log").read_text(),
        what="it runs",
        alive=daemon,
    )
    total = sum(len(outlet.reports) for outlet in outlets())

    def all_read() -> bool:
        told = place.sh("aggregator tail --reports --json -n 100").splitlines()
        return len({json.loads(line)["entry_id"] for line in told}) == total

    until(all_read, what="every report has its event", alive=daemon)
    return place


def events_of(place: Place) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in place.sh("aggregator events list --json").splitlines()
    ]


def test_every_line_of_the_readmes_shell_blocks_is_in_this_walk():
    known = [*LOOKS, *FOLLOWS, *ELSEWHERE]
    assert [line for line in shell_lines() if line not in known] == []
    assert [line for line in known if line not in shell_lines()] == []


LOOKS = {
    "aggregator status": r"feeds +10: 10 ok",
    "aggregator digest": r"events",
    "curl -s 'http://127.0.0.1:9191/api/events?since=24h&order=top&limit=5'": r'"independent_count": ?[23]',
    "aggregator events show https://gazette.example/ship": FERRY.pattern,
    'aggregator events join A B --by anna --why "one wreck"': r"",
    "aggregator events split REPORT… [--into EVENT]": r"",
}
"""What answers at once, and what the answer has."""

FOLLOWS = {
    "aggregator tail --follow": FRESH,
    f"redis-cli -s {PLACE} XREAD BLOCK 0 STREAMS agg:events '$'": FRESH,
    f"redis-cli -s {PLACE} PSUBSCRIBE 'agg:ch:event:new:zh:*'": "psubscribe",
}
"""What goes on, and what it has told when one more event has come."""

ELSEWHERE = {
    shell_lines()[0]: "installed",
    shell_lines()[1]: "installed",
    "aggregator demo": "test_the_demo_needs_nothing_but_the_wheel",
    "aggregator init": "configured",
    "aggregator run": "running",
    "python3 -m venv .venv && .venv/bin/pip install -q '.[embedded,meaning]' && .venv/bin/aggregator run": "from_a_clone",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest": ".ci/run",
    "redis-cli -p 6390 --user consumer --pass … XREAD BLOCK 0 STREAMS agg:events '$'": "users",
}


def test_what_looks_into_the_running_daemon_prints_what_the_readme_says(running: Place):
    for line, pattern in list(LOOKS.items())[:3]:
        said = running.sh(line.replace("9191", str(running.port)))
        assert re.search(pattern, said), said


def test_what_follows_tells_of_the_next_event(running: Place, publisher: CorpusServer):
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    for line in FOLLOWS:
        running.start(line)
    server = f"{running.home}{PLACE[1:]}"

    def listen() -> bool:
        clients = running.sh(f"redis-cli -s {server} CLIENT LIST")
        return "cmd=psubscribe" in clients and clients.count("cmd=xread ") >= 1

    until(listen, what="both listen")
    publish_one_more(running, publisher)
    until(lambda: FRESH in running.sh("aggregator tail -n 100"), what="it is published")
    xread = next(line for line in FOLLOWS if "XREAD" in line)
    running.waiting[xread].wait(30)
    for line, told in FOLLOWS.items():
        assert told in running.end(line), line


def the_ferry(running: Place) -> dict[str, Any]:
    """The event of the ferry: by words alone, and with another report first, one of its reports may stand alone."""
    told = [event for event in events_of(running) if FERRY.search(event["title"])]
    return max(told, key=lambda event: len(event["sources"]))


def test_an_operators_word_is_taken_as_the_readme_writes_it(running: Place):
    ferry = the_ferry(running)
    others = [
        event
        for event in events_of(running)
        if event["title"].startswith("Ferry with 96")
    ]
    shown = running.sh(f"aggregator events show {ferry['sources'][0]['url']}")
    assert FERRY.search(shown)
    assert len(re.findall(r"\b[0-9a-f]{20}\b", shown)) >= 2
    last = ferry["sources"][-1]["entry_id"]
    running.sh(f"aggregator events split {last}")
    running.sh(
        f'aggregator events join {ferry["event_id"]} {others[0]["event_id"]} --by anna --why "one wreck"'
    )
    until(
        lambda: "one wreck" in running.sh("aggregator events rulings"),
        what="the word is kept",
    )


COMMANDS_OF_THE_TABLE = (
    ("aggregator check", r"\[aggregator\]"),
    ("aggregator poll {feed} --dry-run --explain", r"GET .*|asked"),
    ("aggregator tail -n 10 --reports --since 2h --lang zh", r"[\u4e00-\u9fff]"),
    ("aggregator tail --json --words ferry | head -1 | jq -r .title", r"Ferry|ferry"),
    ("aggregator digest --since 24h --format markdown --lang en", r"Ferry"),
    ("aggregator digest --format html", r"<!doctype html>"),
    ("aggregator digest --format json", r'"events"'),
    ("aggregator status --json", r'"feeds"'),
    ("aggregator status --failing", r""),
    ("aggregator events list --since 24h --min-sources 2 --lang en", r"2 sources"),
    (
        "aggregator search ferry aground --since 72h --lang en --words-only",
        FERRY.pattern,
    ),
    ("aggregator events doubtful", r""),
    ("aggregator feeds export > mine.opml && head -c 400 mine.opml", r"<opml"),
    ("aggregator feeds import mine.opml", r"10 .*already|already"),
    (
        "aggregator export out --all-reports --links && find out -name '*.md' | wc -l",
        r"2[0-9]",
    ),
    ("aggregator completions bash", r"complete"),
    ("aggregator manual", r"\.TH AGGREGATOR"),
    ("aggregator schema", r"json-schema"),
    ("aggregator reload --wait", r""),
)


def test_every_command_of_the_table_runs_and_prints_what_it_is_for(
    running: Place, publisher: CorpusServer
):
    for line, pattern in COMMANDS_OF_THE_TABLE:
        said = running.sh(
            line.format(feed=publisher.url(0)) if "{feed}" in line else line
        )
        assert re.search(pattern, said), f"{line}\n{said}"
    # Whichever it is by now: another test joins and splits some.
    largest = max(events_of(running), key=lambda event: len(event["sources"]))
    first, second = [report["entry_id"] for report in largest["sources"][:2]]
    assert re.search(r"\b0\.\d\d\b", running.sh(f"aggregator explain {first} {second}"))


def test_the_demo_needs_nothing_but_the_wheel(running: Place):
    said = running.sh("aggregator demo")
    assert "10 feeds of the demo" in said
    if "Time is up" not in said:  # as on a machine that does much else
        assert re.search(
            rf"^\d\d:\d\d   [23] sources  (?:{FERRY.pattern})", said, re.MULTILINE
        )
    assert "nothing of it stays" in said


def test_a_fresh_clone_runs_as_the_readme_says(running: Place):
    line = next(line for line in ELSEWHERE if "'.[embedded,meaning]'" in line)
    line = line.replace("python3", shlex.quote(sys.executable)).replace(
        "embedded,meaning", "embedded"
    )
    # It is not run: there is no network to the 36 feeds of the checkout.
    assert (
        len(
            running.sh(
                "cd clone && " + line.replace("aggregator run", "aggregator feeds list")
            ).splitlines()
        )
        == 36
    )


def test_the_readmes_test_command_is_what_ci_runs():
    command = next(line for line, where in ELSEWHERE.items() if where == ".ci/run")
    assert command in (CHECKOUT / ".ci" / "run").read_text()
