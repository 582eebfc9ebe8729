"""Programs that tests need, from Debian packages, which are installed if possible."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile


def program(*names: str, packages: tuple[str, ...] = ()) -> str | None:
    """Return the first of these programs that exists.

    If none exists, install the packages first, if this process is root.

    Return None if no program exists and the packages cannot be installed.
    """
    if (there := found(*names)) or not shutil.which("apt-get") or os.geteuid() != 0:
        return there
    with open(os.path.join(tempfile.gettempdir(), "flowc-apt.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a lock, because several tests may install packages at the same time
        if not found(*names):
            for command in (["update"], ["install", "--yes", "--no-install-recommends", *(packages or names[:1])]):
                subprocess.run(["apt-get", "--quiet", "--quiet", *command], check=False, capture_output=True)
    return found(*names)


def found(*names: str) -> str | None:
    """Return the first of these programs on the PATH."""
    return next((path for name in names if (path := shutil.which(name))), None)
