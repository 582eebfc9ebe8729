"""Back ends: each takes a flow without faults and makes what another system runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_ir.diagnostic import Diagnostic, Faults

__all__ = ["BackendError", "fail_if"]


class BackendError(Exception):
    """The flow is valid, but the target cannot run it; `diagnostics` has every reason, each pointing at its source."""

    def __init__(self, faults: Iterable[Diagnostic]) -> None:
        faults = tuple(faults)
        super().__init__("\n".join(f"{fault.span}: {fault.message} [{fault.code}]" for fault in faults))
        self.diagnostics = faults


def fail_if(faults: Faults) -> None:
    """Raise a BackendError with all faults of a check, if there are any."""
    if faults:
        raise BackendError(faults)
