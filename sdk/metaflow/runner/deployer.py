"""`Deployer`: deploys flows to a cluster from a program, and starts and ends their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from metaflow.exception import MetaflowException
from metaflow.runner._launcher import Launcher
from metaflow.runner.argo_flow import DeployedFlow, TriggeredRun

if TYPE_CHECKING:
    from metaflow.runner.argo import ArgoWorkflowsDeployer

__all__ = ["DeployedFlow", "Deployer", "TriggeredRun"]

_ELSEWHERE = "flowc deploys to Argo Workflows: use argo_workflows()"


class Deployer(Launcher):
    """Deploys a flow to a cluster.

    >>> deployed = Deployer("train.py").argo_workflows().create(image="registry/train:1")
    >>> run = deployed.trigger(alpha=0.5)
    >>> run.wait_for_completion()
    >>> run.run.data.score
    0.9

    Args:
        flow_file: The flow's file.
        show_output: Print the output of the commands.
        profile: The Metaflow profile to use, `METAFLOW_PROFILE`.
        env: Environment variables to set in addition to those of this process, such as FLOWC_IMAGE and KUBECONFIG.
        cwd: The working directory of the commands; default: the current one. A relative path `flow_file` refers to the
            current directory, not to `cwd`.
        file_read_timeout: Seconds that compiling and applying the flow may take.
        **kwargs: Options before the command, such as `decospecs`, `branch`, `production`, `config_value`.

    Raises:
        FileNotFoundError: the flow's file does not exist.
        MetaflowException: the file is not Python but, for example, a notebook.
    """

    def argo_workflows(self, **deployer_kwargs: object) -> ArgoWorkflowsDeployer:
        """Return an object that deploys the flow to Argo Workflows.

        Args:
            **deployer_kwargs: `name`, the name of the WorkflowTemplate; default: a name derived from the flow's name.

        Raises:
            ValueError: an argument other than `name` is given.
        """
        from metaflow.runner.argo import ArgoWorkflowsDeployer

        return ArgoWorkflowsDeployer(self, **deployer_kwargs)

    def step_functions(self, **_: object) -> NoReturn:
        """Raise MetaflowException: flowc does not support AWS Step Functions."""
        raise MetaflowException(f"flowc does not deploy to AWS Step Functions; {_ELSEWHERE}")

    def airflow(self, **_: object) -> NoReturn:
        """Raise MetaflowException: flowc does not support Airflow."""
        raise MetaflowException(f"flowc does not deploy to Airflow; {_ELSEWHERE}")
