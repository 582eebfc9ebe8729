"""The Argo back end: a flow as WorkflowTemplate, CronWorkflow and the ConfigMap of its code.

`docs/argo.md` shows what becomes what. Hera is imported on the first call of `compile_flow`, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from flowc.targets.argo.configmap import CodePackage
    from flowc.targets.argo.settings import Settings as Settings
    from flowc_ir.model import Flow

__all__ = ["Bundle", "Settings", "compile_flow"]


class Bundle(NamedTuple):
    """A complete deployment: the manifests in the order to apply them."""

    manifests: tuple[dict[str, Any], ...]

    def to_yaml(self) -> str:
        """The manifests as one YAML stream; the same flow gives the same bytes."""
        from flowc.targets.argo.emit import emit

        return emit(self.manifests)


def compile_flow(flow: Flow, package: CodePackage, settings: Settings) -> Bundle:
    """Lower a flow without faults (`flowc_ir.verify`) and its code to Argo.

    Raises:
        BackendError: Argo or Kubernetes cannot run it; it has every reason.
    """
    from flowc.targets import fail_if
    from flowc.targets.argo.checking import checks
    from flowc.targets.argo.compiler import manifests  # imports Hera: 0.3 s
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis

    analysis, faults = Analysis(flow), Faults()
    checks.check_flow(analysis, settings, faults)
    fail_if(faults)
    return Bundle(manifests(analysis, package, settings))


def __getattr__(name: str) -> object:
    """Import `Settings` when it is asked for: the help of `flowc` looks at what is below this package."""
    if name != "Settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowc.targets.argo.settings import Settings

    return Settings
