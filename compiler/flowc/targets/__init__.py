"""Targets: the systems for which flows are compiled.

`flowc.targets.table` finds a target by its name. `docs/targets.md` shows how a package adds a target.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.targets.deployment import Deployment as Deployment
    from flowc.targets.deployment import Need as Need
    from flowc.targets.deployment import Operations as Operations
    from flowc.targets.deployment import TargetError as TargetError
    from flowc.targets.target import Target as Target
    from flowc.targets.target import Travel as Travel
    from flowc_ir.diagnostic import Diagnostic, Faults

__all__ = ["BackendError", "Deployment", "Need", "Operations", "Target", "TargetError", "Travel", "fail_if"]


class BackendError(Exception):
    """The flow is valid, but the target cannot run it. `diagnostics` has all reasons, with their places in the
    source."""

    def __init__(self, faults: Iterable[Diagnostic]) -> None:
        faults = tuple(faults)
        super().__init__("\n".join(f"{fault.span}: {fault.message} [{fault.code}]" for fault in faults))
        self.diagnostics = faults


def fail_if(faults: Faults) -> None:
    """Raise one error with all collected faults, if there are any.

    Raises:
        BackendError: there are faults.
    """
    if faults:
        raise BackendError(faults)


def __getattr__(name: str) -> object:
    """Import a public name on first access, because `flowc --help` imports this package and must stay fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(
        import_module(f"{__name__}.{'target' if name in ('Target', 'Travel') else 'deployment'}"), name
    )
    return found
