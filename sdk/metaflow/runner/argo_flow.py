"""Flows on Argo Workflows, found again, started and removed by a program; and their runs, held and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaflow.client import Run
    from metaflow.runner._deployments import Deployment, RunStatus

__all__ = ["ArgoWorkflowsDeployedFlow", "ArgoWorkflowsTriggeredRun", "DeployedFlow", "TriggeredRun"]


class DeployedFlow:
    """A flow on a cluster; `from_deployment` finds one. See `ArgoWorkflowsDeployedFlow`."""

    TYPE: str | None = None
    name: str
    flow_name: str
    metadata: str

    @classmethod
    def from_deployment(
        cls, identifier: str, metadata: str | None = None, impl: str = "argo_workflows"
    ) -> ArgoWorkflowsDeployedFlow:
        """The deployed flow of this name.

        Args:
            identifier: The template's name, or the flow's class.
            metadata: The store of its runs, where it is not the one that the deployed flow itself names.
            impl: Where it is deployed: `argo_workflows`.
        """
        return _argo(impl).find(identifier, metadata)

    @classmethod
    def from_argo_workflows(cls, identifier: str, metadata: str | None = None) -> ArgoWorkflowsDeployedFlow:
        """The flow of this name on Argo Workflows."""
        return _argo("argo_workflows").find(identifier, metadata)

    @classmethod
    def list_deployed_flows(
        cls, flow_name: str | None = None, impl: str = "argo_workflows"
    ) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """All deployed flows, or all deployments of one flow."""
        return _argo(impl).list(flow_name)

    @classmethod
    def list_argo_workflows(cls, flow_name: str | None = None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """All flows on Argo Workflows, or all deployments of one flow."""
        return _argo("argo_workflows").list(flow_name)

    @classmethod
    def get_triggered_run(
        cls, identifier: str, run_id: str, metadata: str | None = None, impl: str = "argo_workflows"
    ) -> ArgoWorkflowsTriggeredRun:
        """A run of a deployed flow, by its id."""
        return _argo(impl).find(identifier, metadata).triggered(run_id)

    @classmethod
    def get_triggered_argo_workflows_run(
        cls, identifier: str, run_id: str, metadata: str | None = None
    ) -> ArgoWorkflowsTriggeredRun:
        """A run of a flow on Argo Workflows, by its id."""
        return _argo("argo_workflows").find(identifier, metadata).triggered(run_id)

    @classmethod
    def from_step_functions(cls, identifier: str, metadata: str | None = None) -> NoReturn:
        """Refused: there is no AWS Step Functions here."""
        _argo("step_functions")
        raise AssertionError

    @classmethod
    def list_step_functions(cls, flow_name: str | None = None) -> NoReturn:
        """Refused: there is no AWS Step Functions here."""
        _argo("step_functions")
        raise AssertionError

    @classmethod
    def get_triggered_step_functions_run(cls, identifier: str, run_id: str, metadata: str | None = None) -> NoReturn:
        """Refused: there is no AWS Step Functions here."""
        _argo("step_functions")
        raise AssertionError


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


class TriggeredRun:
    """A run of a deployed flow; see `ArgoWorkflowsTriggeredRun`."""

    pathspec: str
    name: str


class ArgoWorkflowsTriggeredRun(TriggeredRun):
    """A run of a deployed flow.

    Attributes:
        name: its id, which is the name of the Workflow.
        pathspec: FLOW/RUN.
    """

    def __init__(self, deployed: ArgoWorkflowsDeployedFlow, run_id: str) -> None:
        self.deployed_flow = deployed
        self.name = run_id
        self.pathspec = f"{deployed.flow_name}/{run_id}"
        self.metadata = deployed.metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.pathspec}')"

    def _status(self) -> RunStatus:
        with self.deployed_flow._place.cluster() as cluster:
            return cluster.status(self.name)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.name

    @property
    def status(self) -> str:
        """As Argo says it: Pending, Running, Succeeded, Failed or Error; Suspended while it is held."""
        seen = self._status()
        return "Suspended" if seen.suspended else seen.phase

    @property
    def is_running(self) -> bool:
        """Whether it has yet to end."""
        return self._status().active

    @property
    def run(self) -> Run | None:
        """The run in the client, whatever the namespace is; None until its first task has begun."""
        from metaflow.client import Run
        from metaflow.exception import MetaflowNotFound

        try:
            return Run(self.pathspec, _namespace_check=False, _current_metadata=self.metadata)
        except MetaflowNotFound:
            return None

    def wait_for_run(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until there is a `run`.

        Raises:
            TimeoutError: there is none after `timeout` seconds.
            RuntimeError: the run has ended and left none, as where no pod could start.
        """
        for late in looks(check_interval, timeout):
            running = self.is_running  # before the look at the store, so that what it has left is seen
            if self.run is not None:
                return
            if not running:
                raise RuntimeError(f"run {self.name} has ended without a record in {self.metadata}: {self.status}")
            if late:
                raise TimeoutError(f"run {self.name} has not begun within {timeout} seconds")

    def wait_for_completion(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until it has ended. Raises TimeoutError if it has not after `timeout` seconds."""
        for late in looks(check_interval, timeout):
            if not self.is_running:
                return
            if late:
                raise TimeoutError(f"run {self.name} has not ended within {timeout} seconds")

    def suspend(self) -> bool:
        """Hold the run: what it has started goes on, nothing new starts."""
        return self._suspend(on=True)

    def unsuspend(self) -> bool:
        """Let the run go on."""
        return self._suspend(on=False)

    def _suspend(self, *, on: bool) -> bool:
        with self.deployed_flow._place.cluster() as cluster:
            cluster.suspend(self.name, on=on)
        return True

    def terminate(self) -> bool:
        """End the run, and see to it that its record says so. False if it has pods left after two minutes.

        Raises:
            MetaflowException: it has ended already.
        """
        with self.deployed_flow._place.cluster() as cluster:
            return cluster.terminate(self.name)


def _argo(impl: str) -> type[ArgoWorkflowsDeployedFlow]:
    if impl.replace("-", "_") != "argo_workflows":
        raise ValueError(f"No deployer '{impl}' exists; valid deployers are: ['argo_workflows']")
    return ArgoWorkflowsDeployedFlow


def looks(interval: float, timeout: float | None) -> Iterator[bool]:
    """Look now and at intervals; True: this is the last time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        yield left is not None and left <= 0
        time.sleep(interval if left is None else max(0.0, min(interval, left)))


def pairs(parameters: list[FlowParameter], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is given as names and texts, as `flowc trigger --param` takes them."""
    from metaflow.runner.click_api import parameter_words  # late: `from metaflow import *` in a pod comes by here

    known = {parameter.keyword: parameter for parameter in parameters}
    pairs: list[tuple[str, str]] = []
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"Unknown argument: '{key}', possible args are: {', '.join(known)}")
        if value is not None:
            words = parameter_words(known[key], value)
            pairs += [(known[key].name, text) for text in (words[1::2] if len(words) > 1 else ["true"] * len(words))]
    return pairs
