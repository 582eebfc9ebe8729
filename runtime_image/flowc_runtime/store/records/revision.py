"""The git revision of a run's code: read it in a pod, and format it for people."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from flowc_runtime.base import contract

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import RevisionRecord

DIRTY: Final = {
    "staged": "staged changes",
    "unstaged": "unstaged changes",
    "untracked": "untracked files",
    "unknown": "perhaps changes",
}


def of_pod() -> RevisionRecord | None:
    """Return the revision that was deployed, from the pod's environment, or None if the environment contains no
    revision."""
    try:
        found = json.loads(os.environ.get(contract.REVISION) or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None  # type: ignore[return-value]  # written by the compiler


def shown(revision: RevisionRecord) -> str:
    """Return the revision as a line: `3f2c1ab9d0e4 on main, with unstaged changes, untracked files`."""
    commit = revision.get("commit", "no commit")[:12]
    branch = f" on {revision['branch']}" if "branch" in revision else ""
    changes = ", ".join(DIRTY.get(kind, kind) for kind in revision.get("dirty", ()))
    if changes == DIRTY["unknown"]:
        return f"{commit}{branch}, perhaps with changes"
    return f"{commit}{branch}{f', with {changes}' if changes else ''}"
