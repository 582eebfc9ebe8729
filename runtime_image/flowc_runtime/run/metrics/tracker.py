"""Trackers of experiments, which receive the metrics of runs: their protocol, and the tracker of the setting.

A tracker is `mlflow`, or an object that an installed package registers as an entry point of the group `flowc.trackers`.
The setting `tracker` is its name, perhaps with an address: `mlflow:http://localhost:5000`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from flowc_ir.late import LateFunction
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base import addresses
from flowc_runtime.base.config.plugin_kinds import TRACKERS
from flowc_runtime.base.config.plugins import PluginError
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_runtime.run.metrics.mlflow_tracker import MlflowTracker
else:  # a package's tracker does not need it
    MlflowTracker = LateFunction("flowc_runtime.run.metrics.mlflow_tracker:MlflowTracker")

EndState: TypeAlias = Literal["succeeded", "failed", "interrupted", "killed"]

MLFLOW: Final = "mlflow"
"""The name of flowc's own tracker."""


class TrackerError(FlowcError):
    """The setting `tracker` is wrong: no such tracker, or one that cannot be used. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}: {hint}")
        self.message, self.hint = message, hint


class TrackedRun(NamedTuple):
    """A run, as a tracker sees it.

    Attributes:
        flow: the flow's name.
        run: the run's id.
        address: the part of the setting after the tracker's name; empty if there is none.
        began: when the run began, in seconds since the epoch.
        user: who started it.
        target: where it executes: `local`, or the name of an orchestrator.
        parameters: the values of its parameters as text, by name.
        tags: the user's tags at its start, sorted.
    """

    flow: str
    run: str
    address: str
    began: float
    user: str
    target: str
    parameters: Mapping[str, str]
    tags: Sequence[str]


class TrackedMetric(NamedTuple):
    """One point of a metric, as a tracker sees it.

    Attributes:
        name: the metric's name in the run: `loss`, or `loss/train-0.3` for an item of a map.
        value: the value; it may be NaN or infinite.
        step: its step.
        time: when it was recorded, in seconds since the epoch.
        task: the task that recorded it, as STEP/TASK.
    """

    name: str
    value: float
    step: int
    time: float
    task: str


@runtime_checkable
class Tracker(Protocol):
    """Receives the metrics of runs. It is used in a process of its own; what it raises becomes one warning of the run.

    On this machine one process calls all methods for a run. On a cluster the pod of each task does, so that an object
    may know nothing of earlier calls.
    """

    def begin(self, run: TrackedRun) -> str:
        """Make the tracker's own run, unless another process has made it; return its id there."""
        ...

    def log(self, run: TrackedRun, id: str, metrics: Sequence[TrackedMetric]) -> None:
        """Add points of tasks that have ended. Attempts that are retried have none; a task's points come once."""
        ...

    def end(self, run: TrackedRun, id: str, state: EndState, ended: float) -> None:
        """Record how the run has ended; `ended` is in seconds since the epoch."""
        ...


def find_tracker(setting: str) -> tuple[Tracker, str]:
    """Return the tracker that the setting names, and its address.

    Raises:
        TrackerError: there is no such tracker, or it cannot be loaded.
    """
    name, _, address = setting.partition(":")
    if name == MLFLOW:
        _check_mlflow()
        return MlflowTracker(), address
    try:
        found = TRACKERS.find(name, Tracker)  # type: ignore[type-abstract]  # it is only used with isinstance
    except PluginError as error:
        raise TrackerError(error.message, error.hint) from error
    if found is None:
        raise _unknown(name)
    return found, address


def _check_mlflow() -> None:
    if find_spec("mlflow") is None:
        raise TrackerError("the tracker 'mlflow' needs the package mlflow", "pip install 'flowc[mlflow]'")


def check_setting(setting: str | None) -> str | None:
    """Return the setting `tracker`, checked, without importing the tracker; None if there is no tracker.

    Raises:
        TrackerError: there is no such tracker, it needs a package, or the address contains a password.
    """
    if setting is None or setting == addresses.NO_TRACKER:
        return None
    if fault := addresses.fault_of_tracker(setting):
        raise TrackerError(fault, "pass it in the tracker's own variables, such as MLFLOW_TRACKING_PASSWORD")
    check_known(setting)
    if setting.partition(":")[0] == MLFLOW:
        _check_mlflow()
    return setting


def check_known(setting: str) -> None:
    """Check that the tracker of the setting exists; MLflow's package need not be installed.

    Raises:
        TrackerError: no installed package has a tracker of this name.
    """
    name = setting.partition(":")[0]
    if setting != addresses.NO_TRACKER and name != MLFLOW and name not in TRACKERS.names():
        raise _unknown(name)


def _unknown(name: str) -> TrackerError:
    names = [MLFLOW, addresses.NO_TRACKER, *TRACKERS.names()]
    near = closest(name, names)
    hint = did_you_mean(near) if near else f"install its package, or use one of {', '.join(names)}"
    return TrackerError(f"there is no tracker '{name}'", hint)
