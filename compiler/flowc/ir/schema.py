"""The versioned JSON of a flow: deterministic to write, strict to read. `schema.json` beside this file describes it.

A field at its default is left out, so that the IR of a hundred steps stays a few kilobytes: it travels to every pod.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flowc.ir.model import (
    IR_VERSION,
    Branch,
    Catch,
    Code,
    Config,
    End,
    Flow,
    Foreach,
    Goto,
    Method,
    Node,
    Parameter,
    Resources,
    Retry,
    Schedule,
    Span,
    Timeout,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class SchemaError(ValueError):
    """The text is not a flow of this IR version; the message names the place, such as `nodes[3].next`."""


def dumps(flow: Flow, *, indent: int | None = None) -> str:
    """The flow as JSON text; the same flow gives the same bytes."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(to_json(flow), indent=indent, separators=separators, ensure_ascii=False)


def loads(text: str | bytes) -> Flow:
    """The flow of a JSON text.

    Raises:
        SchemaError: it is no JSON, of another version, or has a field that is unknown, missing or of a wrong type.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise SchemaError(f"not JSON: {error}") from error
    version = data.pop("flowc", None) if isinstance(data, dict) else None
    if type(version) is not int or version != IR_VERSION:  # True is 1
        raise SchemaError(f"not a flow of IR version {IR_VERSION}: its key 'flowc' must say {IR_VERSION}")
    return _record(Flow, _FLOW, data, "flow")


def to_json(flow: Flow) -> dict[str, Any]:
    """The flow as plain JSON values."""
    return {"flowc": IR_VERSION, **_write(flow)}


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
        case Method(name=name):
            return {"method": name}
        case tuple():
            return [_write(item) for item in value]
        case str() | int() | float() | None:
            return value
    record = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if field.default is MISSING or inner != field.default:
            record[field.name] = dict(inner) if field.name == "environment" else _write(inner)
    return record


# -- reading -----------------------------------------------------------------------------------------------------------

_T = TypeVar("_T")
_Read: TypeAlias = "Callable[[Any, str], Any]"


def _record(cls: type[_T], readers: Mapping[str, _Read], data: Any, where: str) -> _T:
    if not isinstance(data, dict):
        raise SchemaError(f"{where}: an object, not {type(data).__name__}")
    for name in data:
        if name not in readers:
            raise SchemaError(f"{where}.{name}: unknown field; known are {', '.join(readers)}")
    for field in fields(cls):  # type: ignore[arg-type]  # every cls is a dataclass of flowc.ir.model
        if field.default is MISSING and field.name not in data:
            raise SchemaError(f"{where}.{field.name}: missing")
    return cls(**{name: readers[name](value, f"{where}.{name}") for name, value in data.items()})


def _of(*types: type) -> _Read:
    def read(value: Any, where: str) -> Any:
        if type(value) not in types:  # exact: a bool is no int here
            wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
            raise SchemaError(f"{where}: {wanted}, not {type(value).__name__}")
        return value

    return read


def _one(cls: type, readers: Mapping[str, _Read]) -> _Read:
    return lambda value, where: _record(cls, readers, value, where)


def _many(read: _Read) -> _Read:
    def read_all(value: Any, where: str) -> tuple[Any, ...]:
        items = _of(list)(value, where)
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(items))

    return read_all


def _span(value: Any, where: str) -> Span:
    file, line, column = [*_of(str)(value, where).rsplit(":", 2), "", ""][:3]
    if not (file and line.isdecimal() and column.isdecimal()):
        raise SchemaError(f"{where}: a place such as 'flow.py:12:5', not {value!r}")
    return Span(file, int(line), int(column))


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
    raise SchemaError(f"{where}: null, a step, a list of steps, or an object with 'foreach' and 'body'")


def _method(value: Any, where: str) -> Method:
    match value:
        case {"method": str(name)} if len(value) == 1:
            return Method(name=name)
    raise SchemaError(f"{where}: an object with 'method'")


def _environment(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, _STR(text, f"{where}.{name}")) for name, text in _of(dict)(value, where).items())


def _type(value: Any, where: str) -> Any:
    if value not in ("str", "int", "float", "bool", "json", "file"):
        raise SchemaError(f"{where}: 'str', 'int', 'float', 'bool', 'json' or 'file', not {value!r}")
    return value


_STR, _INT, _BOOL = _of(str), _of(int), _of(bool)
_NODE: Mapping[str, _Read] = {
    "id": _STR,
    "where": _span,
    "run": _method,
    "next": _transition,
    "joins": _STR,
    "doc": _STR,
    "retry": _one(Retry, {"times": _INT, "wait_seconds": _INT}),
    "catch": _one(Catch, {"var": _STR, "print_exception": _BOOL}),
    "timeout": _one(Timeout, {"seconds": _INT}),
    "resources": _one(Resources, {"cpu": _STR, "memory": _INT, "gpu": _INT, "disk": _INT, "shared_memory": _INT}),
    "environment": _environment,
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
    "attribute": _STR,
}
_FLOW: Mapping[str, _Read] = {
    "name": _STR,
    "code": _one(Code, {"file": _STR, "name": _STR, "digest": _STR}),
    "where": _span,
    "start": _STR,
    "nodes": _many(_one(Node, _NODE)),
    "parameters": _many(_one(Parameter, _PARAMETER)),
    "configs": _many(_one(Config, {"name": _STR, "where": _span, "value": _STR, "attribute": _STR})),
    "schedule": _one(Schedule, {"crons": _many(_STR), "where": _span, "timezone": _STR}),
    "doc": _STR,
}
