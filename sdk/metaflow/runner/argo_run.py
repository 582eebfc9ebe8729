"""Runs of flows on Argo Workflows, waited for, held and ended by a program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from metaflow.runner.deployer import TriggeredRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client import Run
    from metaflow.runner._deployments import RunStatus
    from metaflow.runner.argo_flow import ArgoWorkflowsDeployedFlow

__all__ = ["ArgoWorkflowsTriggeredRun"]


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


def looks(interval: float, timeout: float | None) -> Iterator[bool]:
    """Look now and at intervals; True: this is the last time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        yield left is not None and left <= 0
        time.sleep(interval if left is None else max(0.0, min(interval, left)))
