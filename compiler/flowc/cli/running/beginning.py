"""Signals while a run begins: from the first look at the flow until the supervisor takes them.

Meanwhile code of the user's runs here (the flow's import, functions of configs and of defaults), files are read and the
store is asked. A signal raises `Interrupted` in whatever that is. Who swallows it, or takes longer than GRACE to clean
up, is ended all the same. No signal is ever blocked: a process that is started meanwhile would inherit that.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, final

from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.signals import Interrupted, heeded
from flowc_runtime.run.task.failures import signal_name
from flowc_runtime.store.backends.objects import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from flowc_runtime.store.records.store import RunStore

GRACE = 0.8  # seconds from a signal to the end of the program, if it does not end by itself
_here: _Beginning | None = None


@final
class _Beginning:
    """The signals of this process, from one command to its end."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._number = 0  # the signal that has come
        self._held = False  # a record is being written: the signal waits for its end
        self._told = False
        self._recorded = False
        self.run: RunStore | None = None
        numbers = heeded()
        self._replaced = {number: signal.signal(number, self._come) for number in numbers}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def give_back(self) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._number:
            raise Interrupted(self._number)

    def tell(self, number: int) -> None:
        """Say why the program ends, once."""
        if self._told:
            return
        self._told = True
        run, more = self.run, ""
        if run is None:
            more = ": no run has begun"
        elif self._recorded:
            more = f": run {run.flow}/{run.id} is recorded as interrupted"
        with suppress(OSError):  # the terminal is gone, which may be what the signal says
            os.write(2, f"interrupted by {signal_name(number)}{more}\n".encode())

    def record(self, number: int) -> None:
        """Record that the run which has begun was interrupted, unless it has ended otherwise."""
        run = self.run
        if run is None:
            return
        with suppress(FlowcError, OSError):
            if run.status()["state"] == "running":
                message = f"by {signal_name(number)}"
                run.set_status({"state": "interrupted", "changed": time.time(), "tasks": 0, "message": message})
                self._recorded = True

    def _come(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that the user's code has forked here
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._number and not self._held:
            self._end(number)
        self._number = number
        if not ("bdb" in sys.modules and sys.gettrace() is not None):  # Ctrl-C at a debugger's prompt is the debugger's
            signal.signal(signal.SIGALRM, lambda *_: self._end(number))
            signal.setitimer(signal.ITIMER_REAL, GRACE)
        if not self._held:
            raise Interrupted(number)

    def _end(self, number: int) -> NoReturn:
        if self.run is not None and isinstance(self.run.objects, LocalObjects):  # a bucket may be what does not answer
            self.record(number)
        self.tell(number)
        os._exit(128 + number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Around a command that may begin a run: a signal ends it with a line and the exit code that shells know."""
    global _here
    if _here is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _here = here = _Beginning()
    try:
        yield
    except Interrupted as error:
        here.tell(error.number)
        raise SystemExit(128 + error.number) from None
    finally:
        _here = None
        here.give_back()


@contextmanager
def record_made() -> Iterator[Any]:
    """Around what makes a run's record: it is whole, or there is none. Give the run to what this yields."""
    here = _here
    if here is None:
        yield lambda run: None
        return

    def made(run: RunStore) -> None:
        here.run = run

    with here.held():
        yield made


@contextmanager
def interruption_recorded() -> Iterator[None]:
    """Around what makes a run's record and begins it: a run that is interrupted before its first task says so."""
    try:
        yield
    except Interrupted as error:
        if _here is not None:
            _here.record(error.number)
        raise
