"""`NBDeployer`: deploys a flow that is defined in a notebook to a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.runner._notebook import open_flow, remove_flow
from metaflow.runner.deployer import Deployer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NBDeployer", "NBDeployerInitializationError"]


class NBDeployerInitializationError(Exception):
    """NBDeployer was used outside a notebook."""


class NBDeployer(Deployer):
    """A `Deployer` for a flow that a cell of a notebook defines.

    The cell with the flow must import everything that the flow uses.

    >>> deployer = NBDeployer(TrainFlow)
    >>> deployed = deployer.argo_workflows().create()
    >>> deployer.cleanup()

    All arguments that are not listed are the same as for `Deployer`.

    Args:
        flow: The flow's class.
        base_dir: The working directory; default: the current one. The Python files in the working directory are
            packaged with the flow.

    Raises:
        NBDeployerInitializationError: the code does not run in a notebook.
        ValueError: `flow` is not a class of a flow, or its source is unknown.
    """

    def __init__(
        self,
        flow: type,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        base_dir: str | None = None,
        file_read_timeout: int = 3600,
        **kwargs: object,
    ) -> None:
        refusal = NBDeployerInitializationError(
            "'NBDeployer' requires an interactive Python environment (such as Jupyter); Deployer takes the flow's file"
        )
        self.base_dir, file = open_flow(flow, base_dir, refusal)
        super().__init__(file, show_output, profile, env, self.base_dir, file_read_timeout, **kwargs)

    def cleanup(self) -> None:
        """Remove the flow's file."""
        remove_flow(self.flow_file)
