"""Emit the JSON Schema of the IR: draft 2020-12, with the docstrings of the classes as descriptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_ir import markers
from flowc_ir.model import IR_VERSION
from flowc_ir.versions import IR
from tools.ir_shape.python import NOTE
from tools.ir_shape.shape import Field, ListOf, Place, Record, Row, Scalar, Texts, Union, Words

if TYPE_CHECKING:
    from tools.ir_shape.shape import Kind, Mark

_TYPES = {str: "string", int: "integer", bool: "boolean", float: "number"}
_SHARED = {
    "Place": {
        "description": "A place in a source file, file:line:column, counted from 1.",
        "type": "string",
        "pattern": "^.+:[0-9]+:[0-9]+$",
    },
    "Texts": {
        "description": "A mapping from text to text.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
}


def emit(parts: tuple[Record | Union, ...]) -> str:
    """Return the schema as text."""
    *others, root = parts
    assert isinstance(root, Record)
    schema = _record(root)
    version = {IR.key: {"description": "The version of the IR. flowc reads older ones too.", "const": IR_VERSION}}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:flowc:ir:{IR_VERSION}",
        "$comment": NOTE,
        "title": f"flowc IR, version {IR_VERSION}",
        **schema,
        "description": f"{root.doc} A field at its default is left out.",
        "required": [IR.key, *schema.get("required", [])],
        "properties": version | schema["properties"],
        "$defs": _SHARED | {_name(part): _union(part) if isinstance(part, Union) else _record(part) for part in others},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _name(part: Record | Union) -> str:
    return part.alias if isinstance(part, Union) else part.cls.__name__


def _record(part: Record) -> dict[str, Any]:
    described = {"description": part.doc}
    if part.form == "bare":
        return described | (_value(part.fields[0]) if part.fields else {"type": "null"})
    flag: dict[str, Any] = {part.flag: {"const": True}} if part.flag else {}
    required = [field.key for field in part.fields if field.required] + [*flag]
    return {
        **described,
        "type": "object",
        **({"required": required} if required else {}),
        "additionalProperties": False,
        "properties": {field.key: _value(field) for field in part.fields} | flag,
    }


def _union(part: Union) -> dict[str, Any]:
    return {"oneOf": [_kind(member) for member in part.members]}


def _value(field: Field) -> dict[str, Any]:
    found = _kind(field.kind)
    for mark in field.marks:
        found |= _limit(mark)
    if field.default is not None:
        empty: object = {} if isinstance(field.kind, Texts) else []
        found["default"] = empty if field.default == () else field.default
    return found


def _limit(mark: Mark) -> dict[str, Any]:
    match mark:
        case markers.AtLeast(least=least):
            return {"minimum": least}
        case markers.NotEmpty():
            return {"minLength": 1}
        case markers.Matches(pattern=pattern):
            return {"pattern": f"^{pattern}$"}
        case markers.Items(least=least, unique=unique):
            return {"minItems": least} | ({"uniqueItems": True} if unique else {})


def _kind(kind: Kind) -> dict[str, Any]:
    match kind:
        case Scalar(types=(one,)):
            return {"type": _TYPES[one]}
        case Scalar(types=types):
            return {"type": [_TYPES[each] for each in types if not (each is int and float in types)]}
        case Words(words=words):
            return {"enum": [*words]}
        case Place() | Texts():
            return {"$ref": f"#/$defs/{type(kind).__name__}"}
        case ListOf(item=item):
            return {"type": "array", "items": _kind(item)}
        case Row(items=items):
            return {"type": "array", "prefixItems": [*map(_kind, items)], "minItems": len(items), "items": False}
        case Record() | Union():
            return {"$ref": f"#/$defs/{_name(kind)}"}
