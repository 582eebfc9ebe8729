"""The classes that describe faults and warnings for the writers of the formats for programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from flowc.diagnostics import SourceLines, in_order
from flowc_ir.codes import WARNINGS
from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Span


@final
@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a source file: a part of one line.

    Attributes:
        path: the absolute path of the file.
        line: the number of the line, from 1.
        column: the position of the first character, from 1.
        end: the position after the last character.
        label: the text that explains this place; empty for the place of the fault itself.
    """

    path: str
    line: int
    column: int
    end: int
    label: str = ""

    def relative_to(self, directory: str) -> str:
        """Return the file's path relative to `directory` if the file is below it, else the absolute path; the separator
        is `/`.
        """
        inside = f"{directory.rstrip(os.sep)}{os.sep}"
        return (self.path[len(inside) :] if self.path.startswith(inside) else self.path).replace(os.sep, "/")


@final
@dataclass(frozen=True, slots=True)
class Fact:
    """A fault or a warning. `code` and `at` (its place) are None for an error that is not about the source of a
    flow."""

    message: str
    hint: str | None = None
    note: str | None = None
    code: str | None = None
    at: Spot | None = None
    also: tuple[Spot, ...] = ()

    @property
    def is_warning(self) -> bool:
        """Whether this fact is a warning: the flow is valid in spite of the warning."""
        return self.code in WARNINGS


def facts_of(diagnostics: Iterable[Diagnostic], root: Path) -> list[Fact]:
    """Convert diagnostics to facts, sorted by their places.

    Args:
        diagnostics: in any order; duplicates are left out.
        root: the directory that the spans' files are relative to.
    """
    sources = SourceLines(root)
    return [
        Fact(
            message=each.message,
            hint=each.hint,
            note=each.note,
            code=each.code,
            at=_spot(each.span, sources),
            also=tuple(_spot(span, sources, label) for span, label in each.also),
        )
        for each in in_order(diagnostics)
    ]


def _spot(span: Span, sources: SourceLines, label: str = "") -> Spot:
    line = sources.line(span)
    end = span.column + span.width
    if not span.width:  # a span without a width extends to the end of the line
        end = max(len(line.rstrip()) + 1 if line is not None else 0, span.column + 1)
    return Spot(os.path.abspath(sources.path(span.file)), span.line, span.column, end, label)
