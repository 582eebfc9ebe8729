"""Read `@trigger` and `@trigger_on_finish` into the IR's `Trigger`s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from flowc.frontends.metaflow.decorators.reader import OPTIONS, ArgumentKind, canonical, shown
from flowc.frontends.reserved_names import listed
from flowc_ir import Trigger, codes
from flowc_ir.late.dataclass import replace
from flowc_ir.suggestion import suggest
from metaflow.events import EventName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc_ir import Project, Span
    from metaflow.decorators import Applied

_ANY = ArgumentKind("anything", lambda value: True)
_SEVERAL = ArgumentKind("a list", lambda value: isinstance(value, (list, tuple)))
EVENTS: Final[Mapping[str, ArgumentKind]] = {"event": _ANY, "events": _SEVERAL, "options": OPTIONS}
FINISHES: Final[Mapping[str, ArgumentKind]] = {"flow": _ANY, "flows": _SEVERAL, "options": OPTIONS}


class _BadItem(Exception):
    """One item of `@trigger` or `@trigger_on_finish` is wrong; `hint` is the hint of the error."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_events(
    reader: Reader, applied: Applied, project: Project | None, parameters: Collection[str]
) -> tuple[Trigger, ...]:
    """Return the events of one `@trigger`: a run starts when all of them have arrived. Invalid events are reported.

    Args:
        reader: reads decorators of the class and collects their faults.
        applied: the decorator `@trigger` as it was applied.
        project: the flow's project; the names of events of the project contain its name and branch.
        parameters: the names of the flow's parameters; an event can set only these parameters.
    """

    def event(item: object, span: Span) -> Trigger:
        if isinstance(item, EventName):
            item = _full_name(item, project)
        elif isinstance(item, Mapping) and isinstance(name := item.get("name"), EventName):
            item = {**item, "name": _full_name(name, project)}
        trigger = _event(item, span)
        for parameter, _ in trigger.parameters:
            if _plain(parameter) not in map(_plain, parameters):
                has = f"the flow has {listed(parameters)}" if parameters else "the flow has none"
                hint = suggest(parameter, parameters, f"write the name of a parameter: {has}")
                raise _BadItem(f"the flow has no parameter '{parameter}'", hint)
        return trigger

    return tuple(_read(reader, applied, EVENTS, ("event", "events"), event))


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()


def _full_name(name: EventName, project: Project | None) -> str:
    return name.within(project.name if project else None, project.branch if project else None)


def read_finishes(reader: Reader, applied: Applied) -> tuple[Trigger, ...]:
    """Return the flows of one `@trigger_on_finish`: a run starts when each of them has finished a run."""
    return tuple(_read(reader, applied, FINISHES, ("flow", "flows"), _finish))


def _read(
    reader: Reader,
    applied: Applied,
    table: Mapping[str, ArgumentKind],
    names: tuple[str, str],
    make: Callable[[object, Span], Trigger],
) -> Iterator[Trigger]:
    arguments = reader.arguments(applied, table)
    if arguments is None:
        return
    one, several = names
    single, many = arguments.get(one), cast("Sequence[object]", arguments.get(several) or ())
    if (single is not None) == bool(many):
        wrong = f"has both {one} and {several}" if many else f"has no {one}"
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied),
            f"@{applied.name} {wrong}",
            hint=f'write {one}="…", or {several}=["…", "…"]',
        )
        return
    options = canonical(arguments.get("options"))
    for index, item in enumerate(many or (single,)):
        span = reader.span(applied, several, index) if many else reader.span(applied, one)
        try:
            trigger = make(item, span)
        except _BadItem as wrong_item:
            reader.faults.add(codes.BAD_ARGUMENT, span, f"@{applied.name}: {wrong_item}", hint=wrong_item.hint)
            continue
        yield replace(trigger, options=options)


def _event(item: object, span: Span) -> Trigger:
    if callable(item):
        return _computed(item, (), span)
    if isinstance(item, str) and item:
        return Trigger(kind="event", name=item, where=span)
    if not isinstance(item, dict):
        raise _BadItem(f"an event must be a string, a dict or a function, not {shown(item)}",
                       'write event="…" or event={"name": "…"}')  # fmt: skip
    if "name" not in item:
        raise _BadItem("an event has no name", 'write {"name": "…", "parameters": {…}}')
    name = item["name"]
    if unknown := [key for key in item if key not in ("name", "parameters")]:
        raise _BadItem(f"an event has no field {shown(unknown[0])}", "its fields are name and parameters")
    parameters = _parameters(item.get("parameters"))
    if callable(name):
        return _computed(name, parameters, span)
    if not isinstance(name, str) or not name:
        raise _BadItem(f"an event's name must be a string, not {shown(name)}", 'write {"name": "…"}')
    return Trigger(kind="event", name=name, where=span, parameters=parameters)


def _computed(function: Callable[[], object], parameters: tuple[tuple[str, str], ...], span: Span) -> Trigger:
    name = getattr(function, "__name__", type(function).__name__)
    return Trigger(kind="event", name=name, where=span, computed=True, parameters=parameters)


def _parameters(mapping: object) -> tuple[tuple[str, str], ...]:
    """Return pairs of a parameter's name and the name of the event's field that has its value.

    Args:
        mapping: a dict from parameters to fields; or a list of pairs. A single name in the list means that the
            parameter and the field have the same name.
    """
    pairs: list[tuple[str, str]] = []
    items: Collection[object] = mapping if isinstance(mapping, (list, tuple)) else () if mapping is None else (mapping,)
    for item in mapping.items() if isinstance(mapping, dict) else items:
        match item:
            case str():
                pairs.append((item, item))
            case (str(name), str(field)):
                pairs.append((name, field))
            case _:
                raise _BadItem(f"{shown(item)} does not map a parameter to a field",
                               'write parameters={"parameter": "field of the event"}')  # fmt: skip
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _BadItem(f"the parameter {listed(twice)} is mapped twice", "name each parameter once")
    return tuple(pairs)


def _finish(item: object, span: Span) -> Trigger:
    if isinstance(item, str) and item:
        return _qualified(item, span)
    if not isinstance(item, dict):
        raise _BadItem(f"a flow must be a string or a dict, not {shown(item)}", 'write flow="…" or flow={"name": "…"}')
    if unknown := [key for key in item if key not in ("name", "project", "project_branch")]:
        raise _BadItem(f"a flow has no field {shown(unknown[0])}", "its fields are name, project and project_branch")
    if wrong := [key for key, value in item.items() if not isinstance(value, str) or not value]:
        raise _BadItem(f"a flow's {wrong[0]} must be a string, not {shown(item[wrong[0]])}", 'write {"name": "…"}')
    if "name" not in item:
        raise _BadItem("a flow has no name", 'write {"name": "…"}')
    return Trigger(kind="finish", name=item["name"], where=span, project=item.get("project"),
                   branch=item.get("project_branch"))  # fmt: skip


def _qualified(text: str, span: Span) -> Trigger:
    """Convert `FLOW` or `PROJECT.BRANCH.FLOW` to a trigger; BRANCH may contain dots."""
    project, *branch, name = ["", *text.split(".")] if "." not in text else text.split(".")
    if not project:
        return Trigger(kind="finish", name=name, where=span)
    if not branch or not all((*branch, name)):
        raise _BadItem(f"{text!r} does not name a flow", 'write "Flow", or "project.branch.Flow"')
    return Trigger(kind="finish", name=name, where=span, project=project, branch=".".join(branch))
