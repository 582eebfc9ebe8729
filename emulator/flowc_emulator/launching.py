"""Make an assignment (the data of an attempt) and a launcher (which starts the process) for each attempt of a plan."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, final

from flowc_emulator.processes.engine import ForkStart
from flowc_emulator.scheduling.threads import Threads
from flowc_ir import Foreach
from flowc_ir.late import LateFunction, dataclass, namedtuple
from flowc_runtime.base.contract import RUN
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.index import outer_path
from flowc_runtime.process.process import prepare_streams
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.reads import Reads
from flowc_runtime.run.task import breakpoints
from flowc_runtime.run.task.perform import perform_and_report
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from flowc_emulator.plan import Plan
    from flowc_emulator.processes.engine import Inherited
    from flowc_emulator.processes.observer import Launcher
    from flowc_emulator.scheduling.scheduler import Job
    from flowc_runtime.run.task.warm_up import warm_up
    from flowc_runtime.store.records.record_types import AttemptRecord
else:  # imported at first use: only a run whose tasks are forks of this process needs it
    warm_up = LateFunction("flowc_runtime.run.task.warm_up:warm_up")


# Before fork number `_MANY`, flowc compiles the methods of dataclasses and named tuples that forks use. For fewer
# forks, the compilation would take more time than it saves.
_MANY = 4


@final
class Preloaded(RunStore):
    """A run's store that caches the record of one task: this process reads the record once, because all forks need it.
    For example, all items of a foreach need the record of the split.

    The record of a completed task never changes.
    """

    def __init__(self, run: RunStore) -> None:
        super().__init__(run.objects, run.flow, run.id)
        self._records: dict[tuple[str, str], AttemptRecord] = {}

    def preload(self, step: str, path: str) -> None:
        """Read the record of a completed task. Only the record that was read last is kept. Raises StoreError."""
        if (step, path) not in self._records:
            self._records = {(step, path): super().task(step, path)}

    def task(self, step: str, path: str) -> AttemptRecord:
        """Return the record of a completed task, without reading it if it was preloaded; see `RunStore.task`."""
        return self._records.get((step, path)) or super().task(step, path)


@final
class Attempts:
    """Makes the assignments and the launchers of attempts."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._run = Preloaded(plan.run)
        self._threads = Threads()
        self._forks = 0
        self._with_cards: set[str] = set()  # the steps whose cards are prepared

    def assignment(self, job: Job) -> Assignment:
        """Return the assignment of an attempt."""
        plan = self._plan
        return Assignment(
            run=self._run,
            graph=plan.graph,
            step=job.step,
            path=job.path,
            attempt=job.attempt,
            program=plan.program,
            parameters=Reads(plan.parameters),
            user=plan.user,
            last=job.last,
            only_catch=job.only_catch,
            claimed=plan.only is not None and job.attempt == 1,
            tags=plan.tags,
            namespace=plan.namespace,
            max_splits=plan.max_splits,
            cache=plan.cache,
            durable=plan.durable,
            catalog=plan.catalog,
            origin=plan.reuse.origin.id if plan.reuse else None,
            inputs=plan.only.inputs if plan.only else None,
            overrides=plan.only.overrides if plan.only else {},
            bare=plan.only is not None and plan.only.bare,
            patch=plan.patches.get(job.step),
            secrets=plan.secrets,
            pickler=plan.pickler,
        )

    def launcher(self, assignment: Assignment, tasks: int) -> Launcher:
        """Return the launcher of an attempt's process; `tasks` is the number of parallel tasks.

        Raises:
            FlowcError: the process that starts tasks has ended.
            OSError: the process that starts tasks cannot be started.
        """
        plan = self._plan
        isolated = plan.isolation is not None and plan.isolation.takes(assignment) and assignment.patch is None
        if plan.starts is not None and not isolated and plan.starts.fresh(assignment.node):
            return plan.starts.launcher(assignment, tasks)
        self._prepare_fork(assignment)

        def body(control: int, place: Inherited) -> int:
            os.environ[RUN] = plan.run.id
            if plan.isolation is not None and isolated:
                plan.isolation.enter(assignment, control, tasks)
            plan.seeds.enter_child()
            self._threads.enter_child(tasks)
            breakpoints.install(place.lease())
            return perform_and_report(assignment, control)

        return ForkStart(body)

    def _prepare_fork(self, assignment: Assignment) -> None:
        """Do work in this process before the fork, so that the forked attempts need not repeat the work."""
        self._forks += 1
        if self._forks == 1:
            prepare_streams()
            warm_up()
        elif self._forks == _MANY:
            dataclass.compile_used()
            namedtuple.compile_used()
        if assignment.node.cards and assignment.step not in self._with_cards:
            self._with_cards.add(assignment.step)
            assignment.program.warm_up_cards(assignment.graph.flow, assignment.step)
        plan, before = self._plan, self._plan.graph.predecessors[assignment.step]
        # With an agent, nothing is preloaded: this process must not read the store itself, and asking the agent takes
        # longer than the attempt's own read.
        if plan.agent is None and plan.only is None and len(before) == 1 and isinstance(before[0].next, Foreach):
            with suppress(StoreError):  # the attempt reports the error when it reads the record itself
                depth = len(plan.graph.scopes(before[0].id))
                self._run.preload(before[0].id, outer_path(assignment.path, depth))
