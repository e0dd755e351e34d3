"""The program itself, as its users start it: `python -m aggregator …` in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import redis

from tests import forked

ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LOG_", "NOTIFY_", "WATCHDOG_"))
    },
    "PYTHONUNBUFFERED": "1",
}


class Program:
    """One installation: a folder with feeds.toml and a state directory."""

    def __init__(
        self, folder: Path, feeds: str, *, head: str = "", fetch: str = ""
    ) -> None:
        self.folder = folder
        self.config = folder / "feeds.toml"
        self.log = folder / "log.jsonl"
        self.environment = ENVIRONMENT
        self._clients: list[redis.Redis] = []
        self._sessions: set[int] = set()
        """Of every daemon started here: its children that parse are known by nothing else."""
        self._head = (
            f'[aggregator]\nstate_dir = "state"\n{head}\n[fetch]\nallow_private_networks = true\n'
            f'per_host_interval = "0s"\n{fetch}\n[defaults]\nbacklog = "all"\nmin_interval = "1s"\nmax_interval = "2s"\n'
        )
        self.write(feeds)

    def write(self, feeds: str) -> None:
        self.feeds = feeds
        fresh = self.config.with_suffix(".new")
        # As without the extra `meaning`, installed or not, where a test does not say otherwise.
        dedup = "" if "[dedup]" in feeds else "[dedup]\nmeaning = false\n"
        fresh.write_text(self._head + dedup + feeds, encoding="utf-8")
        fresh.replace(self.config)

    def command(
        self, *words: str, timeout: float = 90, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; `stdin` is what it reads."""
        words = (*words, "--config", str(self.config))
        if self.environment is ENVIRONMENT:
            return forked.run(
                *words, environment=ENVIRONMENT, stdin=stdin, timeout=timeout
            )
        return subprocess.run(  # another environment may change how the interpreter starts
            [sys.executable, "-m", "aggregator", *words],
            capture_output=True, text=True, timeout=timeout, env=self.environment, check=False, input=stdin,
        )  # fmt: skip

    def json(self, *words: str) -> Any:
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def json_lines(self, *words: str) -> list[Any]:
        """What a command tells programs, an object a line."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(
        self, *words: str, module: Sequence[str] = ("aggregator",)
    ) -> subprocess.Popen[bytes]:
        """Start the daemon, by the module that holds its command line; its log goes to `log`."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module, "run", *words, "--config", str(self.config)],
                stdout=log, stderr=log, env=self.environment, start_new_session=True, preexec_fn=_hear_interrupts,
            )  # fmt: skip
        self._sessions.add(process.pid)
        return process

    @contextmanager
    def running(
        self, *words: str, module: Sequence[str] = ("aggregator",)
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, ready; stopped by SIGTERM at the end, killed if that takes more than 10 s."""
        before = len(self.logged("daemon_ready"))
        process = self.start(*words, module=module)
        try:
            until(
                lambda: len(self.logged("daemon_ready")) > before,
                what="daemon_ready",
                alive=process,
            )
            yield process
        finally:
            self._close_clients()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
                raise

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        if not self.log.exists():
            return []
        rows = (
            line
            for line in self.log.read_text(encoding="utf-8").splitlines()
            if line.startswith("{")
        )
        return [row for row in map(_row, rows) if row.get("event") == event]

    @property
    def socket(self) -> str:
        return str(self.json("status")["redis"])

    def client(self) -> redis.Redis:
        """A plain client, as a consumer would have one; closed when the daemon of `running` has ended."""
        return self.client_at(self.socket)

    def client_at(self, socket: str) -> redis.Redis:
        """The same, where the test knows the place of the server by itself."""
        client = redis.Redis(unix_socket_path=socket, decode_responses=True)
        self._clients.append(client)
        return client

    def _close_clients(self) -> None:
        for client in self._clients:
            client.connection_pool.disconnect(inuse_connections=True)
            client.close()
        self._clients.clear()

    def processes(self) -> list[psutil.Process]:
        """Every process that has to do with this installation: daemons, servers, children that parse."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            if process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            words = " ".join(process.info["cmdline"] or ())
            if (
                str(self.folder) in words
                or str(self.folder) in (process.info["cwd"] or "")
                or _session(process.pid) in self._sessions
            ):
                found.append(process)
        return found


def _hear_interrupts() -> None:
    """A program started from a script's background job inherits that SIGINT is ignored; a person's terminal hears it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:  # the last line, still being written
        return {}
    return row if isinstance(row, dict) else {}


def until(
    holds: Callable[[], Any],
    *,
    what: str,
    seconds: float = 60,
    alive: subprocess.Popen[bytes] | None = None,
) -> Any:
    """Wait until something holds, and answer with it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        assert alive is None or alive.poll() is None, (
            f"the program ended (status {alive.returncode}) before: {what}"
        )
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def feeds_of(*urls: str, **more: str) -> str:
    """`[[feed]]` tables named f0, f1, …"""
    extra = "".join(f"{key} = {value}\n" for key, value in more.items())
    return "".join(
        f'[[feed]]\nid = "f{n}"\nurl = "{url}"\n{extra}' for n, url in enumerate(urls)
    )
