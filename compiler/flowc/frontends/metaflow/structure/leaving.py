"""The result of reading a step's `self.next`: its transition, or the fault that hides it."""

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
    """The transition of one step, as its `self.next` declares it.

    Attributes:
        next: the transition; None if a fault hides it.
        mentions: the steps that the call names, with their places.
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
    """Return the step that an expression `self.step` names, and its place; None for any other expression."""
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
        code: the code of the fault.
        message: what is wrong.
        at: the expression that the fault points at; None for the step itself.
        hint: what to do.
        also: related places with texts.
        next_: the transition, if the fault does not hide it.
        mentions: the steps that the call names.
    """
    left = Leaving(next_, mentions)
    span = method.where if at is None else method.source.span(at)
    left.faults.add(code, span, message, hint=hint, also=also)
    return left
