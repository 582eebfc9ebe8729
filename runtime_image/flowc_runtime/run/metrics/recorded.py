"""Metrics in task records: a record contains the last value of each metric, and refers to a blob with all points."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.index import in_item, task_id
from flowc_runtime.run.metrics.recording import collect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.base.ambient import TaskMetrics
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import AttemptRecord

    class _Series(TypedDict):
        """The points of one metric: a list of steps, a list of values and a list of times."""

        steps: list[int]
        values: list[float]
        times: list[float]


class MetricPoint(NamedTuple):
    """One recorded value of a metric, with its step and with its time in seconds since the epoch."""

    step: int
    value: float
    time: float


def add_to(record: AttemptRecord, metrics: TaskMetrics, objects: Objects) -> list[str]:
    """Add the last values of a task's metrics to its record, and store the series of points as a blob.

    Args:
        record: the record.
        metrics: the metrics that the task has recorded.
        objects: the store.

    Returns:
        Messages about invalid lines that other processes of the task wrote.

    Raises:
        StoreError: the series cannot be written.
    """
    faults = collect(metrics)
    if not metrics.points:
        return faults
    record["metrics"] = {}
    series: dict[str, _Series] = {}
    for name, points in metrics.points.items():
        step, value, when = points[-1]
        record["metrics"][name] = {"value": value, "step": step, "time": when, "count": len(points)}
        if len(points) > 1:
            series[name] = {
                "steps": [point[0] for point in points],
                "values": [point[1] for point in points],
                "times": [round(point[2], 3) for point in points],
            }
    if series:
        content = json_text.dumps(series, separators=(",", ":")).encode()
        record["series"] = {"digest": objects.create_blob([content]), "size": len(content)}
    return faults


def last_values(record: AttemptRecord) -> dict[str, float]:
    """Return the last value of each metric of a task, by the metric's name."""
    return {name: metric["value"] for name, metric in record.get("metrics", {}).items()}


def points_of(record: AttemptRecord, objects: Objects) -> dict[str, list[MetricPoint]]:
    """Return the points of each metric of a task, by the metric's name, in the order in which they were recorded.

    Args:
        record: the task's record.
        objects: the store.

    Raises:
        Damaged: the bytes of the series do not match their digest.
        StoreError: the series cannot be read.
    """
    known = record.get("metrics", {})
    found = {name: [MetricPoint(each["step"], each["value"], each["time"])] for name, each in known.items()}
    if (blob := record.get("series")) is not None:
        series = cast("Mapping[str, _Series]", json_text.loads(objects.read_blob(blob["digest"], blob["size"])))
        for name, columns in series.items():
            found[name] = list(map(MetricPoint, columns["steps"], columns["values"], columns["times"]))
    return found


def key_of(name: str, step: str, path: str) -> str:
    """Return the name of a task's metric that is unique in the run: `loss`, or `loss/train-0.3` in a foreach or map."""
    return f"{name}/{task_id(step, path)}" if in_item(path) else name
