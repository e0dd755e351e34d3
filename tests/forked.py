"""Commands of the program, each in a process of its own, forked from one that has loaded the program already.

`run("status", "--json")` is `python -m aggregator status --json` without the 0.7 s of processor time that its imports
take; hundreds of tests run a command. The process has the arguments, environment, working directory and files it is
given, and ends as the interpreter ends it. That the interpreter starts the program is shown by every test that runs the
daemon or has a terminal.

This module is also the process that is forked: `python -m tests.forked DESCRIPTOR`. A request is a datagram of JSON,
with stdin, stdout, stderr and a pipe for the answer, which is two lines: the process' id, and its exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO

REQUEST_BYTES = 128 * 1024
STREAMS = 3


def run(
    *words: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: str = "",
    stdout: IO[str] | None = None,
    timeout: float = 90,
) -> subprocess.CompletedProcess[str]:
    """The command, run to its end. `stdout` is where it writes to, left out: the answer's `stdout`.

    Raises TimeoutExpired, the process killed.
    """
    request = {
        "words": words,
        "environment": dict(environment),
        "folder": str(folder or Path.cwd()),
    }
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        files = [given.fileno(), (stdout or out).fileno(), err.fileno()]
        status = _answer(json.dumps(request).encode(), files, timeout)
        return subprocess.CompletedProcess(words, status, _text(out), _text(err))


def _answer(request: bytes, files: list[int], timeout: float) -> int:
    reading, writing = os.pipe()
    with os.fdopen(reading) as answer:
        try:
            socket.send_fds(_channel(), [request], [*files, writing])
        finally:
            os.close(writing)
        pid = int(answer.readline())
        if not select([answer], [], [], timeout)[0]:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(request, timeout)
        return int(answer.readline())


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _channel() -> socket.socket:
    """To the process that is forked, started at the first request; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [
            sys.executable,
            "-X",
            "utf8",
            "-m",
            "tests.forked",
            str(theirs.fileno()),
        ]
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], cwd=Path(__file__).resolve().parents[1]
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


# --- the process that is forked -------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> None:
    _load()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a Ctrl-C is for the tests and their commands
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        request, files, _, _ = socket.recv_fds(channel, REQUEST_BYTES, STREAMS + 1)
        if not request:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.detach()  # its number becomes another file's
            _run(json.loads(request), files)
            return
        for file in files:
            os.close(file)


def _load() -> None:
    """All that any command imports when it is asked for."""
    cli = importlib.import_module("aggregator.cli")
    for module in pkgutil.iter_modules(cli.__path__, "aggregator.cli."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # what is forked shares this memory


def _reap(_signal: int, _frame: object) -> None:
    """Leaves no zombie of those that waited for a command that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _run(request: Mapping[str, object], files: list[int]) -> None:
    """One process waits for the command, another one is the command: so several commands can run at once."""
    *streams, answer = files
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        _become(request, streams)
        return
    os.write(answer, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: Mapping[str, object], streams: list[int]) -> None:
    """The rest of this process is the command; returns or raises as the command does."""
    for number, file in enumerate(streams):
        os.dup2(file, number)
    os.closerange(STREAMS, os.sysconf("SC_OPEN_MAX"))
    os.chdir(str(request["folder"]))
    environment, words = request["environment"], request["words"]
    assert isinstance(environment, dict)
    assert isinstance(words, list)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["aggregator", *words]
    runpy.run_module("aggregator", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
