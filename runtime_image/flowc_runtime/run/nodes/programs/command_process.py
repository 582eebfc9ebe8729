"""A program that a step runs: its output goes to the task's log while it runs, and nothing of it outlives the step."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, final

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
_TAIL: Final = 10  # lines of stderr that an error keeps
_LINE: Final = 400  # characters of such a line


class CommandEnd(NamedTuple):
    """How a program ended: its exit code, negative for a signal, and the last lines of its stderr."""

    code: int
    last_lines: Sequence[str]


def run_program(words: Sequence[str], environment: Mapping[str, str], masks: Masks) -> CommandEnd:
    """Run a program in the working directory, without stdin, and wait for its end.

    Its processes are a group of their own, which ends with the program: also if an exception, such as that of a
    timeout, ends the wait, and if this process gets SIGTERM.

    Args:
        words: the program and its arguments.
        environment: its environment variables.
        masks: the values that its output must not contain.

    Raises:
        OSError: the program cannot be executed.
    """
    prctl = load_prctl()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # the step closed it
            stream.flush()
    # Hazard: a signal between the start of the program and the `try` would leave its processes running.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDING, signal.SIGALRM))

    def prepare() -> None:
        # Hazard: runs between fork and exec, so it only calls functions that were loaded before.
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
    # Hazard: a signal that this thread blocks arrives through another one, and its handler runs in this thread. The end
    # of `with process` waits for the program, so every exception must pass `end_group` first.
    try:
        with _group_ends_by_sigterm(process):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            assert process.stdout is not None
            assert process.stderr is not None
            out, err = _Copy(process.stdout, 1, masks), _Copy(process.stderr, 2, masks)
            _forward((out, err), process)
            code = process.wait()
    finally:
        with process:  # closes its streams and reaps it
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            end_group(process)
    return CommandEnd(code, err.last_lines())


@final
class _Copy:
    """A stream of the program, which is copied to a descriptor of this process."""

    def __init__(self, source: IO[bytes], target: int, masks: Masks) -> None:
        self.source = source
        self._target = target
        self._masked = masks.stream()
        self._tail: deque[bytes] = deque(maxlen=_TAIL)
        self._line = b""

    def more(self) -> bool:
        """Copy the bytes that are there; return False at the end of the stream."""
        data = os.read(self.source.fileno(), _CHUNK)
        self._write(self._masked.feed(data) if data else self._masked.end())
        return bool(data)

    def _write(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LINE * 4 :]
        self._tail.extend(line for line in lines if line.strip())
        left = memoryview(data)
        with contextlib.suppress(BrokenPipeError):  # the reader of the log has gone
            while left:
                left = left[os.write(self._target, left) :]

    def last_lines(self) -> list[str]:
        """Return the last lines that are not empty."""
        lines = [*self._tail, *([self._line] if self._line.strip() else [])][-_TAIL:]
        return [line.decode("utf-8", "replace").rstrip()[:_LINE] for line in lines]


def _forward(copies: Sequence[_Copy], process: subprocess.Popen[bytes]) -> None:
    """Copy the streams until they end, or until the grace after the program's end is over.

    A process in the background may keep them open. One that only has to empty its own pipe, such as `tee`, is waited
    for; the others are ended.
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
                    return  # a process that has left the group has the stream
                kill_group(process.pid, signals.pop(0))
                deadline = time.monotonic() + GRACE / 2


def _patience(deadline: float | None, death: int | None) -> float | None:
    """Return the seconds to wait for output; None until there is some, or until the program has ended."""
    if deadline is not None:
        return max(0.0, deadline - time.monotonic())
    return None if death is not None else 0.1  # without pidfd, the end of the program is polled


@contextlib.contextmanager
def _death_of(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Open a descriptor that becomes readable when the program has ended; None if the system has no such thing."""
    try:
        descriptor = os.pidfd_open(process.pid) if HAS_PIDFD else None
    except OSError:  # too many descriptors
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _group_ends_by_sigterm(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the program's group, then this process, when this process gets SIGTERM in the block.

    Nothing is done if SIGTERM has another handler than the default one, or outside of the main thread.
    """

    def terminate(number: int, frame: FrameType | None) -> None:
        kill_group(process.pid, signal.SIGTERM)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # another thread than the main one
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End all processes of a program's group: by SIGTERM, and by SIGKILL those that remain after a grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        asked = False
        while members := [*_members(process.pid), *([process.pid] if process.poll() is None else [])]:
            if not asked:
                kill_group(process.pid, number)
                asked = True
            if not wait_for_one(members, deadline):
                break
        else:
            return


def _members(group: int) -> list[int]:
    """Return the running processes of a group; empty if the system does not list processes."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
                    found.append(int(name))
    return found
