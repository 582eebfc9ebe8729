"""Fork processes that cannot outlive their parent, and identify processes in records."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, TypeAlias, final

from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base import contract
from flowc_runtime.base.signals import ENDING
from flowc_runtime.process import ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from io import TextIOWrapper
    from resource import struct_rusage


# `_signal` is used because the functions of `signal` convert each argument and result to enumerations. In a forked
# process, whose memory is copied page by page on first use, the conversion costs ten times as much as the system call.
_signals = import_module("_signal")
# the functions of `_signal` require plain integers, not enumerations
_DEFAULT, _IGNORED = int(signal.SIG_DFL), int(signal.SIG_IGN)
# A task's process prints its stack when it receives this real-time signal; SIGUSR1 and SIGUSR2 are left to the step.
STACK_SIGNAL: int | None = signal.SIGRTMAX - 5 if hasattr(signal, "SIGRTMAX") else None
COMPLETE = b"\n"  # the end of a report on the control pipe, if the child continues after the report
PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


def _has_pidfd() -> bool:
    """Return whether this process can open pidfds: only on Linux, and unless an old kernel or a sandbox refuses the
    system call."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


HAS_PIDFD = _has_pidfd()


class Process(TypedDict, total=False):
    """The identity of a process. With this identity, a reader can find the machine or pod of the process, and check
    whether the process still runs."""

    host: str
    pid: int
    started: str  # the start time in clock ticks since boot (on Linux); together with the pid it identifies the process
    pod: str
    pod_uid: str
    node: str
    ip: str  # the address of the pod; empty except for pods of a gang


@final
@dataclass(frozen=True, slots=True)
class Child:
    """A forked process and the parent's ends of its pipes. The child reports to its parent through `control`."""

    pid: int
    stdout: int
    stderr: int
    control: int


def load_prctl() -> Callable[[int, int], None] | None:
    """Return a function that calls prctl(2), or None if the system has no prctl (macOS).

    The returned function raises OSError if the call fails.

    Hazard: call this before a fork. Loading a library in a forked child could deadlock; calling the loaded function
    cannot.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)

    def prctl(option: int, value: int) -> None:
        if library.prctl(option, value, 0, 0, 0) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"prctl({option}): {os.strerror(error)}")

    return prctl


def adopt_orphans(prctl: Callable[[int, int], None] | None) -> None:
    """Make this process the parent of processes that its descendants leave running, in order to find and end them
    (Linux only)."""
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def leave_orphans(prctl: Callable[[int, int], None] | None) -> None:
    """Undo `adopt_orphans`: if the program continues, nothing would reap adopted children."""
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 0)


def adopts_orphans() -> bool:
    """Return whether this process becomes the parent of processes that its descendants leave running."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    found = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
    return bool(found.value)


@final
@dataclass(frozen=True, slots=True)
class PipeEnds:
    """The writing ends of a child's pipes; the forking process closes them after the fork."""

    stdout: int
    stderr: int
    control: int

    def close(self) -> None:
        """Close the writing ends; called in the forking process."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.close(descriptor)


@final
@dataclass(frozen=True, slots=True)
class Readers:
    """The ends of a child's pipes from which the forking process will read. They exist before the child is forked."""

    stdout: int
    stderr: int
    control: int

    def of(self, pid: int) -> Child:
        """Return the child with this pid and these reading ends, which become non-blocking."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.set_blocking(descriptor, False)
        return Child(pid, self.stdout, self.stderr, self.control)

    def close(self) -> None:
        """Close the ends if no child could be forked."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.close(descriptor)


def open_pipes() -> tuple[Readers, PipeEnds]:
    """Create three pipes for a child that will be forked: for stdout, stderr, and reports to the forking process
    (control). A program that is started by exec does not inherit the pipes' descriptors.

    Raises:
        OSError: this process has too many descriptors.
    """
    out, err, control = os.pipe(), os.pipe(), os.pipe()
    return Readers(out[0], err[0], control[0]), PipeEnds(out[1], err[1], control[1])


def spawn(
    body: Callable[[int], int],
    *,
    prctl: Callable[[int, int], None] | None,
    close: Iterable[int] = (),
) -> Child:
    """Fork a child in a new session; it runs `body(control)` and exits with the returned code.

    The child's stdin is /dev/null, its stdout and stderr are pipes. With `prctl`, the kernel kills the child when its
    parent dies.

    Args:
        body: the child's work; its argument is the descriptor of the control pipe, its result the exit code.
        prctl: the result of `load_prctl`.
        close: the parent's descriptors that the child must not keep open.

    Returns:
        The child, with the reading ends of its pipes, which do not block.

    Raises:
        OSError: no pipe or process can be created.
    """
    readers, writers = open_pipes()
    try:
        pid = fork(body, writers, prctl=prctl, close=(*close, readers.stdout, readers.stderr, readers.control))
    except OSError:
        readers.close()
        raise
    finally:
        writers.close()
    return readers.of(pid)


def fork(
    body: Callable[[int], int],
    writers: PipeEnds,
    *,
    prctl: Callable[[int, int], None] | None,
    close: Iterable[int] = (),
) -> int:
    """Fork a child like `spawn`, with pipes that the caller provides; return its pid.

    Hazard: the child never returns to the caller; it ends in `leave`. The caller closes the pipes.

    Args:
        body: the child's work; its argument is the descriptor of the control pipe, its result the exit code.
        writers: the writing ends of the child's pipes.
        prctl: the result of `load_prctl`.
        close: the descriptors that the child must not keep open.

    Raises:
        OSError: no process can be created, or a standard stream cannot be flushed.
    """
    ending.flush()
    parent = os.getpid()
    # Signals are blocked until the child has its own handlers: otherwise the inherited handlers would handle its
    # signals.
    before = _signals.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        pid = os.fork()
    except OSError:
        _signals.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid == 0:
        code = contract.NOT_STARTED  # the exit code if the code below fails
        try:
            # The child must reset the inherited wakeup descriptor first, because the descriptor would report the
            # child's signals to the parent.
            signal.set_wakeup_fd(-1)
            _signals.signal(signal.SIGTERM, _DEFAULT)
            os.setsid()
            ending.begin()
            if prctl is not None:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:  # the parent died before the call of prctl, so the kernel sends no signal
                    os._exit(code)
            for descriptor in close:
                os.close(descriptor)
            _redirect(writers.stdout, writers.stderr)
            _reset_signals()
            code = body(writers.control)
        finally:
            leave(code)
    _signals.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _redirect(out: int, err: int) -> None:
    """Make the pipes the descriptors 1 and 2, and /dev/null the descriptor 0.

    Hazard: `dup2` makes the copies inheritable, which programs of the step need. The originals are closed, because a
    reader sees the end of a pipe only when no process has it open.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (null, out, err):
        os.close(descriptor)
    open_streams()


_Streams: TypeAlias = "tuple[TextIOWrapper, TextIOWrapper, TextIOWrapper]"
_prepared: _Streams | None = None
_replaced: list[object] = []  # the standard streams of the process that forked this one


def prepare_streams() -> None:
    """Create the stream objects for forked children in the process that forks, so that the children need not create
    them.

    The objects remember properties of their descriptors. So the objects are created while descriptors 0, 1 and 2 are
    /dev/null and a pipe, as in a child. Hazard: output that another thread writes at that time would go to the pipe and
    be lost. So nothing is prepared in a process with several threads, or without /proc.
    """
    global _prepared
    try:
        if _prepared is not None or len(os.listdir("/proc/self/task")) > 1:
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        saved = [os.dup(descriptor) for descriptor in range(3)]
    except (OSError, ValueError, AttributeError):  # no /proc, or a standard stream is closed
        return
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        for descriptor, like in enumerate((null, write, write)):
            os.dup2(like, descriptor)
        _prepared = _make_streams()
    finally:
        for descriptor, own in enumerate(saved):
            os.dup2(own, descriptor)
        for descriptor in (*saved, read, write, null):
            os.close(descriptor)


def prepared_streams() -> tuple[TextIOWrapper, ...]:
    """Return the streams that `prepare_streams` has created. This process itself writes nothing to these streams."""
    return _prepared or ()


def open_streams() -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr` by plain files on descriptors 0, 1 and 2."""
    streams = _prepared or _make_streams()
    # The replaced streams are kept, because their deallocation would write to memory pages that the fork shares with
    # its parent.
    _replaced.extend((sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__))
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]
    # after a crash in native code, the task's log names the Python line that called the native code
    faulthandler.enable(2)
    if STACK_SIGNAL is not None:
        faulthandler.register(STACK_SIGNAL, 2)


def _make_streams() -> _Streams:
    # New stream objects are needed, because those of the parent may belong to a terminal or a test runner. The new
    # streams are line-buffered: logs are read while the task runs, and the last lines before a kill matter most.
    given = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    return given, _text(1, "surrogateescape"), _text(2, "backslashreplace")


def _text(descriptor: int, errors: str) -> TextIOWrapper:
    # `closefd=False`: a step that closes `sys.stdout` must not free descriptor 1, which the next file would get.
    return open(descriptor, "w", encoding="utf-8", errors=errors, buffering=1, closefd=False)


def _reset_signals() -> None:
    if _signals.getsignal(signal.SIGHUP) != _IGNORED:  # SIGHUP stays ignored, for example in a program under `nohup`
        _signals.signal(signal.SIGHUP, _DEFAULT)
    _signals.signal(signal.SIGCHLD, _DEFAULT)
    _signals.signal(signal.SIGINT, signal.default_int_handler)
    _signals.signal(signal.SIGPIPE, _IGNORED)  # Python's default: writing to a closed pipe raises OSError.
    # Unblock all signals, including signals that the caller of this program has blocked.
    _signals.pthread_sigmask(signal.SIG_SETMASK, ())


def leave(code: int) -> NoReturn:
    """End a child without returning into the parent's stack and without running the parent's exit handlers.

    An active exception is printed first. Then `ending.end` joins threads, calls exit handlers and flushes files.

    Args:
        code: the exit code; a 0 becomes 1 if the last output cannot be written.
    """
    try:
        if (error := sys.exc_info()[1]) is not None:
            sys.excepthook(type(error), error, error.__traceback__)
        ending.end()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        code = code or 1  # output was lost
    finally:
        os._exit(code)


# -- the identity of processes -----------------------------------------------------------------------------------------


def this_process() -> Process:
    """Return the identity of this process for records; in a pod, with the pod, its uid and its node."""
    pid = os.getpid()
    process: Process = {"host": os.uname().nodename, "pid": pid, "started": start_time(pid) or ""}
    if pod := os.environ.get(contract.POD):
        process["pod"] = pod
        process["pod_uid"] = os.environ.get(contract.POD_UID, "")
        process["node"] = os.environ.get(contract.NODE, "")
    if address := os.environ.get(contract.POD_IP):
        process["ip"] = address
    return process


def peak_rss(usage: struct_rusage) -> int:
    """Return the largest resident set in bytes (ru_maxrss is in KiB on Linux, in bytes on macOS)."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def start_time(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot; None if the process does not run. The pid and the start
    time together identify a process.

    A process that has ended but was not reaped counts as not running: the init process of many containers reaps seldom,
    so the entry of an ended process may remain for minutes.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        stat = os.read(descriptor, 4096)  # The file is shorter than this, and one call returns all of it.
    except ProcessLookupError:  # The process has just ended.
        return None
    finally:
        os.close(descriptor)
    # field 2, the name of the process, stands in parentheses and may contain any character: the fields after the last
    # `)` begin with field 3
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def is_alive(process: Process) -> bool | None:
    """Return whether a recorded process still runs; None if this machine cannot check the process."""
    if process.get("host") != os.uname().nodename or "pod" in process:
        return None
    pid = process.get("pid", 0)
    if sys.platform.startswith("linux"):
        return start_time(pid) == process.get("started")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
