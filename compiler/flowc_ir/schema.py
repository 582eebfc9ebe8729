"""The versioned JSON of a flow: deterministic to write, strict to read. `schema.json` beside this file describes it.

A field at its default is left out, so that the IR of a hundred steps stays a few kilobytes: it travels to every pod.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from flowc_ir import json_text
from flowc_ir.model import (
    IR_VERSION,
    Action,
    Branch,
    Catch,
    Choice,
    Code,
    Config,
    End,
    Flow,
    Foreach,
    Function,
    Gang,
    Goto,
    Method,
    Node,
    NodeId,
    Notebook,
    Packages,
    Parameter,
    Resources,
    Retry,
    Schedule,
    Shell,
    Span,
    Stub,
    Switch,
    Timeout,
    Transition,
    assert_never,
)
from flowc_ir.policy_schema import FLOW_POLICIES, STEP_POLICIES
from flowc_ir.reading import Read as _Read
from flowc_ir.reading import many as _many
from flowc_ir.reading import of as _of
from flowc_ir.reading import one as _one
from flowc_ir.reading import pairs as _pairs
from flowc_ir.reading import record as _record
from flowc_ir.reading import span as _span
from flowc_ir.references import check_references
from flowc_ir.versions import IR
from flowc_ir.versions import SchemaError as SchemaError  # for those who read with `loads`

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def dumps(flow: Flow, *, indent: int | None = None) -> str:
    """The flow as JSON text; the same flow gives the same bytes."""
    separators = (",", ":") if indent is None else (",", ": ")
    options: dict[str, Any] = {"allow_nan": False, "ensure_ascii": False}
    return json.dumps(to_json(flow), indent=indent, separators=separators, **options)  # noqa: TID251  # no NaN is in it


def loads(text: str | bytes) -> Flow:
    """The flow of a JSON text.

    Raises:
        NewerError: a newer flowc wrote it.
        SchemaError: it is no JSON, has a field that is unknown, missing or of a wrong type, or names a step that there
            is not.
    """
    try:
        data = json_text.parsed(text)
    except ValueError as error:
        raise SchemaError(f"not JSON: {error}") from error
    data = IR.read("flow", data)
    del data[IR.key]
    flow: Flow = _record(Flow, _FLOW, data, "flow")
    check_references(flow)
    return flow


def to_json(flow: Flow) -> dict[str, Any]:
    """The flow as plain JSON values."""
    return {IR.key: IR_VERSION, **_write(flow)}


def part_to_json(part: object) -> Any:
    """A part of a flow as plain JSON values, without the fields at their default: it outlives fields that are added."""
    return _write(part)


def _write(value: Any) -> Any:
    match value:
        case Span():
            return str(value)
        case End():
            return None
        case Goto(target=target):
            return target
        case Branch(targets=several):
            return list(several)
        case Foreach(over=over, body=body):
            return {"foreach": over, "body": body}
        case Gang(body=body):
            return {"gang": body}
        case Switch(condition=condition, arms=arms):
            return {"switch": condition, "arms": [list(arm) for arm in arms]}
        case Method() | Function() | Notebook() | Shell() | Stub():
            return _write_action(value)
        case tuple() if value and isinstance(value[0], tuple):  # pairs
            return dict(value)
        case tuple():
            return [_write(item) for item in value]
        case str() | int() | float() | None:
            return value
    record = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if field.default is MISSING or inner != field.default:
            record[field.name] = _write(inner)
    return record


def _write_action(action: Action) -> dict[str, Any]:
    match action:
        case Method(name=name):
            return {"method": name}
        case Function(module=module, name=name):
            return {"function": name, "module": module}
        case Notebook(file=file):
            return {"notebook": file}
        case Shell(command=command):
            return {"shell": command}
        case Stub():
            return {"stub": True}
        case _:
            assert_never(action)


# -- reading -----------------------------------------------------------------------------------------------------------


def _transition(value: Any, where: str) -> Transition:
    match value:
        case None:
            return End()
        case str():
            return Goto(target=value)
        case list() if len(value) > 1:
            return Branch(targets=_many(_STR)(value, where))
        case {"foreach": str(over), "body": str(body)} if len(value) == 2:
            return Foreach(over=over, body=body)
        case {"gang": str(body)} if len(value) == 1:
            return Gang(body=body)
        case {"switch": str(condition), "arms": [_, _, *_] as arms} if len(value) == 2:
            return Switch(condition=condition, arms=_many(_arm)(arms, f"{where}.arms"))
    raise SchemaError(
        f"{where}: null, a step, a list of steps, or an object with 'foreach' and 'body', with 'gang', "
        "or with 'switch' and 'arms'"
    )


def _arm(value: Any, where: str) -> tuple[Choice, NodeId]:
    match value:
        case [str() | int() | float() as choice, str(target)]:  # a bool is an int
            return choice, target
    raise SchemaError(f"{where}: a choice (text, a number or a boolean) and a step, not {value!r}")


def _action(value: Any, where: str) -> Action:
    match value:
        case {"method": str(name)} if len(value) == 1:
            return Method(name=name)
        case {"function": str(name), "module": str(module)} if len(value) == 2:
            return Function(module=module, name=name)
        case {"notebook": str(file)} if len(value) == 1:
            return Notebook(file=file)
        case {"shell": str(command)} if len(value) == 1:
            return Shell(command=command)
        case {"stub": True} if len(value) == 1:
            return Stub()
    raise SchemaError(
        f"{where}: an object with 'method', with 'function' and 'module', with 'notebook', with 'shell', "
        "or with 'stub': true"
    )


def _type(value: Any, where: str) -> Any:
    if value not in ("str", "int", "float", "bool", "json", "file"):
        raise SchemaError(f"{where}: 'str', 'int', 'float', 'bool', 'json' or 'file', not {value!r}")
    return value


_STR, _INT, _BOOL = _of(str), _of(int), _of(bool)
_NODE: Mapping[str, _Read] = {
    "id": _STR,
    "where": _span,
    "run": _action,
    "next": _transition,
    "joins": _STR,
    "doc": _STR,
    "info": _STR,
    "elsewhere": _many(_STR),
    "retry": _one(Retry, {"times": _INT, "wait_seconds": _INT}),
    "catch": _one(Catch, {"var": _STR, "print_exception": _BOOL}),
    "timeout": _one(Timeout, {"seconds": _INT}),
    "resources": _one(Resources, {"cpu": _STR, "memory": _INT, "gpu": _INT, "disk": _INT, "shared_memory": _INT}),
    "environment": _pairs,
    "packages": _one(Packages, {"python": _STR, "pypi": _pairs, "conda": _pairs, "disabled": _BOOL}),
    **STEP_POLICIES,
}
_PARAMETER: Mapping[str, _Read] = {
    "name": _STR,
    "type": _type,
    "where": _span,
    "default": _STR,
    "computed": _BOOL,
    "required": _BOOL,
    "help": _STR,
    "multiple": _BOOL,
    "separator": _STR,
    "choices": _many(_STR),
    "minimum": _STR,
    "maximum": _STR,
    "flag": _BOOL,
    "hidden": _BOOL,
    "encoding": _STR,
    "converted": _BOOL,
    "attribute": _STR,
}
_FLOW: Mapping[str, _Read] = {
    "name": _STR,
    "code": _one(Code, {"file": _STR, "name": _STR, "digest": _STR}),
    "where": _span,
    "start": _STR,
    "nodes": _many(_one(Node, _NODE)),
    "parameters": _many(_one(Parameter, _PARAMETER)),
    "configs": _many(_one(Config, {"name": _STR, "where": _span, "value": _STR, "attribute": _STR, "exact": _STR})),
    "schedule": _one(Schedule, {"crons": _many(_STR), "where": _span, "timezone": _STR}),
    "doc": _STR,
    "with_decorators": _pairs,
    "elsewhere": _many(_STR),
    **FLOW_POLICIES,
}
