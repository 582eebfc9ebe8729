"""Forking a process that cannot outlive its parent, and saying which process something runs in."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypedDict, final

from flowc_runtime.base import contract
from flowc_runtime.base.signals import ENDING
from flowc_runtime.process import ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from io import TextIOWrapper
    from resource import struct_rusage


HAS_PIDFD = hasattr(os, "pidfd_open")  # Linux
# Makes a task's process print its stack: a real-time signal, so that SIGUSR1 and SIGUSR2 are left to the step.
STACK_SIGNAL: int | None = signal.SIGRTMAX - 5 if hasattr(signal, "SIGRTMAX") else None
PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


class Process(TypedDict, total=False):
    """Where something runs: enough to tell whether it still does, and where to look if it does not."""

    host: str
    pid: int
    started: str  # the process's start in clock ticks since boot (Linux): with the pid it names one process
    pod: str
    pod_uid: str
    node: str
    ip: str  # of a pod in a gang


@final
@dataclass(frozen=True, slots=True)
class Child:
    """A forked process and the parent's ends of its pipes. `control` is how the child reports to its parent."""

    pid: int
    stdout: int
    stderr: int
    control: int


def load_prctl() -> Callable[[int, int], None] | None:
    """prctl(2), or None where there is none (macOS). Loaded before the fork: the child should only call it."""
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
    """Become the parent of what descendants leave behind, so that it can be found and ended (Linux only)."""
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def leave_orphans(prctl: Callable[[int, int], None] | None) -> None:
    """Undo `adopt_orphans`: a program that goes on would never wait for what becomes its child."""
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 0)


def adopts_orphans() -> bool:
    """Whether this process becomes the parent of what descendants leave behind."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    found = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
    return bool(found.value)


@final
@dataclass(frozen=True, slots=True)
class PipeEnds:
    """The writing ends of a child's pipes; whoever forks the child closes them afterwards."""

    stdout: int
    stderr: int
    control: int

    def close(self) -> None:
        """Close them in the process that does not write."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.close(descriptor)


@final
@dataclass(frozen=True, slots=True)
class Readers:
    """The reading ends of the pipes of a child that is still to be forked."""

    stdout: int
    stderr: int
    control: int

    def of(self, pid: int) -> Child:
        """The child that writes to them."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.set_blocking(descriptor, False)
        return Child(pid, self.stdout, self.stderr, self.control)

    def close(self) -> None:
        """Close them where no child could be forked."""
        for descriptor in (self.stdout, self.stderr, self.control):
            os.close(descriptor)


def open_pipes() -> tuple[Readers, PipeEnds]:
    """Make the three pipes of a child."""
    out, err, control = os.pipe(), os.pipe(), os.pipe()
    return Readers(out[0], err[0], control[0]), PipeEnds(out[1], err[1], control[1])


def spawn(
    body: Callable[[int], int],
    *,
    prctl: Callable[[int, int], None] | None,
    close: Iterable[int] = (),
) -> Child:
    """Fork a child in a session of its own; it runs `body(control)` and exits with what that returns.

    Its stdin is /dev/null, its stdout and stderr are pipes. It is killed when its parent dies, where prctl is there.
    `close` are the parent's descriptors that the child must not hold.
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
    """Fork a child as `spawn` does, which writes to these pipes; the child's pid. The caller closes the pipes."""
    ending.flush()
    parent = os.getpid()
    # Until the child has its own handlers: the parent's would swallow a signal that is meant for the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid == 0:
        code = contract.NOT_STARTED  # only if what follows could not even start
        try:
            # Before a signal can be meant for the child alone: the parent's handler would tell the parent of it.
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            ending.begin()
            if prctl is not None:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:  # it died before the line above: nothing will signal us any more
                    os._exit(code)
            for descriptor in close:
                os.close(descriptor)
            _redirect(writers.stdout, writers.stderr)
            _reset_signals()
            code = body(writers.control)
        finally:
            leave(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _redirect(out: int, err: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (null, out, err):
        os.close(descriptor)
    open_streams()


def open_streams() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` those of a task, on descriptors 0, 1 and 2."""
    # The parent's objects may be a terminal's or a test runner's; a task's are plain files on 0, 1 and 2. A line goes
    # out when it ends: logs are read while the task runs, and the last lines before a kill are the ones that matter.
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "backslashreplace")  # type: ignore[misc]
    faulthandler.enable(2)  # a crash in native code says in the task's log which line called it
    if STACK_SIGNAL is not None:
        faulthandler.register(STACK_SIGNAL, 2)


def _text(descriptor: int, errors: str) -> TextIOWrapper:
    return open(descriptor, "w", encoding="utf-8", errors=errors, buffering=1, closefd=False)


def _reset_signals() -> None:
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is what `nohup` asks for
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python starts: a closed pipe is an OSError, not a death
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever the caller of this program has blocked


def leave(code: int) -> NoReturn:
    """End a child without returning into the parent's stack and without running the parent's exit handlers."""
    try:
        if (error := sys.exc_info()[1]) is not None:
            sys.excepthook(type(error), error, error.__traceback__)
        ending.end()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        code = code or 1  # a stream that cannot be flushed has lost output
    finally:
        os._exit(code)


# -- which process -----------------------------------------------------------------------------------------------------


def this_process() -> Process:
    """This process as records name it; in a pod also the pod, its uid and its node."""
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
    """The largest resident set of what the usage is of, in bytes (ru_maxrss is in KiB on Linux, in bytes on macOS)."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: with the pid it names one process. None: there is none.

    A process that has ended counts as none before its parent has waited for it, too: an init that waits seldom, as in
    many containers, keeps the entry of such a process for minutes.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()  # from field 3 on; the name before it may hold anything
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def is_alive(process: Process) -> bool | None:
    """Whether a recorded process still runs; None if that cannot be told from this machine."""
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
