"""The README's recipes for redis-cli, line by line in a shell against a real server: each does what its comment says."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.engine.server_place import server_program
from tests.server import server_to_test
from tests.test_readme_programs import README, Server

CLIENT = shutil.which("redis-cli") or shutil.which("valkey-cli")
PLACE = "~/.local/state/aggregator/engine/server.sock"
ID = r"^(\d{13}-\d+)$"

pytestmark = pytest.mark.skipif(
    CLIENT is None, reason="neither redis-cli nor valkey-cli is installed"
)


def recipes() -> list[str]:
    """The lines of the README's section, in order."""
    section = README.read_text(encoding="utf-8").partition(
        "### Recipes for `redis-cli`"
    )[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line and not line.startswith("#")]


class Shell:
    """One bash that is told line after line, with what each printed."""

    def __init__(self, folder: Path, socket: str) -> None:
        self.folder, self.lines = folder, recipes()
        self.head = (
            self.lines.pop(0).replace(PLACE, socket).replace("redis-cli", str(CLIENT))
        )
        self.last = ""

    def next(self, *starts: str) -> str:
        """Run the next line, which begins so; its output."""
        line = self.lines.pop(0)
        assert line.startswith(starts), line
        # A minute of waiting is not waited for.
        text = f'{self.head}\nlast={self.last}\n{line.replace("60000", "0")}\necho "seen=$seen last=$last" >&2'
        run = subprocess.run(["bash", "-eu", "-c", f"seen=$(cat seen 2>/dev/null || echo 0)\n{text}"],
            cwd=self.folder, capture_output=True, text=True, timeout=30, check=True)  # fmt: skip
        assert "ERR" not in run.stdout, run.stdout
        self.last = run.stderr.rpartition("last=")[2].strip()
        return run.stdout

    def ids(self, text: str) -> list[str]:
        return re.findall(ID, text, re.MULTILINE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder, str(server_to_test() or server_program()))
    yield made
    made.end()


def test_the_recipes_do_what_they_say(server: Server, tmp_path: Path):
    server.publish("a", "b", "c")
    shell = Shell(tmp_path, server.socket)
    shell.next("seen=")
    shell.next("rc XREAD COUNT")
    batch = shell.ids((tmp_path / "batch").read_text())
    assert len(batch) == 3
    shell.next("last=")
    assert (tmp_path / "seen").read_text().strip() == batch[-1]
    assert shell.next("rc XGROUP CREATE") == "OK\n"
    assert shell.ids(shell.next("rc XREADGROUP")) == batch
    assert shell.next("rc XACK") == "1\n"
    pending = shell.next("rc XPENDING").split()
    assert pending[0] == "2"
    assert pending[-2:] == ["desk-1", "2"]
    assert "newsroom" in shell.next("rc XINFO GROUPS")
    assert shell.ids(shell.next("rc XAUTOCLAIM"))[-2:] == batch[:2]
    assert server.client.xpending("agg:events", "newsroom")["consumers"] == [
        {"name": "desk-2", "pending": 2}
    ]
    assert shell.next("rc XGROUP SETID agg:events newsroom 0") == "OK\n"
    [(_, again)] = server.client.xreadgroup("newsroom", "desk-3", {"agg:events": ">"})
    assert [name for name, _ in again] == batch
    old = f"{int((time.time() - 2 * 86400) * 1000)}-0"
    assert shell.next("rc XGROUP SETID") == "OK\n"
    [(_, again)] = server.client.xreadgroup("newsroom", "desk-3", {"agg:events": ">"})
    assert [name for name, _ in again] == batch
    assert min(batch) > old
    assert shell.next("rc XGROUP DESTROY") == "1\n"
    assert shell.lines == []


def test_what_was_seen_is_not_given_again(server: Server, tmp_path: Path):
    server.publish("a", "b")
    for fresh in (2, 0, 1):
        shell = Shell(tmp_path, server.socket)
        shell.next("seen=")
        shell.next("rc XREAD COUNT")
        assert len(shell.ids((tmp_path / "batch").read_text())) == fresh
        shell.next("last=")
        if not fresh:
            server.publish("c")
