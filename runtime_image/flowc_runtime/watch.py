"""Waiting for children without polling: their output, their death, and signals, as events of one selector.

Single-threaded: whoever holds a Watcher may fork at any time. Deaths come by pidfd, and by SIGCHLD where there is none.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_runtime import leftovers
from flowc_runtime.process import HAS_PIDFD, Child, peak_rss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.logs import Stream

READ = 1 << 16  # bytes: the capacity of a pipe


@final
@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that a child wrote."""

    child: Child
    stream: Stream
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """A child is gone and all its output was given before. `report` is what it wrote to its control pipe."""

    child: Child
    code: int | None  # exit code, None if a signal killed it
    signal: int | None
    peak_rss: int  # bytes
    report: bytes


@final
@dataclass(frozen=True, slots=True)
class Signalled:
    """This process got a signal."""

    number: int


@final
@dataclass(frozen=True, slots=True)
class Called:
    """A descriptor that was `listen`ed to has something to read; what children wrote before comes before it."""


Event: TypeAlias = "Output | Ended | Signalled | Called"


@dataclass(slots=True)
class _Watched:
    child: Child
    pidfd: int | None
    report: bytearray = field(default_factory=bytearray)
    open: set[int] = field(default_factory=set)


class Watcher:
    """Watches children and signals. Use as a context manager: it restores the signal handlers it replaced."""

    def __init__(self, signals: Iterable[int] = (), *, use_pidfd: bool = HAS_PIDFD) -> None:
        self._use_pidfd = use_pidfd
        self._signals = [*signals, *([] if use_pidfd else [signal.SIGCHLD])]
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Watched] = {}
        self._listened: int | None = None
        self._left: dict[int, float] = {}  # groups of processes that a child has left behind -> when they are killed
        self._undo = ExitStack()
        self._wake_read, self._wake_write = -1, -1

    def __enter__(self) -> Watcher:
        self._wake_read, self._wake_write = os.pipe()
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        previous = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, previous)
        for number in self._signals:
            # A handler of Python's must be set for the wakeup descriptor to be written; the work is done in poll().
            self._undo.callback(signal.signal, number, signal.signal(number, lambda number, frame: None))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)  # whoever blocked them until now may have missed none
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()
        for group in self._left:  # whoever adopts what is left behind has ended it before
            kill_group(group, signal.SIGKILL)
        for watched in list(self._children.values()):
            self._forget(watched)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def woken(self) -> int | None:
        """The descriptor that can be read when a signal has come that no event has told of; None if any child's may."""
        return self._wake_read if self._use_pidfd else None

    def descriptors(self) -> list[int]:
        """What a forked child should close."""
        held = [fd for watched in self._children.values() for fd in (*watched.open, watched.pidfd) if fd is not None]
        selector = getattr(self._selector, "fileno", None)
        return [*held, self._wake_read, self._wake_write, *([selector()] if selector else [])]

    def add(self, child: Child) -> None:
        """Watch a child from now on. A death before this call is not missed."""
        self._left.pop(child.pid, None)  # a number that is used again
        watched = _Watched(child, os.pidfd_open(child.pid) if self._use_pidfd else None)
        self._children[child.pid] = watched
        for descriptor in (child.stdout, child.stderr, child.control):
            watched.open.add(descriptor)
            self._selector.register(descriptor, selectors.EVENT_READ, watched)
        if watched.pidfd is not None:
            self._selector.register(watched.pidfd, selectors.EVENT_READ, watched)

    def listen(self, descriptor: int) -> None:
        """Give `Called` when there is something to read there, which the caller does."""
        self._listened = descriptor
        self._selector.register(descriptor, selectors.EVENT_READ)

    def drain(self, pid: int) -> list[Event]:
        """What a child's output holds now, without waiting."""
        events: list[Event] = []
        if watched := self._children.get(pid):
            for descriptor in list(watched.open):
                while self._read(watched, descriptor, events):
                    continue
        return events

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Wait for something to happen, at most `timeout` seconds; the events in the order they were seen."""
        events: list[Event] = []
        dead: list[_Watched] = []
        called = False
        timeout = self._kill_left(timeout)
        for key, _ in self._selector.select(timeout):
            watched: _Watched | None = key.data
            if key.fd == self._listened:
                called = True
            elif watched is None:
                for number in os.read(self._wake_read, READ):
                    if number == signal.SIGCHLD and not self._use_pidfd:
                        dead += [each for each in self._children.values() if each not in dead]
                    elif number in self._signals:
                        events.append(Signalled(number))
            elif key.fd == watched.pidfd:
                dead.append(watched)
            else:
                self._read(watched, key.fd, events)
        if called:
            events.append(Called())
        for watched in dead:
            self._reap(watched, events)
        return events

    def _kill_left(self, timeout: float | None) -> float | None:
        """Kill what is still there after SIGTERM and its grace; return how long to wait, given how long at most."""
        now = time.monotonic()
        for group, when in list(self._left.items()):
            with suppress(ChildProcessError):  # there are none, or the system does not give them to this process
                while os.waitpid(-group, os.WNOHANG)[0]:
                    continue
            if when <= now:
                kill_group(group, signal.SIGKILL)
                del self._left[group]
        if not self._left:
            return timeout
        left = min(self._left.values()) - now
        return left if timeout is None else min(left, timeout)

    def _read(self, watched: _Watched, descriptor: int, events: list[Event]) -> bool:
        """Take what a pipe has; False when there is nothing more for now."""
        try:
            data = os.read(descriptor, READ)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(descriptor)
            watched.open.discard(descriptor)
            os.close(descriptor)
            return False
        if descriptor == watched.child.control:
            watched.report += data
        else:
            events.append(Output(watched.child, "stdout" if descriptor == watched.child.stdout else "stderr", data))
        return True

    def _reap(self, watched: _Watched, events: list[Event]) -> None:
        pid, status, usage = os.wait4(watched.child.pid, os.WNOHANG)
        if pid == 0:  # SIGCHLD was about another one
            return
        # What the task started goes with it, as a container's processes go with the container. Nobody waits for it.
        if kill_group(watched.child.pid, signal.SIGTERM):
            self._left[watched.child.pid] = time.monotonic() + leftovers.GRACE
        for descriptor in list(watched.open):
            while self._read(watched, descriptor, events):
                continue
        self._forget(watched)
        killed = os.WIFSIGNALED(status)
        events.append(
            Ended(
                child=watched.child,
                code=None if killed else os.WEXITSTATUS(status),
                signal=os.WTERMSIG(status) if killed else None,
                peak_rss=peak_rss(usage),
                report=bytes(watched.report),
            )
        )

    def _forget(self, watched: _Watched) -> None:
        del self._children[watched.child.pid]
        for descriptor in (*watched.open, *([watched.pidfd] if watched.pidfd is not None else [])):
            self._selector.unregister(descriptor)
            os.close(descriptor)


def kill_group(pid: int, number: int) -> bool:
    """Signal the process group of a child that leads its own session; return whether there was anything in it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: macOS says so of zombies
        return False
    return True
