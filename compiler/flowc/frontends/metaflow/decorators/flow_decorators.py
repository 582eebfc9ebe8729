"""Read the decorators of a flow's class and of its bases into fields of the IR's `Flow`.

A class inherits the decorators of its bases. A decorator on the class replaces an inherited one of the same name. Exit
hooks and sensors are not replaced: a class has both its own and the inherited ones. (Sensors, such as
`@airflow_s3_key_sensor`, are decorators for Airflow.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from flowc.frontends.metaflow.decorators.plugins import plugin_class, read_flow_plugin
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS
from flowc.frontends.metaflow.decorators.project import ProjectBranch, check_unused, read_project
from flowc.frontends.metaflow.decorators.reader import Reader
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc_ir import codes
from flowc_ir.late import LateFunction
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.late_table import LateTable
from flowc_ir.late.typeddict import TypedDict
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Mapping

    from flowc.frontends.metaflow.decorators.exit_hooks import read_hooks
    from flowc.frontends.metaflow.decorators.reader import ArgumentKind
    from flowc.frontends.metaflow.decorators.schedule import read_schedule
    from flowc.frontends.metaflow.decorators.triggers import read_events, read_finishes
    from flowc.frontends.source import Source
    from flowc_ir import ExitHook, Plugin, Project, Schedule, Trigger
    from flowc_ir.diagnostic import Faults
    from metaflow.decorators import Applied
else:  # imported at first use, because the import costs start-up time
    read_hooks = LateFunction("flowc.frontends.metaflow.decorators.exit_hooks:read_hooks")
    read_schedule = LateFunction("flowc.frontends.metaflow.decorators.schedule:read_schedule")
    read_events = LateFunction("flowc.frontends.metaflow.decorators.triggers:read_events")
    read_finishes = LateFunction("flowc.frontends.metaflow.decorators.triggers:read_finishes")

_SENSORS: Final = ("airflow_external_task_sensor", "airflow_s3_key_sensor")
_HERE: Final = "flowc.frontends.metaflow.decorators"
FLOW_TABLES: Final[Mapping[str, Mapping[str, ArgumentKind]]] = LateTable(
    {
        "schedule": f"{_HERE}.schedule:SCHEDULE",
        "project": f"{_HERE}.project:PROJECT",
        "trigger": f"{_HERE}.triggers:EVENTS",
        "trigger_on_finish": f"{_HERE}.triggers:FINISHES",
        "exit_hook": f"{_HERE}.exit_hooks:HOOKS",
    }
)
"""The allowed arguments of each flow decorator, by the decorator's name."""
FLOW_DECORATORS: Final = (*FLOW_TABLES, *_SENSORS)
_SEVERAL: Final = frozenset({"exit_hook", *_SENSORS})


class FlowFields(TypedDict):
    """The fields of the IR's `Flow` that decorators set."""

    schedule: Schedule | None
    project: Project | None
    triggers: tuple[Trigger, ...]
    exit_hooks: tuple[ExitHook, ...]
    elsewhere: tuple[str, ...]
    plugins: tuple[Plugin, ...]


@final
@dataclass(frozen=True, slots=True)
class _Application:
    """One decorator that was applied to a class, with the reader for that class."""

    applied: Applied
    reader: Reader


def read_flow(
    cls: type,
    place: Callable[[type], tuple[Source, ast.ClassDef] | None],
    deployment: ProjectBranch,
    faults: Faults,
) -> FlowFields:
    """Read a class's decorators and return the fields of the IR's flow that they set.

    Args:
        cls: the flow's class.
        place: a function from a class to its source and its syntax tree; a class for which it returns None is skipped.
        deployment: the user and the branch of the flow.
        faults: collects the faults.

    Raises:
        DeploymentError: the branch options of the command line contradict the flow's decorators.
    """
    by_name = _by_name(cls, place, faults)
    schedule: Schedule | None = None
    project: Project | None = None
    for one in by_name.get("schedule", ()):
        schedule = read_schedule(one.reader, one.applied)
    for one in by_name.get("project", ()):
        project = read_project(one.reader, one.applied, deployment)
    check_unused(deployment, cls.__name__, has_project="project" in by_name)
    triggers = (
        *(
            trigger
            for one in by_name.get("trigger", ())
            for trigger in read_events(one.reader, one.applied, project, declared_parameters(cls))
        ),
        *(
            trigger
            for one in by_name.get("trigger_on_finish", ())
            for trigger in read_finishes(one.reader, one.applied)
        ),
    )
    exit_hooks = tuple(
        hook for one in by_name.get("exit_hook", ()) for hook in read_hooks(one.reader, one.applied, cls)
    )
    plugins = [
        read_flow_plugin(one.reader, one.applied, cls)
        for name, several in by_name.items()
        if name not in FLOW_DECORATORS
        for one in several
    ]
    return FlowFields(
        schedule=schedule,
        project=project,
        triggers=triggers,
        exit_hooks=exit_hooks,
        elsewhere=tuple(name for name in by_name if name in _SENSORS),
        plugins=tuple(plugin for plugin in reversed(plugins) if plugin is not None),  # innermost decorator first
    )


def _by_name(
    cls: type, place: Callable[[type], tuple[Source, ast.ClassDef] | None], faults: Faults
) -> dict[str, list[_Application]]:
    """Return the decorators of a class and its bases, by decorator name. If several classes have a decorator of the
    same name, only the first class in the MRO counts; for names in `_SEVERAL`, all of them count."""
    by_name: dict[str, list[_Application]] = {}
    for owner in cls.__mro__:
        where = place(owner) if applied_to(owner) else None
        if where is None:
            continue
        own: dict[str, list[_Application]] = {}
        for one in _of_class(owner, Reader(*where, faults)):
            own.setdefault(one.applied.name, []).append(one)
        for name, several in own.items():
            if name in _SEVERAL:
                by_name.setdefault(name, []).extend(several)
            else:
                by_name.setdefault(name, several[:1])
    return by_name


def _of_class(cls: type, reader: Reader) -> list[_Application]:
    """Return the decorators of one class, the topmost first; report step decorators and duplicates."""
    applications: list[_Application] = []
    seen: dict[str, Applied] = {}
    for applied in reversed(applied_to(cls)):
        name = applied.name
        of_flow = name in FLOW_DECORATORS or plugin_class(name, "flow") is not None
        if not of_flow and (name in STEP_DECORATORS or plugin_class(name, "step") is not None):
            reader.faults.add(
                codes.MISPLACED_DECORATOR,
                reader.span(applied),
                f"@{name} decorates a step, not the flow's class",
                hint="put it above a step's `def`",
            )
        elif name in seen and name not in _SEVERAL:
            hint = 'for several times give one @schedule a list: cron=["…", "…"]' if name == "schedule" else None
            reader.faults.add(
                codes.DUPLICATE_DECORATOR,
                reader.span(applied),
                f"flow '{cls.__name__}' has @{name} twice",
                hint=hint or "keep one of them",
                also=[(reader.span(seen[name]), "the first one")],
            )
        elif of_flow:
            seen[name] = applied
            applications.append(_Application(applied, reader))
    return applications
