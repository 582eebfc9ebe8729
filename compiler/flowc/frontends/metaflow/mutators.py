"""Report a mutator, or the `init` of a user-defined decorator, that raises an exception when a flow is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import describe
from flowc_ir import Span, codes
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from flowc.frontends.source import Sources
    from flowc_ir.diagnostic import Faults
    from metaflow.user_decorators._errors import PreparationError

_HINT = "mutators run when the flow is checked, compiled or started, and in every pod"


def mutator_fault(error: PreparationError, sources: Sources, faults: Faults, *, hint: str = _HINT) -> None:
    """Report a failed mutator at the innermost traceback line in user code. If user code has no line in the traceback,
    report it at the decorator.

    Args:
        error: the failure; `error.__cause__` is the user code's exception, with the traceback.
        sources: the files of the flow.
        faults: collects the fault.
        hint: the hint of the fault, which says when the failed code runs.
    """
    cause = error.__cause__ or error
    place = error.file, error.line
    trace = cause.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename.startswith(f"{sources.root}/"):
            place = filename, trace.tb_lineno
        trace = trace.tb_next
    source = sources.of(place[0])
    span = source.whole_line(place[1]) if source else Span(sources.relative(place[0]), max(place[1], 1), 1)
    # A MetaflowException has a complete message; the message of any other exception needs its type in front.
    why = str(cause) if isinstance(cause, MetaflowException) else describe(cause)
    faults.add(codes.MUTATOR_FAILED, span, f"{error.what} failed: {why}", hint=hint)
