"""`@trigger` and `@trigger_on_finish` -> the IR's Triggers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flowc.frontends.metaflow.decorators.reader import OPTIONS, ArgumentKind, canonical, shown
from flowc.frontends.reserved_names import listed
from flowc_ir import Trigger, codes
from flowc_ir.suggestion import suggest
from metaflow.events import EventName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc_ir import Project, Span
    from metaflow.decorators import Applied

_ANY = ArgumentKind("anything", lambda value: True)
_SEVERAL = ArgumentKind("a list", lambda value: isinstance(value, (list, tuple)))
EVENTS: Final[Mapping[str, ArgumentKind]] = {"event": _ANY, "events": _SEVERAL, "options": OPTIONS}
FINISHES: Final[Mapping[str, ArgumentKind]] = {"flow": _ANY, "flows": _SEVERAL, "options": OPTIONS}


class _BadItem(Exception):
    """What is wrong with one event or flow, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_events(
    reader: Reader, applied: Applied, project: Project | None, known: Collection[str]
) -> tuple[Trigger, ...]:
    """The events that start a run together; those of the flow's own project have its name and its branch's.

    `known` are the names of the flow's parameters, which a field of an event may give a value.
    """

    def event(item: Any, span: Span) -> Trigger:
        match item:
            case EventName():
                item = _named(item, project)
            case {"name": EventName() as name}:
                item = {**item, "name": _named(name, project)}
        trigger = _event(item, span)
        for parameter, _ in trigger.parameters:
            if _plain(parameter) not in map(_plain, known):
                has = f"it has {listed(known)}" if known else "it has none"
                hint = suggest(parameter, known, f"write the name of a parameter: {has}")
                raise _BadItem(f"the flow has no parameter '{parameter}'", hint)
        return trigger

    return tuple(_read(reader, applied, EVENTS, ("event", "events"), event))


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()


def _named(name: EventName, project: Project | None) -> str:
    return name.within(project.name if project else None, project.branch if project else None)


def read_finishes(reader: Reader, applied: Applied) -> tuple[Trigger, ...]:
    """The flows whose runs start a run together."""
    return tuple(_read(reader, applied, FINISHES, ("flow", "flows"), _finish))


def _read(
    reader: Reader,
    applied: Applied,
    table: Mapping[str, ArgumentKind],
    names: tuple[str, str],
    make: Callable[[Any, Span], Trigger],
) -> Iterator[Trigger]:
    given = reader.arguments(applied, table)
    if given is None:
        return
    one, several = names
    single, many = given.get(one), given.get(several) or ()
    if (single is not None) == bool(many):
        wrong = f"says both {one} and {several}" if many else f"says no {one}"
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied),
            f"@{applied.name} {wrong}",
            hint=f'write {one}="…", or {several}=["…", "…"]',
        )
        return
    options = canonical(given.get("options"))
    for index, item in enumerate(many or (single,)):
        span = reader.span(applied, several, index) if many else reader.span(applied, one)
        try:
            trigger = make(item, span)
        except _BadItem as wrong_item:
            reader.faults.add(codes.BAD_ARGUMENT, span, f"@{applied.name}: {wrong_item}", hint=wrong_item.hint)
            continue
        yield replace(trigger, options=options)


def _event(item: Any, span: Span) -> Trigger:
    if callable(item):
        return _computed(item, (), span)
    if isinstance(item, str) and item:
        return Trigger(kind="event", name=item, where=span)
    if not isinstance(item, dict):
        raise _BadItem(f"an event is a text, a dict or a function, not {shown(item)}",
                       'write event="…" or event={"name": "…"}')  # fmt: skip
    if "name" not in item:
        raise _BadItem("an event has no name", 'write {"name": "…", "parameters": {…}}')
    name = item["name"]
    if unknown := [key for key in item if key not in ("name", "parameters")]:
        raise _BadItem(f"an event has no {shown(unknown[0])}", "it has name and parameters")
    parameters = _parameters(item.get("parameters"))
    if callable(name):
        return _computed(name, parameters, span)
    if not isinstance(name, str) or not name:
        raise _BadItem(f"an event's name is a text, not {shown(name)}", 'write {"name": "…"}')
    return Trigger(kind="event", name=name, where=span, parameters=parameters)


def _computed(function: Any, parameters: tuple[tuple[str, str], ...], span: Span) -> Trigger:
    name = getattr(function, "__name__", type(function).__name__)
    return Trigger(kind="event", name=name, where=span, computed=True, parameters=parameters)


def _parameters(given: Any) -> tuple[tuple[str, str], ...]:
    """A dict from parameters to fields; or a list of names that both have, and of pairs."""
    found: list[tuple[str, str]] = []
    items = given.items() if isinstance(given, dict) else () if given is None else given
    for item in items if isinstance(given, (dict, list, tuple)) or given is None else (given,):
        match item:
            case str():
                found.append((item, item))
            case (str(name), str(field)):
                found.append((name, field))
            case _:
                raise _BadItem(f"{shown(item)} gives no parameter a value",
                               'write parameters={"parameter": "field of the event"}')  # fmt: skip
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _BadItem(f"the parameter {listed(twice)} gets a value twice", "name each parameter once")
    return tuple(found)


def _finish(item: Any, span: Span) -> Trigger:
    if isinstance(item, str) and item:
        return _qualified(item, span)
    if not isinstance(item, dict):
        raise _BadItem(f"a flow is a text or a dict, not {shown(item)}", 'write flow="…" or flow={"name": "…"}')
    if unknown := [key for key in item if key not in ("name", "project", "project_branch")]:
        raise _BadItem(f"a flow has no {shown(unknown[0])}", "it has name, project and project_branch")
    if wrong := [key for key, value in item.items() if not isinstance(value, str) or not value]:
        raise _BadItem(f"a flow's {wrong[0]} is a text, not {shown(item[wrong[0]])}", 'write {"name": "…"}')
    if "name" not in item:
        raise _BadItem("a flow has no name", 'write {"name": "…"}')
    return Trigger(kind="finish", name=item["name"], where=span, project=item.get("project"),
                   branch=item.get("project_branch"))  # fmt: skip


def _qualified(text: str, span: Span) -> Trigger:
    """`FLOW`, or `PROJECT.BRANCH.FLOW`, where a branch may have a dot itself."""
    project, *branch, name = ["", *text.split(".")] if "." not in text else text.split(".")
    if not project:
        return Trigger(kind="finish", name=name, where=span)
    if not branch or not all((*branch, name)):
        raise _BadItem(f"{text!r} names no flow", 'write "Flow", or "project.branch.Flow"')
    return Trigger(kind="finish", name=name, where=span, project=project, branch=".".join(branch))
