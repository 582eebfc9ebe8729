"""One terminal for many tasks: the supervisor lends it to one task at a time, for a debugger's prompt.

Tasks are processes in their own sessions, and their output is piped. A task that needs the terminal takes a lock, sends
a request and waits for the answer. Meanwhile the supervisor shows the task's earlier output, removes its progress line
and holds back its own output. Ctrl-C goes to the supervisor, the foreground process of the terminal, which forwards it
to the task at the prompt.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import termios
import time
from _thread import RLock  # importing `threading` would make each fork slower
from typing import TYPE_CHECKING, final

from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.run.task.breakpoints import NoTerminalError

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import TypeAlias

    SignalHandler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
    """A handler of a signal, as `signal.signal` returns it."""
else:  # imported at first use, because the import costs start-up time
    tempfile = LateModule("tempfile")

_WAIT, _ASK, _GIVE_BACK, _QUIT = b"w", b"+", b"-", b"q"


@final
class Terminal:
    """The terminal in the supervisor's process: lends the terminal to one task at a time, and takes it back."""

    def __init__(self, tty: int) -> None:
        self._tty = tty
        self._modes = termios.tcgetattr(tty)
        self._lock = tempfile.TemporaryFile()  # a file without a name, which tasks lock
        self.requests, self._request = os.pipe()
        self._answers, self._answer = os.pipe()
        self._rest = b""
        self._suspend: SignalHandler = None  # The handler of SIGTSTP that is restored afterwards.
        self.holder: int | None = None  # The pid of the task that holds the terminal.
        self._typist = 0  # The pid of the process that shows the prompt: the task's process, or a fork of it.

    @classmethod
    def find(cls) -> Terminal | None:
        """Return the terminal of stdin; None if stdin is not a terminal."""
        try:
            if not os.isatty(0):
                return None
            try:
                tty = os.open(os.ttyname(0), os.O_RDWR | os.O_NOCTTY)
            except OSError:  # the terminal may have no name in a container
                tty = os.dup(0)
            return cls(tty)
        except (OSError, termios.error):
            return None

    def descriptors(self) -> list[int]:
        """Return the descriptors that the guardian must not hold."""
        return [self._tty, self.requests, self._request, self._answers, self._answer, self._lock.fileno()]

    def read_requests(self) -> list[tuple[bytes, int, float]]:
        """Read the requests of tasks. The method does not wait if the descriptor `requests` is readable.

        Returns:
            A tuple for each request: its kind, such as `_ASK`; the pid of the task's process; and the seconds since the
            task began to wait for the terminal, which do not count towards its timeout.
        """
        *lines, self._rest = (self._rest + os.read(self.requests, 1 << 16)).split(b"\n")
        found = []
        for line in lines:
            task, process, milliseconds = map(int, line[1:].split())
            if line[:1] == _ASK:
                self._typist = process
            found.append((line[:1], task, milliseconds / 1000))
        return found

    def lend(self, task: int, *, refuse: bool) -> bool:
        """Answer a task's request for the terminal: lend the terminal, or refuse.

        Args:
            task: the task's process.
            refuse: whether to refuse the request.

        Returns:
            False if the request was refused, or the run is not in the foreground of its terminal.
        """
        if refuse:
            self._say(b"no")
            return False
        with contextlib.suppress(OSError):  # raised if this is not the controlling terminal of the process
            if os.tcgetpgrp(self._tty) != os.getpgrp():
                self._say(b"no")
                return False
        self.holder = task
        # Meanwhile Ctrl-Z is ignored: if it suspended flowc, the shell and the task would both read the input.
        self._suspend = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        self._say(b"yes")
        return True

    def take_back(self) -> None:
        """Take the terminal back from a task and restore the terminal's modes, because the task may have disabled the
        echo."""
        self.holder = None
        signal.signal(signal.SIGTSTP, self._suspend)  # Ctrl-Z suspends the run again
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._tty, termios.TCSADRAIN, self._modes)

    def interrupt(self) -> None:
        """Forward Ctrl-C to the process at the prompt."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._typist, signal.SIGINT)

    def close(self) -> None:
        """Close the terminal's descriptors, after the run has ended."""
        self._lock.close()
        for descriptor in (self._tty, self.requests, self._request, self._answers, self._answer):
            os.close(descriptor)

    def _say(self, answer: bytes) -> None:
        os.write(self._answer, b"%d %b\n" % (self._typist, answer))

    def lent(self) -> tuple[int, int, int, int]:
        """Return the descriptors with which a task creates its `Borrowed`, in the order of the arguments."""
        return self._tty, self._lock.fileno(), self._request, self._answers

    def enter_child(self) -> Borrowed:
        """Return the object with which a forked child borrows the terminal; called in the child."""
        for descriptor in (self.requests, self._answer):
            os.close(descriptor)
        return Borrowed(*self.lent())


@final
class Borrowed:
    """The terminal in a task's process, a `Lease`: borrows the terminal from the supervisor for a debugger's prompt."""

    def __init__(self, tty: int, lock: int, requests: int, answers: int) -> None:
        self._tty, self._lock, self._requests, self._answers = tty, lock, requests, answers
        self._task = os.getpid()
        self._thread = RLock()
        self._depth = 0
        self._since = 0.0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Use the terminal as stdin, stdout and stderr during the `with` block; the task's timeout is paused
        meanwhile."""
        with self._thread:
            if self._depth:
                yield
                return
            timer = signal.setitimer(signal.ITIMER_REAL, 0)
            self._since = time.monotonic()
            try:
                give_back = self._borrow()
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    give_back()
            finally:
                signal.setitimer(signal.ITIMER_REAL, *timer)

    def is_held(self) -> bool:
        """Return whether this process has borrowed the terminal now."""
        return self._depth > 0

    def keep(self) -> None:
        """Borrow the terminal until the process ends."""
        with self._thread:
            if not self._depth:
                self._borrow()
                self._depth += 1
                signal.setitimer(signal.ITIMER_REAL, 0)
                ambient().keeps_terminal = True

    def quit(self) -> None:
        """Request the end of the run."""
        self._say(_QUIT)

    def _borrow(self) -> Callable[[], None]:
        for stream in (sys.stdout, sys.stderr):  # flushed, so that earlier output is shown before the prompt
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        self._say(_WAIT)
        fcntl.lockf(self._lock, fcntl.LOCK_EX)  # the process's lock is released when the process dies
        try:
            self._say(_ASK)
            self._await()
        except BaseException:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
            raise
        streams = sys.stdin, sys.stdout, sys.stderr
        saved = [_duplicate(descriptor) for descriptor in range(3)]
        for descriptor in range(3):
            os.dup2(self._tty, descriptor)
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115

        def give_back() -> None:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdin, sys.stdout, sys.stderr = streams
            for descriptor, copy in enumerate(saved):
                if copy is None:  # the step has closed this standard stream
                    os.close(descriptor)
                else:
                    os.dup2(copy, descriptor)
                    os.close(copy)
            self._say(_GIVE_BACK)
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

        return give_back

    def _say(self, what: bytes) -> None:
        milliseconds = int(1000 * (time.monotonic() - self._since))
        os.write(self._requests, b"%b%d %d %d\n" % (what, self._task, os.getpid(), milliseconds))

    def _await(self) -> None:
        """Wait for the answer to this process; answers to processes that have died may arrive before this answer."""
        line = b""
        while True:
            line += os.read(self._answers, 1)
            if not line:
                raise NoTerminalError  # the supervisor has ended
            if line.endswith(b"\n"):
                process, answer = line.split()
                if int(process) == os.getpid():
                    break
                line = b""
        if answer != b"yes":
            raise NoTerminalError


def _duplicate(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None


@final
class Lender:
    """Serves the requests of tasks for the terminal; the supervisor's loop calls it."""

    def __init__(
        self, terminal: Terminal, *, hold: Callable[[int], bool], release: Callable[[int, float], None]
    ) -> None:
        """`hold(task)` is called before the terminal is lent, `release(task, seconds)` afterwards.

        `hold` returns whether the task still runs. `seconds` is the time since the task began to wait for the terminal;
        it does not count towards the task's timeout.
        """
        self._terminal = terminal
        self._hold, self._release = hold, release
        self.paused: set[int] = set()  # tasks that are at the prompt, or wait for the terminal

    def serve(self) -> bool:
        """Serve the requests that have arrived; return True if the user has quit the debugger."""
        quitted = False
        for what, task, seconds in self._terminal.read_requests():
            if what == _WAIT:
                self.paused.add(task)
            elif what == _ASK:
                known = self._hold(task)
                if not self._terminal.lend(task, refuse=not known) and known:
                    self.paused.discard(task)
                    self._release(task, seconds)
            elif what == _GIVE_BACK:
                self.ended(task, seconds)
            else:
                quitted = True
        return quitted

    def interrupt(self) -> bool:
        """Forward Ctrl-C to the task that shows a prompt; return False if no task shows a prompt."""
        if self._terminal.holder is None:
            return False
        self._terminal.interrupt()
        return True

    def ended(self, task: int, seconds: float = 0.0) -> None:
        """Take the terminal back from a task that has returned it or has ended."""
        self.paused.discard(task)
        if self._terminal.holder == task:
            self._terminal.take_back()
            self._release(task, seconds)
