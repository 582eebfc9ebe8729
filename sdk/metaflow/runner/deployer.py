"""`Deployer`: flows put on a cluster, and runs of them started and ended, by a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from metaflow.exception import MetaflowException
from metaflow.runner._launcher import Launcher
from metaflow.runner.argo_flow import DeployedFlow, TriggeredRun

if TYPE_CHECKING:
    from metaflow.runner.argo import ArgoWorkflowsDeployer

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
