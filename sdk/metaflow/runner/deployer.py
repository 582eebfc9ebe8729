"""`Deployer`: flows put on a cluster, and runs of them started and ended, by a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from metaflow.exception import MetaflowException
from metaflow.runner._launcher import Launcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.runner.argo import ArgoWorkflowsDeployer
    from metaflow.runner.argo_flow import ArgoWorkflowsDeployedFlow
    from metaflow.runner.argo_run import ArgoWorkflowsTriggeredRun

__all__ = ["DeployedFlow", "Deployer", "TriggeredRun"]

_ELSEWHERE = "flowc deploys to Argo Workflows: use argo_workflows()"


class Deployer(Launcher):
    """Puts a flow on a cluster.

    >>> deployed = Deployer("train.py").argo_workflows().create(image="registry/train:1")
    >>> run = deployed.trigger(alpha=0.5)
    >>> run.wait_for_completion()
    >>> run.run.data.score
    0.9

    Args:
        flow_file: The flow's file.
        show_output: Print what is done.
        profile: The Metaflow profile to use, `METAFLOW_PROFILE`.
        env: Environment variables to set, besides those of this process, such as FLOWC_IMAGE and KUBECONFIG.
        cwd: The directory to work in; by default the current one. `flow_file` does not depend on it.
        file_read_timeout: How many seconds it may take to compile and apply the flow.
        **kwargs: Options before the command, such as `decospecs`, `branch`, `production`, `config_value`.
    """

    def argo_workflows(self, **deployer_kwargs: Any) -> ArgoWorkflowsDeployer:
        """Deploying to Argo Workflows, under the `name` that is given or one made from the flow's."""
        from metaflow.runner.argo import ArgoWorkflowsDeployer

        return ArgoWorkflowsDeployer(self, **deployer_kwargs)

    def step_functions(self, **_: Any) -> NoReturn:
        """Refused: there is no AWS Step Functions here."""
        raise MetaflowException(f"flowc does not deploy to AWS Step Functions; {_ELSEWHERE}")

    def airflow(self, **_: Any) -> NoReturn:
        """Refused: there is no Airflow here."""
        raise MetaflowException(f"flowc does not deploy to Airflow; {_ELSEWHERE}")


class TriggeredRun:
    """A run of a deployed flow; see `ArgoWorkflowsTriggeredRun`."""

    pathspec: str
    name: str


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


def _argo(impl: str) -> type[ArgoWorkflowsDeployedFlow]:
    from metaflow.runner.argo_flow import ArgoWorkflowsDeployedFlow

    if impl.replace("-", "_") != "argo_workflows":
        raise ValueError(f"No deployer '{impl}' exists; valid deployers are: ['argo_workflows']")
    return ArgoWorkflowsDeployedFlow
