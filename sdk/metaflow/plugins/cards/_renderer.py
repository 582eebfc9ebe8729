"""Renders the cards of an attempt. A built-in card is rendered in the task's process if the store is a directory; every
other card is rendered in a separate process.

The code of a custom card can fail, hang or end its process, but must not affect the step. The separate process of a
card is forked before the step's code runs. Afterwards, a fork would not be safe, because the task may have threads and
connections to a bucket. The child process waits until it receives the components, as JSON through a socket.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, final

from flowc_runtime.base.errors import StepTimeout
from metaflow.plugins.cards._warn import Failure, warn
from metaflow.plugins.cards.exception import CardClassFoundException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowc_ir import Card
    from metaflow.plugins.cards._make import Maker

_LENGTH = struct.Struct("!Q")
_FINAL, _REFRESH = b"F", b"R"
_DONE = b"ok"
_PR_SET_PDEATHSIG = 1


class Renderer(Protocol):
    """Renders one card of an attempt.

    Attributes:
        card: the @card.
        maker: renders and stores the card.
        editable: whether the step can append components.
        updatable: whether a refresh renders the card while the step runs.
    """

    card: Card
    maker: Maker
    editable: bool
    updatable: bool

    def start(self, prctl: Callable[[int, int], None] | None, others: Iterable[Renderer]) -> None:
        """Prepare for requests; see `ProcessRenderer.start`."""
        ...

    def refresh(self, message: Callable[[], str], *, wait: bool) -> bool:
        """Render the current state of the card; return False if a previous refresh is not done yet.

        Args:
            message: a function that returns the JSON of the components; called only if the JSON is needed.
            wait: whether to wait until the previous refresh is done, at most the card's timeout.
        """
        ...

    def begin_final(self, message: str, deadline: float) -> Failure | None:
        """Start rendering the final page from the JSON of the components. Return the failure if rendering cannot start.

        Args:
            message: the JSON of the components.
            deadline: the time, on the monotonic clock, until which to wait for an unfinished refresh.
        """
        ...

    def finish(self, deadline: float) -> Failure | None:
        """Wait until the final page is stored, at most until `deadline`, on the monotonic clock; return the failure."""
        ...

    def leave(self) -> None:
        """Release the resources without rendering a final page."""
        ...


@final
class OwnRenderer:
    """Renders a built-in card in the task's process, which is safe because the card's code is part of flowc.

    A refresh is rendered during the call of `refresh`, and the final page after the attempt has been reported.
    """

    def __init__(self, card: Card, maker: Maker, *, editable: bool, updatable: bool) -> None:
        self.card, self.maker = card, maker
        self.editable, self.updatable = editable, updatable
        self._started = False
        self._message = ""

    def start(self, prctl: Callable[[int, int], None] | None, others: Iterable[Renderer]) -> None:
        """Allow `refresh` to write to the store."""
        self._started = True

    def refresh(self, message: Callable[[], str], *, wait: bool) -> bool:
        """Render and store the current state of the card; an error causes a warning."""
        text = message()
        if self._started:  # false if `start` was not called, for example in a test that runs a single step
            try:
                self.maker.make(text, final=False)
            except StepTimeout:  # raised when the step's time limit expires, at any line; it is no error of the card
                raise
            except Exception as error:
                warn(f"a refresh of the card '{self.card.type}' failed: {Failure.from_error(error).short}")
        return True

    def begin_final(self, message: str, deadline: float) -> Failure | None:
        """Store the message until `finish` is called."""
        self._message = message
        return None

    def finish(self, deadline: float) -> Failure | None:
        """Render and store the final page. Return the failure if rendering fails or does not finish before the
        deadline."""
        try:
            with _limited(deadline - time.monotonic()):
                self.maker.make(self._message, final=True)
        except _LateError:
            return _late(self.card)
        except BaseException as error:
            # The error may be SystemExit, for example from a signal handler. The attempt's end is already reported.
            return Failure.from_error(error)
        return None

    def leave(self) -> None:
        """Do nothing."""


class _LateError(BaseException):
    """The deadline of a card has passed. The class does not derive from Exception, so that only `OwnRenderer.finish`
    handles it."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise _LateError in the `with` block after this time. The process has only one timer, which is free because the
    step has ended."""

    def expire(signum: int, frame: object) -> None:
        raise _LateError

    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))  # a value of 0 would stop the timer
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _late(card: Card) -> Failure:
    return Failure.from_text(f"it took longer than its timeout of {card.timeout} s")


@final
class ProcessRenderer:
    """Renders a card in a child process. The object holds the parent's end of the socket that connects to the child."""

    def __init__(self, card: Card, maker: Maker, *, editable: bool, updatable: bool) -> None:
        self.card, self.maker = card, maker
        self.editable, self.updatable = editable, updatable
        self.socket: socket.socket | None = None
        self._pid = 0
        self._busy = False  # whether the process has not yet answered the last request
        # whether an exception in the step, such as its timeout, interrupted sending or receiving a message
        self._torn = False

    def start(self, prctl: Callable[[int, int], None] | None, others: Iterable[Renderer]) -> None:
        """Fork the child process, which ends when it has stored the card's final page or when this process ends.

        Args:
            prctl: the function `prctl` of the C library. It is loaded before the fork, because an import after the fork
                could wait forever for a lock that another thread held at the fork. The argument is None on systems
                without `prctl`.
            others: the renderers that were started earlier. The child closes its copies of their sockets; otherwise the
                processes of these renderers would not notice the end of the task's process.
        """
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # otherwise the child would inherit the buffered text and write it, too
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                if prctl is not None:
                    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                for each in (ours, *(other.socket for other in others if isinstance(other, ProcessRenderer))):
                    if each is not None:
                        each.close()
                if os.getppid() == parent:  # false if the parent process ended before prctl took effect
                    _serve(self.maker, theirs)
                    code = 0
            finally:
                os._exit(code)  # the child must never continue with the step's code
        theirs.close()
        self.socket = ours

    def refresh(self, message: Callable[[], str], *, wait: bool) -> bool:
        """Send a request to the child process to render the current state of the card.

        Args:
            message: a function that returns the JSON of the components; called only if the JSON will be sent.
            wait: whether to wait until the previous refresh is done, at most the card's timeout.

        Returns:
            False if no request was sent, because the previous refresh is not done yet or the child process has died.
        """
        if self.socket is None:  # no process was started, for example in a test that runs one step
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
        except (OSError, EOFError):  # the child process has died, which the method `finish` reports
            return False
        return True

    def begin_final(self, message: str, deadline: float) -> Failure | None:
        """Send a request to the child process to render the final page.

        Args:
            message: the JSON of the components.
            deadline: the time, on the monotonic clock, until which to wait for an unfinished refresh.

        Returns:
            The failure if the request cannot be sent, otherwise None.
        """
        try:
            if self._torn:
                raise EOFError
            if self._busy and self._answer(deadline) is None:
                return self._end_late()
            self._send(_FINAL, message)
        except (OSError, EOFError):
            return Failure.from_text(self._end())
        return None

    def finish(self, deadline: float) -> Failure | None:
        """Wait until the child process has stored the final page, then end the child process.

        Args:
            deadline: the time, on the monotonic clock, at which the process is killed.

        Returns:
            The failure of the card, or None.
        """
        try:
            answer = self._answer(deadline)
        except (OSError, EOFError):
            return Failure.from_text(self._end())
        if answer is None:
            return self._end_late()
        self._end()
        return None if answer == _DONE else Failure.unpacked(answer)

    def leave(self) -> None:
        """End the child process without rendering a final page."""
        if self.socket is not None:
            self._end()

    def _end_late(self) -> Failure:
        self._end()
        return _late(self.card)

    def _end(self) -> str:
        """End the child process after its last response. Return a description of how the process ended."""
        assert self.socket is not None
        self.socket.close()
        try:
            if not self._gone():
                os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:
            # the step's code has waited for all child processes, including the card's process
            return "its process has ended"
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"its process {how}"

    def _gone(self) -> bool:
        """Wait up to 0.2 s for the end of the child process, which ends when the socket is closed, unless it is
        rendering."""
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
        """Return the response of the process, or None if no response arrives before the deadline. Raises EOFError."""
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
    """Run the main loop of the child process: render pages on request, until the final page is stored or the task has
    ended."""
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
        # any exception, even SystemExit, is a failure of the card; the response contains the reason
        except BaseException as error:
            answer = Failure.from_error(error).packed()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        try:
            source.sendall(_LENGTH.pack(len(answer)) + answer)
        except OSError:
            return
