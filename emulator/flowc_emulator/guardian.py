"""The guardian: a process that outlives the supervisor by a moment, to end what that left behind and to record it.

Children die with the supervisor by PR_SET_PDEATHSIG; what they started does not, and where there is no prctl they do
not either. The guardian reads a pipe whose writing end only the supervisor (and, for a moment, each new child) holds.
Its end of file means that the supervisor is gone, however that happened.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from flowc_emulator.orphans import end_marked
from flowc_runtime.watch import kill_group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.store import RunStore

_DONE = b"done\n"


class Guardian:
    """The supervisor's side."""

    def __init__(self, run: RunStore, close: Iterable[int]) -> None:
        """Fork the guardian of a run; `close` are descriptors that it must not hold."""
        read, self._write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()  # Ctrl-C in the terminal is not for the guardian
                for descriptor in (*close, self._write):
                    os.close(descriptor)
                _guard(run, read)
            finally:
                os._exit(1)
        os.close(read)

    def enter_child(self) -> None:
        """In a new child, before its code: register its session, then let go of the pipe."""
        os.write(self._write, b"+%d\n" % os.getpid())
        os.close(self._write)

    def reaped(self, pid: int) -> None:
        """The child is gone with all its group; its number may be used again."""
        os.write(self._write, b"-%d\n" % pid)

    def dismiss(self) -> None:
        """The run has ended and is recorded."""
        os.write(self._write, _DONE)
        os.close(self._write)
        os.waitpid(self.pid, 0)


def _guard(run: RunStore, read: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # whoever reads the run's output must not wait for the guardian
        os.dup2(null, descriptor)
    sessions: set[int] = set()
    for line in _lines(read):
        if line == _DONE:
            os._exit(0)
        (sessions.add if line.startswith(b"+") else sessions.discard)(int(line[1:]))
    for session in sessions:
        kill_group(session, signal.SIGTERM)
    end_marked(run.id)
    for session in sessions:
        kill_group(session, signal.SIGKILL)
    run.set_status({"state": "killed", "changed": time.time(), "message": "the supervisor was killed"})
    os._exit(0)


def _lines(read: int) -> Iterable[bytes]:
    """The lines until the end of file."""
    rest = b""
    while data := os.read(read, 1 << 16):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in whole)
