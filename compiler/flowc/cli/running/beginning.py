"""Handles signals while a run begins: from the import of the flow until the supervisor handles signals.

During this time, this process runs user code (the flow's import, functions of configs and defaults), reads files and
sends requests to the store. A signal raises `Interrupted` in the running code. If the code catches `Interrupted`, or
its cleanup takes longer than GRACE, the process is ended by force. Hazard: signals must not be blocked, because child
processes would inherit the signal mask.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, final

from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.signals import Interrupted, heeded
from flowc_runtime.process.ending import in_main_thread
from flowc_runtime.run.task.failures import signal_name
from flowc_runtime.store.backends.local import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from flowc_runtime.store.records.run_store import RunStore

GRACE = 0.8  # seconds from a signal to the forced end of the program
_here: _Beginning | None = None


@final
class _Beginning:
    """The signal handlers of this process during one command."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._number = 0  # the received signal
        self._held = False  # whether a record is being written; signals wait until the record is complete
        self._told = False
        self._recorded = False
        self.run: RunStore | None = None
        numbers = heeded()
        # Set the handlers before unblocking the signals, because a signal that was blocked before arrives immediately.
        self._replaced = {number: signal.signal(number, self._come) for number in numbers}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        # Exit hooks run in reverse order, so this hook runs after all hooks that the flow registers later.
        atexit.register(_stop_timer)

    def give_back(self) -> None:
        """Restore the signal handlers that were set before this command."""
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        if not self._number:
            atexit.unregister(_stop_timer)

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
        """Print which signal ends the program; a second call prints nothing."""
        if self._told:
            return
        self._told = True
        run, more = self.run, ""
        if run is None:
            more = ": no run has begun"
        elif self._recorded:
            more = f": run {run.flow}/{run.id} is recorded as interrupted"
        with suppress(OSError):  # the terminal may be closed, as after SIGHUP
            os.write(2, f"interrupted by {signal_name(number)}{more}\n".encode())

    def record(self, number: int) -> None:
        """If a run has begun and has not ended, record it as interrupted."""
        run = self.run
        if run is None:
            return
        with suppress(FlowcError, OSError):
            if run.status()["state"] == "running":
                message = f"by {signal_name(number)}"
                run.set_status({"state": "interrupted", "changed": time.time(), "tasks": 0, "message": message})
                self._recorded = True

    def _come(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a child process that user code has forked: use the default handler
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._number and not self._held:
            self._end(number)
        self._number = number
        if not ("bdb" in sys.modules and sys.gettrace() is not None):  # a debugger's prompt handles Ctrl-C itself
            signal.signal(signal.SIGALRM, lambda *_: self._end(number))
            signal.setitimer(signal.ITIMER_REAL, GRACE)
        if not self._held:
            raise Interrupted(number)

    def _end(self, number: int) -> NoReturn:
        # Record the end of the run only if the store is a directory, because requests to a bucket may hang.
        if self.run is not None and isinstance(self.run.objects, LocalObjects):
            self.record(number)
        self.tell(number)
        os._exit(128 + number)


def _stop_timer() -> None:
    """Stop the timer that ends the process by force.

    Hazard: after the exit hooks, the interpreter restores the default signal handlers. A SIGALRM after that would kill
    the process, and its exit code would not show the signal that interrupted the process.
    """
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def interruptible() -> Iterator[None]:
    """A context manager for a command that may begin a run: a signal ends the command with one line of text.

    The context manager has no effect outside of the main thread, or inside another block of `interruptible`.

    Raises:
        SystemExit: a signal arrived; the exit code is 128 + its number.
    """
    global _here
    if _here is not None or not in_main_thread():
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
def writing_record() -> Iterator[Callable[[RunStore], None]]:
    """A context manager for code that writes a run's record: signals take effect only after the `with` block, so that
    the record is either complete or missing.

    Yields:
        A function, which the code in the `with` block calls with the run as soon as the run's record exists.

    Raises:
        Interrupted: a signal arrived. The exception is raised at the end of the `with` block.
    """
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
    """A context manager for code that begins a run: if a signal interrupts the code in the `with` block, the run is
    recorded as interrupted.

    Raises:
        Interrupted: a signal arrived; the begun run is recorded as interrupted.
    """
    try:
        yield
    except Interrupted as error:
        if _here is not None:
            _here.record(error.number)
        raise
