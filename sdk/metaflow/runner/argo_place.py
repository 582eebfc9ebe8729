"""Where on which cluster a program deploys flows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc_runtime.base.config import configuration
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.cluster.api import Cluster


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Which namespace of which cluster, as the command lines know it: None is what kubectl would take."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    @contextmanager
    def cluster(self) -> Iterator[Cluster]:
        """The cluster. What goes wrong with it inside is a MetaflowException."""
        from flowc.targets.argo.cluster.api import connect
        from flowc.targets.argo.cluster.errors import ClusterError

        namespace = self.namespace or configuration.text("namespace")
        context = self.context or configuration.text("context")
        try:
            yield connect(kubeconfig=self.kubeconfig, context=context, namespace=namespace)
        except ClusterError as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise MetaflowException(f"{error.message}{hint}") from None
