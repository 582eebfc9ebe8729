"""The list of the passes in order, and the function that runs them. A hook verifies the flow after each pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowc.diagnostics import InternalError
from flowc.passes.apply_overrides import apply_overrides
from flowc.passes.check_schedule import check_schedule
from flowc.passes.context import Context, PassError
from flowc.passes.drop_packages import drop_packages
from flowc.passes.pack_files import pack_files
from flowc_ir import Flow, schema
from flowc_ir.codes import WARNINGS
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_ir.diagnostic import Diagnostic

    Hook: TypeAlias = Callable[[str, Flow], None]
    """A function that is called after each pass with the pass's name and the flow."""


class Pass(Protocol):
    """A pass: a rewrite returns a new flow, a check returns diagnostics."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, flow: Flow, context: Context, /) -> Flow | tuple[Diagnostic, ...]:
        """Rewrite or check a valid flow.

        Raises:
            PassError: the flow has faults.
        """
        ...


LOADED: tuple[Pass, ...] = (apply_overrides,)
"""The passes that every command runs when it loads a flow, also for local runs. When a flow is compiled, the passes in
`PIPELINE` follow."""

RESOLVE_DEFAULTS = "resolve_defaults"  # in this stage before the passes, user functions compute defaults
PIPELINE: tuple[Pass, ...] = (
    check_schedule,  # comes before all rewrites, because it warns about the flow as written
    drop_packages,
    pack_files,  # comes last, because it packs files into the space that the code and the IR leave
)


class Passed(NamedTuple):
    """The flow after all passes, and the warnings of the checks."""

    flow: Flow
    warnings: tuple[Diagnostic, ...]


def verify_after(stage: str, flow: Flow) -> None:
    """Verify the flow that `stage` returned.

    Raises:
        InternalError: the flow has a fault, which is a bug in flowc.
    """
    if missed := verify(flow):
        raise InternalError(f"{stage} made a flow with the fault {missed[0].code}: {missed[0].message}")


def verify_json_after(stage: str, flow: Flow) -> None:
    """Verify the flow that `stage` returned, and that its JSON reads back as an equal flow.

    Raises:
        InternalError: the flow has a fault, its JSON cannot be read, or reads back as another flow.
    """
    verify_after(stage, flow)
    try:
        again = schema.loads(schema.dumps(flow))
    except schema.SchemaError as error:
        raise InternalError(f"{stage} made a flow whose JSON cannot be read: {error}") from error
    if again != flow:
        raise InternalError(f"{stage} made a flow that differs after writing and reading its JSON")


def run_passes(flow: Flow, context: Context, hook: Hook = verify_after, passes: Sequence[Pass] = PIPELINE) -> Passed:
    """Run the passes in order, and the hook after each.

    Args:
        flow: a valid flow.
        context: the inputs of passes besides the flow.
        hook: a function that is called after each pass, with the pass's name and the flow.
        passes: the passes; the default is all of them.

    Returns:
        The flow after the last pass, and the warnings of all checks.

    Raises:
        PassError: a pass found faults.
        InternalError: a pass returned an invalid flow.
    """
    warnings: list[Diagnostic] = []
    for each in passes:
        made, before = each(flow, context), flow
        if isinstance(made, Flow):
            flow = made
        elif any(diagnostic.code not in WARNINGS for diagnostic in made):
            raise PassError(made)
        else:
            warnings += made
        # If the pass has not changed the flow, `verify_after` would find nothing new.
        if flow is not before or hook is not verify_after:
            hook(each.__name__, flow)
    return Passed(flow, tuple(warnings))
