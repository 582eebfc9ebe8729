"""End processes that still run after the end of a run. The processes are found by an environment variable with the
run's id, which they have inherited, even if their parent has ended."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from flowc_runtime.base.contract import RUN
from flowc_runtime.process.leftovers import GRACE, end_process, wait_for_one

if TYPE_CHECKING:
    from collections.abc import Container


def end_marked(run: str, asked_groups: Container[int] = ()) -> None:
    """End the processes that were executed with the run's id in their environment: SIGTERM, and SIGKILL after a grace
    period.

    The function finds the processes in /proc, so on systems other than Linux it ends none. Processes of other users are
    not ended.

    Args:
        run: the run's id, the value of the variable `FLOWC_RUN`.
        asked_groups: the process groups that have already got SIGTERM; their processes get no second one.
    """
    deadline = time.monotonic() + GRACE
    asked: set[int] = set()
    while found := _marked(run):
        late = time.monotonic() >= deadline
        for pid in found if late else found - asked:
            end_process(pid, asked_groups, late=late)
        if late:
            return
        asked |= found
        wait_for_one(found, deadline)


def _marked(run: str) -> set[int]:
    marker = os.fsencode(f"{RUN}={run}\0")
    found: set[int] = set()
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as environ:
                if marker in environ.read():  # the file is empty for a zombie
                    found.add(int(name))
    return found
