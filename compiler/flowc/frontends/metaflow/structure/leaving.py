"""What is known of how a step is left, or the fault that hides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc_ir.diagnostic import Diagnostic

if TYPE_CHECKING:
    import ast

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Span, Transition
    from flowc_ir.diagnostic import Related


@final
@dataclass(frozen=True, slots=True)
class Leaving:
    """`next` is None when nothing is known of it and a fault says why; `mentions` are the steps named, with places."""

    next: Transition | None
    mentions: tuple[tuple[str, Span], ...] = ()
    fault: Diagnostic | None = None


def step_named(method: StepMethod, node: ast.expr) -> tuple[str, Span] | None:
    """The step that an expression `self.step` names, and its place."""
    name = method.attribute(node)
    return (name, method.source.span(node)) if name is not None else None


def fault_of(
    method: StepMethod,
    code: str,
    message: str,
    at: ast.expr | ast.keyword | None,
    hint: str | None,
    also: tuple[Related, ...] = (),
) -> Leaving:
    """What is known of a step whose self.next has a fault: the fault."""
    return Leaving(None, fault=diagnostic_of(method, code, message, at, hint, also))


def diagnostic_of(
    method: StepMethod,
    code: str,
    message: str,
    at: ast.expr | ast.keyword | None,
    hint: str | None,
    also: tuple[Related, ...] = (),
) -> Diagnostic:
    """A fault at an expression of a step, or at the step itself."""
    span = method.where if at is None else method.source.span(at)
    return Diagnostic(code=code, message=message, span=span, hint=hint, also=also)
