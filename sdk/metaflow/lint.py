"""`linter`: the checks of `flowc check` as an API for programs.

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
    """The first error of a flow, by line number. The attribute `diagnostics` has all errors of the flow."""

    headline = "Validity checker found an issue"
    diagnostics: tuple[Any, ...] = ()


class FlowLinter:
    """The checks of flowc, and additional checks that a program registers with `@linter.check`."""

    def __init__(self) -> None:
        self._checks: list[Callable[[Any], None]] = []

    def check(self, function: _Check) -> _Check:
        """Register a check and return it: `@linter.check`.

        Args:
            function: a function that is called with the graph and raises LintWarn for an error in the graph. The
                function is called only for flows without other errors.
        """
        self._checks.append(function)
        return function

    def run_checks(self, graph: object, **options: object) -> None:
        """Check a flow. If a config of the flow has no value, the method checks only the steps and their transitions.

        Args:
            graph: the flow's `_graph`, the flow's class, or an object of this class.
            **options: Metaflow's options `require_…`. Each option has a fixed value: `require_non_nested_foreach` is
                false, so nested foreaches are allowed; the other options are true.

        Raises:
            LintWarn: the flow has an error.
            TypeError: an option differs from its fixed value, or `graph` is not a flow.
        """
        for name, value in options.items():
            if _REQUIRED.get(name) is not value:
                raise TypeError(f"{name}={value!r} is not supported: the checks of flowc cannot be changed")
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
    """Return an exception that describes the errors of a flow."""
    first = faults[0]
    hint = f" ({first.hint})" if first.hint else ""
    warned = LintWarn(first.message + hint, first.span.line, str(root / first.span.file))
    warned.diagnostics = faults
    return warned


def _class_of(graph: object) -> type | None:
    """Return the class to check, or None for the graph of a run, which was checked before the run started."""
    flow = graph if isinstance(graph, type) else type(graph)
    if issubclass(flow, FlowSpec):
        return flow
    if isinstance(graph, FlowGraph):
        return graph._flowc_class
    raise TypeError(f"run_checks takes a flow or its _graph, not {graph!r}")


linter = FlowLinter()
