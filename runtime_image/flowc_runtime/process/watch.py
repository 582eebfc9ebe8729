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
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

from flowc_runtime.base.signals import Wakeup
from flowc_runtime.process import leftovers
from flowc_runtime.process.process import HAS_PIDFD, Child, peak_rss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.process.logs import Stream

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


class Reaper(Protocol):
    """Another process that forks children and waits for them: only a parent can, so it reports how they end."""

    def fileno(self) -> int:
        """The descriptor that can be read when there is something to report."""
        ...

    def ended(self) -> Iterable[tuple[int, int, int]]:
        """The pid, the wait status and the peak RSS in bytes of each child whose end was reported meanwhile.

        If the reaper itself is gone, its remaining children are: they were killed with it.
        """
        ...

    @property
    def queued(self) -> bool:
        """Whether there is a report that was read already, so that the descriptor does not show it."""
        ...

    @property
    def gone(self) -> bool:
        """Whether there will be no further report."""
        ...


@dataclass(slots=True)
class _Watched:
    child: Child
    pidfd: int | None
    own: bool  # this process's own child, for which it waits itself
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
        self._waking: int | None = None
        self._reapers: dict[int, Reaper] = {}
        self._early: list[Event] = []  # events that were seen outside of poll()
        self._left: dict[int, float] = {}  # groups of processes that a child has left behind -> when they are killed
        self._undo = ExitStack()
        self._wakeup = Wakeup()

    def __enter__(self) -> Watcher:
        write = self._wakeup.open()
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._wakeup)
        previous = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, previous)
        for number in self._signals:
            # A handler of Python's must be set for the wakeup descriptor to be written; the work is done in poll().
            self._undo.callback(signal.signal, number, signal.signal(number, lambda number, frame: None))
        if self._use_pidfd:  # where SIGCHLD is ignored, or another handler waits for children, their ends are lost
            self._undo.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)  # whoever blocked them until now may have missed none
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()
        for group in self._left:  # whoever adopts what is left behind has ended it before
            kill_group(group, signal.SIGKILL)
        for watched in list(self._children.values()):
            self._forget(watched)
        self._forget_waking()
        self._selector.close()
        self._wakeup.close()

    @property
    def wakeup(self) -> Wakeup:
        """What knows of the signals that have come and that no event has told of yet."""
        return self._wakeup

    def descriptors(self) -> list[int]:
        """What a forked child should close."""
        held = [fd for watched in self._children.values() for fd in (*watched.open, watched.pidfd) if fd is not None]
        selector = getattr(self._selector, "fileno", None)
        more = [self._waking] if self._waking is not None else []
        return [*held, *more, *self._wakeup.descriptors(), *([selector()] if selector else []), *self._reapers]

    def add(self, child: Child, reaper: Reaper | None = None) -> None:
        """Watch a child from now on. A death before this call is not missed.

        A child that is not this process's own has a `reaper`, which reports its end.
        """
        if reaper is not None and reaper not in self._reapers.values():
            self.attach(reaper)
        if child.pid in self._children:  # its number was that of a child whose end was reported before this one began
            for other in self._reapers.values():
                self._take_report(other, self._early)
        self._left.pop(child.pid, None)  # a number that is used again
        own = reaper is None
        watched = _Watched(child, os.pidfd_open(child.pid) if self._use_pidfd and own else None, own)
        self._children[child.pid] = watched
        for descriptor in (child.stdout, child.stderr, child.control):
            watched.open.add(descriptor)
            self._selector.register(descriptor, selectors.EVENT_READ, watched)
        if watched.pidfd is not None:
            self._selector.register(watched.pidfd, selectors.EVENT_READ, watched)

    def attach(self, reaper: Reaper) -> None:
        """Take the reports of a process that forks children, until it is gone."""
        self._reapers[reaper.fileno()] = reaper
        self._selector.register(reaper.fileno(), selectors.EVENT_READ, reaper)

    def detach(self, reaper: Reaper) -> None:
        """Take no more reports of it."""
        if self._reapers.pop(reaper.fileno(), None) is not None:
            self._selector.unregister(reaper.fileno())

    def listen(self, descriptor: int) -> None:
        """Give `Called` when there is something to read there, which the caller does."""
        self._listened = descriptor
        self._selector.register(descriptor, selectors.EVENT_READ)

    def wake(self, pid: int) -> None:
        """Let `poll` return when this child ends, which the caller looks at; it replaces the one before."""
        self._forget_waking()
        if self._use_pidfd:  # else SIGCHLD wakes it
            self._waking = os.pidfd_open(pid)
            self._selector.register(self._waking, selectors.EVENT_READ)

    def _forget_waking(self) -> None:
        if self._waking is not None:
            self._selector.unregister(self._waking)
            os.close(self._waking)
            self._waking = None

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
        events, self._early = self._early, []
        dead: list[_Watched] = []
        reports = [reaper for reaper in self._reapers.values() if reaper.queued]
        called = False
        timeout = self._kill_left(timeout)
        signalled = self._wakeup.seen
        for key, _ in self._selector.select(0 if events or reports or signalled else timeout):
            source: _Watched | Reaper | Wakeup = key.data  # but for those two
            if key.fd == self._listened:
                called = True
            elif key.fd == self._waking:
                continue
            elif isinstance(source, Wakeup):
                signalled = True
            elif not isinstance(source, _Watched):
                if source not in reports:
                    reports.append(source)
            elif key.fd == source.pidfd:
                dead.append(source)
            else:
                self._read(source, key.fd, events)
        if signalled:
            self._take_signals(events, dead)
        if called:
            events.append(Called())
        for watched in dead:
            self._reap(watched, events)
        for reaper in reports:
            self._take_report(reaper, events)
            if reaper.gone:
                self.detach(reaper)
        return events

    def _take_signals(self, events: list[Event], dead: list[_Watched]) -> None:
        for number in self._wakeup.take():
            if number == signal.SIGCHLD and not self._use_pidfd:
                dead += [each for each in self._children.values() if each not in dead and each.own]
            elif number in self._signals:
                events.append(Signalled(number))

    def _take_report(self, reaper: Reaper, events: list[Event]) -> None:
        for pid, status, peak in reaper.ended():
            if watched := self._children.get(pid):
                self._end(watched, status, peak, events)

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
        self._end(watched, status, peak_rss(usage), events)

    def _end(self, watched: _Watched, status: int, peak: int, events: list[Event]) -> None:
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
                peak_rss=peak,
                report=bytes(watched.report),
            )
        )

    def _forget(self, watched: _Watched) -> None:
        del self._children[watched.child.pid]
        for descriptor in (*watched.open, *([watched.pidfd] if watched.pidfd is not None else [])):
            self._selector.unregister(descriptor)
            os.close(descriptor)


def kill_child(pid: int, number: int) -> None:
    """Signal the process group of a child that was not waited for, or the child alone: it may not lead one yet."""
    if not kill_group(pid, number):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_group(pid: int, number: int) -> bool:
    """Signal the process group of a child that leads its own session; return whether there was anything in it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: macOS says so of zombies
        return False
    return True
