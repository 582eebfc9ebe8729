"""The status of a run. A run whose process has died without recording its end is recognised as killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.process.process import is_alive
from flowc_runtime.store.records.runs import first_status

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.run_store import RunStore


def status_of(run: RunStore, record: RunRecord | None = None) -> StatusRecord:
    """Return the run's status. If the run's process has died without recording the end of the run, the state in the
    status is `killed`.

    The death of a process is recognised only on the machine on which it ran.

    Args:
        run: the run.
        record: the run's record, if the caller has read it.

    Raises:
        NotFound: the run has no record.
        RecordError: the run's record or status cannot be read.
    """
    status = run.written_status()
    if status is None:
        record = run.record()  # raises NotFound if the run has been deleted
        status = first_status(record)
    if status["state"] != "running" or is_alive((record or run.record())["process"]) is not False:
        return status
    status = run.status()  # the process may have recorded the run's end just before it ended
    if status["state"] == "running":
        return {"state": "killed", "changed": status["changed"], "message": "its process has died"}
    return status
