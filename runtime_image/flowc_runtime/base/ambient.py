"""State that any code in this process can read without an argument: the running task, its metrics, listeners.

The state is one object, which `ambient()` returns, and belongs to one attempt of a task. A forked process inherits its
parent's state. An attempt inside another attempt, such as in a unit test of a step, gets its own state from `apart`.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flowc_ir import Flow

LOCALHOST = "127.0.0.1"


class Parallel(NamedTuple):
    """A task's position in its gang, as `current.parallel` shows it; `node_index` counts from 0, and node 0 is the
    control task."""

    main_ip: str
    num_nodes: int
    node_index: int
    control_task_id: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """The data of one attempt of a task, which `metaflow.current` provides to the step's code.

    Attributes:
        attempt: the number of the attempt, from 1.
        origin_run: the id of the run that this run resumes.
        tags: the user's tags at the start of the run.
        project: the values of @project, by the names of `current`'s properties.
        card: the object behind `current.card`, which collects components for the step's cards.
        store: the URL of the store.
        parallel: the task's position in its gang; None outside of gangs.
        ir: the IR of the flow.
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


@final
@dataclass(slots=True)
class TaskMetrics:
    """The metrics that an attempt has recorded; `flowc_runtime.run.metrics` fills and reads this object.

    Attributes:
        process: the pid of the attempt's process. Other processes of the task write to `file`.
        file: the path of a file with a JSON object per line, which does not exist until another process writes to it.
        points: the step, the value and the time of each point, by the metric's name; times are seconds since the epoch.
    """

    process: int
    file: str
    points: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)

    @classmethod
    def begin(cls) -> TaskMetrics:
        """Return the empty metrics of an attempt that this process begins."""
        directory = os.environ.get("TMPDIR") or "/tmp"  # importing `tempfile` would cost start-up time
        return cls(os.getpid(), f"{directory}/flowc-metrics-{os.getpid()}-{time.time_ns()}")


class Starting(NamedTuple):
    """A flow that is about to run or be deployed. `project` has the same meaning as in `TaskContext`."""

    flow: str
    project: Mapping[str, object]


@final
@dataclass(slots=True, kw_only=True)
class Ambient:
    """The mutable state of one attempt, or of a process that runs no task.

    Attributes:
        task: the task that this process runs.
        starting: the flow whose functions for the defaults of parameters are being called; no task runs yet.
        extra: values that decorators add to `current` (`current._update_env`).
        metrics: the metrics that the attempt has recorded; None in a process that runs no task.
        metadata: entries that decorators add to the task's record, each with `name`, `value` and `type`.
        pickler: the name of the pickler that writes the task's artifacts.
        secrets: the values of the declared secrets of the step, by the names of their variables.
        replaced: the previous values of the environment variables that the step's own variables have replaced, by name;
        None if the variable was not set.
        find_class: returns a class that cannot be imported, given its module and name; called when a value is read.
        before_fork: called before a fork; it marks all parameters of the task as read, since the parent does not see
            reads in a child.
        loading: the file whose top level is being executed; if it calls a flow meanwhile, the call lacks a `__main__`
        guard.
        report_unreadable: called with a message about an unreadable record; None issues a Python warning.
        open_bucket: opens the address of a bucket as `Objects`, in a process that will fork tasks and therefore must
            not use obstore itself.
        report_progress: called with a description of the work, the number of finished items and the number of all
            items, if known.
        keeps_terminal: whether a debugger holds the terminal until this process ends; timeouts do not apply then.
        namespace: the namespace that the program has set for the client; False if the program has set no namespace.
        store_url: the address of the store that the program has set for the client; None if the program has set no
            store.
        configuration_file: the configuration file on the command line of this process, as it was typed, which printed
            commands repeat; None without this option.
        harmless_modules: the names of the user's modules whose import was found to have no effect besides definitions,
            so that they have no open files and no objects with finalizers.
    """

    task: TaskContext | None = None
    starting: Starting | None = None
    extra: dict[str, object] = field(default_factory=dict)
    metrics: TaskMetrics | None = None
    metadata: list[dict[str, str]] = field(default_factory=list)
    pickler: str = "pickle"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    replaced: dict[str, str | None] = field(default_factory=dict, repr=False)
    find_class: Callable[[str, str], object] | None = None
    before_fork: Callable[[], None] | None = None
    loading: str | None = None
    report_unreadable: Callable[[str], None] | None = None
    open_bucket: Callable[[str], object] | None = None
    report_progress: Callable[[str, int | None, int | None], None] | None = None
    keeps_terminal: bool = False
    namespace: str | Literal[False] | None = False
    store_url: str | None = None
    configuration_file: str | None = None
    harmless_modules: frozenset[str] = frozenset()


_ambient = Ambient()


def ambient() -> Ambient:
    """Return the state of the attempt that this process runs now. All threads of the process share the state."""
    return _ambient


@contextmanager
def apart() -> Iterator[Ambient]:
    """Give the code in the `with` block its own state, as in a process that has run no task; restore the outer state
    afterwards.

    The new state copies only the attributes that belong to the process: `loading`, `report_unreadable`, `open_bucket`,
    `report_progress`, `keeps_terminal`, `namespace` and `store_url`.
    """
    global _ambient
    outer = _ambient
    inner = _ambient = Ambient(
        loading=outer.loading,
        report_unreadable=outer.report_unreadable,
        open_bucket=outer.open_bucket,
        report_progress=outer.report_progress,
        keeps_terminal=outer.keeps_terminal,
        namespace=outer.namespace,
        store_url=outer.store_url,
    )
    try:
        yield inner
    finally:
        outer.keeps_terminal = inner.keeps_terminal  # the debugger keeps the terminal until the process ends
        _ambient = outer


def set_variables(variables: Iterable[tuple[str, str]]) -> None:
    """Set environment variables of a step, and remember the values that they replace in `replaced`."""
    replaced = ambient().replaced
    for name, value in variables:
        replaced.setdefault(name, os.environ.get(name))
        os.environ[name] = value


def environment_of_run() -> dict[str, str]:
    """Return the environment variables with which the run, or the pod, was started, without the variables of the
    step."""
    found: dict[str, str | None] = {**os.environ, **ambient().replaced}
    return {name: value for name, value in found.items() if value is not None}


@contextmanager
def starts(flow: str, project: Mapping[str, object]) -> Iterator[None]:
    """A context manager that sets `Ambient.starting`. The code in the `with` block calls functions of a flow whose run
    has not begun yet, such as functions that compute the defaults of parameters.

    Args:
        flow: the flow's name.
        project: the values of @project, by the names of `current`'s properties; empty without a project.
    """
    here = ambient()
    before, here.starting = here.starting, Starting(flow, project)
    try:
        yield
    finally:
        here.starting = before


def project_value(name: str) -> str | None:
    """Return one of the project's names for the task, or for the flow that is about to start; None without a project.

    Args:
        name: a property of `current` whose value is text: `project_name`, `branch_name` or `project_flow_name`.
    """
    here = ambient()
    subject = here.task if here.task is not None else here.starting
    value = (subject.project if subject is not None else {}).get(name, here.extra.get(name))
    return value if isinstance(value, str) else None
