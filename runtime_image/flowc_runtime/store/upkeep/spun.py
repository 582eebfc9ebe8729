"""Protect runs whose tasks `spin` has executed again: garbage collection keeps them while the results of `spin` exist.

`spin` writes its results into a second store, a directory that is layered on the run's store (`layered`). An object of
the run contains the path of this directory.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from flowc_ir.late.digest import sha256
from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.layered import BELOW
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.stored import parse

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import SpinRecord
    from flowc_runtime.store.records.run_store import RunStore

_NEEDED = "spun"
_ELSEWHERE = 30 * 24 * 3600.0  # seconds for which a directory on another machine is assumed to exist


def need(run: RunStore, root: str) -> None:
    """Record in a run that the results of `spin` in a directory need the run.

    Args:
        run: the run.
        root: the directory.

    Raises:
        NotFound: the run was deleted.
        StoreError: the store cannot be read or written.
    """
    needs: SpinRecord = {
        "version": RECORDS.current,
        "host": os.uname().nodename,
        "path": root,
        "when": time.time(),
    }
    # one name for each directory, so that all steps that `spin` executes there share an object
    name = sha256([f"{needs['host']}:{root}".encode()])[:16]
    key = f"{run.prefix}/{_NEEDED}/{name}.json"
    if run.exists():
        run.objects.put(key, dump(needs))
        sweeps.wait(run.objects)
    if not run.exists():
        run.objects.delete(key)
        raise NotFound(f"run {run.flow}/{run.id}, which `spin` needs, has been deleted")


def needed_by(run: RunStore) -> str | None:
    """Return a directory that still exists and contains results of `spin` that need the run; None if there is none.

    A directory on another machine, HOST:PATH, is assumed to exist for 30 days.

    Raises:
        RecordError: an object with the address of a directory cannot be read.
    """
    here = os.uname().nodename
    for name in run.objects.names(f"{run.prefix}/{_NEEDED}"):
        try:
            key = f"{run.prefix}/{_NEEDED}/{name}"
            data = run.objects.get(key)
        except NotFound:  # garbage collection has deleted the object since the listing
            continue
        subject = f"{key.removeprefix(f'{run.prefix}/')} of run {run.flow}/{run.id}"
        needs: SpinRecord = parse(RECORDS, "spin", data, key=key, url=run.objects.url, subject=subject)
        if needs["host"] != here:
            if time.time() - needs["when"] < _ELSEWHERE:
                return f"{needs['host']}:{needs['path']}"
        elif os.path.exists(f"{needs['path']}/{BELOW}"):
            return str(needs["path"])
    return None
