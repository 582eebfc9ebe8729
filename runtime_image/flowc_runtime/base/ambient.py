"""The task that this process runs, at most one: the source of `metaflow.current`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, final

from flowc_runtime.store.records import projects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_ir import Flow

LOCALHOST = "127.0.0.1"


class Parallel(NamedTuple):
    """A task's place in its gang, as `current.parallel`; `node_index` counts from 0, and node 0 is the control task."""

    main_ip: str
    num_nodes: int
    node_index: int
    control_task_id: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """The facts about one attempt of a task that `metaflow.current` shows.

    Attributes:
        attempt: the number of the attempt, from 1.
        origin_run: the id of the run that this run resumes.
        tags: the user's tags at the start of the run.
        project: the values of @project, by the names of `current`'s properties.
        card: the object behind `current.card`, which collects components for the step's cards.
        store: the URL of the store.
        parallel: the place in the gang; None outside of flows with gangs.
        ir: the flow.
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
    project: Mapping[str, object] = field(default_factory=dict)
    card: object = None
    store: str | None = None
    parallel: Parallel | None = None
    ir: Flow | None = None


task: TaskContext | None = None


class Starting(NamedTuple):
    """A flow that is about to run or be deployed; see `TaskContext` for `project`."""

    flow: str
    project: Mapping[str, object]


starting: Starting | None = None
"""The flow whose functions of defaults are being called: no task runs yet."""

# Values that decorators add to `current` (`current._update_env`).
extra: dict[str, object] = {}

# Metadata that decorators attach to the task's record: `name`, `value` and `type` of each.
metadata: list[dict[str, str]] = []


@contextmanager
def starts(flow: Flow) -> Iterator[None]:
    """Set `starting` while functions of the flow are called before a run begins."""
    global starting
    before, starting = starting, Starting(flow.name, projects.values(flow))
    try:
        yield
    finally:
        starting = before


def project_value(name: str) -> str | None:
    """Return a name of the project of the task, or of the flow that is about to start; None without a project.

    `name` is a property of `current` whose value is text: `project_name`, `branch_name` or `project_flow_name`.
    """
    subject = task if task is not None else starting
    value = (subject.project if subject is not None else {}).get(name, extra.get(name))
    return value if isinstance(value, str) else None


def enter(context: TaskContext) -> None:
    """Set the task that this process runs."""
    global task
    task = context
