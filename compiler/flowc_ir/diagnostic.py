"""Faults and warnings about a flow, as data, and the collector that every check reports to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir import codes
from flowc_ir.model import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Related: TypeAlias = tuple[Span, str]
"""A second place, and the words that are shown at it: `declared here`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault or warning.

    `code` is one of `flowc_ir.codes`; `hint` says what to do, and may be None on purpose; `note` adds a fact; `also`
    are further places that explain it.
    """

    code: str
    message: str
    span: Span
    hint: str | None
    note: str | None = None
    also: tuple[Related, ...] = ()


@final
class Faults:
    """Collects the faults that checks find, so that all of them are reported together."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self._found = [*found]

    def add(
        self,
        code: str,
        at: Span,
        message: str,
        *,
        hint: str | None,
        note: str | None = None,
        also: Iterable[Related] = (),
    ) -> None:
        """Add one fault: its code, its place and what is wrong; `hint` says what to do."""
        self._found.append(
            Diagnostic(code=code, message=message, span=at, hint=hint, note=note, also=tuple(also)),
        )

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Add faults that another check has found."""
        self._found.extend(found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(tuple(self._found))


def out_of_limits(at: str, where: Span, wanted: str, value: object) -> Diagnostic:
    """Return the fault of a value that its field does not allow, at the path `at` of the JSON document."""
    return Diagnostic(
        code=codes.BAD_POLICY,
        message=f"{at}: {wanted}, not {value!r}",
        span=where,
        hint="write a value within the limits of the JSON Schema (`flowc ir --schema`), or leave the field out",
    )
