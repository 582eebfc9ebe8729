"""The Argo back end: a flow as WorkflowTemplate, CronWorkflow and the ConfigMap of its code.

`docs/argo.md` shows what becomes what. Hera is imported on the first call of `compile_flow`, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flowc.targets.argo.settings import Settings

if TYPE_CHECKING:
    from flowc.targets.argo.configmap import Package
    from flowc_ir.model import Flow

__all__ = ["Bundle", "Settings", "compile_flow"]


@final
@dataclass(frozen=True, slots=True)
class Bundle:
    """A complete deployment: the manifests in the order to apply them."""

    manifests: tuple[dict[str, Any], ...]

    def to_yaml(self) -> str:
        """The manifests as one YAML stream; the same flow gives the same bytes."""
        from flowc.targets.argo.emit import emit

        return emit(self.manifests)


def compile_flow(flow: Flow, package: Package, settings: Settings) -> Bundle:
    """Lower a flow without faults (`flowc_ir.verify`) and its code to Argo.

    Raises:
        BackendError: Argo or Kubernetes cannot run it; it has every reason.
    """
    from flowc.targets.argo.compiler import manifests  # imports Hera: 0.3 s

    return Bundle(manifests(flow, package, settings))
