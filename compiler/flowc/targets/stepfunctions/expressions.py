"""Expressions of JSONata, the query language of state machines, and literal strings that nothing expands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def expression(text: str) -> str:
    """Return the value of a field that Step Functions evaluates."""
    return f"{{% {text} %}}"


def quoted(text: str) -> str:
    """Return a string of JSONata. CloudFormation would replace `${NAME}`, so a brace is an escape."""
    return json_text.dumps(text).replace("{", "\\u007b")


def literal(text: str) -> str:
    """Return the value of a field that is this text when the state machine runs.

    Validators refuse an empty text, but not the expression of one.
    """
    expanded = not text or "${" in text or (text.startswith("{%") and text.endswith("%}"))
    return expression(quoted(text)) if expanded else text


def merged(**fields: str) -> str:
    """Return the output of a state: its input, with some fields replaced by the values of expressions."""
    changes = ", ".join(f"{quoted(name)}: {value}" for name, value in fields.items())
    return expression(f"$merge([$states.input, {{{changes}}}])")


INPUT = expression("$states.input")
"""The output of a state that changes nothing."""


def path_of(counters: Sequence[str]) -> str:
    """Return the expression of the index path of a task inside loops; `counters` are their fields in the input."""
    return " & ".join(["$states.input.path", *(f"'~' & $string($states.input.{counter})" for counter in counters)])
