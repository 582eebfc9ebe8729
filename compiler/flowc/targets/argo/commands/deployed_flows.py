"""The deployed flows of a cluster. The classes implement the protocols of `metaflow.runner._deployments`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from flowc.cli.running.new_run import new_run_id
from flowc.cli.running.sending import sender
from flowc.targets.argo.cluster import control
from flowc.targets.argo.cluster.api import connect
from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import FLOW_LABEL, MANAGED_LABEL, TEMPLATE, name_of
from flowc.targets.argo.cluster.submission import (
    BadParameter,
    accepted,
    arguments_of,
    check_size,
    flow_of,
    submit,
)
from flowc.targets.argo.cluster.targets import find_deployed, find_run, missing
from flowc.targets.argo.cluster.workflows import store_of, view
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.config import settings
from flowc_runtime.base.contract import END_PATIENCE
from flowc_runtime.store.values.files import MAX_PACKED
from metaflow.exception import MetaflowException
from metaflow.runner._deployments import Deployment, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.object_types import Object
    from metaflow.runner._deployments import Deployments, Words


@contextmanager
def open_cluster(kubeconfig: str | None, context: str | None, namespace: str | None) -> Iterator[Deployments]:
    """Connect to a cluster.

    Args:
        kubeconfig: the file with the cluster's address; see `connect`.
        context: a context of the kubeconfig.
        namespace: a namespace.

    Raises:
        MetaflowException: `connect` or the code in the `with` block raised a ClusterError.
    """
    try:
        yield _Deployments(connect(kubeconfig=kubeconfig, context=context, namespace=namespace))
    except ClusterError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise MetaflowException(f"{error.message}{hint}") from None


@final
@dataclass(frozen=True, slots=True)
class _Deployments:
    """The deployed flows of one namespace of a cluster."""

    cluster: Cluster

    def find(self, name: str) -> Deployment:
        """Return the deployed flow whose class or template has this name."""
        found, template = self._template(name)
        flow, store = flow_of(self.cluster, template), store_of(template)
        if flow is None or store is None:
            raise MetaflowException(f"{found} was not deployed by this version of flowc: deploy it again")
        return Deployment(found, flow.name, store, self.cluster.namespace)

    def find_all(self) -> Iterator[Deployment]:
        """Yield all deployed flows."""
        for item in self.cluster.search(TEMPLATE, f"{FLOW_LABEL},{MANAGED_LABEL}=flowc"):
            yield self.find(name_of(item))

    def template(self, name: str) -> dict[str, object]:
        """Return the manifest of a deployed flow."""
        return {**self._template(name)[1]}

    def start(self, name: str, words: Words) -> str:
        """Start a run and return its id. Raises ValueError if a parameter's name or value is wrong."""
        _, template = self._template(name)
        flow = flow_of(self.cluster, template)
        parameters = accepted(template, flow)
        given = words(flow.parameters if flow else ())
        try:
            arguments = arguments_of(parameters, given, sender(store_of(template), MAX_PACKED))
            check_size(template, arguments, {parameter.argument: parameter.name for parameter in parameters})
        except BadParameter as error:
            raise ValueError(str(error)) from None
        return submit(self.cluster, template, arguments, lambda: new_run_id(time.time()))

    def delete(self, name: str, *, force: bool) -> bool:
        """Delete a deployed flow; return whether it existed. Unless `force` is true, an active run is an error."""
        target = find_deployed(self.cluster, name)
        if target is None:
            return False
        if (active := control.active_runs(self.cluster, target)) and not force:
            raise MetaflowException(f"runs of {name} are active: {', '.join(active[:3])}; end them first")
        gone = [self.cluster.delete(kind, each) for kind, each in control.belongings(self.cluster, target)]
        return any(gone)

    def status(self, run: str) -> RunStatus:
        """Return the status of a run."""
        seen = view(find_run(self.cluster, run).workflow)
        return RunStatus(seen.phase, seen.asked == "suspended", seen.active)

    def suspend(self, run: str, *, on: bool) -> None:
        """Suspend a run if `on` is true; otherwise let the run continue."""
        control.suspend(self.cluster, find_run(self.cluster, run), on=on)

    def terminate(self, run: str) -> bool:
        """End a run and record its end; return whether its pods ended in time."""
        control.end(self.cluster, find_run(self.cluster, run), now=False)
        workflow = control.wait(self.cluster, run, END_PATIENCE)
        if workflow is not None:
            control.record_end(self.cluster, workflow, settings.user_name())
        return workflow is not None

    def _template(self, text: str) -> tuple[str, Object]:
        """Return the name and the manifest of the deployed flow that `text` names. Raises ClusterError."""
        found = find_deployed(self.cluster, text)
        if found is None or found.template is None:
            raise ClusterError(*missing(self.cluster, "deployed flow", text, [TEMPLATE]))
        return found.name, found.template
