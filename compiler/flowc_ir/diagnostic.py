"""The classes for faults and warnings about a flow, and for the collection to which every check adds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir import codes
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Related: TypeAlias = tuple[Span, str]
"""A further place of a fault, and the label that is shown there, such as `declared here`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault or warning.

    Attributes:
        code: one of `flowc_ir.codes`.
        message: what is wrong.
        span: the place of the fault.
        hint: what to do; None if there is no useful hint.
        note: additional information.
        also: further places that explain the fault.
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
        """Collect one fault.

        Args:
            code: one of `flowc_ir.codes`.
            at: the place of the fault.
            message: what is wrong.
            hint: what to do; None if there is no useful hint.
            note: additional information.
            also: further places that explain the fault, each with a label.
        """
        self._found.append(
            Diagnostic(code=code, message=message, span=at, hint=hint, note=note, also=tuple(also)),
        )

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Collect the faults that another check has found."""
        self._found.extend(diagnostics)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(tuple(self._found))


def out_of_limits(faults: Faults, at: str, where: Span, wanted: str, value: object) -> None:
    """Report a value outside the limits of its field, with the code `bad-policy`.

    Args:
        faults: the collector.
        at: the field's path in the JSON document.
        where: the place of the node in the source.
        wanted: the values that the field allows, in words.
        value: the field's value.
    """
    faults.add(
        codes.BAD_POLICY,
        where,
        f"{at}: {wanted}, not {value!r}",
        hint="write a value within the limits of the JSON Schema (`flowc ir --schema`), or leave the field out",
    )
