"""Emit the writer, which converts classes of the IR to JSON values; fields with their default value are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.ir_shape.python import literal, module, names_in, wrapped
from tools.ir_shape.shape import Field, ListOf, Place, Record, Row, Scalar, Texts, Union, Words

if TYPE_CHECKING:
    from tools.ir_shape.shape import Kind


def emit(parts: tuple[Record | Union, ...]) -> str:
    """Return the module."""
    members = {m.name: m for part in parts if isinstance(part, Union) for m in part.members if _has_defaults(m)}
    functions = [_union(part) if isinstance(part, Union) else _record(part) for part in parts
                 if isinstance(part, Union) or part.form == "object" or part.name in members]  # fmt: skip
    runs = {member.cls.__name__ for part in parts if isinstance(part, Union) for member in part.members}
    return module(
        "Write the classes of the IR as JSON values, in the order of their fields. A field at its default is left out.",
        functions,
        runs=runs | ({"assert_never"} if runs else set()),
        types=names_in(functions) - runs - {"assert_never"},
    )


def _record(part: Record) -> str:
    lines = [f"def write_{part.name}(value: {part.cls.__name__}) -> dict[str, Json]:"]
    first = [*part.fields]
    start = []
    while first and first[0].required:
        start.append(first.pop(0))
    entries = [f'"{each.key}": {_written(each.kind, f"value.{each.name}")}' for each in start]
    if not first:
        return "\n".join([*lines, wrapped("    return {", entries, "}")])
    lines.append(wrapped("    data: dict[str, Json] = {", entries, "}"))
    for each in first:
        assign = f'data["{each.key}"] = {_written(each.kind, f"value.{each.name}")}'
        lines += [f"    {assign}"] if each.required else [f"    if {_differs(each)}:", f"        {assign}"]
    return "\n".join([*lines, "    return data"])


def _has_defaults(part: Record) -> bool:
    """Return whether the class has fields that are not written if they have their default values."""
    return len(part.fields) > 1 and not all(field.required for field in part.fields)


def _differs(field: Field) -> str:
    """Return the source of a condition that is true if a field differs from its default."""
    name = f"value.{field.name}"
    match field.default:
        case None:
            return f"{name} is not None"
        case True:
            return f"not {name}"
        case False | () | "":
            return name
    return f"{name} != {literal(field.default)}"


def _written(kind: Kind, value: str) -> str:
    """Return the Python expression, as source text, that converts a value to JSON.

    Args:
        kind: the kind of the value.
        value: the Python expression of the value.
    """
    match kind:
        case Scalar() | Words():
            return value
        case Place():
            return f"str({value})"
        case Texts():
            return f"dict({value})"
        case ListOf(item=Scalar()):
            return f"[*{value}]"
        case ListOf(item=Row(items=items)) if all(isinstance(item, Scalar) for item in items):
            return f"[[*each] for each in {value}]"
        case ListOf(item=item):
            return f"[{_written(item, 'each')} for each in {value}]"
        case Record() | Union():
            return f"write_{kind.name}({value})"
    raise TypeError(f"no JSON is known for {kind}: add it to {__file__}")


def _union(part: Union) -> str:
    lines = [f"def write_{part.name}(value: {part.alias}) -> Json:", "    match value:"]
    for member in part.members:
        lines += [f"        case {member.cls.__name__}():", f"            return {_member(member)}"]
    return "\n".join([*lines, "        case _:", "            assert_never(value)"])


def _member(member: Record) -> str:
    if member.flag:
        return f'{{"{member.flag}": True}}'
    if member.form == "bare":
        return _written(member.fields[0].kind, f"value.{member.fields[0].name}") if member.fields else "None"
    if _has_defaults(member):
        return f"write_{member.name}(value)"
    entries = [f'"{each.key}": {_written(each.kind, f"value.{each.name}")}' for each in member.fields]
    return f"{{{', '.join(entries)}}}"
