"""The embedded server: found, started, attached to, supervised, stopped.

Rules:
- One server for each state directory. The *server* holds the lock: it inherits the locked descriptor, so the lock is
  free exactly when no server runs, whoever died. (Two servers start happily on one AOF directory otherwise.)
- Whoever gets the lock starts the server; whoever does not attaches. An attached daemon that loses the server takes
  it over; readers (`status`, `tail`, `digest`, `explain`) attach and never start one.
- A server does not outlive its daemon: the parent-death signal ends it with SIGTERM, so that it still writes its log
  out. That signal comes when the *thread* that forked dies: start it from the main thread. macOS has no such signal;
  there the next daemon attaches to the server left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from aggregator.engine.server_config import ServerSettings, configuration
from aggregator.engine.server_place import (
    Place,
    Running,
    is_locked,
    program_version,
    server_program,
    write_private,
)
from aggregator.errors import EngineDown, EngineMissing

READY_TRIES_S = 0.02
START_TIMEOUT_S = 120.0
"""An AOF of 1 GiB loads in about 10 s; a start that takes longer than this is reported and tried again."""
STOP_TIMEOUT_S = 8.0
"""Of the daemon's 10 s to end."""
LEAST_STOP_S = 1.0
"""What a server gets even when the daemon's parts have used up their time: writing the log out took 20 ms."""
WATCH_S = 0.5
"""How often the supervisor looks; with a start of 50 ms a dead server is back within a second."""
_PR_SET_PDEATHSIG = 1

Report = Callable[[str, Mapping[str, object]], None]
"""Called with an event's name and facts: server_started, server_attached, server_died, server_start_failed,
state_dir_gone."""


def _silent(_event: str, _facts: Mapping[str, object]) -> None:
    return None


# --- talking to it before a client exists ---------------------------------------------------------------------


async def ping(
    socket: str,
    *,
    login: tuple[str, str] | None = None,
    words: str = "PING",
    patience_s: float = 2.0,
) -> str:
    """The first line of the answer to one inline command, '' when nobody listens or answers in time."""
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_unix_connection(socket),
            patience_s,
        )
    except (OSError, TimeoutError):
        return ""
    try:
        if login is not None:
            writer.write(f"AUTH {login[0]} {login[1]}\r\n".encode())
            await asyncio.wait_for(reader.readline(), patience_s)
        writer.write(f"{words}\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), patience_s)
        return line.decode(errors="replace").strip()
    # SHUTDOWN answers by ending the connection.
    except (OSError, TimeoutError):
        return ""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def attach(state_dir: Path) -> Running:
    """The server that runs on this state directory. Raises EngineMissing when there is none, EngineDown while it does
    not answer (it may be loading)."""
    place = Place(state_dir)
    if not is_locked(place):
        raise EngineMissing(
            f"no aggregator runs on {state_dir}: start one with `aggregator run`"
        )
    running = place.read_running()
    if running is None:
        raise EngineDown(f"the server on {state_dir} is starting; try again")
    answer = await ping(running.socket, login=running.login)
    if answer != "+PONG":
        raise EngineDown(
            f"the server on {state_dir} does not answer yet ({answer or 'no answer'}); try again"
        )
    return running


# --- starting and supervising ---------------------------------------------------------------------------------


class EmbeddedServer:
    """The server of one state directory, for a daemon. `await start()`, keep `supervise()` running, `await stop()`."""

    def __init__(
        self,
        state_dir: Path,
        *,
        key_prefix: str = "agg",
        listen: str | None = None,
        fsync: str = "everysec",
        max_memory_bytes: int = 0,
        program: Path | None = None,
        report: Report = _silent,
    ) -> None:
        self._place = Place(state_dir)
        self._key_prefix = key_prefix
        self._listen = listen
        self._fsync = fsync
        self._max_memory_bytes = max_memory_bytes
        self._program = program
        self._report = report
        self._child: subprocess.Popen[bytes] | None = None
        self._running: Running | None = None
        self._lock_inode = 0
        self.trouble = ""
        """What is wrong about the state directory while the server runs, and what to do; '' when it is as it was."""

    @property
    def running(self) -> Running:
        """Where the server is. EngineDown before `start`."""
        if self._running is None:
            raise EngineDown("the embedded server has not been started")
        return self._running

    @property
    def url(self) -> str:
        """For our own connections. EngineDown before `start`."""
        return self.running.url

    @property
    def is_owner(self) -> bool:
        """Whether the server is our child (else another daemon's, to which we are attached)."""
        return self._child is not None and self._child.poll() is None

    async def start(self) -> Running:
        """Starts the server, or attaches to the one that runs; returns when it answers.

        Raises EngineMissing without a program, EngineDown when it ends at once or does not answer in time.
        """
        self._place.make()
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while True:
            self._raise_if_ended()
            if self._child is None:
                self._start_if_free()
            if await self._is_ready():
                self._lock_inode = _inode(self._place.lock)
                event = "server_started" if self.is_owner else "server_attached"
                self._report(
                    event,
                    {"socket": self.running.socket, "pid": self.running.pid},
                )
                return self.running
            if asyncio.get_running_loop().time() > deadline:
                raise EngineDown(
                    f"the embedded server does not answer: {self._place.last_log_lines()}"
                )
            await asyncio.sleep(READY_TRIES_S)

    async def supervise(self) -> None:
        """Runs until cancelled: starts the server again when it died, whoever had started it."""
        pause = WATCH_S
        while True:
            await asyncio.sleep(pause)
            # The server holds the lock: where it is taken, another daemon's server runs.
            runs_elsewhere = self._child is None and is_locked(self._place)
            if self.is_owner:
                self._look_at_place()
            if self.is_owner or runs_elsewhere:
                continue
            code = self._child.returncode if self._child else None
            self._report("server_died", {"returncode": code})
            self._child = None
            try:
                await self.start()
                pause = WATCH_S
            except (EngineMissing, EngineDown) as error:
                pause = min(30.0, pause * 2)
                self._report(
                    "server_start_failed",
                    {"error": str(error), "retry_s": pause},
                )

    async def stop(self, deadline: float | None = None) -> None:
        """Ends the server if it is ours, its log written out; leaves another daemon's alone.

        `deadline` is a time of the loop's clock: a server that hangs is killed by then (LEAST_STOP_S after now when it
        has passed), which costs at most what `fsync` allows.
        """
        child, self._child = self._child, None
        if child is None:
            return
        left_s = STOP_TIMEOUT_S
        if deadline is not None:
            left_s = min(left_s, deadline - asyncio.get_running_loop().time())
        # Four steps share it: SHUTDOWN, its end, SIGTERM, SIGKILL.
        patience_s = max(LEAST_STOP_S, left_s) / 4
        if child.poll() is None and self._running is not None:
            await ping(
                self._running.socket,
                login=self._running.login,
                words="SHUTDOWN",
                patience_s=patience_s,
            )
        for step in (None, signal.SIGTERM, signal.SIGKILL):
            if step is not None and child.poll() is None:
                child.send_signal(step)
            if await _ended(child, patience_s):
                break
        self._place.running.unlink(missing_ok=True)

    # --- steps ---

    def _look_at_place(self) -> None:
        """Whether the directory is the one that the server was started on: without it the server goes on as if nothing
        were, but what it writes is gone with its end."""
        trouble = ""
        if _inode(self._place.lock) != self._lock_inode:
            trouble = (
                f"the state directory {self._place.directory} was removed or moved while its server runs: what it "
                "holds is lost when it ends, and no command finds it; move the directory back, or stop and start anew"
            )
        if trouble and not self.trouble:
            self._report("state_dir_gone", {"error": trouble})
        self.trouble = trouble

    def _start_if_free(self) -> None:
        """Starts our own server if the lock is free. The child keeps the locked descriptor, we close ours."""
        descriptor = os.open(
            self._place.lock,
            os.O_RDWR | os.O_CREAT,
            0o600,
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            self._spawn(descriptor)
        finally:
            os.close(descriptor)

    def _spawn(self, descriptor: int) -> None:
        place = self._place
        program = self._program or server_program()
        socket = place.socket()
        settings = ServerSettings(
            directory=str(place.directory),
            socket=str(socket),
            log=str(place.log),
            listen=self._listen,
            fsync=self._fsync,
            max_memory_bytes=self._max_memory_bytes,
        )
        users = place.read_passwords() if self._listen else {}
        text = configuration(
            settings,
            found=program_version(program),
            key_prefix=self._key_prefix,
            passwords=users,
        )
        write_private(place.configuration, text)
        place.turn_log()
        # A server that was killed leaves its socket, which nobody can bind again.
        socket.unlink(missing_ok=True)
        self._child = _child(program, place, descriptor)
        pid = self._child.pid
        self._running = Running(str(socket), pid, self._listen, users)
        facts = {
            "socket": str(socket),
            "pid": pid,
            "listen": self._listen,
        }
        write_private(place.running, json.dumps(facts))

    async def _is_ready(self) -> bool:
        running = self._running if self.is_owner else self._place.read_running()
        if running is None:
            return False
        if await ping(running.socket, login=running.login) != "+PONG":
            return False
        self._running = running
        return True

    def _raise_if_ended(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            code, self._child = self._child.returncode, None
            raise EngineDown(
                f"the embedded server ended at start (code {code}); its log {self._place.log} says: "
                f"{self._place.last_log_lines()}"
            )


def _inode(path: Path) -> int:
    """Which file stands there, 0 for none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


_SERVER_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""Of ours what the server needs: the secrets of feeds are none of its business."""
_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"}
"""A script makes hundreds of small strings at once and gives them back at once. The C library keeps seven freed pieces
of each size at hand: with 1,000 a commit that found nothing takes the server 43 µs instead of 50 (means of eight in
turn), for 6 MB more of memory; with 2,000 publishing an entry takes it 127 instead of 152 (medians of seven in turn, 32
entries in a script), for 1 MB more. Other C libraries and allocators pass over it."""


def _child(
    program: Path,
    place: Place,
    descriptor: int,
) -> subprocess.Popen[bytes]:
    """The server process, in a session of its own so that a Ctrl-C does not end it before the daemon has ended."""
    inherited = {
        name: os.environ[name] for name in _SERVER_ENVIRONMENT if name in os.environ
    }
    with place.log.open("ab") as log:
        return subprocess.Popen(
            [program, place.configuration],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.directory,
            pass_fds=(descriptor,),
            start_new_session=True,
            env={**inherited, **_ALLOCATOR},
            preexec_fn=_dies_with(os.getpid()),
        )


def _dies_with(parent: int) -> Callable[[], None] | None:
    # macOS has no such signal; there the next daemon attaches to the server left behind.
    if sys.platform != "linux":
        return None

    import ctypes  # 20 ms, for those that start a server

    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_for_the_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_for_the_signal


async def _ended(
    child: subprocess.Popen[bytes],
    seconds: float,
) -> bool:
    deadline = asyncio.get_running_loop().time() + seconds
    while child.poll() is None:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(READY_TRIES_S)
    return True
