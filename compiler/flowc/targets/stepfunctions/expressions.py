"""Makes expressions of JSONata, the query language of state machines, and strings that AWS does not expand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def expression(text: str) -> str:
    """Return the text to write into a field so that Step Functions evaluates it as the JSONata expression `text`."""
    return f"{{% {text} %}}"


def quoted(text: str) -> str:
    """Return a JSONata string literal. Braces are escaped, because CloudFormation replaces `${NAME}`."""
    return json_text.dumps(text).replace("{", "\\u007b")


def literal(text: str) -> str:
    """Return the text to write into a field so that its value is exactly `text` when the state machine runs.

    An empty text is written as an expression, because validators refuse empty strings.
    """
    expanded = not text or "${" in text or (text.startswith("{%") and text.endswith("%}"))
    return expression(quoted(text)) if expanded else text


def merged(**fields: str) -> str:
    """Return the output of a state: its input, in which the values of expressions replace some fields."""
    changes = ", ".join(f"{quoted(name)}: {value}" for name, value in fields.items())
    return expression(f"$merge([$states.input, {{{changes}}}])")


INPUT = expression("$states.input")
"""The output of a state that changes nothing."""


def path_of(counters: Sequence[str]) -> str:
    """Return the JSONata expression of a task's index path, such as `0.3`. `counters` names the fields of the input
    that hold the iteration numbers of the loops around the task."""
    return " & ".join(["$states.input.path", *(f"'~' & $string($states.input.{counter})" for counter in counters)])
