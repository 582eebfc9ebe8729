"""Check whether a path in a pod is on a volume that outlives the pod, with Linux's table of mounts."""

from __future__ import annotations

import re

_EMPTY_DIR = "kubernetes.io~empty-dir"
_MOUNTS = "/proc/self/mountinfo"


def volume_fault(path: str, mounts: str | None = None) -> str | None:
    """Return the reason why a file is lost when the pod ends; None if the file is on a volume.

    Source: proc(5), the format of mountinfo.

    Args:
        path: the file, absolute and without links.
        mounts: the content of /proc/self/mountinfo; None reads it.
    """
    if mounts is None:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    best = root = kind = ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5:
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount hides an earlier one at the same path
            best, root, kind = point, fields[3], after.split(" ")[0]
    if best in ("", "/"):
        return "is in the container's own file system"
    if kind in ("tmpfs", "ramfs", "overlay") or _EMPTY_DIR in root:
        return f"is in {best}, which ends with the pod"
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
