"""The Argo back end: compiles a flow to a WorkflowTemplate, a CronWorkflow and the ConfigMap of its code.

`docs/argo.md` shows the result for each construct. The models of Hera are loaded only when `compile_flow` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from flowc.targets.argo.configmap import CodePackage
    from flowc.targets.argo.object_types import Object
    from flowc.targets.argo.settings import Settings as Settings
    from flowc_ir.model import Flow

__all__ = ["Bundle", "Settings", "compile_flow"]


class Bundle(NamedTuple):
    """The manifests of a deployment, in the order to apply them."""

    manifests: tuple[Object, ...]

    def to_yaml(self) -> str:
        """Return the manifests as one YAML stream; equal flows give equal bytes.

        Raises:
            ValueError: a string has a lone surrogate, which no YAML can hold.
        """
        from flowc.targets.argo.emit import emit

        return emit(self.manifests)


def compile_flow(flow: Flow, package: CodePackage, settings: Settings) -> Bundle:
    """Compile a flow and its code to manifests of Argo.

    Args:
        flow: a flow without faults (`flowc_ir.verify`), after all passes.
        package: the code package.
        settings: the settings of the deployment.

    Raises:
        BackendError: Argo or Kubernetes cannot run the flow; `diagnostics` has all reasons.
    """
    from flowc.targets import fail_if
    from flowc.targets.argo.checking import checks
    from flowc.targets.argo.compiler import manifests  # reads Hera's models
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis

    analysis, faults = Analysis(flow), Faults()
    checks.check_flow(analysis, settings, faults)
    fail_if(faults)
    return Bundle(manifests(analysis, package, settings))


def __getattr__(name: str) -> object:
    """Import `Settings` on first access, because `flowc --help` imports this package and must stay fast."""
    if name != "Settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowc.targets.argo.settings import Settings

    return Settings
