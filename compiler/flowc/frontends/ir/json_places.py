"""Finds the place in a JSON text of a value that a path such as `flow.nodes[3].next` names."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import TYPE_CHECKING

from flowc_ir import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_decode = JSONDecoder().raw_decode


def steps_of(place: str) -> list[str | int]:
    """Return the names and indices of a path after its first name: `nodes` and 3 for `flow.nodes[3]`."""
    parts = _STEP.findall(place)
    return [int(index) if index else name for index, name in parts[1:]]


def span_of(file: str, text: str, steps: Sequence[str | int]) -> Span:
    """Return the place of the value that the steps lead to, or of the last one that exists.

    Args:
        file: the file's name in the span.
        text: a valid JSON text; another one raises ValueError.
        steps: names of fields and indices of lists, from the outermost value.
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
    """Return the offset of a value in the object or list at an offset; None if it has no such value."""
    opening = text[at]
    if opening not in "{[":
        return None
    at, index = _behind_blanks(text, at + 1), 0
    while text[at] not in "}]":
        name: str | int = index
        if opening == "{":
            name, at = _decode(text, at)
            at = _behind_blanks(text, _behind_blanks(text, at) + 1)  # behind the colon
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
