"""The guardian: a process that ends a run's processes and records the end if the supervisor is killed.

PR_SET_PDEATHSIG would end the supervisor's children when the supervisor ends, but not the processes that the children
started, and PR_SET_PDEATHSIG exists only on systems with prctl. The guardian reads a pipe whose writing end is open
only in the supervisor (and, for a moment, in each new child). End of file means that the supervisor has ended, for any
reason. If the guardian is killed, the supervisor replaces it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from flowc_runtime.process.watch import kill_group

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from typing import TypeAlias

    EndOthers: TypeAlias = Callable[[Container[int]], None]  # ends the processes outside of the given sessions

_DONE = b"done\n"


class Guardian:
    """The supervisor's object for the guardian process: forks the guardian, and registers the sessions of tasks with
    it."""

    def __init__(
        self,
        end_others: EndOthers,
        record: Callable[[], None],
        close: Iterable[int],
        sessions: Iterable[int] = (),
    ) -> None:
        """Fork the guardian.

        The guardian closes the descriptors in `close`; `sessions` are the existing sessions of tasks. If this process
        is killed, the guardian ends the registered sessions, calls `end_others` with the sessions, which ends the
        processes that have left them, and then calls `record`. Raises OSError if the fork fails.

        Hazard: the guardian must close its copy of the pipe's writing end, because end of file on the pipe tells the
        guardian that this process has ended. The guardian never returns to the caller.
        """
        read, self._write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.set_wakeup_fd(-1)  # The inherited wakeup descriptor is only for signals of the supervisor.
                os.setsid()  # In a session of its own, the guardian does not get Ctrl-C from the terminal.
                for descriptor in (*close, self._write):
                    os.close(descriptor)
                _guard(end_others, record, read, set(sessions))
            finally:
                os._exit(1)
        os.close(read)
        self._status: int | None = None  # wait status of the guardian

    def is_gone(self) -> bool:
        """Return whether the guardian has ended, which happens only if it was killed."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._status = status if pid else None
            except ChildProcessError:  # user code in this process has already waited for the guardian
                self._status = 0
        return self._status is not None

    def close(self) -> None:
        """Close the pipe to the guardian."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

    @property
    def descriptor(self) -> int:
        """The descriptor of the pipe with which a new process registers its session (`register`)."""
        return self._write

    def enter_child(self) -> None:
        """Register a new child's session with the guardian, and close the pipe; called first in the child."""
        register(self._write)

    def reaped(self, pid: int) -> None:
        """Tell the guardian that a child and its process group have ended, since the child's pid may be reused."""
        with suppress(BrokenPipeError):  # the guardian was killed; the next guardian gets the remaining sessions
            os.write(self._write, b"-%d\n" % pid)

    def dismiss(self) -> None:
        """End the guardian, after the end of the run is recorded."""
        if self._write >= 0:
            with suppress(BrokenPipeError):
                os.write(self._write, _DONE)
        self.close()
        if self._status is None:
            os.waitpid(self.pid, 0)


def register(descriptor: int) -> None:
    """Register this process's session with the guardian, which reads the pipe, and close the pipe."""
    with suppress(BrokenPipeError):  # the guardian was killed; the supervisor registers the session with the next one
        os.write(descriptor, b"+%d\n" % os.getpid())
    os.close(descriptor)


def _guard(end_others: EndOthers, record: Callable[[], None], read: int, sessions: set[int]) -> NoReturn:
    # Hazard: these signals may be sent to the whole process group or terminal; the guardian has to outlive them.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # otherwise readers of the run's output would wait until the guardian ends, too
        os.dup2(null, descriptor)
    for line in _lines(read):
        if line == _DONE:
            os._exit(0)
        (sessions.add if line.startswith(b"+") else sessions.discard)(int(line[1:]))
    for session in sessions:
        kill_group(session, signal.SIGTERM)
    end_others(sessions)
    for session in sessions:
        kill_group(session, signal.SIGKILL)
    record()
    os._exit(0)


def _lines(read: int) -> Iterable[bytes]:
    """Yield the lines that arrive in the pipe, until the end of file."""
    rest = b""
    while data := os.read(read, 1 << 16):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in whole)
