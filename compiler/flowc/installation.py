"""Whose package `metaflow` an import finds. Every command asks, so this is cheap as long as nothing is wrong.

Two distributions that install `metaflow` write into one directory. The later installation overwrites files of the
earlier one, and uninstalling either deletes files of both.
"""

from __future__ import annotations

import os
from importlib import util
from typing import NamedTuple

REPAIR = "run `flowc doctor --repair`, which uninstalls what is in the way and installs flowc anew"
_ONLY_OURS, _ONLY_METAFLOWS = "_unsupported.py", "task.py"


class InstallationFault(NamedTuple):
    """What is wrong with the package; where it is not `fatal`, flowc's files are on top and flows run."""

    message: str
    fatal: bool


def find_fault() -> InstallationFault | None:
    """Return what is wrong with the package `metaflow`; None, at the cost of two stats, if nothing is."""
    place = directory()
    if place is None or not os.path.isfile(f"{place}/{_ONLY_OURS}"):
        where = f"it is in {place}" if place else "there is none, or what another one that was uninstalled has left"
        return InstallationFault(f"the package 'metaflow' is not flowc's: {where}", fatal=True)
    if not os.path.isfile(f"{place}/{_ONLY_METAFLOWS}"):
        return None
    from flowc import distributions

    by = ", ".join(f"'{name}'" for name in distributions.others()) or "another one"
    if distributions.damaged():
        return InstallationFault(f"the distribution {by} has overwritten flowc's package 'metaflow'", fatal=True)
    return InstallationFault(f"the distribution {by} has files among those of flowc's package 'metaflow'", fatal=False)


def directory() -> str | None:
    """Return the directory of the package that `import metaflow` finds; None where there is none that is whole."""
    spec = util.find_spec("metaflow")
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else None
