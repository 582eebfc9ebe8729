"""Emit the reader, which converts JSON values to the classes of the IR.

The reader checks each field, and its errors contain the path of the faulty value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import markers
from tools.ir_shape.python import WIDTH, literal, module, names_in, wrapped
from tools.ir_shape.shape import Field, ListOf, Place, Record, Row, Scalar, Texts, Union, Words

if TYPE_CHECKING:
    from tools.ir_shape.shape import Kind

_SCALARS: dict[tuple[type, ...], str] = {(str,): "text", (int,): "number", (bool,): "flag"}


def emit(parts: tuple[Record | Union, ...]) -> str:
    """Return the module."""
    functions = [text for part in parts for text in _functions(part)]
    unions = [part.alias for part in parts if isinstance(part, Union)]
    return module(
        "Read the classes of the IR from JSON values. A wrong value raises `SchemaError`, which names its place.",
        functions,
        runs=names_in(functions) - {*unions, "Choice"},
        types=names_in(functions) & {*unions, "Choice"},
    )


def _functions(part: Record | Union) -> list[str]:
    if isinstance(part, Union):
        return [_union(part)]
    rows = [_row(part, each) for each in part.fields if isinstance(each.kind, ListOf)
            and isinstance(each.kind.item, Row)]  # fmt: skip
    return rows if part.form == "bare" else [*rows, _record(part)]


def _record(part: Record) -> str:
    name = part.cls.__name__
    known = f"{name}.__slots__" if part.form == "object" else literal([each.key for each in part.fields] or [part.flag])
    required = literal([each.key for each in part.fields if each.required] or [part.flag or ()][: bool(part.flag)])
    lines = [
        f"def read_{part.name}(value: object, at: str) -> {name}:",
        wrapped("    data = record(", ["value", "at", known, required], ")"),
    ]
    if part.flag:
        lines.append(f'    true(data["{part.flag}"], f"{{at}}.{part.flag}")')
    if part.form == "object":
        lines += [
            f"    return {name}(",
            *(f"        {each.name}={_field(part, each)}," for each in part.fields),
            "    )",
        ]
    else:
        arguments = [f"{each.name}={_field(part, each)}" for each in part.fields]
        lines.append(wrapped(f"    return {name}(", arguments, ")"))
    return "\n".join(lines)


def _field(part: Record, field: Field) -> str:
    value, at = f'data["{field.key}"]', f'f"{{at}}.{field.key}"'
    if field.required:
        return _read(field.kind, value, at, field.marks, _row_name(part, field))
    if isinstance(field.kind, ListOf) and field.default == () and not field.marks:
        return f'optional_items(data, "{field.key}", at, {_reader(field.kind.item)})'
    return f'optional(data, "{field.key}", at, {_reader(field.kind)}, {literal(field.default)})'


def _read(kind: Kind, value: str, at: str, marks: tuple[object, ...], row: str) -> str:
    """Return the source of the call that reads a value of this kind."""
    match kind:
        case Words(words=words):
            return f"word({value}, {at}, {literal(words)})"
        case ListOf(item=item):
            limit = next((mark for mark in marks if isinstance(mark, markers.Items)), markers.Items(0))
            least = f", {limit.least}" if limit.least else ""
            read = row if isinstance(item, Row) else _reader(item)
            call = f"items({value}, {at}, {read}{least})"
            return f"distinct({call}, {at})" if limit.unique else call
    return f"{_reader(kind)}({value}, {at})"


def _reader(kind: Kind) -> str:
    """Return the name of the function that reads a value of this kind."""
    match kind:
        case Scalar(types=types):
            return _SCALARS.get(types, "scalar")
        case Place():
            return "span"
        case Texts():
            return "pairs"
        case Record() | Union():
            return f"read_{kind.name}"
    raise TypeError(f"a field with a default cannot be {kind} yet: add it to {__file__}")


def _row_name(part: Record, field: Field) -> str:
    return f"_{part.name}_{field.name}"


def _row(part: Record, field: Field) -> str:
    """Return the source of the function that reads one item of a field, which is a list of tuples."""
    assert isinstance(field.kind, ListOf)
    assert isinstance(field.kind.item, Row)
    kinds = field.kind.item.items
    parts = [chr(ord("a") + index) for index in range(len(kinds))]
    values = [f'{_reader(kind)}({name}, f"{{at}}[{index}]")'
              for index, (kind, name) in enumerate(zip(kinds, parts, strict=True))]  # fmt: skip
    types = {"text": "str", "number": "int", "flag": "bool", "scalar": "Choice"}
    return "\n".join([
        f"def {_row_name(part, field)}(value: object, at: str) -> tuple[{', '.join(types[_reader(k)] for k in kinds)}]:",
        f"    {', '.join(parts)} = row(value, at, {len(kinds)})",
        wrapped("    return (", values, ")").replace("return (", "return ", 1)[: -1],
    ])  # fmt: skip


def _union(part: Union) -> str:
    lines = [f"def read_{part.name}(value: object, at: str) -> {part.alias}:"]
    for member in part.bare:
        lines += [f"    if {_is(member)}:", f"        return {_bare(member)}"]
    lines.append("    if type(value) is dict:")
    for member in part.objects:
        key = member.flag or member.fields[0].key
        lines += [f'        if "{key}" in value:', f"            return read_{member.name}(value, at)"]
    return "\n".join([*lines, wrapped("    raise SchemaError(", _wanted(part), ")")])


def _is(member: Record) -> str:
    if not member.fields:
        return "value is None"
    return f"type(value) is {_json_name(member.fields[0].kind)}"


def _bare(member: Record) -> str:
    if not member.fields:
        return f"{member.cls.__name__}()"
    (field,) = member.fields
    value = "value" if isinstance(field.kind, Scalar) else _read(field.kind, "value", "at", field.marks, "")
    return f"{member.cls.__name__}({field.name}={value})"


def _json_name(kind: Kind) -> str:
    match kind:
        case Scalar(types=(one,)):
            return one.__name__
        case ListOf():
            return "list"
    raise TypeError(f"a class that is only {kind} in JSON is not known yet: add it to {__file__}")


def _wanted(part: Union) -> list[str]:
    """Return the error text for a value that matches no member of the union."""
    words = {"str": "a string", "list": "a list"}
    bare = [words[_json_name(member.fields[0].kind)] if member.fields else "null" for member in part.bare]
    keys = [f"'{member.flag}': true" if member.flag else " and ".join(f"'{each.key}'" for each in member.fields if each.required)
            for member in part.objects]  # fmt: skip
    *others, last = [f"with {key}" for key in keys]
    start = "".join(f"{name}, " for name in bare) + ("or " if bare else "") + "an object"
    end = f"{', '.join(others)}, or {last}"
    if len(f'        f"{{at}}: {start} {end}"') <= WIDTH:
        return [f'f"{{at}}: {start} {end}"']
    return [f'f"{{at}}: {start} "\n        "{end}"']
