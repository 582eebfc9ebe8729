"""Deployed flows on Argo Workflows: find, trigger and delete them, and suspend, resume and end their runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from metaflow.exception import MetaflowNotFound
from metaflow.runner._signature import FlowParameter
from metaflow.runner.argo_place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaflow.client import Run
    from metaflow.runner._deployments import Deployment, RunStatus

__all__ = ["ArgoWorkflowsDeployedFlow", "ArgoWorkflowsTriggeredRun", "DeployedFlow", "TriggeredRun"]


class DeployedFlow:
    """A flow that is deployed to a cluster. The class method `from_deployment` finds a deployed flow by its name. See
    `ArgoWorkflowsDeployedFlow`."""

    TYPE: str | None = None
    name: str
    flow_name: str
    metadata: str

    @classmethod
    def from_deployment(
        cls, identifier: str, metadata: str | None = None, impl: str = "argo_workflows"
    ) -> ArgoWorkflowsDeployedFlow:
        """Find a deployed flow by the name of its WorkflowTemplate or of its class.

        Args:
            identifier: The name of the WorkflowTemplate, or of the flow's class.
            metadata: The address of the store with the flow's runs. None means the store that the deployed flow uses.
            impl: The deployer's type: `argo_workflows`.

        Raises:
            MetaflowException: no flow with this name is deployed, or the cluster cannot be reached.
            ValueError: the deployer's type is unknown.
        """
        return _argo(impl).find(identifier, metadata)

    @classmethod
    def from_argo_workflows(cls, identifier: str, metadata: str | None = None) -> ArgoWorkflowsDeployedFlow:
        """Find a flow on Argo Workflows by its name; arguments and errors are those of `from_deployment`."""
        return _argo("argo_workflows").find(identifier, metadata)

    @classmethod
    def list_deployed_flows(
        cls, flow_name: str | None = None, impl: str = "argo_workflows"
    ) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """Yield the deployed flows of the configured namespace.

        Args:
            flow_name: The name of a flow's class, to yield only the deployments of that flow.
            impl: The deployer's type: `argo_workflows`.

        Raises:
            MetaflowException: the cluster cannot be reached; raised when the first item is requested.
            ValueError: the deployer's type is unknown.
        """
        return _argo(impl).list(flow_name)

    @classmethod
    def list_argo_workflows(cls, flow_name: str | None = None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """Yield the flows on Argo Workflows; arguments and errors are those of `list_deployed_flows`."""
        return _argo("argo_workflows").list(flow_name)

    @classmethod
    def get_triggered_run(
        cls, identifier: str, run_id: str, metadata: str | None = None, impl: str = "argo_workflows"
    ) -> ArgoWorkflowsTriggeredRun:
        """Return the run of a deployed flow with this id.

        This method does not check that the run exists. If it does not exist, its property `status` raises
        MetaflowException.

        Args:
            identifier: The name of the WorkflowTemplate, or of the flow's class.
            run_id: The run's id, or its pathspec.
            metadata: The address of the store with the flow's runs. None means the store that the deployed flow uses.
            impl: The deployer's type: `argo_workflows`.

        Raises:
            MetaflowException: no flow with this name is deployed, or the cluster cannot be reached.
            ValueError: the deployer's type is unknown.
        """
        return _argo(impl).find(identifier, metadata).triggered(run_id)

    @classmethod
    def get_triggered_argo_workflows_run(
        cls, identifier: str, run_id: str, metadata: str | None = None
    ) -> ArgoWorkflowsTriggeredRun:
        """Return the run of a flow on Argo Workflows; arguments and errors are those of `get_triggered_run`."""
        return _argo("argo_workflows").find(identifier, metadata).triggered(run_id)

    @classmethod
    def from_step_functions(cls, identifier: str, metadata: str | None = None) -> NoReturn:
        """Raise ValueError: flowc does not support AWS Step Functions."""
        _argo("step_functions")
        raise AssertionError

    @classmethod
    def list_step_functions(cls, flow_name: str | None = None) -> NoReturn:
        """Raise ValueError: flowc does not support AWS Step Functions."""
        _argo("step_functions")
        raise AssertionError

    @classmethod
    def get_triggered_step_functions_run(cls, identifier: str, run_id: str, metadata: str | None = None) -> NoReturn:
        """Raise ValueError: flowc does not support AWS Step Functions."""
        _argo("step_functions")
        raise AssertionError


class ArgoWorkflowsDeployedFlow(DeployedFlow):
    """A deployed flow on Argo Workflows.

    Attributes:
        name: the name of the WorkflowTemplate.
        flow_name: the name of the flow's class.
        metadata: the address of the store with the flow's runs, in the form that `metaflow.metadata` accepts.
    """

    TYPE = "argo-workflows"

    def __init__(self, name: str, flow_name: str, metadata: str, place: Place) -> None:
        self.name, self.flow_name, self.metadata = name, flow_name, metadata
        self._place = place

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.name}')"

    @property
    def id(self) -> str:
        """The id with which `DeployedFlow.from_deployment(id)` finds this flow."""
        return self.name

    @property
    def namespace(self) -> str | None:
        """The flow's namespace in the cluster, or None for the namespace of the kubeconfig."""
        return self._place.namespace

    @property
    def production_token(self) -> None:
        """Always None, because flowc has no production tokens. The roles of the cluster decide which accounts may
        deploy."""
        return

    @property
    def workflow_template(self) -> dict[str, Any]:
        """The manifest of the WorkflowTemplate, as the cluster stores it.

        Raises:
            MetaflowException: the template has been deleted, or the cluster cannot be reached.
        """
        with self._place.cluster() as cluster:
            return cluster.template(self.name)

    @classmethod
    def find(cls, identifier: str, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        """Return the deployed flow; `DeployedFlow.from_deployment` calls this.

        Raises:
            MetaflowException: no flow with this name is deployed, or the cluster cannot be reached.
        """
        place = Place()
        with place.cluster() as cluster:
            return cls._from_deployment(cluster.find(identifier), metadata)

    @classmethod
    def list(cls, flow_name: str | None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """Yield deployed flows; `DeployedFlow.list_deployed_flows` calls this."""
        with Place().cluster() as cluster:
            for deployment in cluster.find_all():
                if flow_name in (None, deployment.flow):
                    yield cls._from_deployment(deployment, None)

    @classmethod
    def _from_deployment(cls, deployment: Deployment, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        return cls(
            deployment.name, deployment.flow, metadata or deployment.store, Place(namespace=deployment.namespace)
        )

    def trigger(self, **kwargs: object) -> ArgoWorkflowsTriggeredRun:
        """Start a run.

        Args:
            **kwargs: The values of the flow's parameters, by name. A parameter whose value is None is not passed.

        Raises:
            ValueError: a parameter is unknown or missing, or a value is invalid.
            TypeError: a value has the wrong type.
            MetaflowException: the flow has been deleted, the cluster cannot be reached, or it rejects the run.
        """
        with self._place.cluster() as cluster:
            run = cluster.start(
                self.name, lambda declared: pairs([FlowParameter.from_ir(each) for each in declared], kwargs)
            )
        return self.triggered(run)

    def triggered(self, run_id: str) -> ArgoWorkflowsTriggeredRun:
        """Return the run with this id, without checking whether the run exists.

        Args:
            run_id: The id of the run, or its pathspec `FLOW/RUN`.
        """
        return ArgoWorkflowsTriggeredRun(self, run_id.rpartition("/")[2])

    def delete(self, *, force: bool = False) -> bool:
        """Delete the flow from the cluster; the records of its runs remain.

        Returns:
            False if the flow was not deployed.

        Raises:
            MetaflowException: active runs still need objects of the flow, and `force` is false; or the cluster cannot
                be reached.
        """
        with self._place.cluster() as cluster:
            return cluster.delete(self.name, force=force)


class TriggeredRun:
    """A run of a deployed flow; the methods are in `ArgoWorkflowsTriggeredRun`."""

    pathspec: str
    name: str


class ArgoWorkflowsTriggeredRun(TriggeredRun):
    """A run of a deployed flow. Each access to a property about the run's state sends a request to the cluster.

    The properties raise MetaflowException if the run no longer exists in the cluster or the cluster cannot be reached.

    Attributes:
        name: the run's id, which is the name of the Workflow.
        pathspec: the run's pathspec, FLOW/RUN.
        metadata: the address of the store with the run.
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
        """Argo's phase: Pending, Running, Succeeded, Failed or Error; Suspended while the run is suspended."""
        status = self._status()
        return "Suspended" if status.suspended else status.phase

    @property
    def is_running(self) -> bool:
        """Whether the run is still active, that is, has not ended."""
        return self._status().active

    @property
    def run(self) -> Run | None:
        """The client's `Run`, whichever namespace it belongs to.

        The value is None until the run's first task starts.
        """
        from metaflow.client import Run

        try:
            return Run(self.pathspec, _namespace_check=False, _current_metadata=self.metadata)
        except MetaflowNotFound:
            return None

    def wait_for_run(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until the property `run` is not None.

        Args:
            check_interval: Seconds between two checks.
            timeout: Seconds to wait, or None for no limit.

        Raises:
            TimeoutError: the run has not started after `timeout` seconds.
            RuntimeError: the run ended without leaving a record, for example because no pod could start.
        """
        for late in looks(check_interval, timeout):
            # The cluster is asked before the store is read, so that the record is found if the run writes it and ends
            # in between.
            running = self.is_running
            if self.run is not None:
                return
            if not running:
                raise RuntimeError(f"run {self.name} has ended without a record in {self.metadata}: {self.status}")
            if late:
                raise TimeoutError(f"run {self.name} has not started within {timeout} seconds")

    def wait_for_completion(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until the run has succeeded or failed.

        Args:
            check_interval: Seconds between two checks.
            timeout: Seconds to wait, or None for no limit.

        Raises:
            TimeoutError: the run has not ended after `timeout` seconds.
        """
        for late in looks(check_interval, timeout):
            if not self.is_running:
                return
            if late:
                raise TimeoutError(f"run {self.name} has not ended within {timeout} seconds")

    def suspend(self) -> bool:
        """Suspend the run: its running tasks continue, and no new task starts. Return True."""
        return self._suspend(on=True)

    def unsuspend(self) -> bool:
        """Resume the suspended run. Return True."""
        return self._suspend(on=False)

    def _suspend(self, *, on: bool) -> bool:
        with self.deployed_flow._place.cluster() as cluster:
            cluster.suspend(self.name, on=on)
        return True

    def terminate(self) -> bool:
        """End the run and ensure that its record shows that it has ended. Return False if pods still run after two
        minutes.

        Raises:
            MetaflowException: the run has already ended.
        """
        with self.deployed_flow._place.cluster() as cluster:
            return cluster.terminate(self.name)


def _argo(impl: str) -> type[ArgoWorkflowsDeployedFlow]:
    if impl.replace("-", "_") != "argo_workflows":
        raise ValueError(f"No deployer '{impl}' exists; valid deployers are: ['argo_workflows']")
    return ArgoWorkflowsDeployedFlow


def looks(interval: float, timeout: float | None) -> Iterator[bool]:
    """Yield a value for each check that a caller should make, first immediately, then at intervals. The value is True
    for the last check before the timeout, otherwise False.

    Args:
        interval: seconds to sleep between two values.
        timeout: seconds until the last check, or None for no limit.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        yield left is not None and left <= 0
        time.sleep(interval if left is None else max(0.0, min(interval, left)))


def pairs(parameters: list[FlowParameter], arguments: Mapping[str, object]) -> list[tuple[str, str]]:
    """Convert arguments to (name, text) pairs as for `flowc trigger --param`.

    Args:
        parameters: the parameters that the flow declares.
        arguments: values, keyed by the parameters' names as Python keyword arguments. An argument that is None is left
            out.

    Raises:
        ValueError: the flow has no parameter with the name of an argument.
        TypeError: a value does not have its parameter's type.
    """
    # imported late: in a pod, `from metaflow import *` imports this module, and the image has no click
    from metaflow.runner.click_api import parameter_words

    known = {parameter.keyword: parameter for parameter in parameters}
    pairs: list[tuple[str, str]] = []
    for key, value in arguments.items():
        if key not in known:
            raise ValueError(f"Unknown argument: '{key}', possible args are: {', '.join(known)}")
        if value is not None:
            words = parameter_words(known[key], value)
            pairs += [(known[key].name, text) for text in (words[1::2] if len(words) > 1 else ["true"] * len(words))]
    return pairs
