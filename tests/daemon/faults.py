"""The program, dying at a named step: `python -m tests.daemon.faults STEP MOMENT NUMBER VICTIM run --config F`.

The command line runs as always, but the NUMBER-th time it comes to STEP (or later, if STEP fails that time), VICTIM
(`daemon`: this process; `server`: the embedded server's) gets SIGKILL, `before` the step, `after` it, or with its
script `sent` and no answer read. With MOMENT `raises`, STEP fails the first NUMBER times, as a fault of ours would have
it. STEP `-` is no fault. The product has no hook for this: the step's function is wrapped here, in a process of the
test's own.

Claims and the lead lapse after 3 seconds instead of the product's 15 to 70, and what is due is looked for ten times a
second, so that what a death leaves behind is taken up within the time a test has.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psutil
from redis.asyncio.connection import AbstractConnection

from aggregator.cli import main
from aggregator.daemon import daemon, eventing, polling

STEPS = {
    # the poll stage, in the order of one poll
    "register": "aggregator.engine.poll_store:PollStore.register",
    "claim": "aggregator.engine.poll_store:PollStore.claim",
    "fetch": "aggregator.daemon.assembly:Fetching.fetch",
    "known": "aggregator.engine.poll_store:PollStore.known",
    "read": "aggregator.daemon.assembly:Fetching.read",
    "settle": "aggregator.daemon.recording:poll_record",
    "commit": "aggregator.engine.poll_store:PollStore.commit",
    "release": "aggregator.engine.poll_store:PollStore.release",
    # the event stage, in the order of one batch
    "lead": "aggregator.engine.event_store:EventStore.lead",
    "load": "aggregator.daemon.eventing:EventStage._load",
    "next_entries": "aggregator.engine.event_store:EventStore.next_entries",
    "assign": "aggregator.pipeline.matching:Matcher.assigned",
    "events": "aggregator.engine.event_store:EventStore.by_ids",
    "publish": "aggregator.engine.event_store:EventStore.publish",
    "reject": "aggregator.engine.event_store:EventStore.reject_entry",
    "resign": "aggregator.engine.event_store:EventStore.resign",
    # the operator's word
    "rule": "aggregator.engine.ruling_store:RulingStore.rule",
    "obey": "aggregator.pipeline.matching:Matcher.obey",
}


class Fault:
    """Wraps one function; `strike` kills."""

    def __init__(self, moment: str, number: int, victim: str) -> None:
        self._moment = moment
        self._number = number
        self._victim = victim
        self._calls = itertools.count(1)
        self._in_step = False
        self._is_done = False

    def strike(self) -> None:
        self._is_done = True
        if self._victim == "daemon":
            os.kill(os.getpid(), signal.SIGKILL)
        for child in psutil.Process().children():
            if "valkey" in child.name() or "redis" in child.name():
                child.send_signal(signal.SIGKILL)

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(step)
        async def coroutine(*args: Any, **named: Any) -> Any:
            is_it = self._begin()
            answer = await step(*args, **named)
            self._end(is_it)
            return answer

        @functools.wraps(step)
        def function(*args: Any, **named: Any) -> Any:
            is_it = self._begin()
            answer = step(*args, **named)
            self._end(is_it)
            return answer

        return coroutine if inspect.iscoroutinefunction(step) else function

    def _begin(self) -> bool:
        call = next(self._calls)
        if self._moment == "raises" and call <= self._number:
            raise TypeError(f"a fault of ours, the {call}. time")
        is_it = call >= self._number and not self._is_done and self._moment != "raises"
        self._in_step |= is_it
        if is_it and self._moment == "before":
            self.strike()
        return is_it

    def _end(self, is_it: bool) -> None:
        if is_it and self._moment == "after" and not self._is_done:
            self.strike()
        self._in_step &= not is_it

    def at_sending(self) -> None:
        """Strike when the connection has handed the step's script to the kernel."""
        send = AbstractConnection.send_packed_command

        @functools.wraps(send)
        async def sent(
            connection: AbstractConnection, *args: Any, **named: Any
        ) -> None:
            await send(connection, *args, **named)
            if self._in_step and self._moment == "sent":
                self._in_step = False
                self.strike()

        AbstractConnection.send_packed_command = sent  # type: ignore[method-assign]


def install(step: str, fault: Fault) -> None:
    module, _, path = STEPS[step].partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, name, fault.around(getattr(owner, name)))
    fault.at_sending()


def hurry() -> None:
    """What a death leaves behind lapses soon, and is looked for often."""
    polling.PollStage.lease = timedelta(seconds=3)  # type: ignore[assignment]
    daemon.TICK = timedelta(seconds=0.1)
    eventing.LEASE = timedelta(seconds=3)
    eventing.RENEW_EVERY = timedelta(seconds=0.5)
    eventing.STAND_BY = eventing.BLOCK = timedelta(seconds=0.2)


def run(step: str, moment: str, number: str, victim: str, words: Sequence[str]) -> None:
    hurry()
    if step != "-":
        install(step, Fault(moment, int(number), victim))
    main(words)


if __name__ == "__main__":
    step, moment, number, victim, *words = sys.argv[1:]
    run(step, moment, number, victim, words)
