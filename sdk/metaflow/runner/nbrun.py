"""`NBRunner`: runs a flow that is defined in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.runner._notebook import open_flow, remove_flow
from metaflow.runner.metaflow_runner import ExecutingRun, Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client import Run

__all__ = ["NBRunner", "NBRunnerInitializationError"]


class NBRunnerInitializationError(Exception):
    """NBRunner was used outside a notebook."""


class NBRunner:
    """Runs a flow that is defined in a cell of a notebook.

    >>> run = NBRunner(TrainFlow).nbrun(alpha=0.5)
    >>> run.data.score

    The cell with the flow must import everything that the flow uses. The text of the cell is written to a file in
    `base_dir`, which `cleanup` removes.

    Args:
        flow: The flow's class.
        show_output: Print the run's output.
        profile: The Metaflow profile to use, `METAFLOW_PROFILE`.
        env: Environment variables to add to those of this process.
        base_dir: The working directory; default: the current one.
        file_read_timeout: Seconds within which a run must start.
        **kwargs: Options before the command, such as `decospecs=["retry"]`.

    Raises:
        NBRunnerInitializationError: the code does not run in a notebook.
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
        refusal = NBRunnerInitializationError(
            "'NBRunner' requires an interactive Python environment (such as Jupyter); Runner takes the flow's file"
        )
        self.base_dir, self.flow_file = open_flow(flow, base_dir, refusal)
        self.runner = Runner(
            self.flow_file, show_output, profile, env, self.base_dir, file_read_timeout=file_read_timeout, **kwargs
        )

    def nbrun(self, **kwargs: object) -> Run:
        """Run the flow and wait until it has ended, clean up, and return the run, even if it has failed.

        The arguments and errors are the same as for `Runner.run`.
        """
        try:
            return self.runner.run(**kwargs).run
        finally:
            self.cleanup()

    def nbresume(self, **kwargs: object) -> Run:
        """Resume a run and wait until the new run has ended, clean up, and return the new run, even if it has failed.

        The arguments and errors are the same as for `Runner.resume`.
        """
        try:
            return self.runner.resume(**kwargs).run
        finally:
            self.cleanup()

    def run(self, **kwargs: object) -> ExecutingRun:
        """Run the flow with the arguments of `Runner.run`. The flow's file and the logs remain until `cleanup`."""
        return self.runner.run(**kwargs)

    def resume(self, **kwargs: object) -> ExecutingRun:
        """Resume a run with the arguments of `Runner.resume`. The flow's file and the logs remain until `cleanup`."""
        return self.runner.resume(**kwargs)

    async def async_run(self, **kwargs: object) -> ExecutingRun:
        """Start a run with the arguments of `Runner.async_run`."""
        return await self.runner.async_run(**kwargs)

    async def async_resume(self, **kwargs: object) -> ExecutingRun:
        """Start a run with the arguments of `Runner.async_resume`."""
        return await self.runner.async_resume(**kwargs)

    def cleanup(self) -> None:
        """Remove the flow's file and the logs."""
        self.runner.cleanup()
        remove_flow(self.flow_file)
