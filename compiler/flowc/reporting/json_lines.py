"""Writes faults as JSON lines: one JSON object per fault."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.reporting.facts import Fact, Spot


def write(facts: Sequence[Fact]) -> str:
    """Return one line for each fault or warning.

    Returns:
        Objects with the keys `severity` (`error` or `warning`), `code`, `message`, `hint`, `note`, `place` and `also`.
        A place has `file` (relative to the working directory if the file is below it), `line`, `column` and
        `end_column`, from 1; the places in `also` have a `label` too. Missing values are null.
    """
    return "".join(f"{json_text.dumps(_object(fact))}\n" for fact in facts)


def _object(fact: Fact) -> dict[str, object]:
    return {
        "severity": "warning" if fact.is_warning else "error",
        "code": fact.code,
        "message": fact.message,
        "hint": fact.hint,
        "note": fact.note,
        "place": _place(fact.at) if fact.at is not None else None,
        "also": [{**_place(spot), "label": spot.label} for spot in fact.also],
    }


def _place(spot: Spot) -> dict[str, object]:
    return {
        "file": spot.relative_to(os.getcwd()),
        "line": spot.line,
        "column": spot.column,
        "end_column": spot.end,
    }
