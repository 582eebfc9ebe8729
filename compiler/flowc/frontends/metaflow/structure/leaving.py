"""The result of reading a step's `self.next`: the step's transition, or the reason why it could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.codes import MISSING_NEXT
from flowc_ir.diagnostic import Faults
from flowc_ir.late.dataclass import dataclass, field

if TYPE_CHECKING:
    import ast

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Span, Transition
    from flowc_ir.diagnostic import Related


@final
@dataclass(frozen=True, slots=True)
class Leaving:
    """The result of reading the `self.next` of one step.

    Attributes:
        next: the transition; None if the transition could not be read.
        mentions: the names of steps in the call, with their spans.
        faults: the faults of the call.
    """

    next: Transition | None
    mentions: tuple[tuple[str, Span], ...] = ()
    faults: Faults = field(default_factory=Faults)

    @property
    def is_missing(self) -> bool:
        """Whether the step has no `self.next` at all."""
        return any(fault.code == MISSING_NEXT for fault in self.faults)


def step_named(method: StepMethod, node: ast.expr) -> tuple[str, Span] | None:
    """Return the name and the span of the step in an expression `self.step`; None for any other expression."""
    name = method.attribute(node)
    return (name, method.source.span(node)) if name is not None else None


def fault_of(
    method: StepMethod,
    code: str,
    message: str,
    at: ast.expr | ast.keyword | None,
    hint: str | None,
    also: tuple[Related, ...] = (),
    *,
    next_: Transition | None = None,
    mentions: tuple[tuple[str, Span], ...] = (),
) -> Leaving:
    """Return the `Leaving` of a step whose `self.next` has a fault.

    Args:
        method: the step.
        code: the error code of the fault.
        message: the message of the fault.
        at: the expression at which the fault is reported; None for the step's `def`.
        hint: the hint of the fault.
        also: other places to show with the fault, each with a text.
        next_: the transition, if it could be read in spite of the fault.
        mentions: the names of steps in the call, with their spans.
    """
    left = Leaving(next_, mentions)
    span = method.where if at is None else method.source.span(at)
    left.faults.add(code, span, message, hint=hint, also=also)
    return left
