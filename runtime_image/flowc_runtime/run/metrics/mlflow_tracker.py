"""The tracker `mlflow`: one run of MLflow per run, in the experiment with the flow's name. It needs mlflow-skinny."""

from __future__ import annotations

import os
import posixpath
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast, final

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
        """The part of `mlflow.tracking.MlflowClient` that is used. Times are in milliseconds since the epoch."""

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


_METRICS: Final = 1000  # points in a request to MLflow
_PARAMETERS: Final = 100  # parameters in a request to MLflow
_STATUS: Final[Mapping[EndState, str]] = {
    "succeeded": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
    "killed": "KILLED",
}
_REFUSED: Final = re.compile(r"[^/\w.\- :]")  # characters that the names of MLflow cannot contain
_LONGEST: Final = 250  # characters of a name
# MLflow repeats requests for minutes, but a run waits for its tracker.
_PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@final
class MlflowTracker:
    """Writes runs to the tracking store of the address; without one to the store that MLflow's own variables name.

    A run is found by its tag `flowc.run`, so that processes of one run need not know each other.
    """

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}

    def begin(self, run: TrackedRun) -> str:
        """Return the id of MLflow's run, which is made at first, with parameters and tags.

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
        """Add points. Raises any exception of MLflow."""
        points = [
            _entities().Metric(_name(each.name), each.value, _milliseconds(each.time), each.step) for each in metrics
        ]
        for part in _parts(points, _METRICS):
            self._client(run).log_batch(id, metrics=part)

    def end(self, run: TrackedRun, id: str, state: EndState, ended: float) -> None:
        """Set the status of MLflow's run and the tag `flowc.status`. Raises any exception of MLflow."""
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
        """Return the id of the experiment with this name, which is made if there is none."""
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client.create_experiment(name)
            except Exception:
                found = client.get_experiment_by_name(name)  # another process may have made it
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
    """Return a name that MLflow accepts: other characters become `_`, and so do parts such as `..`."""
    plain = _REFUSED.sub("_", name)
    return plain if plain == posixpath.normpath(plain) and not plain.startswith(("/", ".")) else plain.replace("/", "_")


def _parts(items: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
