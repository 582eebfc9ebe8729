"""Flows on Argo Workflows: found again, started and removed by a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_place import Place
from metaflow.runner.argo_run import ArgoWorkflowsTriggeredRun
from metaflow.runner.click_api import parameter_words
from metaflow.runner.deployer import DeployedFlow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaflow.runner._deployments import Deployment

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
            return cluster.template(self.name)

    @classmethod
    def find(cls, identifier: str, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        """What `DeployedFlow.from_deployment` gives. Raises MetaflowException."""
        place = Place()
        with place.cluster() as cluster:
            return cls._of(cluster.find(identifier), metadata)

    @classmethod
    def list(cls, flow_name: str | None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """What `DeployedFlow.list_deployed_flows` gives."""
        with Place().cluster() as cluster:
            for found in cluster.find_all():
                if flow_name in (None, found.flow):
                    yield cls._of(found, None)

    @classmethod
    def _of(cls, found: Deployment, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        return cls(found.name, found.flow, metadata or found.store, Place(namespace=found.namespace))

    def trigger(self, **kwargs: Any) -> ArgoWorkflowsTriggeredRun:
        """Start a run.

        Args:
            **kwargs: The flow's parameters by their names.

        Raises:
            ValueError: there is no such parameter, one is missing, or its value does not fit.
            TypeError: a value is of another type.
        """
        with self._place.cluster() as cluster:
            run = cluster.start(
                self.name, lambda declared: pairs([FlowParameter.of(each) for each in declared], kwargs)
            )
        return self.triggered(run)

    def triggered(self, run_id: str) -> ArgoWorkflowsTriggeredRun:
        """The run of this id."""
        return ArgoWorkflowsTriggeredRun(self, run_id.rpartition("/")[2])

    def delete(self, *, force: bool = False) -> bool:
        """Delete the flow from the cluster; what its runs have left in the store stays. False if it was not there.

        Raises:
            MetaflowException: runs of it are active, which would lose what they need; `force` deletes all the same.
        """
        with self._place.cluster() as cluster:
            return cluster.delete(self.name, force=force)


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
