"""The passes in their order, and what runs them. Between two passes is one place: the hook, which verifies the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from flowc.diagnostics import InternalError
from flowc.passes.check_schedule import check_schedule
from flowc.passes.context import Context, PassError
from flowc.passes.drop_packages import drop_packages
from flowc.passes.pack_files import pack_files
from flowc_ir import Flow, schema
from flowc_ir.codes import WARNINGS
from flowc_ir.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_ir.diagnostic import Diagnostic

    Hook: TypeAlias = Callable[[str, Flow], None]
    """Called after a pass with its name and the flow as it is then."""


class Pass(Protocol):
    """A rewrite, which returns a new flow, or a check, which returns what it finds."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, flow: Flow, context: Context, /) -> Flow | tuple[Diagnostic, ...]:
        """Rewrite or check a flow without faults. Raises PassError."""
        ...


RESOLVE_DEFAULTS = "resolve_defaults"  # what comes before the passes: the front end calls functions of the user's
PIPELINE: tuple[Pass, ...] = (
    check_schedule,  # warns about what the author wrote, so before anything is rewritten
    drop_packages,
    pack_files,  # last: it fills the room that is left beside the code and the IR as they will travel
)


class Passed(NamedTuple):
    """The flow after all passes, and the warnings of the checks."""

    flow: Flow
    warnings: tuple[Diagnostic, ...]


def verify_after(stage: str, flow: Flow) -> None:
    """Refuse a flow that `stage` has broken, which is a fault of flowc's own. Raises InternalError."""
    if missed := verify(flow):
        raise InternalError(f"{stage} made a flow with the fault {missed[0].code}: {missed[0].message}")


def verify_json_after(stage: str, flow: Flow) -> None:
    """Refuse a flow that `verify` refuses, or that its JSON does not bring back. Raises InternalError."""
    verify_after(stage, flow)
    try:
        again = schema.loads(schema.dumps(flow))
    except schema.SchemaError as error:
        raise InternalError(f"{stage} made a flow whose JSON cannot be read: {error}") from error
    if again != flow:
        raise InternalError(f"{stage} made a flow that its JSON does not bring back")


def run_passes(flow: Flow, context: Context, hook: Hook = verify_after, passes: Sequence[Pass] = PIPELINE) -> Passed:
    """Run the passes, each on what the one before it has made, and the hook after each.

    Raises:
        PassError: a pass has found faults.
        InternalError: a pass has made a flow that is not valid.
    """
    warnings: list[Diagnostic] = []
    for each in passes:
        made = each(flow, context)
        if isinstance(made, Flow):
            flow = made
        elif any(diagnostic.code not in WARNINGS for diagnostic in made):
            raise PassError(made)
        else:
            warnings += made
        hook(each.__name__, flow)
    return Passed(flow, tuple(warnings))
