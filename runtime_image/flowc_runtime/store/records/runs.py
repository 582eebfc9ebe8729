"""Record the start and the end of a run, locally and on a cluster."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from flowc_ir.late import LateFunction
from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import StoreError
from flowc_runtime.process.process import this_process
from flowc_runtime.store.records import projects
from flowc_runtime.store.records.tags import system_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_ir import Flow
    from flowc_runtime.store.backends.durability import Disk
    from flowc_runtime.store.records.record_types import RunRecord, StatusRecord
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use, because the import costs start-up time
    RunRecord = LateFunction("flowc_runtime.store.records.record_types:RunRecord")

_RUNTIMES = {
    "local": "dev",
    "argo": "argo-workflows",
    "stepfunctions": "step-functions",
}  # Metaflow's values of the system tag `runtime:`


def new_run_record(
    run: RunStore,
    flow: Flow,
    created: float,
    *,
    user: str,
    target: Literal["local", "argo", "stepfunctions"],
    parameters: dict[str, object],
    tags: list[str],
    namespace: str | None,
) -> RunRecord:
    """Return the record of a new run that this process starts, without an `origin`.

    Args:
        run: the run.
        flow: the flow.
        created: the start in seconds since the epoch.
        user: the user who starts the run.
        target: where the run executes.
        parameters: the values of the parameters, encoded as in a record.
        tags: the user tags.
        namespace: the namespace of `current`.
    """
    return RunRecord(
        version=RECORDS.current,
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
    """Return the status of a run that has no recorded status yet, from the run's record."""
    return {"version": RECORDS.current, "state": "running", "changed": record["created"]}


def end_run(
    run: RunStore,
    status: StatusRecord,
    disk: Disk | None,
    wait: Callable[[Disk, Callable[[], None]], None],
) -> None:
    """Record the end of a run, after all data of the run is on the disk.

    Args:
        run: the run.
        status: the run's last status.
        disk: the disk to wait for, or None to wait for no disk.
        wait: waits for the disk, then calls its second argument, which writes the status.

    Raises:
        StoreError: the disk or the store failed; the run is not recorded as succeeded then.
    """
    if disk is None:
        run.set_status(status)
        return
    try:
        wait(disk, lambda: run.set_status(status, disk))
    except StoreError as error:
        if status["state"] == "succeeded":
            status = {**status, "state": "failed", "message": str(error)}
        with suppress(StoreError):  # the first error is raised, even if this second write fails too
            run.set_status(status)
        raise


def end_run_here(run: RunStore, status: StatusRecord, slow: Callable[[str], None], disk: Disk | None) -> None:
    """Record the end of a run like `end_run`, and wait in this process.

    Args:
        run: the run.
        status: the run's last status.
        slow: called with a message if the wait takes long.
        disk: the disk to wait for, or None to wait for no disk.

    Raises:
        StoreError: the disk or the store failed.
    """

    def wait(disk: Disk, then: Callable[[], None]) -> None:
        disk.flush(slow)
        then()

    end_run(run, status, disk, wait)
