"""The selection of the cluster and the namespace to which a program deploys flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.config import configuration
from metaflow import _seam

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from metaflow.runner._deployments import Deployments


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A namespace of a cluster; each attribute may be None, which means kubectl's default.

    Attributes:
        kubeconfig: the path of the kubeconfig file.
        context: the name of a context in the kubeconfig.
        namespace: the namespace in the cluster.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    def cluster(self) -> AbstractContextManager[Deployments]:
        """Connect to the cluster. flowc's settings take precedence over kubectl's default context and namespace.

        Raises:
            MetaflowException: the kubeconfig does not have the chosen context. The methods of the returned connection
                also raise MetaflowException if a request to the cluster fails.
        """
        namespace = self.namespace or configuration.text("namespace")
        context = self.context or configuration.text("context")
        return _seam.open_cluster(self.kubeconfig, context, namespace)
