"""`python -m bench.syncing DIRECTORY`: the time to sync 400 small files of a new store to the disk, as JSON.

The time `once` is for a sync of the whole file system, as a run does at its end. The time `each` is for a sync of every
file.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.backends.local import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Callable

FILES, BYTES = 400, 1_000


def measure(root: str) -> dict[str, float]:
    """Return the seconds of `once` and of `each`. Before the measurement, pending writes of other programs are
    synced."""
    return {"once": _timed(f"{root}/once", _once), "each": _timed(f"{root}/each", _each)}


def _timed(root: str, wait: Callable[[Disk, str], None]) -> float:
    objects = LocalObjects(root)
    disk = Disk(objects)
    os.sync()
    for number in range(FILES):
        objects.create(f"files/{number}", [os.urandom(BYTES)])
    began = time.perf_counter()
    wait(disk, root)
    took = time.perf_counter() - began
    disk.close()
    shutil.rmtree(root)
    return took


def _once(disk: Disk, root: str) -> None:
    disk.flush(lambda told: print(told, file=sys.stderr))


def _each(disk: Disk, root: str) -> None:
    for number in range(FILES):
        descriptor = os.open(f"{root}/files/{number}", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
