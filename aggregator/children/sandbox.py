"""A function run on untrusted input in a child process, killed when it goes over its limits (situation 27).

Rules:
- Limits for each document: wall clock (the child is killed), CPU (the *soft* RLIMIT_CPU is set to the time used so
  far plus the budget, because the kernel counts over the life of the process), address space (RLIMIT_AS).
- A child serves MOST_DOCUMENTS documents and is then replaced, so that what a parser leaks is given back.
- A child watches the daemon by a pipe that breaks with it, and is killed by the kernel when the server that forked it
  ends, which ends with the daemon (children let go of what would keep it alive): a `kill -9` of the daemon leaves no
  child behind, however busy it is.
- Children come from a fork server that has loaded the function's module, or those asked for (`preload`), and nothing
  else: they inherit no socket to Redis and nothing of the daemon's memory, and share those modules' memory. The
  daemon's own `__main__` is hidden from them; multiprocessing would import it in every child. Measured by
  tests/bench/sandbox_cost.py (2 shared cores, a daemon with NumPy and redis-py loaded, children replaced every 50
  documents): first answer after 0.2 s, 400 small documents in 1.2 s, 11 MB of its own for a child; with `spawn` it was
  0.9 s, 6.2 s and 40 MB.
- Children that had nothing to do for a while (`idle`) end, and with the last of them the fork server: an idle daemon is
  one process. The next document starts them again, for 0.7 s of processor time (25 ms while the fork server is there).
- Children get none of the daemon's environment but what an interpreter needs (`environment`).
- The function is an argument: this wing knows nothing of what it does. It must be importable by name, take one argument
  and answer with one value, both picklable. An exception it raises comes back as Killed("crashed"): a broken document
  never harms another.
- What breaks a child from outside (it or the fork server killed, no memory or descriptor for a new one) is no fault of
  the document: it is tried once more in a new child, then the answer is Killed("broken"). So is SIGKILL, which a
  document cannot bring about: its memory is limited, and what goes over a limit ends by another signal.

Pools of libraries were tried: the standard library's loses all children where one is stopped, and pebble's, whose
children share two pipes under locks, and which takes three threads of the daemon, cost a poll of two new entries of 30
a tenth more processor time (11.6 ms to 12.9, all processes, in turn).
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import forkserver, popen_forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType, TracebackType
from typing import Any, Generic, Literal, TypeVar

from aggregator.children.child import Child, ChildEnded, received, send, started
from aggregator.children.packing import packed
from aggregator.environment import bare_environment

MOST_DOCUMENTS = 500
"""A guess: at 25 ms a document that is some ten seconds of work, against some 20 ms that a new child costs."""
IDLE = timedelta(minutes=2)
"""How long children wait for the next document. Two parsers and their fork server hold 150 MB; one start every two
minutes is a hundred and fiftieth of a core."""
_PR_SET_PDEATHSIG = 1

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
Reason = Literal["wall", "cpu", "memory", "crashed", "broken"]

TRIES = 2
_LOST = 255
"""What multiprocessing says of a child whose fork server ended."""
START_LIMIT = timedelta(seconds=20)
"""How long a child may take to be ready once it is forked, which takes milliseconds. A guess."""
_NOT_STARTED = (RuntimeError, OSError, EOFError, MemoryError)
"""No process, descriptor or memory, or no fork server."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The function did not come to an answer: which limit it went over, or how it crashed."""

    reason: Reason
    detail: str


class Sandbox(Generic[A, R]):
    """Child processes that run `function`; an asynchronous context manager. See the module for the limits.

    `processes` 0 means one for each processor. `preload` names the modules that the fork server imports, by default the
    function's; those of a process's first sandbox to run count, since there is one fork server: all name the same.
    """

    def __init__(
        self,
        function: Callable[[A], R],
        *,
        processes: int,
        wall: timedelta,
        cpu: timedelta,
        memory_bytes: int,
        most_documents: int = MOST_DOCUMENTS,
        preload: Sequence[str] | None = None,
        idle: timedelta = IDLE,
    ) -> None:
        self._function = function
        self._wall = wall
        self._cpu = cpu
        self._memory_bytes = memory_bytes
        self._processes = processes or os.cpu_count() or 1
        self._most_documents = most_documents
        self._preload = [function.__module__] if preload is None else list(preload)
        self._idle = idle
        self._places = asyncio.Semaphore(self._processes)
        self._waiting: list[Child] = []
        """Children that wait for a document; the one that had the last comes last, and is the next to have one."""
        self._tasks: set[asyncio.Task[Any]] = set()
        """Starts and ends of children under way."""
        self._busy: set[Child] = set()
        self._is_open = False
        self._running_count = 0
        self._resting: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Sandbox[A, R]:
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        self._rest_never()
        self._end_waiting()
        for child in list(self._busy):
            self._end(child)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def run(self, argument: A, *, wall: timedelta | None = None) -> R | Killed:
        """The function's answer, or why it was killed. Cancelling the call kills the child that works on it.

        `wall` in place of the sandbox's own limit.
        """
        assert self._is_open, "use `async with Sandbox(...)`"
        self._rest_never()
        self._running_count += 1
        try:
            return await self._answer(argument, wall or self._wall)
        finally:
            self._running_count -= 1
            self._rest_later()

    def _rest_never(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def _rest_later(self) -> None:
        if self._is_open and not self._running_count:
            loop = asyncio.get_running_loop()
            self._resting = loop.call_later(self._idle.total_seconds(), self._rest)

    def _rest(self) -> None:
        """End the children, until the next document, and the fork server if it has no others: it holds what it has
        loaded for them."""
        self._end_waiting()
        self._in_background(self._stop_fork_server(list(self._tasks)))

    async def _stop_fork_server(self, ends: Sequence[asyncio.Task[Any]]) -> None:
        if ends:
            await asyncio.wait(ends)
        await asyncio.to_thread(_stop_fork_server)

    async def _answer(self, argument: A, wall: timedelta) -> R | Killed:
        killed = Killed("broken", "")
        for _ in range(TRIES):
            async with self._places:
                if not self._is_open:
                    # What was under way when it was closed is not begun anew.
                    return _not_kept("all children are ended")
                answer = await self._tried(argument, wall)
            if not isinstance(answer, Killed) or answer.reason != "broken":
                return answer
            killed = answer
        return killed

    async def _tried(self, argument: A, wall: timedelta) -> R | Killed:
        try:
            message = packed((self._function, argument))
            child = await self._child()
        except ChildEnded as error:
            return _not_kept(f"it ended with status {error.status} as it started")
        except _NOT_STARTED as error:
            return _not_kept(f"{type(error).__name__}: {error}")
        self._busy.add(child)
        try:
            answer = await child.answer(message, wall.total_seconds())
        except TimeoutError:
            return Killed("wall", f"did not finish within {wall.total_seconds():g} s")
        except ChildEnded as error:
            return _expired(error.status, self._cpu)
        finally:
            self._busy.discard(child)
            self._keep(child)
        value: R | Killed = pickle.loads(answer)
        return value

    # --- children ---------------------------------------------------------------------------------------------

    async def _child(self) -> Child:
        """One that waits, or a new one. Raises ChildEnded and _NOT_STARTED."""
        while self._waiting:
            child = self._waiting.pop()
            if not child.has_ended:
                return child
            self._end(child)
        starting = self._in_background(self._started())
        try:
            # One that is nearly there serves the next document, where the caller is cancelled.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(self._keep_started)
            raise

    async def _started(self) -> Child:
        """In a thread: the fork server loads for a second (longer on a busy machine); meanwhile the daemon goes on."""
        child = await asyncio.to_thread(self._forked)
        try:
            await child.connect(START_LIMIT.total_seconds())
            if not self._is_open:
                raise OSError("all children are ended")
        except BaseException:
            self._end(child)
            raise
        return child

    def _forked(self) -> Child:
        with _fork_server_use:
            multiprocessing.set_forkserver_preload(self._preload)
            with bare_environment():
                resource_tracker.ensure_running()
            cpu_s = self._cpu.total_seconds()
            child = started(
                _Context(),
                _serve,
                (self._memory_bytes, cpu_s),
            )
            _children.add(child)
        return child

    def _keep_started(self, starting: asyncio.Task[Child]) -> None:
        if not starting.cancelled() and starting.exception() is None:
            self._keep(starting.result())

    def _keep(self, child: Child) -> None:
        """For the next document, unless it ended or has had its number of them."""
        is_used_up = child.answered_count >= self._most_documents
        if child.has_ended or is_used_up or not self._is_open:
            self._end(child)
        else:
            self._waiting.append(child)

    def _end_waiting(self) -> None:
        children = self._waiting
        self._waiting = []
        for child in children:
            self._end(child)

    def _end(self, child: Child) -> None:
        """Kill it, and see to it in the background that it is gone."""
        child.kill()
        child.close()
        self._in_background(asyncio.to_thread(_gone, child))

    def _in_background(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name="children")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


_fork_server_use = threading.Lock()
_children: set[Child] = set()
"""Those that the fork server has; it ends with the last of them."""


def _gone(child: Child) -> None:
    child.end()
    with _fork_server_use:
        _children.discard(child)


def _stop_fork_server() -> None:
    with _fork_server_use:
        if not _children:
            # There is no public name for it in any version of Python.
            server: Any = forkserver._forkserver
            server._stop()


def _not_kept(why: str) -> Killed:
    return Killed("broken", f"its process could not be kept: {why}"[:500])


def _expired(code: int, cpu: timedelta) -> Killed:
    if code == -signal.SIGXCPU:
        seconds = cpu.total_seconds()
        return Killed("cpu", f"used more than {seconds:g} s of processor time")
    if code in (-signal.SIGKILL, _LOST):
        return Killed("broken", "its process was killed from outside (out of memory?)")
    if code < 0:
        name = signal.Signals(-code).name
        return Killed("crashed", f"the reading process died of {name}")
    return Killed("crashed", f"the reading process ended with status {code}")


# --- starting children ----------------------------------------------------------------------------------------

_hiding_main = threading.Lock()


class _Popen(popen_forkserver.Popen):
    """Starts a child without telling it what the daemon's main module is."""

    def _launch(self, process_obj: Any) -> None:
        with _hiding_main, bare_environment():
            real = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super()._launch(process_obj)  # type: ignore[misc]
            finally:
                sys.modules["__main__"] = real


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  multiprocessing's name
        return _Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Process


# --- in the child ---------------------------------------------------------------------------------------------


def _prepare(memory_bytes: int) -> None:
    """Once for each child: die with the daemon, take no more memory than allowed, leave no core file."""
    _die_with_the_daemon()
    # Of a terminal's Ctrl-C the daemon decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        # More than the service is allowed cannot be given.
        memory_bytes = min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, hard))


def _die_with_the_daemon() -> None:
    """Two ways: a thread gets no turn while C code holds the interpreter, and not every system has the signal."""
    server = os.getppid()
    _let_go_of_the_fork_server()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if server == 1 or os.getppid() != server:  # it ended before we asked to be told
        os._exit(1)
    daemon = multiprocessing.parent_process()
    assert daemon is not None
    threading.Thread(target=_watch, args=(daemon.sentinel,), daemon=True).start()


def _let_go_of_the_fork_server() -> None:
    """Close the descriptor by which every child keeps the fork server alive: it has to end with the daemon alone."""
    # There is no public name for it in any version of Python.
    server: Any = forkserver._forkserver
    if server._forkserver_alive_fd is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = None


def _watch(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _serve(
    asked: int,
    told: int,
    memory_bytes: int,
    cpu_s: float,
) -> None:
    """Answer document after document, until the daemon closes its end."""
    _prepare(memory_bytes)
    send(told, b"")
    while (message := received(asked)) is not None:
        send(told, _limited(message, cpu_s))


def _limited(message: bytes, cpu_seconds: float) -> bytes:
    """The answer to a message. What a function imports at first counts against its limits, too."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(usage.ru_utime + usage.ru_stime + cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    with _Boundary() as boundary:
        function, argument = pickle.loads(message)
        return packed(function(argument))
    return packed(boundary.killed)


class _Boundary:
    """Turns whatever a document makes the function raise into a value.

    An exception must not travel: SystemExit would end the daemon, and one that cannot be built again from its
    arguments would break the parent's pool, and with it the reading of every other document.
    """

    killed: Killed

    def __enter__(self) -> _Boundary:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: object,
    ) -> bool:
        if error is None:
            return False
        self.killed = _killed_by(error)
        return True


def _killed_by(error: BaseException) -> Killed:
    if isinstance(error, MemoryError):
        return Killed("memory", "needed more memory than it is allowed")
    if isinstance(error, RecursionError):
        return Killed("crashed", "nested too deeply")
    words = f"{type(error).__name__}: {error}"[:500]
    # It may quote half a character of the document.
    return Killed("crashed", words.encode(errors="replace").decode())
