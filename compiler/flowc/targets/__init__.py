"""Back ends: each takes a flow without faults and makes what another system runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir.diagnostic import Diagnostic

__all__ = ["BackendError"]


class BackendError(Exception):
    """The flow is valid, but the target cannot run it; `diagnostics` has every reason, each pointing at its source."""

    def __init__(self, faults: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(f"{fault.span}: {fault.message} [{fault.code}]" for fault in faults))
        self.diagnostics = tuple(faults)
