"""Emit the function that checks limits of values, such as `AtLeast`, which types cannot express."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import markers
from tools.ir_shape.python import literal, module, names_in, variable, wrapped
from tools.ir_shape.shape import Field, ListOf, Place, Record, Union

if TYPE_CHECKING:
    from tools.ir_shape.shape import Mark


def emit(parts: tuple[Record | Union, ...]) -> str:
    """Return the module."""
    limited: set[str] = set()
    functions = []
    for part in parts:  # `parts` has each class after the classes that it contains
        if not isinstance(part, Record):
            continue
        if lines := [line for field in part.fields for line in _field(part, field, limited)]:
            limited.add(part.name)
            place = "" if _has_span(part) else ", where: Span"
            head = (
                f"def check_limits_of_{part.name}(value: {part.cls.__name__}, at: str{place}, faults: Faults) -> None:"
            )
            functions.append("\n".join([head, *lines]))
    members = {m.cls.__name__ for p in parts if isinstance(p, Union) for m in p.members}
    used = names_in(functions)
    runs = {name for name in used if name in members or name == "out_of_limits"}
    return module(
        "Report the values of an IR that are outside the limits of their fields.",
        functions,
        runs=runs,
        types=used - runs,
        std=["import re", "from typing import TYPE_CHECKING"],
    )


def _has_span(part: Record) -> bool:
    return any(isinstance(field.kind, Place) and field.name == "where" for field in part.fields)


def _field(part: Record, field: Field, limited: set[str]) -> list[str]:
    value, at = f"value.{field.name}", "at" if part.form == "bare" else f'f"{{at}}.{field.key}"'
    where = "value.where" if _has_span(part) else "where"
    optional = not field.required and field.default is None
    lines = []
    for mark in field.marks:
        wrong, wanted = _test(mark, value)
        guard = f"{value} is not None and " if optional else ""
        fault = wrapped("        out_of_limits(", ["faults", at, where, literal(wanted), value], ")")
        lines += [f"    if {guard}{wrong}:", fault]
    kind = field.kind
    if isinstance(kind, ListOf) and isinstance(kind.item, Record) and kind.item.name in limited:
        inner = f'f"{{at}}.{field.key}[{{index}}]"' + ("" if _has_span(kind.item) else f", {where}")
        item = variable(kind.item.name)
        lines += [f"    for index, {item} in enumerate({value}):",
                  f"        check_limits_of_{kind.item.name}({item}, {inner}, faults)"]  # fmt: skip
    elif isinstance(kind, Record) and kind.name in limited:
        call = f"check_limits_of_{kind.name}({value}, {at}{'' if _has_span(kind) else f', {where}'}, faults)"
        lines += [f"    if {value} is not None:", f"        {call}"] if optional else [f"    {call}"]
    elif isinstance(kind, Union):
        for member in kind.members:
            if member.name in limited:
                lines += [f"    if isinstance({value}, {member.cls.__name__}):",
                          f"        check_limits_of_{member.name}({value}, {at}, {where}, faults)"]  # fmt: skip
    return lines


def _test(mark: Mark, value: str) -> tuple[str, str]:
    """Return (a Python condition that is true for a value outside the limit, the description of valid values)."""
    match mark:
        case markers.AtLeast(least=least):
            return f"{value} < {least}", f"at least {least}"
        case markers.NotEmpty():
            return f"not {value}", "a string that is not empty"
        case markers.Matches(pattern=pattern, wanted=wanted):
            return f're.fullmatch(r"{pattern}", {value}) is None', wanted
        case markers.Items(least=least, unique=unique):
            repeated = f" or len({{*{value}}}) < len({value})" if unique else ""
            return f"len({value}) < {least}{repeated}", f"a list of at least {least}{', each once' if unique else ''}"
