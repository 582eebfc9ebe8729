"""Wait for children without polling: their output, their end, and signals are events of one poll(2).

A Watcher starts no threads, so its owner may fork at any time. The end of a child is reported by pidfd, or by SIGCHLD
on systems without pidfd.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_runtime.base.signals import Wakeup
from flowc_runtime.process import leftovers
from flowc_runtime.process.process import COMPLETE, HAS_PIDFD, Child, peak_rss

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from flowc_runtime.process.logs import Stream

READ = 1 << 16  # the number of bytes to read at once, equal to the capacity of a pipe


@final
@dataclass(frozen=True, slots=True)
class Output:
    """An event: a child wrote bytes."""

    child: Child
    stream: Stream
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """An event: a child has ended, after all its output was reported. `report` is the content of its control pipe."""

    child: Child
    code: int | None  # exit code; None if a signal killed the child
    signal: int | None
    peak_rss: int  # the peak of its resident memory in bytes
    report: bytes


@final
@dataclass(frozen=True, slots=True)
class Reported:
    """An event: a child has completed its report, and continues to run. `Ended` follows."""

    child: Child
    report: bytes


@final
@dataclass(frozen=True, slots=True)
class Signalled:
    """An event: this process received a signal."""

    number: int


@final
@dataclass(frozen=True, slots=True)
class Called:
    """An event: the descriptor passed to `listen` is readable. Earlier output of children is reported before this
    event."""


Event: TypeAlias = "Output | Reported | Ended | Signalled | Called"


class Reaper(Protocol):
    """Another process that forks children, waits for them and reports how they end, because only a parent can wait for
    its children."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when a report has arrived."""
        ...

    def ended(self) -> Iterable[tuple[int, int, int]]:
        """Return each child whose end was reported since the last call: pid, wait status, peak RSS in bytes.

        If the reaper itself has ended, its remaining children are reported as killed, since children end with their
        reaper.
        """
        ...

    @property
    def queued(self) -> bool:
        """Whether a report was already read from the descriptor, but not yet returned by `ended`."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the reaper has sent its last report."""
        ...


@dataclass(slots=True)
class _Watched:
    child: Child
    pidfd: int | None
    own: bool  # whether this process is the parent and reaps the child
    report: bytearray = field(default_factory=bytearray)
    open: set[int] = field(default_factory=set)
    asked: bool = False  # whether `ask` has sent SIGTERM to the child's process group


class Watcher:
    """Waits for events of children and for signals. As a context manager, it restores the signal handlers that it
    replaced."""

    def __init__(self, signals: Iterable[int] = (), *, use_pidfd: bool = HAS_PIDFD) -> None:
        self._use_pidfd = use_pidfd
        self._signals = [*signals, *([] if use_pidfd else [signal.SIGCHLD])]
        # poll(2) is used instead of `selectors`, because it costs less for the three pipes and the pidfd of a
        # short-lived child.
        self._poll = select.poll()
        self._sources: dict[int, _Watched | Reaper | Wakeup | None] = {}
        self.woken = False
        """Whether the child that was passed to `wake` has ended during the last `poll`; on a system without pidfd,
        whether any child has."""
        self._children: dict[int, _Watched] = {}
        self._listened: int | None = None
        self._waking: int | None = None
        self._reapers: dict[int, Reaper] = {}
        self._early: list[Event] = []  # Events that occurred outside of poll().
        self._left: dict[int, float] = {}  # Process groups that children left running -> the time to kill them.
        self._undo = ExitStack()
        self._wakeup = Wakeup()

    def __enter__(self) -> Watcher:
        write = self._wakeup.open()
        self._register(self._wakeup.fileno(), self._wakeup)
        # Hazard: forked children inherit this wakeup descriptor and must reset it; otherwise this watcher would report
        # the children's signals.
        previous = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, previous)
        for number in self._signals:
            # Python writes to the wakeup descriptor only for signals that have a Python handler. So each signal gets a
            # handler that does nothing, and `poll` reports the signal.
            self._undo.callback(signal.signal, number, signal.signal(number, lambda number, frame: None))
        if self._use_pidfd:  # an ignored SIGCHLD, or a handler that reaps children, would lose exit codes
            self._undo.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL))
        # signals that arrived while they were blocked are delivered now
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()
        # these groups are rarely left: a process that adopts orphans has already ended them
        for group in self._left:
            kill_group(group, signal.SIGKILL)
        for watched in list(self._children.values()):
            self._forget(watched)
        self._forget_waking()
        self._wakeup.close()

    @property
    def wakeup(self) -> Wakeup:
        """The pipe that receives signals; it also keeps the signals that no event has reported yet."""
        return self._wakeup

    def descriptors(self) -> list[int]:
        """Return the descriptors of children, reapers and signals, which a forked child must close."""
        held = [fd for watched in self._children.values() for fd in (*watched.open, watched.pidfd) if fd is not None]
        more = [self._waking] if self._waking is not None else []
        return [*held, *more, *self._wakeup.descriptors(), *self._reapers]

    def _register(self, descriptor: int, source: _Watched | Reaper | Wakeup | None) -> None:
        self._sources[descriptor] = source
        self._poll.register(descriptor, select.POLLIN)

    def _unregister(self, descriptor: int) -> None:
        del self._sources[descriptor]
        self._poll.unregister(descriptor)

    def add(self, child: Child, reaper: Reaper | None = None) -> None:
        """Start to watch a child. The child's end is reported even if it happened before this call.

        Args:
            child: the child and the reading ends of its pipes, which the watcher closes.
            reaper: reports the end of a child that this process did not fork.
        """
        if reaper is not None and reaper not in self._reapers.values():
            self.attach(reaper)
        if child.pid in self._children:  # the pid is reused: the reaper has already reported the earlier child
            for other in self._reapers.values():
                self._take_report(other, self._early)
        self._left.pop(child.pid, None)  # the pid is reused
        own = reaper is None
        watched = _Watched(child, os.pidfd_open(child.pid) if self._use_pidfd and own else None, own)
        self._children[child.pid] = watched
        for descriptor in (child.stdout, child.stderr, child.control):
            watched.open.add(descriptor)
            self._register(descriptor, watched)
        if watched.pidfd is not None:
            self._register(watched.pidfd, watched)

    def attach(self, reaper: Reaper) -> None:
        """Read the reports of a reaper until it ends."""
        self._reapers[reaper.fileno()] = reaper
        self._register(reaper.fileno(), reaper)

    def detach(self, reaper: Reaper) -> None:
        """Stop reading the reports of a reaper."""
        if self._reapers.pop(reaper.fileno(), None) is not None:
            self._unregister(reaper.fileno())

    def listen(self, descriptor: int) -> None:
        """Report `Called` when the descriptor is readable; the caller reads it. Only one descriptor can be watched."""
        self._listened = descriptor
        self._register(descriptor, None)

    def wake(self, pid: int) -> None:
        """Make `poll` return without an event when this child ends. Only the child of the last call of this method is
        watched."""
        self._forget_waking()
        if self._use_pidfd:  # on a system without pidfd, SIGCHLD ends the wait
            self._waking = os.pidfd_open(pid)
            self._register(self._waking, None)

    def _forget_waking(self) -> None:
        if self._waking is not None:
            self._unregister(self._waking)
            os.close(self._waking)
            self._waking = None

    def ask(self, pid: int) -> None:
        """Ask a child to end: send SIGTERM to its process group. When the child has ended, the other processes of the
        group do not get a second SIGTERM."""
        kill_child(pid, signal.SIGTERM)
        if watched := self._children.get(pid):
            watched.asked = True

    def asked_groups(self) -> Container[int]:
        """Return the process groups that children left running: their processes have got SIGTERM, and their grace
        period is not over."""
        return self._left.keys()

    def drain(self, pid: int) -> list[Event]:
        """Read a child's pending output without waiting; return it as events."""
        events: list[Event] = []
        if watched := self._children.get(pid):
            for descriptor in list(watched.open):
                while self._read(watched, descriptor, events):
                    continue
        return events

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Wait for events; return them in the order of their occurrence.

        Args:
            timeout: the largest number of seconds to wait; None sets no limit.
        """
        events, self._early = self._early, []
        dead: list[_Watched] = []
        reports = [reaper for reaper in self._reapers.values() if reaper.queued]
        called = self.woken = False
        timeout = self._kill_left(timeout)
        signalled = self._wakeup.seen
        for descriptor in self._ready(0.0 if events or reports or signalled else timeout, events):
            source = self._sources[descriptor]
            if isinstance(source, _Watched):
                if descriptor == source.pidfd:
                    dead.append(source)
                else:
                    self._read(source, descriptor, events)
            elif isinstance(source, Wakeup):
                signalled = True
            elif source is not None:
                if source not in reports:
                    reports.append(source)
            elif descriptor == self._listened:
                called = True
            else:
                self.woken = True
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

    def _ready(self, timeout: float | None, events: list[Event]) -> list[int]:
        """Wait, and return the readable descriptors. If only control pipes are readable, this method reads them itself,
        and returns when the data has led to an event.

        This method does not return after each piece of data: a child writes two reports before its end, and a return to
        the caller costs as much time as reading a report.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll(None if timeout is None else timeout * 1000)]
            sources = [self._sources[descriptor] for descriptor in ready]
            for source, descriptor in zip(sources, ready, strict=True):
                if not isinstance(source, _Watched) or descriptor != source.child.control:
                    return ready
            if not ready:
                return ready
            for source, descriptor in zip(sources, ready, strict=True):
                assert isinstance(source, _Watched)
                self._read(source, descriptor, events)
            if events:
                return []
            if until is not None:
                timeout = max(0.0, until - time.monotonic())

    def _take_signals(self, events: list[Event], dead: list[_Watched]) -> None:
        for number in self._wakeup.take():
            if number == signal.SIGCHLD and not self._use_pidfd:
                self.woken = True
                dead += [each for each in self._children.values() if each not in dead and each.own]
            elif number in self._signals:
                events.append(Signalled(number))

    def _take_report(self, reaper: Reaper, events: list[Event]) -> None:
        for pid, status, peak in reaper.ended():
            if watched := self._children.get(pid):
                self._end(watched, status, peak, events)

    def _kill_left(self, timeout: float | None) -> float | None:
        """Kill the process groups that children left running and whose grace period after SIGTERM is over; return the
        next timeout."""
        now = time.monotonic()
        for group, when in list(self._left.items()):
            with suppress(ChildProcessError):  # the group has no processes, or none is a child of this process
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
        """Read once from a pipe; return False if the pipe is empty for now."""
        try:
            data = os.read(descriptor, READ)
        except BlockingIOError:
            return False
        if not data:
            self._unregister(descriptor)
            watched.open.discard(descriptor)
            os.close(descriptor)
            return False
        if descriptor == watched.child.control:
            watched.report += data
            if data.endswith(COMPLETE) and len(watched.report) > len(COMPLETE):
                events.append(Reported(watched.child, bytes(watched.report)))
        else:
            events.append(Output(watched.child, "stdout" if descriptor == watched.child.stdout else "stderr", data))
        return True

    def _reap(self, watched: _Watched, events: list[Event]) -> None:
        pid, status, usage = os.wait4(watched.child.pid, os.WNOHANG)
        if pid == 0:  # SIGCHLD reported another child
            return
        self._end(watched, status, peak_rss(usage), events)

    def _end(self, watched: _Watched, status: int, peak: int, events: list[Event]) -> None:
        # Processes that the task started are ended with the task, as a container's processes end with the container.
        # flowc does not wait for their end. They get SIGTERM once, because many servers skip their shutdown at the
        # second signal.
        if kill_group(watched.child.pid, 0 if watched.asked else signal.SIGTERM):
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
            self._unregister(descriptor)
            os.close(descriptor)


def kill_child(pid: int, number: int) -> None:
    """Send a signal to the process group of a child that is not yet reaped, or only to the child if it leads no group
    yet.

    Hazard: after a child was reaped, its pid may belong to another process.
    """
    if not kill_group(pid, number):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_group(pid: int, number: int) -> bool:
    """Send a signal to the process group of a child that leads its own session; return whether the group has a
    process."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # for zombies, macOS raises PermissionError
        return False
    return True
