"""Start the processes of tasks: as forks of the process that has imported the flow, or with an import of their own.

Forking can replace an import in the task only if the import left no state that must not be shared
(docs/adr/0015-starts.md). The caller that starts the run decides how its tasks start, and passes a `Rule`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, final

from flowc_emulator.forkserver.client import ForkServer, TaskLauncher
from flowc_emulator.forkserver.wire import Setup, StartHook
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.process import ending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc_emulator.forkserver.client import ServerBranch
    from flowc_emulator.processes.observer import Launcher
    from flowc_ir import Node
    from flowc_runtime.process.origin import ProcessOrigin
    from flowc_runtime.process.process import Child
    from flowc_runtime.process.watch import Reaper
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.store.records.run_store import RunStore

Environment = tuple[tuple[str, str], ...]

# Variables that the interpreter, the loader and the C library read only when a process starts.
_AT_EXEC = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "LC_")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Decides which tasks import the flow themselves: `all` tasks, or the tasks of steps with environment variables
    (`in_environments`).

    `modules` are the third-party modules that the user's modules and the cards import, in order. flowc imports these
    modules once for all tasks, unless that is unsafe.
    """

    all: bool
    in_environments: bool
    modules: tuple[str, ...]

    def fresh(self, node: Node) -> bool:
        """Return whether the tasks of a step import the flow again."""
        return self.all or (self.in_environments and bool(node.environment))


@final
class Starts:
    """Starts tasks that import the flow themselves. Their processes are forks of fork servers, which are started at
    first use."""

    def __init__(
        self,
        rule: Rule,
        root: str,
        note: Callable[[str], None],
        origin: ProcessOrigin,
        *,
        server: ForkServer | None = None,
        debugger: bool = False,
    ) -> None:
        """`root`: the directory of the flow's code. `note` shows a note. `debugger`: whether tasks can use a debugger.

        `origin` is the environment and working directory in which the processes start; `server` is a fork server that
        was already started with this environment and directory.
        """
        self._rule, self._root, self._note, self._debugger = rule, root, note, debugger
        self._origin = origin
        self._setup: Setup | None = None
        self._servers: dict[Environment, ForkServer] = {}  # by the variables with which the server starts
        self._branches: dict[Environment, ServerBranch] = {}
        self._unsafe: set[str] = set()
        if server is not None:
            self._servers[()] = server
        if rule.all:
            self._server(())  # the server is started early, so that it imports modules while the run is prepared

    def begin(self, run: RunStore, ir: str, parameters: Mapping[str, object], functions: str | None = None) -> None:
        """Tell the fork servers for which run they will start tasks. Called before any task is started.

        Args:
            run: the run.
            ir: the flow's IR as JSON.
            parameters: the values of the run's parameters, encoded as in a record.
            functions: the directory with the run's pickled functions; None if the run has no pickled functions.

        Raises:
            FlowcError: a fork server has ended.
        """
        self._setup = setup = Setup(
            store=run.objects.url,
            flow=run.flow,
            run=run.id,
            ir=ir,
            root=self._root,
            parameters=dict(parameters),
            functions=functions,
            path=tuple(sys.path),
            argv=tuple(sys.argv),
            coverage=ending.measured(),
        )
        for server in self._servers.values():
            server.begin(setup)

    @property
    def all(self) -> bool:
        """Whether every task, and every exit hook, imports the flow again."""
        return self._rule.all

    @property
    def pids(self) -> list[int]:
        """The pids of the fork servers, which are children of this process and belong to no task."""
        return [server.pid for server in self._servers.values()]

    def fresh(self, node: Node) -> bool:
        """Return whether the tasks of a step import the flow again."""
        return self._rule.fresh(node)

    def launcher(self, assignment: Assignment, tasks: int) -> Launcher:
        """Return the launcher of an attempt's process; start a branch process for the attempt's environment if none
        exists.

        Args:
            assignment: the attempt.
            tasks: the number of parallel tasks.

        Raises:
            FlowcError: a fork server or a branch has ended.
            OSError: a fork server cannot be started.
        """
        return TaskLauncher(self._branch(assignment.node.environment), assignment, tasks)

    def start_hook(self, number: int, close: Sequence[int]) -> tuple[Child, Reaper | None]:
        """Start the process of an exit hook; return the process, and the branch process, which reports its end.

        Args:
            number: the index of the hook in the flow.
            close: not used. The process is a fork of a branch process, which has no descriptors of this process.

        Raises:
            FlowcError: a fork server or the branch has ended.
            OSError: the process cannot be started.
        """
        branch = self._branch(())
        return branch.start(StartHook(number=number), ()), branch

    def close(self) -> None:
        """End the servers and all processes that they have started."""
        for branch in self._branches.values():
            branch.close()
        for server in self._servers.values():
            server.close()
        self._branches, self._servers = {}, {}

    def _server(self, at_exec: Environment) -> ForkServer:
        server = self._servers.get(at_exec)
        if server is None:
            server = self._servers[at_exec] = ForkServer(
                self._root, {**self._origin.environment, **dict(at_exec)}, self._origin.directory
            )
            if self._setup is not None:
                server.begin(self._setup)
        return server

    def _branch(self, environment: Environment) -> ServerBranch:
        branch = self._branches.get(environment)
        if branch is not None and not branch.broken:
            return branch
        at_exec = tuple((name, value) for name, value in environment if name.startswith(_AT_EXEC) or name == "LANG")
        server = self._server(at_exec)
        while True:
            modules = [name for name in self._rule.modules if name.partition(".")[0] not in self._unsafe]
            branch = server.branch(environment, modules, debugger=self._debugger)
            unsafe = branch.wait()
            if unsafe is None:
                self._branches[environment] = branch
                return branch
            branch.close()
            self._unsafe.add(unsafe.package)
            self._note(
                f"importing {unsafe.package} {unsafe.why}, which tasks cannot share: each task imports it again, "
                f"in {unsafe.seconds:.1f} s; run `flowc doctor FLOW` for details"
            )
