"""The process of a fork server, and its branch processes. All of them are single-threaded, so they may fork at any
time.

Only the processes of tasks import user code. Like a pod, each process of a task imports the flow itself, with the
environment variables of its step.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from flowc_emulator.forkserver.preload import preload
from flowc_emulator.forkserver.wire import (
    Exited,
    NewBranch,
    NotStarted,
    Ready,
    Setup,
    Started,
    StartHook,
    StartTask,
    UnsafeImport,
    receive,
    reply,
)
from flowc_emulator.processes.guardian import register
from flowc_emulator.processes.terminal import Borrowed
from flowc_emulator.scheduling.seeds import Seeds
from flowc_emulator.scheduling.threads import Threads
from flowc_ir.late.dataclass import dataclass
from flowc_ir.schema import loads
from flowc_runtime.base.ambient import set_variables
from flowc_runtime.base.contract import FUNCTIONS, NOT_STARTED, RUN
from flowc_runtime.base.index import Graph
from flowc_runtime.pod.hooks import call_hook
from flowc_runtime.process import ending
from flowc_runtime.process.loader import precompile
from flowc_runtime.process.process import PR_SET_PDEATHSIG, PipeEnds, fork, load_prctl, peak_rss, prepare_streams
from flowc_runtime.run.program import load_program
from flowc_runtime.run.task import breakpoints
from flowc_runtime.run.task.fresh import perform_fresh
from flowc_runtime.run.task.warm_up import warm_up
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_emulator.forkserver.wire import Reply, Request
    from flowc_runtime.store.records.run_store import RunStore


@dataclass(frozen=True, slots=True)
class _Run:
    """The data of the run whose tasks this server forks."""

    store: RunStore
    graph: Graph
    setup: Setup


def main() -> NoReturn:
    """Serve requests until the client closes the socket or ends. The socket's descriptor is the first argument.

    The second argument is the client's pid. Hazard: this process and its forks end only by `os._exit`: an exit handler
    of the interpreter would run in each of these processes.
    """
    link = socket.socket(fileno=int(sys.argv[1]))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the process that started the run may have blocked signals
    prctl = load_prctl()
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(sys.argv[2]):  # the client has died before this process called prctl
            os._exit(0)
    found = receive(link)
    if found is None:
        os._exit(0)
    setup = found[0]
    if not isinstance(setup, Setup):
        raise AssertionError(f"not the first request: {setup!r}")
    sys.path[:] = setup.path
    sys.argv[:] = setup.argv
    if setup.functions is not None:
        os.environ[FUNCTIONS] = setup.functions
    run = _Run(Store.open(setup.store).run(setup.flow, setup.run), Graph(loads(setup.ir)), setup)
    gc.freeze()
    _Server(link, run, prctl).serve()


class _Server:
    """Serves the requests of one socket. The fork server forks branch processes, which serve sockets of their own."""

    def __init__(self, link: socket.socket, run: _Run, prctl: Callable[[int, int], None] | None) -> None:
        self._link, self._run, self._prctl = link, run, prctl
        self._wake_read, self._wake_write = os.pipe()
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        # Hazard: only a signal with a Python handler is written to the wakeup descriptor, so SIGCHLD has a handler that
        # does nothing. The pipe is non-blocking: a signal must not wait for a reader, and if the pipe is full, `poll`
        # wakes up anyway.
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._threads: Threads | None = None

    def serve(self) -> NoReturn:
        """Serve until the client closes the socket."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 1 << 12)
                    self._reap()
                    continue
                try:
                    found = receive(self._link)
                except (EOFError, ConnectionResetError):
                    found = None
                if found is None:
                    os._exit(0)
                self._do(*found)

    def _do(self, request: Request, descriptors: list[int]) -> None:
        match request:
            case NewBranch():
                self._fork_branch(request, *descriptors)
            case StartTask():
                self._start(descriptors, lambda control: self._task(request, control, descriptors[3:]))
            case StartHook(number=number):
                self._start(descriptors, lambda _control: self._hook(number))
            case _:
                raise AssertionError(f"not a request: {request!r}")

    def _reply(self, message: Reply) -> None:
        """Send a reply. If the client has closed its end of the socket, end this process."""
        try:
            reply(self._link, message)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._reply(Exited(pid, status, peak_rss(usage)))

    # -- functions of a branch process

    def _fork_branch(self, request: NewBranch, link: int) -> None:
        """Fork a branch process, which serves the socket `link`.

        Hazard: the branch process closes this server's socket and wakeup pipe. Otherwise the client would not notice
        the end of the server, and signals of the branch process would wake the server. The branch process never returns
        to the caller: it ends in `finally`.
        """
        parent = os.getpid()
        if os.fork():
            os.close(link)
            return
        try:
            if self._prctl is not None:
                self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(0)
            self._link.close()
            for descriptor in (self._wake_read, self._wake_write):
                os.close(descriptor)
            branch = _Server(socket.socket(fileno=link), self._run, self._prctl)
            branch.prepare(request)
            branch.serve()
        finally:
            os._exit(NOT_STARTED)

    def prepare(self, request: NewBranch) -> None:
        """Set the environment, import the shared modules, and compile the flow's file once for all tasks."""
        set_variables(request.environment)
        if any(name == "TZ" for name, _ in request.environment):
            time.tzset()
        if self._run.setup.coverage is not None:
            import_module("coverage")  # imported here once, so that tasks need not import it
        if request.debugger:
            import_module("pdb")  # imported here once, so that debugged tasks need not import it
        unsafe = preload(request.modules)
        if unsafe is not None:
            self._reply(UnsafeImport(unsafe.package, unsafe.why, unsafe.seconds))
            os._exit(0)
        precompile(Path(self._run.setup.root), self._run.graph.flow.code.file)
        if "numpy" in sys.modules:
            self._threads = Threads()
        warm_up()
        ending.settle()
        prepare_streams()
        gc.collect()
        gc.freeze()
        self._reply(Ready())

    # -- functions of a task's process

    def _start(self, descriptors: Sequence[int], body: Callable[[int], int]) -> None:
        close = (self._link.fileno(), self._wake_read, self._wake_write)
        try:
            pid = fork(body, PipeEnds(*descriptors[:3]), prctl=self._prctl, close=close)
        except OSError as error:
            self._reply(NotStarted(error.errno or 0))
        else:
            self._reply(Started(pid))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _task(self, request: StartTask, control: int, more: list[int]) -> int:
        if request.guarded:
            register(more.pop(0))
        self._measure()
        os.environ[RUN] = self._run.store.id
        Seeds().enter_child()
        breakpoints.install(Borrowed(*more) if request.lent else None)

        def imported() -> None:
            (self._threads or Threads()).enter_child(request.tasks)

        run = self._run
        return perform_fresh(
            run.store, run.graph, run.setup.root, run.setup.parameters, request.assignment, control, imported
        )

    def _measure(self) -> None:
        if (settings := self._run.setup.coverage) is not None:
            ending.measure(settings)

    def _hook(self, number: int) -> int:
        self._measure()
        run = self._run
        flow = run.graph.flow
        return call_hook(flow.exit_hooks[number], run.store, lambda: load_program(flow, run.setup.root))
