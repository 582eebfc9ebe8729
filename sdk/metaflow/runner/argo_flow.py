"""Flows on Argo Workflows: found again, started and removed by a program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException
from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_place import Place
from metaflow.runner.argo_run import ArgoWorkflowsTriggeredRun
from metaflow.runner.click_api import parameter_words
from metaflow.runner.deployer import DeployedFlow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.targets import Deployed

__all__ = ["ArgoWorkflowsDeployedFlow"]


class ArgoWorkflowsDeployedFlow(DeployedFlow):
    """A flow on Argo Workflows.

    Attributes:
        name: the WorkflowTemplate's.
        flow_name: the flow's own.
        metadata: the store of its runs, as `metaflow.metadata` takes it.
    """

    TYPE = "argo-workflows"

    def __init__(self, name: str, flow_name: str, metadata: str, place: Place) -> None:
        self.name, self.flow_name, self.metadata = name, flow_name, metadata
        self._place = place

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.name}')"

    @property
    def id(self) -> str:
        """What finds it again: `DeployedFlow.from_deployment(id)`."""
        return self.name

    @property
    def namespace(self) -> str | None:
        """The namespace that it is in; None is that of the kubeconfig."""
        return self._place.namespace

    @property
    def production_token(self) -> None:
        """None: flowc has no production tokens. Who may deploy, the cluster's own roles say."""
        return

    @property
    def workflow_template(self) -> dict[str, Any]:
        """The WorkflowTemplate, as the cluster has it."""
        with self._place.cluster() as cluster:
            template = self._find(cluster).template
        assert template is not None
        return template

    @classmethod
    def find(cls, identifier: str, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        """What `DeployedFlow.from_deployment` gives. Raises MetaflowException."""
        place = Place()
        with place.cluster() as cluster:
            return cls._of(cluster, _deployed(cluster, identifier), metadata)

    @classmethod
    def list(cls, flow_name: str | None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """What `DeployedFlow.list_deployed_flows` gives."""
        from flowc.targets.argo.cluster.kinds import FLOW_LABEL, MANAGED_LABEL, TEMPLATE, name_of

        with Place().cluster() as cluster:
            for item in cluster.search(TEMPLATE, f"{FLOW_LABEL},{MANAGED_LABEL}=flowc"):
                found = cls._of(cluster, _deployed(cluster, name_of(item)), None)
                if flow_name in (None, found.flow_name):
                    yield found

    @classmethod
    def _of(cls, cluster: Cluster, deployed: Deployed, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        from flowc.targets.argo.cluster.submission import flow_of
        from flowc.targets.argo.cluster.workflows import store_of

        template = deployed.template
        assert template is not None
        flow, store = flow_of(cluster, template), store_of(template["spec"])
        if flow is None or store is None:
            raise MetaflowException(f"{deployed.name} was not deployed by this version of flowc: deploy it again")
        return cls(deployed.name, flow.name, metadata or store, Place(namespace=cluster.namespace))

    def _find(self, cluster: Cluster) -> Deployed:
        return _deployed(cluster, self.name)

    def trigger(self, **kwargs: Any) -> ArgoWorkflowsTriggeredRun:
        """Start a run.

        Args:
            **kwargs: The flow's parameters by their names.

        Raises:
            ValueError: there is no such parameter, one is missing, or its value does not fit.
            TypeError: a value is of another type.
        """
        from flowc.cli.running.new_run import new_run_id
        from flowc.cli.running.sending import sender
        from flowc.targets.argo.cluster.submission import (
            BadParameter,
            accepted,
            arguments_of,
            check_size,
            flow_of,
            submit,
        )
        from flowc.targets.argo.cluster.workflows import store_of
        from flowc_runtime.store.values.files import MAX_PACKED

        with self._place.cluster() as cluster:
            template = self._find(cluster).template
            assert template is not None
            flow = flow_of(cluster, template)
            parameters = accepted(template, flow)
            given = pairs([FlowParameter.of(p) for p in flow.parameters] if flow else [], kwargs)
            try:
                arguments = arguments_of(parameters, given, sender(store_of(template), MAX_PACKED))
                check_size(template, arguments, {parameter.argument: parameter.name for parameter in parameters})
            except BadParameter as error:
                raise ValueError(str(error)) from None
            run = submit(cluster, template, arguments, lambda: new_run_id(time.time()))
        return self.triggered(run)

    def triggered(self, run_id: str) -> ArgoWorkflowsTriggeredRun:
        """The run of this id."""
        return ArgoWorkflowsTriggeredRun(self, run_id.rpartition("/")[2])

    def delete(self, *, force: bool = False) -> bool:
        """Delete the flow from the cluster; what its runs have left in the store stays. False if it was not there.

        Raises:
            MetaflowException: runs of it are active, which would lose what they need; `force` deletes all the same.
        """
        from flowc.targets.argo.cluster.control import active_runs, belongings
        from flowc.targets.argo.cluster.targets import find_deployed

        with self._place.cluster() as cluster:
            target = find_deployed(cluster, self.name)
            if target is None:
                return False
            if (active := active_runs(cluster, target)) and not force:
                raise MetaflowException(f"runs of {self.name} are active: {', '.join(active[:3])}; end them first")
            gone = [cluster.delete(kind, name) for kind, name in belongings(cluster, target)]
        return any(gone)


def _deployed(cluster: Cluster, name: str) -> Deployed:
    """The deployed flow of a name. Raises ClusterError."""
    from flowc.targets.argo.cluster.errors import ClusterError
    from flowc.targets.argo.cluster.kinds import TEMPLATE
    from flowc.targets.argo.cluster.targets import find_deployed, missing

    found = find_deployed(cluster, name)
    if found is None or found.template is None:
        raise ClusterError(*missing(cluster, "deployed flow", name, [TEMPLATE]))
    return found


def pairs(parameters: list[FlowParameter], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is given as names and texts, as `flowc trigger --param` takes them."""
    known = {parameter.keyword: parameter for parameter in parameters}
    pairs: list[tuple[str, str]] = []
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"Unknown argument: '{key}', possible args are: {', '.join(known)}")
        if value is not None:
            words = parameter_words(known[key], value)
            pairs += [(known[key].name, text) for text in (words[1::2] if len(words) > 1 else ["true"] * len(words))]
    return pairs
