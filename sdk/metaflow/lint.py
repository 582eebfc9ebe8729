"""`linter`: the checks of `flowc check`, from a program.

linter.run_checks(MyFlow(use_cli=False)._graph)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from metaflow import _seam
from metaflow.exception import MetaflowException
from metaflow.flowspec import FlowSpec
from metaflow.graph import FlowGraph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc_ir.diagnostic import Diagnostic

__all__ = ["FlowLinter", "LintWarn", "linter"]

_REQUIRED = {
    "require_acyclicity": True,
    "require_fundamentals": True,
    "require_non_nested_foreach": False,
    "require_static_graph": True,
}
_Check = TypeVar("_Check", bound="Callable[[Any], None]")


class LintWarn(MetaflowException):
    """A flow's first fault, in the order of its lines; all of them are in `diagnostics`."""

    headline = "Validity checker found an issue"
    diagnostics: tuple[Any, ...] = ()


class FlowLinter:
    """The checks of flowc, and others that a program adds with `@linter.check`."""

    def __init__(self) -> None:
        self._checks: list[Callable[[Any], None]] = []

    def check(self, function: _Check) -> _Check:
        """Add a check: a function of the graph that raises LintWarn. It runs on flows that are valid otherwise."""
        self._checks.append(function)
        return function

    def run_checks(self, graph: Any, **options: Any) -> None:
        """Check a flow: its `_graph`, its class, or an object of it.

        Of a flow with configs that have no value, only the steps and how they are linked.

        The options are Metaflow's `require_…`, to which this linter has one answer: everything is required, but that
        no foreach is in another.

        Raises:
            LintWarn: the flow has a fault.
            TypeError: an option asks for something else.
        """
        for name, value in options.items():
            if _REQUIRED.get(name) is not value:
                raise TypeError(f"{name}={value!r}: flowc's checks are always all of flowc's checks")
        flow = _class_of(graph)
        if flow is not None:
            _check(flow)
        for check in self._checks:
            check(graph)


def _check(flow: type) -> None:
    faults, root = _seam.find_faults(flow)
    if faults:
        raise _warning(faults, root)


def _warning(faults: tuple[Diagnostic, ...], root: Path) -> LintWarn:
    """Return the faults of a flow as an exception."""
    first = faults[0]
    hint = f" ({first.hint})" if first.hint else ""
    warned = LintWarn(first.message + hint, first.span.line, str(root / first.span.file))
    warned.diagnostics = faults
    return warned


def _class_of(graph: Any) -> type | None:
    """The class to check; None for the graph of a run, which only a flow without faults has."""
    flow = graph if isinstance(graph, type) else type(graph)
    if issubclass(flow, FlowSpec):
        return flow
    if isinstance(graph, FlowGraph):
        return graph._flowc_class
    raise TypeError(f"a flow, or its _graph, can be checked, not {graph!r}")


linter = FlowLinter()
