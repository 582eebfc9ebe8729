"""Directories that flowc makes beside a user's code: git is told to leave them alone."""

from __future__ import annotations

import contextlib
import os

NAMES = (".flowc", ".flowc_spin")
_TEXT = "*\n"


def make_root(root: str) -> None:
    """Make the directory of a store if there is none yet; one with a name of flowc's own gets a `.gitignore`.

    It is written when the directory is made and never again: whoever wants a store in git changes or removes it.
    """
    parent = os.path.dirname(root)
    if parent:
        os.makedirs(parent, exist_ok=True)
    try:
        os.mkdir(root)
    except FileExistsError:
        return
    if os.path.basename(root) in NAMES:
        with contextlib.suppress(OSError):  # a store is one without it, too
            descriptor = os.open(f"{root}/.gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(_TEXT)
