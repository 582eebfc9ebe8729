"""The status of a run, including a run whose process has died without recording it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.process.process import is_alive
from flowc_runtime.store.records.runs import first_status

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.run_store import RunStore


def status_of(run: RunStore, record: RunRecord | None = None) -> StatusRecord:
    """Return the run's status; a run whose process has died without recording its end counts as killed.

    Only processes of this machine can be checked.

    Args:
        run: the run.
        record: the run's record, if it has been read before.

    Raises:
        NotFound: the run has no record.
        RecordError: its record or its status cannot be read.
    """
    status = run.written_status()
    if status is None:
        record = run.record()  # raises NotFound if the run has been deleted
        status = first_status(record)
    if status["state"] != "running" or is_alive((record or run.record())["process"]) is not False:
        return status
    status = run.status()  # the run may have recorded its end in the meantime
    if status["state"] == "running":
        return {"state": "killed", "changed": status["changed"], "message": "its process has died"}
    return status
