"""How a run is doing, also where what ran it can no longer say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.process.process import is_alive

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import StatusRecord
    from flowc_runtime.store.records.store import RunStore


def status_of(run: RunStore) -> StatusRecord:
    """The run's status; a run whose process is gone without a word was killed together with its guardian."""
    status = run.status()
    if status["state"] == "running" and is_alive(run.record()["process"]) is False:
        status = run.status()  # it may have ended, and said so, since
    else:
        return status
    if status["state"] == "running":
        return {"state": "killed", "changed": status["changed"], "message": "its process is gone"}
    return status
