"""The result of every front end: a flow with its program and its code, or the faults found in the flow's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from flowc.package import Package
    from flowc_ir import Flow
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.run.nodes.nodes_program import NodesProgram
    from metaflow._program import FlowProgram

    LoadedProgram: TypeAlias = FlowProgram | NodesProgram
    """A program whose attribute `cls` is the class that declares the flow's parameters."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of loading a file: a `flow`, or `diagnostics` whose file names are relative to the root of the code
    package."""

    package: Package
    flow: Flow | None = None
    program: LoadedProgram | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def cls(self) -> type | None:
        """The class that declares the parameters, or None if a fault in the file hides the class."""
        return self.program.cls if self.program is not None else None
