"""Experiment trackers, which receive the metrics of runs: this module defines their protocol, and finds the tracker
that the setting names.

A tracker is `mlflow`, or an object that an installed package registers as an entry point of the group `flowc.trackers`.
The setting `tracker` is the tracker's name, optionally with an address: `mlflow:http://localhost:5000`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, runtime_checkable

from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base import addresses
from flowc_runtime.base.config.plugin_kinds import TRACKERS
from flowc_runtime.base.config.plugins import PluginError
from flowc_runtime.base.errors import FlowcError, HintedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_runtime.run.metrics.mlflow_tracker import MlflowTracker
else:  # imported at first use: only the tracker `mlflow` needs it
    MlflowTracker = LateFunction("flowc_runtime.run.metrics.mlflow_tracker:MlflowTracker")

EndState: TypeAlias = Literal["succeeded", "failed", "interrupted", "killed"]

MLFLOW: Final = "mlflow"
"""The name of the tracker that flowc contains."""


class TrackerError(HintedError, FlowcError):
    """The setting `tracker` names a tracker that does not exist or cannot be used. `hint` says what to do."""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}"


class TrackerLibraryError(TrackerError):
    """The library that a tracker needs is not installed."""


class TrackedRun(NamedTuple):
    """The data of a run that a tracker receives.

    Attributes:
        flow: the flow's name.
        run: the run's id.
        address: the part of the setting after the tracker's name; empty if there is none.
        began: the time when the run began, in seconds since the epoch.
        user: the name of the user who started the run.
        target: where the run is executed: `local`, or the name of an orchestrator.
        parameters: the values of the run's parameters as text, by name.
        tags: the user's tags at the start of the run, sorted.
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
    """One recorded value of a metric that a tracker receives.

    Attributes:
        name: the metric's unique name in the run: `loss`, or `loss/train-0.3` in a foreach or map.
        value: the value; it may be NaN or infinite.
        step: the number that orders the values, such as the epoch.
        time: the time of the recording, in seconds since the epoch.
        task: the task that recorded the value, as STEP/TASK.
    """

    name: str
    value: float
    step: int
    time: float
    task: str


@runtime_checkable
class Tracker(Protocol):
    """Receives the metrics of runs, in a separate process. An exception of a method becomes a warning of the run.

    In a local run, one process calls all methods. On a cluster, a process in each task's pod calls the methods, so a
    tracker object cannot rely on earlier calls.
    """

    def begin(self, run: TrackedRun) -> str:
        """Return the tracker's id of the run; first create the run in the tracker if it does not exist."""
        ...

    def log(self, run: TrackedRun, id: str, metrics: Sequence[TrackedMetric]) -> None:
        """Add metrics of tasks that have ended. Each task's metrics are sent once, after its last attempt."""
        ...

    def end(self, run: TrackedRun, id: str, state: EndState, ended: float) -> None:
        """Record the final state of the run; `ended` is the time in seconds since the epoch."""
        ...


def find_tracker(setting: str) -> tuple[Tracker, str]:
    """Parse a value of the setting `tracker`, `NAME` or `NAME:ADDRESS`. Return the tracker with this name, and the
    address.

    Raises:
        TrackerError: no tracker has this name, or the tracker cannot be loaded.
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
        raise TrackerLibraryError("the tracker 'mlflow' needs the package mlflow", "pip install 'flowc[mlflow]'")


def check_setting(setting: str | None) -> str | None:
    """Check and return a value of the setting `tracker`, or None if the setting names no tracker. The tracker is not
    imported.

    Raises:
        TrackerError: the tracker does not exist or needs a missing package, or the address contains a password.
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
        TrackerError: no installed package registers a tracker of this name.
    """
    name = setting.partition(":")[0]
    if setting != addresses.NO_TRACKER and name != MLFLOW and name not in TRACKERS.names():
        raise _unknown(name)


def _unknown(name: str) -> TrackerError:
    names = [MLFLOW, addresses.NO_TRACKER, *TRACKERS.names()]
    near = closest(name, names)
    hint = did_you_mean(near) if near else f"install its package, or use one of {', '.join(names)}"
    return TrackerError(f"there is no tracker '{name}'", hint)
