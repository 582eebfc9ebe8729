"""Install the packages that a flow needs; if the list of packages ends in `+`, also install their requirements.

The packages are kept in the user's cache. Both flowc and Metaflow import them from there, but each uses its own package
`metaflow`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compat.cases import Case
    from compat.runs import Program


def with_packages(program: Program, case: Case) -> Program:
    """Return a copy of the program whose import path contains the case's packages."""
    if not case.packages:
        return program
    return program._replace(path=(*program.path, str(_installed(case.packages))))


def _installed(packages: list[str]) -> Path:
    """Return the directory with the packages for the running version of Python.

    The requirements of the packages must not include Metaflow.
    """
    words = [f"{sys.version_info[0]}.{sys.version_info[1]}", *packages]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowc-packages"
    place = cache / hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]
    if not place.exists():
        made = place.with_name(f"{place.name}.{os.getpid()}")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        words = packages[:-1] if packages[-1] == "+" else ["--no-deps", *packages]
        subprocess.run([*command, "--target", str(made), *words], check=True)
        try:
            made.rename(place)
        except OSError:  # another process was faster
            shutil.rmtree(made)
    return place
