"""Runs a program for a step: forwards its output to the task's log, and ends all of its processes with the step."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final, final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.signals import ENDING
from flowc_runtime.process.leftovers import GRACE, wait_for_one
from flowc_runtime.process.process import HAS_PIDFD, PR_SET_PDEATHSIG, load_prctl
from flowc_runtime.process.watch import kill_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType
    from typing import IO

    from flowc_runtime.run.nodes.programs.masking import Masks

_CHUNK: Final = 1 << 16
_TAIL: Final = 10  # The number of stderr's last lines that an error contains.
_LINE: Final = 400  # The number of characters to which an error cuts a line.


class CommandEnd(NamedTuple):
    """The end of a program: its exit code (negative for a signal), and the last lines of its stderr."""

    code: int
    last_lines: Sequence[str]


def run_program(words: Sequence[str], environment: Mapping[str, str], masks: Masks) -> CommandEnd:
    """Run a program in the working directory, without stdin, and wait for its end.

    The program gets a process group of its own. All processes of the group are ended when the program ends, and when an
    exception such as a timeout interrupts the wait. SIGTERM is passed to the group; when the program has ended, this
    process ends by SIGTERM too.

    Args:
        words: the program and its arguments.
        environment: the environment variables of the program.
        masks: the secrets that are replaced in the program's output.

    Raises:
        OSError: the program cannot be executed.
    """
    prctl = load_prctl()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # the step has closed the stream
            stream.flush()
    # Hazard: signals are blocked, because an exception between the program's start and `try` would leave the program
    # running.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDING, signal.SIGALRM))

    def prepare() -> None:
        # Hazard: this function runs between fork and exec, and must only call functions that are already loaded.
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    # Hazard: a signal that this thread blocks can arrive in another thread; its handler still runs in this thread, and
    # may raise. The exit of `with process` waits for the program, so `end_group` must run before it.
    passed: list[int] = []
    try:
        with _sigterm_to_group(process, passed):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            assert process.stdout is not None
            assert process.stderr is not None
            out, err = _Copy(process.stdout, 1, masks), _Copy(process.stderr, 2, masks)
            _forward((out, err), process, passed)
            code = process.wait()
    finally:
        with process:  # closes the program's streams and reaps the process
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            end_group(process, asked=bool(passed))
            if passed:
                os.kill(os.getpid(), signal.SIGTERM)
    return CommandEnd(code, err.last_lines())


@final
class _Copy:
    """Copies one output stream of the program to a descriptor of this process."""

    def __init__(self, source: IO[bytes], target: int, masks: Masks) -> None:
        self.source = source
        self._target = target
        self._masked = masks.stream()
        self._tail: deque[bytes] = deque(maxlen=_TAIL)
        self._line = b""

    def more(self) -> bool:
        """Copy the available bytes; return False at the end of the stream."""
        data = os.read(self.source.fileno(), _CHUNK)
        self._write(self._masked.feed(data) if data else self._masked.end())
        return bool(data)

    def _write(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LINE * 4 :]
        self._tail.extend(line for line in lines if line.strip())
        left = memoryview(data)
        with contextlib.suppress(BrokenPipeError):  # the process that reads the log has ended
            while left:
                left = left[os.write(self._target, left) :]

    def last_lines(self) -> list[str]:
        """Return the last non-empty lines of the stream."""
        lines = [*self._tail, *([self._line] if self._line.strip() else [])][-_TAIL:]
        return [line.decode("utf-8", "replace").rstrip()[:_LINE] for line in lines]


def _forward(copies: Sequence[_Copy], process: subprocess.Popen[bytes], passed: Sequence[int]) -> None:
    """Copy the streams until they end, or until a grace period after the program's end is over.

    Background processes of the program may keep the streams open. A process that ends within the grace period, such
    as a `tee` that empties its pipe, can finish; the other processes are killed.

    Args:
        copies: the streams.
        process: the program.
        passed: the signals that the program's process group has already got.
    """
    signals = [signal.SIGTERM, signal.SIGKILL]
    deadline: float | None = None
    with selectors.DefaultSelector() as selector, _death_of(process) as death:
        waiting = {each.source for each in copies}
        for each in copies:
            selector.register(each.source, selectors.EVENT_READ, each)
        if death is not None:
            selector.register(death, selectors.EVENT_READ, None)
        while waiting:
            for key, _ in selector.select(_patience(deadline, death)):
                if key.data is None:
                    selector.unregister(key.fileobj)
                    deadline = time.monotonic() + GRACE / 2
                elif not key.data.more():
                    selector.unregister(key.fileobj)
                    waiting.discard(key.fileobj)
            if deadline is None and death is None and process.poll() is not None:
                deadline = time.monotonic() + GRACE / 2
            if waiting and deadline is not None and time.monotonic() >= deadline:
                if not signals:
                    return  # a process outside of the group keeps the stream open
                if (number := signals.pop(0)) not in passed:
                    kill_group(process.pid, number)
                deadline = time.monotonic() + GRACE / 2


def _patience(deadline: float | None, death: int | None) -> float | None:
    """Return how many seconds to wait for output, or None to wait until there is output or the program has ended."""
    if deadline is not None:
        return max(0.0, deadline - time.monotonic())
    return None if death is not None else 0.1  # without a pidfd, poll for the program's end


@contextlib.contextmanager
def _death_of(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Open a pidfd, which becomes readable when the program ends; yield None if the system does not support this."""
    try:
        descriptor = os.pidfd_open(process.pid) if HAS_PIDFD else None
    except OSError:  # too many open descriptors
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _sigterm_to_group(process: subprocess.Popen[bytes], passed: list[int]) -> Iterator[None]:
    """While the `with` block runs, pass SIGTERM to the program's process group, and add it to `passed`.

    The context manager has no effect if SIGTERM has a handler already, or outside of the main thread.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        kill_group(process.pid, number)
        passed.append(number)

    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, pass_on)
    except ValueError:  # signal handlers can only be set in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def end_group(process: subprocess.Popen[bytes], *, asked: bool = False) -> None:
    """End all processes of a program's process group: send SIGTERM (not if `asked` is true, which means that they have
    already got it), and after a grace period SIGKILL to the processes that remain."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        while members := [*_members(process.pid), *([process.pid] if process.poll() is None else [])]:
            if not asked:
                kill_group(process.pid, number)
                asked = True
            if not wait_for_one(members, deadline):
                asked = False
                break
        else:
            return


def _members(group: int) -> list[int]:
    """Return the ids of a group's running processes; empty on a system without /proc."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
                    found.append(int(name))
    return found
