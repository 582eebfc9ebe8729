"""The tracker `mlflow`: one MLflow run for each run, in an experiment with the flow's name. Needs mlflow-skinny."""

from __future__ import annotations

import os
import posixpath
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast, final

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.run.metrics.tracker import EndState, TrackedMetric, TrackedRun

    class _Experiment(Protocol):
        experiment_id: str
        lifecycle_stage: str

    class _Info(Protocol):
        run_id: str

    class _Run(Protocol):
        info: _Info

    class _Client(Protocol):
        """The methods of `mlflow.tracking.MlflowClient` that are called. Times are in milliseconds since the epoch."""

        def get_experiment_by_name(self, name: str) -> _Experiment | None: ...
        def create_experiment(self, name: str) -> str: ...
        def search_runs(self, experiment_ids: list[str], filter_string: str, max_results: int) -> Sequence[_Run]: ...
        def create_run(self, experiment_id: str, start_time: int, tags: Mapping[str, str], run_name: str) -> _Run: ...
        def log_batch(self, run_id: str, metrics: object = (), params: object = (), tags: object = ()) -> object: ...
        def set_tag(self, run_id: str, key: str, value: str) -> object: ...
        def set_terminated(self, run_id: str, status: str, end_time: int) -> object: ...

    class _Tracking(Protocol):
        """The module `mlflow.tracking`."""

        MlflowClient: Callable[[str | None], _Client]

    class _Entities(Protocol):
        """The module `mlflow.entities`."""

        Metric: Callable[[str, float, int, int], object]
        Param: Callable[[str, str], object]


_METRICS: Final = 1000  # The maximum number of points in a request to MLflow.
_PARAMETERS: Final = 100  # The maximum number of parameters in a request to MLflow.
_STATUS: Final[Mapping[EndState, str]] = {
    "succeeded": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
    "killed": "KILLED",
}
_REFUSED: Final = late_pattern(r"[^/\w.\- :]")  # Characters that MLflow does not allow in names.
_LONGEST: Final = 250  # MLflow's limit for the characters of a name.
# By default MLflow repeats a failed request for minutes. The time is limited, because a run waits for its tracker.
_PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@final
class MlflowTracker:
    """Writes runs to MLflow: to the tracking store at the address, or to MLflow's default store if there is no address.

    MLflow's run is found by its tag `flowc.run`, so that several processes of a run can write to it.
    """

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}

    def begin(self, run: TrackedRun) -> str:
        """Return the id of the MLflow run; create the run, with parameters and tags, if it does not exist.

        Raises:
            Exception: any exception of MLflow.
        """
        client = self._client(run)
        experiment = self._experiment(client, run.flow)
        known = client.search_runs([experiment], f"tags.`flowc.run` = '{run.run}'", 1)
        if known:
            return known[0].info.run_id
        tags = {
            "flowc.flow": run.flow,
            "flowc.run": run.run,
            "flowc.target": run.target,
            "flowc.status": "running",
            "mlflow.user": run.user,
            "mlflow.source.name": run.flow,
            **{f"flowc.tag.{_name(tag)}"[:_LONGEST]: tag for tag in run.tags},
        }
        id = client.create_run(experiment, _milliseconds(run.began), tags, run.run).info.run_id
        parameters = [_entities().Param(_name(name), value) for name, value in run.parameters.items()]
        for part in _parts(parameters, _PARAMETERS):
            client.log_batch(id, params=part)
        return id

    def log(self, run: TrackedRun, id: str, metrics: Sequence[TrackedMetric]) -> None:
        """Send points of metrics to MLflow. Raises any exception of MLflow."""
        points = [
            _entities().Metric(_name(each.name), each.value, _milliseconds(each.time), each.step) for each in metrics
        ]
        for part in _parts(points, _METRICS):
            self._client(run).log_batch(id, metrics=part)

    def end(self, run: TrackedRun, id: str, state: EndState, ended: float) -> None:
        """Set the status of the MLflow run, and its tag `flowc.status`. Raises any exception of MLflow."""
        client = self._client(run)
        client.set_tag(id, "flowc.status", state)
        client.set_terminated(id, _STATUS[state], _milliseconds(ended))

    def _client(self, run: TrackedRun) -> _Client:
        if run.address not in self._clients:
            for name, value in _PATIENCE.items():
                os.environ.setdefault(name, value)
            tracking = cast("_Tracking", import_module("mlflow.tracking"))
            self._clients[run.address] = tracking.MlflowClient(run.address or None)
        return self._clients[run.address]

    def _experiment(self, client: _Client, name: str) -> str:
        """Return the id of the MLflow experiment with this name; create the experiment if it does not exist."""
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client.create_experiment(name)
            except Exception:
                found = client.get_experiment_by_name(name)  # another process may have created the experiment meanwhile
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise RuntimeError(f"the experiment '{name}' was deleted: restore it, `mlflow experiments restore`")
        return found.experiment_id


def _entities() -> _Entities:
    return cast("_Entities", import_module("mlflow.entities"))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name(name: str) -> str:
    """Convert a name to one that MLflow accepts: refused characters and path parts such as `..` become `_`."""
    plain = _REFUSED.sub("_", name)
    return plain if plain == posixpath.normpath(plain) and not plain.startswith(("/", ".")) else plain.replace("/", "_")


def _parts(items: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
