"""Where in a pod nothing may be mounted: over what flowc, Argo, Kubernetes and the kernel have there."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from flowc_runtime.base import contract

if TYPE_CHECKING:
    from collections.abc import Iterable

# Nothing over, at or below these; so nothing over /tmp, and below it is room. `/var/run` is often a link to `/run`.
_WHOLE: Final = (
    contract.CODE_ROOT, posixpath.dirname(contract.OUT_DIRECTORY), "/dev", "/argo", "/var/run/argo",
    "/run/argo", "/var/run/secrets", "/run/secrets",
)  # fmt: skip


def problem(path: str, store: str | None = None, others: Iterable[str] = ()) -> str | None:
    """What is wrong with mounting a volume at this path, in words that go on from "a volume at PATH, which ".

    None if nothing is. `store` is the directory of the store, `others` are where the same pod has more.
    """
    if ":" in path or ".." in path.split("/"):
        return "is written with ':' or '..'"
    plain = posixpath.normpath(path).replace("//", "/")
    if not plain.startswith("/") or plain == "/":
        return "is not at a directory of its own"
    taken = (*_WHOLE, store) if store is not None else _WHOLE
    if any(is_below(plain, other) or is_below(other, plain) for other in taken if other is not None):
        return "is where flowc, the store, Argo or the system has its own"
    if any(posixpath.normpath(other) == plain for other in others):
        return "is where another one is mounted"
    return None


def is_below(path: str, directory: str) -> bool:
    """Whether a path is the directory or in it."""
    plain = posixpath.normpath(directory)
    return path == plain or posixpath.normpath(path).startswith(f"{plain}/")
