"""Which task this process is running: what `metaflow.current` answers from. There is at most one in a process."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_ir import Flow

LOCALHOST = "127.0.0.1"


class Parallel(NamedTuple):
    """A task's place in its gang, as `current.parallel`: `node_index` counts from 0, node 0 is the control task."""

    main_ip: str
    num_nodes: int
    node_index: int
    control_task_id: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """One attempt of a task. `attempt` counts from 1.

    `tags` are those that the user gave the run when it began. `origin_run` is the run that this one resumes. `project`
    is what @project says, by the names of `current`'s properties. `card` collects what the step shows on its cards.
    """

    flow: str
    run: str
    step: str
    task_id: str
    attempt: int
    user: str
    parameter_names: tuple[str, ...]
    namespace: str | None = None
    origin_run: str | None = None
    tags: frozenset[str] = frozenset()
    project: Mapping[str, Any] = field(default_factory=dict)
    card: Any = None
    store: str | None = None
    parallel: Parallel | None = None
    ir: Flow | None = None


task: TaskContext | None = None


class Starting(NamedTuple):
    """A flow that is about to be run or deployed. `project` has the meaning that it has in `TaskContext`."""

    flow: str
    project: Mapping[str, Any]


starting: Starting | None = None
"""The flow whose functions of defaults are being called: no task runs yet."""

# What decorators have put there for `current` besides (`current._update_env`).
extra: dict[str, Any] = {}

# What decorators have said of the task, for its record: `name`, `value` and `type` of each.
metadata: list[dict[str, str]] = []


@contextmanager
def starts(flow: Flow) -> Iterator[None]:
    """Name the flow for functions that are called before a run begins."""
    from flowc_runtime.store.records import projects

    global starting
    before, starting = starting, Starting(flow.name, projects.values(flow))
    try:
        yield
    finally:
        starting = before


def project_value(name: str) -> Any:
    """Return what @project says by this name of the task, or of the flow that is about to start; None for nothing."""
    of = task if task is not None else starting
    return (of.project if of is not None else {}).get(name, extra.get(name))


def enter(context: TaskContext) -> None:
    """Say which task the process runs from now on."""
    global task
    task = context
