"""Create the directories of flowc beside a user's code, with a `.gitignore` that hides them from git."""

from __future__ import annotations

import contextlib
import os

NAMES = (".flowc", ".flowc_spin")
_TEXT = "*\n"


def make_root(root: str) -> None:
    """Create the directory of a store if it is missing; add a `.gitignore` if the directory has one of the `NAMES`.

    The `.gitignore` is written only when the directory is created, so users can change or remove it.

    Args:
        root: the path of the directory.

    Raises:
        OSError: the directory cannot be created.
    """
    parent = os.path.dirname(root)
    if parent:
        os.makedirs(parent, exist_ok=True)
    try:
        os.mkdir(root)
    except FileExistsError:
        return
    if os.path.basename(root) in NAMES:
        with contextlib.suppress(OSError):  # if the .gitignore cannot be written, the store works without it
            descriptor = os.open(f"{root}/.gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(_TEXT)
