"""Start a fork server, request its branch processes, and start the processes of tasks as forks of a branch process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, final

from flowc_emulator.forkserver.wire import (
    Exited,
    NewBranch,
    NotStarted,
    Ready,
    Replies,
    Started,
    StartHook,
    StartTask,
    UnsafeImport,
    send,
)
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.process.process import open_pipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_emulator.forkserver.wire import Reply, Request, Setup
    from flowc_emulator.processes.engine import Inherited
    from flowc_runtime.process.process import Child
    from flowc_runtime.process.watch import Reaper
    from flowc_runtime.run.assignment import Assignment

_KILLED = 9  # the wait status of a process whose branch process has ended: killed by SIGKILL


@final
class ForkServer:
    """The fork server: a process that is started by exec and only forks branch processes."""

    def __init__(self, root: str, environment: Mapping[str, str], directory: str | None) -> None:
        """Start the server with exactly these environment variables, without waiting for it. Raises OSError.

        `root` is the directory of the flow's code. `directory` is the server's working directory; None means the
        working directory of this process.
        """
        self._link, theirs = socket.socketpair()
        # The server's sys.path lacks the root of the flow's code, because the modules there could hide flowc's own.
        path = [entry for entry in sys.path if entry not in ("", root)]
        boot = f"import sys; sys.path[:] = {path!r}; from flowc_emulator.forkserver.server import main; main()"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", boot, str(theirs.fileno()),  # type: ignore[attr-defined]
                 str(os.getpid())],
                env=dict(environment),
                cwd=directory if directory is not None and os.path.isdir(directory) else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    def begin(self, setup: Setup) -> None:
        """Send the first request, which describes the run.

        Raises:
            FlowcError: the server has ended.
        """
        _send(self._link, setup, ())

    def branch(self, environment: Sequence[tuple[str, str]], modules: Sequence[str], *, debugger: bool) -> ServerBranch:
        """Request a branch process, without waiting for it.

        Args:
            environment: additional variables for the branch process and its tasks.
            modules: modules to import before tasks are forked.
            debugger: whether to import the debugger too.

        Raises:
            FlowcError: the server has ended.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            order = NewBranch(environment=tuple(environment), modules=tuple(modules), debugger=debugger)
            _send(self._link, order, [theirs.fileno()])
        return ServerBranch(ours)

    def close(self) -> None:
        """End the server, and wait for its end; the server's branch processes end when their sockets are closed."""
        _end(self._link)
        self._process.wait()


@final
class ServerBranch:
    """A branch process of the fork server, which forks the processes of tasks and reports how they ended."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._replies = Replies()
        self._exited: deque[Exited] = deque()
        self._alive: set[int] = set()
        self._closed = False

    def wait(self) -> UnsafeImport | None:
        """Wait until the branch process has imported its modules.

        Returns:
            The package whose import forks must not share, after which the branch process has ended; None if forks can
            share all imports.

        Raises:
            FlowcError: the branch or its server has ended.
        """
        answer = self._await()
        assert isinstance(answer, (Ready, UnsafeImport))
        return answer if isinstance(answer, UnsafeImport) else None

    def start(self, order: StartTask | StartHook, descriptors: Sequence[int]) -> Child:
        """Make the branch process fork a process; return the new process with the reading ends of its pipes.

        Args:
            order: the attempt or the exit hook.
            descriptors: further descriptors that the process gets.

        Raises:
            OSError: the fork failed.
            FlowcError: the branch has ended.
        """
        readers, writers = open_pipes()
        try:
            _send(self._link, order, [writers.stdout, writers.stderr, writers.control, *descriptors])
            answer = self._await()
        except BaseException:
            readers.close()
            raise
        finally:
            writers.close()
        if isinstance(answer, NotStarted):
            readers.close()
            raise OSError(answer.errno, os.strerror(answer.errno))
        assert isinstance(answer, Started)
        self._alive.add(answer.pid)
        return readers.of(answer.pid)

    def close(self) -> None:
        """Close the socket, so that the branch process ends."""
        _end(self._link)
        self._closed = True

    @property
    def broken(self) -> bool:
        """Whether the branch process has ended."""
        return self._closed

    # -- reaping the children of the branch process

    def fileno(self) -> int:
        """Return the descriptor of the socket to the branch process."""
        return self._link.fileno()

    @property
    def queued(self) -> bool:
        """Whether a call of `ended` would yield a child now."""
        return bool(self._exited)

    @property
    def gone(self) -> bool:
        """Whether the branch process and its children have ended, and `ended` has yielded all these children."""
        return self._closed and not self._exited

    def ended(self) -> Iterator[tuple[int, int, int]]:
        """Yield (pid, wait status, peak RSS in bytes) for each child that has ended; do not wait for others.

        If the branch process itself has ended, its remaining children count as killed, since the kernel kills the
        children of a branch process that ends.
        """
        while not self._closed:
            try:
                data = self._link.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            self._take(data)
        while self._exited:
            exited = self._exited.popleft()
            self._alive.discard(exited.pid)
            yield exited.pid, exited.status, exited.peak_rss

    def _await(self) -> Reply:
        """Return the next answer to a request; reports of ended children that arrive before it are kept for `ended`."""
        while True:
            try:
                data = self._link.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            answers = self._take(data)
            if answers is None:
                raise FlowcError("the process that starts tasks has ended; use --start fork, which does not need it")
            if answers:
                (answer,) = answers
                return answer

    def _take(self, data: bytes) -> list[Reply] | None:
        """Keep received reports of ended children; return the other replies, or None if the branch process has
        ended."""
        if not data:
            self._exited.extend(Exited(pid, _KILLED, 0) for pid in self._alive)
            self._closed = True
            return None
        answers: list[Reply] = []
        for message in self._replies.feed(data):
            if isinstance(message, Exited):
                self._exited.append(message)
            else:
                answers.append(message)
        return answers


@final
class TaskLauncher:
    """Starts the process of an attempt as a fork of a branch process."""

    def __init__(self, branch: ServerBranch, assignment: Assignment, tasks: int) -> None:
        self._branch = branch
        self._assignment = assignment.portable
        self._tasks = tasks

    def launch(self, place: Inherited) -> tuple[Child, Reaper | None]:
        """Make the branch process fork the process of the attempt. Return this process, and the branch process, which
        reports its end.

        Raises:
            OSError: the fork failed.
            FlowcError: the branch has ended.
        """
        lent = place.terminal.lent() if place.terminal is not None else ()
        order = StartTask(assignment=self._assignment, tasks=self._tasks, guarded=True, lent=bool(lent))
        return self._branch.start(order, [place.guardian.descriptor, *lent]), self._branch


def _end(link: socket.socket) -> None:
    """Close a socket for all processes: processes that the flow's import has forked may hold copies of the socket."""
    if link.fileno() >= 0:
        with contextlib.suppress(OSError):  # the other process has closed its end of the socket already
            link.shutdown(socket.SHUT_RDWR)
        link.close()


def _send(link: socket.socket, request: Request, descriptors: Sequence[int]) -> None:
    try:
        send(link, request, descriptors)
    except (BrokenPipeError, ConnectionResetError):
        raise FlowcError("the process that starts tasks has ended; use --start fork, which does not need it") from None
