"""Programs that tests use and Debian has: installed where that can be done."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile


def program(*names: str, packages: tuple[str, ...] = ()) -> str | None:
    """The first of these programs that there is; if there is none, its packages are installed (as root, by apt-get).

    None: it is not there and cannot be had.
    """
    if (there := found(*names)) or not shutil.which("apt-get") or os.geteuid() != 0:
        return there
    with open(os.path.join(tempfile.gettempdir(), "flowc-apt.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want something at once
        if not found(*names):
            for command in (["update"], ["install", "--yes", "--no-install-recommends", *(packages or names[:1])]):
                subprocess.run(["apt-get", "--quiet", "--quiet", *command], check=False, capture_output=True)
    return found(*names)


def found(*names: str) -> str | None:
    """The first of these programs that is on the PATH."""
    return next((path for name in names if (path := shutil.which(name))), None)
