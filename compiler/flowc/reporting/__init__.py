"""Errors and warnings in formats for programs; docs/errors.md describes them.

The function `write` returns the text in one of the formats: `json` has a line per fault, `github` a workflow command
per fault, and `sarif` one document for all faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.reporting import github, json_lines, sarif

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.reporting.facts import Fact

__all__ = ["WRITERS", "write"]

WRITERS: Final[Mapping[str, Callable[[Sequence[Fact]], str]]] = {
    "json": json_lines.write,
    "github": github.write,
    "sarif": sarif.write,
}


def write(facts: Sequence[Fact], form: str) -> str:
    """Return faults and warnings as text in one of the formats that programs read.

    Args:
        facts: the faults and warnings, in the order in which they are written.
        form: a key of `WRITERS`.

    Returns:
        A string that ends with a newline; empty if there is nothing to write (a SARIF document is never empty).
    """
    return WRITERS[form](facts)
