"""Making a card in a separate process, so that a failure there cannot harm the step.

The process is forked before the step's code runs: later, the task may have threads and connections to a bucket, and
a process that has these must not fork. The child sleeps until it gets the components, as JSON on a socket.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

from metaflow.plugins.cards._warn import Failure, warn
from metaflow.plugins.cards.exception import CardClassFoundException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc_ir import Card
    from metaflow.plugins.cards._make import Maker

_LENGTH = struct.Struct("!Q")
_FINAL, _REFRESH = b"F", b"R"
_DONE = b"ok"
_PR_SET_PDEATHSIG = 1


class Renderer:
    """One card of an attempt: the process that renders it, and this end of the socket."""

    def __init__(self, card: Card, maker: Maker, *, editable: bool, updatable: bool) -> None:
        self.card, self.maker = card, maker
        self.editable, self.updatable = editable, updatable
        self.socket: socket.socket | None = None
        self._pid = 0
        self._busy = False  # the last request has no answer yet
        self._torn = False  # an exception of the step, such as its timeout, interrupted a message

    def start(self, prctl: Callable[[int, int], None] | None, others: Iterable[Renderer]) -> None:
        """Fork the process. It ends with this process, or when it has made the card.

        Args:
            prctl: the function of the C library, loaded before the fork: importing after it could wait for a lock that
                another thread held. None on systems without it.
            others: the renderers that were started before; the child closes their sockets, because a copy that stays
                open would hide the end of this process from their children.
        """
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # the child would write the buffered text again
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                if prctl is not None:
                    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                for other in (ours, *(other.socket for other in others)):
                    if other is not None:
                        other.close()
                if os.getppid() == parent:  # otherwise the parent ended before prctl took effect
                    _serve(self.maker, theirs)
                    code = 0
            finally:
                os._exit(code)  # the child never returns into the step's code
        theirs.close()
        self.socket = ours

    def refresh(self, message: Callable[[], str], *, wait: bool) -> bool:
        """Render the current page.

        Args:
            message: returns the JSON of the components; called only if it will be sent.
            wait: whether to wait for the end of the last refresh, at most the card's timeout.

        Returns:
            False if the last refresh is not done yet; then nothing was sent.
        """
        if self.socket is None:  # no renderer runs, for example when a test runs one step
            message()
            return True
        try:
            if self._busy:
                answer = self._answer(time.monotonic() + (self.card.timeout if wait else 0))
                if answer is None:
                    return False
                if answer != _DONE:
                    warn(f"a refresh of the card '{self.card.type}' failed: {Failure.unpacked(answer).short}")
            self._send(_REFRESH, message())
        except (OSError, EOFError):  # the process has died: the end of the attempt reports that
            return False
        return True

    def begin_final(self, message: str, deadline: float) -> Failure | None:
        """Start to render the final page.

        Args:
            message: the JSON of the components.
            deadline: the latest end of a refresh that is not done yet, on the monotonic clock.

        Returns:
            The failure if the page cannot be rendered, otherwise None.
        """
        try:
            if self._torn:
                raise EOFError
            if self._busy and self._answer(deadline) is None:
                return self._late()
            self._send(_FINAL, message)
        except (OSError, EOFError):
            return Failure.from_text(self._end())
        return None

    def finish(self, deadline: float) -> Failure | None:
        """Wait until the final page is made, and end the process.

        Args:
            deadline: the latest end, on the monotonic clock.

        Returns:
            The failure, or None.
        """
        try:
            answer = self._answer(deadline)
        except (OSError, EOFError):
            return Failure.from_text(self._end())
        if answer is None:
            return self._late()
        self._end()
        return None if answer == _DONE else Failure.unpacked(answer)

    def leave(self) -> None:
        """End the process without a final card."""
        if self.socket is not None:
            self._end()

    def _late(self) -> Failure:
        self._end()
        return Failure.from_text(f"it took longer than its timeout of {self.card.timeout} s")

    def _end(self) -> str:
        """End the process after its last answer; return how it ended."""
        assert self.socket is not None
        self.socket.close()
        try:
            if not self._gone():
                os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:  # the step's code has reaped it
            return "its process has ended"
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"its process {how}"

    def _gone(self) -> bool:
        """Wait briefly for the process to end by itself: it does when the socket closes, unless it is rendering."""
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return True
            time.sleep(0.002)
        return False

    def _send(self, kind: bytes, message: str) -> None:
        assert self.socket is not None
        data = message.encode("utf-8", "surrogatepass")
        self._busy = self._torn = True
        self.socket.settimeout(self.card.timeout)
        self.socket.sendall(kind + _LENGTH.pack(len(data)) + data)
        self._torn = False

    def _answer(self, deadline: float) -> bytes | None:
        """Return the answer of the process; None if it does not answer by the deadline. Raises EOFError."""
        assert self.socket is not None
        if not select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return None
        self._torn = True
        self.socket.settimeout(self.card.timeout)
        answer = _receive(self.socket, _LENGTH.unpack(_receive(self.socket, _LENGTH.size))[0])
        self._busy = self._torn = False
        return answer


def _receive(source: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = source.recv(min(size - len(data), 1 << 20))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def _serve(maker: Maker, source: socket.socket) -> None:
    """Run in the child: render pages on request, until the final page is made or the task has ended."""
    kind, entered = _REFRESH, False
    while kind != _FINAL:
        try:
            kind = _receive(source, 1)
            message = _receive(source, _LENGTH.unpack(_receive(source, _LENGTH.size))[0])
        except (EOFError, OSError):
            return
        answer = _DONE
        try:
            if not entered:
                maker.enter()
                entered = True
            maker.make(message.decode("utf-8", "surrogatepass"), final=kind == _FINAL)
        except CardClassFoundException as error:
            answer = Failure.from_text(str(error)).packed()
        except BaseException as error:  # a card fails whatever it raises, even SystemExit; the answer has the reason
            answer = Failure.from_error(error).packed()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        try:
            source.sendall(_LENGTH.pack(len(answer)) + answer)
        except OSError:
            return
