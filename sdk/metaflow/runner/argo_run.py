"""Runs of flows on Argo Workflows, waited for, held and ended by a program."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_runtime.base.contract import END_PATIENCE as PATIENCE
from metaflow.runner.deployer import TriggeredRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.targets import Run as Target
    from metaflow.client import Run
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

    @contextmanager
    def _target(self) -> Iterator[tuple[Cluster, Target]]:
        from flowc.targets.argo.cluster.targets import find_run

        with self.deployed_flow._place.cluster() as cluster:
            yield cluster, find_run(cluster, self.name)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.name

    @property
    def status(self) -> str:
        """As Argo says it: Pending, Running, Succeeded, Failed or Error; Suspended while it is held."""
        from flowc.targets.argo.cluster.workflows import view

        with self._target() as (_, target):
            seen = view(target.workflow)
        return "Suspended" if seen.asked == "suspended" else seen.phase

    @property
    def is_running(self) -> bool:
        """Whether it has yet to end."""
        from flowc.targets.argo.cluster.workflows import view

        with self._target() as (_, target):
            return view(target.workflow).active

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
        from flowc.targets.argo.cluster.control import suspend

        with self._target() as (cluster, target):
            suspend(cluster, target, on=on)
        return True

    def terminate(self) -> bool:
        """End the run, and see to it that its record says so. False if it has pods left after two minutes.

        Raises:
            MetaflowException: it has ended already.
        """
        from flowc.targets.argo.cluster.control import end, record_end, wait
        from flowc_runtime.base.config import settings

        with self._target() as (cluster, target):
            end(cluster, target, now=False)
            workflow = wait(cluster, self.name, PATIENCE)
            if workflow is not None:
                record_end(cluster, workflow, settings.user_name())
        return workflow is not None


def looks(interval: float, timeout: float | None) -> Iterator[bool]:
    """Look now and at intervals; True: this is the last time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        yield left is not None and left <= 0
        time.sleep(interval if left is None else max(0.0, min(interval, left)))
