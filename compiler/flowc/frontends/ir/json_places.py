"""Finds the line and column of a value in a JSON text; the value is named by a path such as `flow.nodes[3].next`."""

from __future__ import annotations

from json import JSONDecoder
from typing import TYPE_CHECKING

from flowc_ir import Span
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEP = late_pattern(r"\[(\d+)\]|([^.\[\]]+)")
_decode = JSONDecoder().raw_decode


def steps_of(place: str) -> list[str | int]:
    """Split a path into field names and list indices, without its first name: `flow.nodes[3]` gives `nodes` and 3."""
    parts = _STEP.findall(place)
    return [int(index) if index else name for index, name in parts[1:]]


def span_of(file: str, text: str, steps: Sequence[str | int]) -> Span:
    """Return the span of a value in a JSON text. If the value does not exist, the path is followed as far as its
    objects and lists exist; return the span of the last of them.

    Args:
        file: the file name to write in the span.
        text: the JSON text; an invalid text raises ValueError.
        steps: the path to the value: field names and list indices, the outermost first.
    """
    at = _behind_blanks(text, 0)
    for step in steps:
        if (inner := _inner(text, at, step)) is None:
            break
        at = inner
    line = text.count("\n", 0, at) + 1
    value = text[at : _decode(text, at)[1]]
    width = 0 if "\n" in value else len(value)
    return Span(file, line, at - (text.rfind("\n", 0, at) + 1) + 1, width)


def _inner(text: str, at: int, step: str | int) -> int | None:
    """Return the offset of the field or item `step` of the object or list at offset `at`, or None if it does not
    exist."""
    opening = text[at]
    if opening not in "{[":
        return None
    at, index = _behind_blanks(text, at + 1), 0
    while text[at] not in "}]":
        name: str | int = index
        if opening == "{":
            name, at = _decode(text, at)
            at = _behind_blanks(text, _behind_blanks(text, at) + 1)  # `at` is now the offset of the value
        if name == step:
            return at
        at = _behind_blanks(text, _decode(text, at)[1])
        if text[at] == ",":
            at = _behind_blanks(text, at + 1)
        index += 1
    return None


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
