"""The plan of a local run, which the command line makes, and the result that the supervisor returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_emulator.console.tally import Tally
    from flowc_emulator.environments import Isolation
    from flowc_emulator.processes.agent import Agent
    from flowc_emulator.processes.starts import Starts
    from flowc_emulator.scheduling.scheduler import Job
    from flowc_emulator.scheduling.seeds import Seeds
    from flowc_emulator.tracking import Tracking
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.patches import Patch
    from flowc_runtime.run.program import Program
    from flowc_runtime.run.reuse import Reuse
    from flowc_runtime.store.backends.durability import Disk
    from flowc_runtime.store.records.record_types import ArtifactRef, ErrorRecord
    from flowc_runtime.store.records.run_store import RunStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """The only task of a run, for `spin`: its inputs are tasks of the run `inputs`, and `overrides` replaces some
    artifacts.

    If `bare` is true, the task runs without its step's decorators. The task's first attempt is already claimed: the
    store contains the record of its start.
    """

    step: str
    path: str
    inputs: str
    overrides: Mapping[str, ArtifactRef]
    bare: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of a run: all data that the supervisor needs to execute the run.

    `run` is the store that tasks use in their processes. `records` is the same store for the supervisor, which sends
    its requests to a remote store through `agent`. At most `max_workers` tasks run in parallel, and at most
    `processors` of them compute while the others wait (None sets no limit). `max_splits` is the largest number of tasks
    of a foreach; None sets no limit. `isolation` contains the steps that run in their own interpreters. The supervisor
    reports the end of the run when `disk` confirms that all data is on the disk; if `durable` is true, the end of each
    task waits for the disk, too. `catalog` is the value of the setting `catalog`, which selects the storage for files
    of tasks. `reuse` contains the completed tasks of the run that this run resumes. `only` is set if the run executes a
    single task. `starts` decides which tasks import the flow themselves, and starts their processes; other tasks are
    forks of this process. `patches` contains the replacements for the code of steps (step -> patch). `secrets` and
    `pickler` are the values of the settings with these names. `tracking` sends metrics to the tracker; None without a
    tracker.
    """

    run: RunStore
    records: RunStore
    graph: Graph
    program: Program
    parameters: Mapping[str, object]
    user: str
    max_workers: int
    seeds: Seeds
    processors: int | None = None
    agent: Agent | None = None
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    max_splits: int | None = None
    cache: bool = True
    disk: Disk | None = None
    durable: bool = False
    catalog: str = "store"
    isolation: Isolation | None = None
    reuse: Reuse | None = None
    only: Only | None = None
    starts: Starts | None = None
    patches: Mapping[str, Patch] = field(default_factory=dict)
    secrets: str = "env"
    pickler: str = "pickle"
    tracking: Tracking | None = None


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """The task that made the run fail."""

    job: Job
    error: ErrorRecord


@final
@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run: its failed tasks in order, and the signal that interrupted the run, if any.

    `unsaved` is the reason why the run's data may not be on the disk.
    """

    tally: Tally
    failures: tuple[Failure, ...]
    signal: int | None
    unsaved: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every task of the flow is done and saved."""
        return not self.failures and self.signal is None and self.unsaved is None
