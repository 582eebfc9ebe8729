"""Where on which cluster a program deploys flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc_runtime.base.config import configuration
from metaflow import _seam

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from metaflow.runner._deployments import Deployments


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Which namespace of which cluster, as the command lines know it: None is what kubectl would take."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    def cluster(self) -> AbstractContextManager[Deployments]:
        """Connect to the cluster. What goes wrong with it inside is a MetaflowException."""
        namespace = self.namespace or configuration.text("namespace")
        context = self.context or configuration.text("context")
        return _seam.open_cluster(self.kubeconfig, context, namespace)
