"""The directories of a pod over which no volume may be mounted: the directories of flowc, Argo, Kubernetes and the
kernel."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterable

# A volume must not be mounted at one of these directories, nor at a directory that contains it or is inside it. One of
# them is in /tmp: a volume may be mounted below /tmp, but not at /tmp. `/var/run` is often a link to `/run`.
_WHOLE: Final = (
    contract.CODE_ROOT, posixpath.dirname(contract.OUT_DIRECTORY), "/dev", "/argo", "/var/run/argo",
    "/run/argo", "/var/run/secrets", "/run/secrets",
)  # fmt: skip


def problem(path: str, store: str | None = None, others: Iterable[str] = ()) -> str | None:
    """Return the reason why no volume can be mounted at this path, in a form that follows "a volume at PATH, which";
    None if a volume can be mounted.

    Args:
        path: the path of the mount.
        store: the directory at which the store is mounted; None if the store is a bucket.
        others: the paths of the pod's other volumes.
    """
    if ":" in path or ".." in path.split("/"):
        return "contains ':' or '..'"
    plain = posixpath.normpath(path).replace("//", "/")
    if not plain.startswith("/") or plain == "/":
        return "is not an absolute directory below /"
    taken = (*_WHOLE, store) if store is not None else _WHOLE
    if any(is_below(plain, other) or is_below(other, plain) for other in taken if other is not None):
        return "is reserved for flowc, the store, Argo or the system"
    if any(posixpath.normpath(other) == plain for other in others):
        return "is the directory of another volume"
    return None


def is_below(path: str, directory: str) -> bool:
    """Return whether a path is the directory or below it. `.` and `..` are resolved, links are not followed."""
    plain = posixpath.normpath(directory)
    return path == plain or posixpath.normpath(path).startswith(f"{plain}/")
