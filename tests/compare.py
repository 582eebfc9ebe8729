"""The results of a run in a form in which local and cluster runs can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore


def summary(run: RunStore) -> dict[str, Any]:
    """Return the run's state and parameters, and each task's attempts, parents, artifact digests, items and failures."""
    status = run.status()
    return {
        "state": status["state"],
        "failed": status.get("failed"),
        "parameters": run.record()["parameters"],
        "tasks": {
            f"{step}/{path}": [_attempt(run, step, path, number) for number in numbers]
            for step in run.steps()
            for path, numbers in run.attempts(step).items()
        },
    }


def _attempt(run: RunStore, step: str, path: str, number: int) -> dict[str, Any] | None:
    record = run.attempt(step, path, number)
    if record is None:
        return None
    error, fanout = record.get("error"), record.get("fanout")
    return {
        "outcome": record["outcome"],
        "parents": record["parents"],
        "artifacts": {name: (ref["digest"], ref["type"]) for name, ref in record["artifacts"].items()},
        "items": fanout and (fanout.get("over"), fanout["count"], fanout.get("items", {}).get("digest")),
        "error": error and (error["type"], error["message"], error.get("frames"), error.get("traceback")),
        "code": record["code"],
    }
