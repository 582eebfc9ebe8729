"""How a run is doing, also where what ran it can no longer say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.process.process import is_alive
from flowc_runtime.store.records.runs import first_status

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.store import RunStore


def status_of(run: RunStore, record: RunRecord | None = None) -> StatusRecord:
    """The run's status; a run whose process is gone without a word was killed together with its guardian.

    `record` is the run's record, if it has been read already.
    """
    status = run.written_status()
    if status is None:
        record = run.record()  # raises NotFound, if the run has been deleted
        status = first_status(record)
    if status["state"] != "running" or is_alive((record or run.record())["process"]) is not False:
        return status
    status = run.status()  # it may have ended, and said so, since
    if status["state"] == "running":
        return {"state": "killed", "changed": status["changed"], "message": "its process is gone"}
    return status
