"""The metrics of a run, from the records of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_runtime.run.views.step_view import StepView
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.run.metrics import recorded
    from flowc_runtime.run.views.run_records import RunRecords
    from flowc_runtime.store.records.record_types import AttemptRecord
else:  # imported at first use: only runs with metrics need it
    recorded = LateModule("flowc_runtime.run.metrics.recorded")


def metrics_of(records: RunRecords, *, items: bool) -> dict[str, float]:
    """Return the last values of a run's metrics, by the metrics' names in the run.

    If several tasks recorded a metric of the same name, the value of the last task is used. Records that cannot be read
    are reported and left out.

    Args:
        records: the run.
        items: whether to include the tasks inside a foreach.
    """
    found: dict[str, tuple[float, float]] = {}
    for record in measured(records, items=items):
        for name, value in recorded.last_values(record).items():
            key = recorded.key_of(name, record["step"], record["path"])
            found[key] = max(found.get(key, (0.0, value)), (record["ended"], value), key=lambda each: each[0])
    return {name: value for name, (_, value) in found.items()}


def measured(records: RunRecords, step: str | None = None, *, items: bool) -> Iterator[AttemptRecord]:
    """Yield the record of the latest attempt of each task with metrics, in the order of the flow's steps.

    Args:
        records: the run.
        step: the only step to include, or None for all.
        items: whether to include the tasks inside a foreach.
    """
    for name in [step] if step is not None else records.steps():
        if not items and records.in_foreach(name):
            continue
        view = StepView(records, name)
        for path in records.read_ahead(name, view.paths):
            with unreadable.skipping():
                # the record of the finished task, or else of the latest attempt that has ended
                record = records.done(name, path) or view.task(path).record
                if record is not None and record.get("metrics"):
                    yield record
