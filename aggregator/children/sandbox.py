"""A function run on untrusted input in a child process, killed when it goes over its limits (situation 27).

Rules:
- Limits for each document: wall clock (pebble stops the child), CPU (the *soft* RLIMIT_CPU is set to the time used so
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
- What breaks the pool itself (an idle child or the fork server killed, no memory or descriptor for a new child) is no
  fault of the document: it is tried once more on a new pool, then the answer is Killed("broken"). So is SIGKILL, which
  a document cannot bring about: its memory is limited, and what goes over a limit ends by another signal.

pebble is used because it alone stops a single busy child by itself; the standard library's executor loses them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import multiprocessing
import multiprocessing.connection
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import forkserver, popen_forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType, TracebackType
from typing import Any, Generic, Literal, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from aggregator.children.packing import packed
from aggregator.environment import bare_environment

MOST_DOCUMENTS = 500
"""A guess: at 25 ms a document that is some ten seconds of work, against some 20 ms that a new child costs."""
IDLE = timedelta(minutes=2)
"""How long children wait for the next document. Two parsers and their fork server hold 150 MB; one start every two
minutes is a hundred and fiftieth of a core."""
PIPE_BYTES = 1 << 18
"""What a pipe to the children takes at once, instead of 64 KiB: a body of 65 kB is handed over for 0.19 ms of processor
time instead of 0.31, one of 200 kB for 0.46 instead of 0.52 (tests/bench/sandbox_cost.py, medians of three in turn)."""
_PR_SET_PDEATHSIG = 1

A = TypeVar("A")
R = TypeVar("R")
Reason = Literal["wall", "cpu", "memory", "crashed", "broken"]

TRIES = 2
_LOST = 255
"""What multiprocessing says of a child whose fork server ended."""
LOOK_AT_POOL_S = 1.0
"""How often a reading under way looks whether the pool still lives: a thread of pebble's that died answers nothing."""
_POOL_BREAKS = (RuntimeError, OSError, EOFError, MemoryError)
"""BrokenProcessPool and a pool that was stopped are RuntimeErrors; no process, descriptor or memory, the others."""


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
        self._starting: asyncio.Task[ProcessPool] | None = None
        self._stopping: set[asyncio.Task[None]] = set()
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
        starting = self._starting
        self._starting = None
        self._is_open = False
        self._rest_never()
        if starting is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(_stop, await starting)
        await asyncio.gather(*self._stopping)

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
        """End the children, until the next document."""
        starting = self._starting
        if starting is None or not starting.done() or starting.exception():
            return
        self._starting = None
        stopping = asyncio.create_task(
            asyncio.to_thread(_end_idle, starting.result()),
            name="end idle children",
        )
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)

    async def _answer(self, argument: A, wall: timedelta) -> R | Killed:
        killed = Killed("broken", "")
        for _ in range(TRIES):
            answer = await self._tried(argument, wall)
            if not isinstance(answer, Killed) or answer.reason != "broken":
                return answer
            killed = answer
        return killed

    async def _tried(self, argument: A, wall: timedelta) -> R | Killed:
        try:
            pool = await self._pool()
            future = pool.schedule(
                _limited,
                args=(self._function, packed(argument), self._cpu.total_seconds()),
                timeout=wall.total_seconds(),
            )
            answer = await _answer_of(future, pool)
        except TimeoutError:
            return Killed("wall", f"did not finish within {wall.total_seconds():g} s")
        except ProcessExpired as error:
            return _expired(error, self._cpu)
        except _POOL_BREAKS as error:
            words = f"its process could not be kept: {type(error).__name__}: {error}"
            return Killed("broken", words[:500])
        if isinstance(answer, Killed):
            return answer
        value: R = pickle.loads(answer)
        return value

    async def _pool(self) -> ProcessPool:
        """The children, started at the first document, and once more when the pool itself has failed.

        In a thread: the fork server loads for a second (longer on a busy machine), in which the daemon must go on.
        Raises OSError when no process can be started.
        """
        starting = self._starting
        broken = None
        if starting is not None and starting.done():
            if starting.exception() is not None:
                starting = None
            elif not starting.result().active:
                broken = starting.result()
                starting = None
        if starting is None:
            starting = asyncio.create_task(
                asyncio.to_thread(self._started_pool, broken)
            )
            self._starting = starting
        # One caller that is cancelled must not take the pool from the others that wait for it.
        return await asyncio.shield(starting)

    def _started_pool(self, broken: ProcessPool | None) -> ProcessPool:
        if broken is not None:
            _stop(broken)
        with _fork_server_use:
            multiprocessing.set_forkserver_preload(self._preload)
            with bare_environment():
                resource_tracker.ensure_running()
            pool = ProcessPool(
                max_workers=self._processes,
                max_tasks=self._most_documents,
                initializer=_prepare,
                initargs=(self._memory_bytes,),
                context=_Context(),
            )
            if not pool.active:  # asking starts it
                raise OSError("no child process can be started")
            _pools.add(pool)
        return pool


async def _answer_of(
    future: ProcessFuture[bytes | Killed], pool: ProcessPool
) -> bytes | Killed:
    """What the child answers. Raises what pebble tells of its end, and OSError when the pool died without a word."""
    waiting = asyncio.wrap_future(future)
    try:
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=LOOK_AT_POOL_S)
            if not waiting.done() and not pool.active:
                raise OSError("the pool of children ended")
        if waiting.cancelled():  # by a pool that was replaced, not by our caller
            raise OSError("the pool of children was replaced")
        return waiting.result()
    finally:
        waiting.cancel()


_fork_server_use = threading.Lock()
_pools: set[ProcessPool] = set()
"""Those that the fork server serves; it ends with the last of them."""


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
    with _fork_server_use:
        _pools.discard(pool)


def _end_idle(pool: ProcessPool) -> None:
    """Stop the children, and the fork server if it has no others: it holds what it has loaded for them."""
    _stop(pool)
    with _fork_server_use:
        if not _pools:
            # There is no public name for it in any version of Python.
            server: Any = forkserver._forkserver
            server._stop()


def _expired(error: ProcessExpired, cpu: timedelta) -> Killed:
    code = error.exitcode or 0
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

    def Pipe(self, duplex: bool = True) -> Any:  # noqa: N802  multiprocessing's name
        """A pipe that takes a body at once, where the system has a way to say so and allows it."""
        ends = super().Pipe(duplex)
        if sys.platform == "linux":
            # Refused, it stays as it is.
            with contextlib.suppress(OSError):
                fcntl.fcntl(ends[0].fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return ends


# --- in the child ---------------------------------------------------------------------------------------------


def _prepare(memory_bytes: int) -> None:
    """Once for each child: die with the daemon, take no more memory than allowed, leave no core file."""
    _die_with_the_daemon()
    # pebble's own handler waits for the interpreter; a child busy in C code would be killed only 3 s later, one by one.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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


def _limited(
    function: Callable[[Any], Any],
    argument: bytes,
    cpu_seconds: float,
) -> bytes | Killed:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(usage.ru_utime + usage.ru_stime + cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    with _Boundary() as boundary:
        return packed(function(pickle.loads(argument)))
    return boundary.killed


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
