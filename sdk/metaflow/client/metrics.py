"""Conversion of runs to the rows of the table that `Flow.metrics` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.values.codecs import INLINE_LIMIT
from metaflow.client.values import class_constants, constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.client.data import DataArtifact
    from metaflow.client.run import Run

COLUMNS = ("run", "status", "created_at", "finished_at", "seconds", "user", "tags")
_SCALARS = frozenset({"int", "float", "bool", "str", "NoneType"})
_NUMPY = ("numpy.int", "numpy.uint", "numpy.float", "numpy.bool")


def row(run: Run, artifacts: Sequence[str] | None) -> dict[str, Any]:
    """Return a run's row of the table: fixed columns, parameters, artifacts of the end step, and metrics.

    Args:
        run: the run.
        artifacts: names of artifacts, or None to select all artifacts that are numbers or short strings.

    Returns:
        The cells by column. Times are local, `seconds` is a float or None, and `tags` is the sorted list of user tags.

    Raises:
        MetaflowDataMissing: the value of an artifact has been deleted from the store.
        ArtifactError: the value of an artifact cannot be loaded.
    """
    reader = run._reader
    finished, view = run.finished_at, RunView(reader)
    cells: dict[str, object] = {
        "run": run.id,
        "status": view.own_status.readable().state,
        "created_at": run.created_at,
        "finished_at": finished,
        "seconds": (finished - run.created_at).total_seconds() if finished else None,
        "user": reader.record["user"],
        "tags": sorted(run.user_tags),
    }
    for name, value in reader.record["parameters"].items():
        cells[_column("parameter", name)] = value
    # parameters, configs and constants have the same value in all tasks, so they get no artifact column
    same = {**class_constants(reader), **constants(reader)}
    for name in artifacts or ():
        if name not in same:
            cells[_column("artifact", name)] = None  # the cell stays None if the run does not have the artifact
    end = run.end_task
    for artifact in end if end is not None else ():
        wanted = artifact.id in artifacts if artifacts is not None else _is_scalar(artifact)
        if wanted and artifact.id not in same:
            cells[_column("artifact", artifact.id)] = _plain(artifact.data)
    for name, number in view.metrics.items():
        column = _column("metric", name)
        # if an artifact or a parameter has filled the column with the same value, the metric needs no column of its own
        if column in cells and repr(cells[column]) != repr(number):
            column = f"metric.{name}"
        cells[column] = number
    return cells


def as_frame(rows: list[dict[str, object]]) -> Any:
    """Return the rows as a pandas DataFrame.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        from pandas import DataFrame  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise ImportError("frame=True needs pandas: pip install pandas, or leave it out for a list of dicts") from error
    return DataFrame(rows)


def _column(kind: str, name: str) -> str:
    return f"{kind}.{name}" if name in COLUMNS else name


def _is_scalar(artifact: DataArtifact) -> bool:
    """Return whether the record describes a single number or short string, without loading the value."""
    small = artifact.size <= INLINE_LIMIT
    return small and (artifact.type in _SCALARS or artifact.type.startswith(_NUMPY))


def _plain(value: Any) -> object:
    """Convert a NumPy scalar to a Python number; return other values unchanged."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value
