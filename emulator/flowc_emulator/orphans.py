"""Processes that a task started and left behind, outside of its session."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from flowc_runtime.contract import RUN

if TYPE_CHECKING:
    from collections.abc import Container


def end_adopted(keep: Container[int]) -> None:
    """Kill and reap every child of this process but those in `keep`: descendants that it adopted as a subreaper."""
    while strangers := [pid for pid in _children() if pid not in keep]:
        for pid in strangers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:  # not Linux, or a kernel that does not list children
        return []


def end_marked(run: str) -> None:
    """Kill processes that were executed with the run's id in their environment, whoever their parent is now (Linux)."""
    marker = os.fsencode(f"{RUN}={run}\0")
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as environ:
                if marker in environ.read():
                    os.kill(int(name), signal.SIGKILL)
