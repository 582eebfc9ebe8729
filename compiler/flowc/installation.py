"""A check that `import metaflow` finds flowc's own package. The check is fast, because every command makes it.

Two distributions that install `metaflow` write into one directory. The later installation overwrites files of the
earlier installation, and uninstalling one distribution deletes files of both.
"""

from __future__ import annotations

import os
from importlib import util
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from flowc import distributions
else:
    distributions = LateModule("flowc.distributions")  # slow, because it reads the metadata of all packages

REPAIR = "run `flowc doctor --repair`, which uninstalls the conflicting packages and reinstalls flowc"
_ONLY_OURS, _ONLY_METAFLOWS = "_unsupported.py", "task.py"


class InstallationFault(NamedTuple):
    """A fault of the package `metaflow`; if it is not `fatal`, flowc's files are intact and flows run."""

    message: str
    fatal: bool


def find_fault() -> InstallationFault | None:
    """Return the fault of the package `metaflow`, or None. Without a fault, the check takes only two calls of
    `stat`."""
    place = directory()
    if place is None or not os.path.isfile(f"{place}/{_ONLY_OURS}"):
        gone = "flowc's package 'metaflow' is missing, or only parts of it remain after an uninstallation"
        message = f"the package 'metaflow' is not flowc's: it is in {place}" if place else gone
        return InstallationFault(message, fatal=True)
    if not os.path.isfile(f"{place}/{_ONLY_METAFLOWS}"):
        return None
    by = ", ".join(f"'{name}'" for name in distributions.others()) or "another one"
    if distributions.damaged():
        return InstallationFault(f"the distribution {by} has overwritten flowc's package 'metaflow'", fatal=True)
    return InstallationFault(f"the distribution {by} has files among those of flowc's package 'metaflow'", fatal=False)


def directory() -> str | None:
    """Return the directory of the package that `import metaflow` finds; None if the import finds no package with an
    `__init__.py`."""
    spec = util.find_spec("metaflow")
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else None
