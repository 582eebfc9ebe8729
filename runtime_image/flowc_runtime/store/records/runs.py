"""What a run begins with, on this machine and on a cluster alike: its record, and its status until one is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flowc_runtime.process.process import this_process
from flowc_runtime.store.records import projects
from flowc_runtime.store.records.record_types import RECORD_VERSION, RunRecord, StatusRecord
from flowc_runtime.store.records.tags import system_tags

if TYPE_CHECKING:
    from flowc_ir import Flow
    from flowc_runtime.store.records.store import RunStore

_RUNTIMES = {"local": "dev", "argo": "argo-workflows"}  # as Metaflow tags them


def new_run_record(
    run: RunStore,
    flow: Flow,
    created: float,
    *,
    user: str,
    target: Literal["local", "argo"],
    parameters: dict[str, Any],
    tags: list[str],
    namespace: str | None,
) -> RunRecord:
    """The record of a run that this process begins, so far without an origin. `created` is seconds since the epoch."""
    return RunRecord(
        version=RECORD_VERSION,
        flow=run.flow,
        run=run.id,
        created=created,
        user=user,
        target=target,
        parameters=parameters,
        code=flow.code.digest,
        process=this_process(),
        project=projects.values(flow),
        system_tags=[*system_tags(user, _RUNTIMES[target], created), *projects.tags(flow.project)],
        tags=tags,
        namespace=namespace,
    )


def first_status(record: RunRecord) -> StatusRecord:
    """Return the status of a run that has only begun, by its record."""
    return {"version": RECORD_VERSION, "state": "running", "changed": record["created"]}
