"""Functions and options for all calls of git. The functions find the top of a work tree. The options prevent git from
asking for input and from writing files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND: Final = ("git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
"""The command starts neither a daemon nor a hook of a repository's configuration. The command also accepts repositories
of other owners, because the flow's code in them is about to run in any case."""

# Variables that make git use another repository than the directory's repository (git sets them for hooks), or that
# change the meaning of paths.
_TAKEN_OUT: Final = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
})  # fmt: skip


def environment(top: str | None = None) -> dict[str, str]:
    """Return the environment for git: no prompts, no optional locks, messages in English.

    Variables that make git use another repository or that change the meaning of paths are left out.

    Args:
        top: git does not search above this directory for a repository; None sets no limit.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _TAKEN_OUT}
    if top is not None:
        kept["GIT_CEILING_DIRECTORIES"] = os.path.dirname(top)
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def work_tree(directory: str) -> str | None:
    """Return the top directory of the innermost work tree that contains this directory; None if no work tree contains
    it."""
    return _innermost(directory, _is_top)


def claimed(directory: str) -> str | None:
    """Return the innermost directory that has a `.git`, valid or not: this directory or one above it; None if no
    directory has a `.git`."""
    return _innermost(directory, lambda here: os.path.lexists(f"{here}/.git"))


def _innermost(directory: str, fits: Callable[[str], bool]) -> str | None:
    here = directory
    while not fits(here):
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return here


def _is_top(directory: str) -> bool:
    """Return whether a directory's `.git` is a repository, or a file that refers to one (in a linked worktree or
    submodule)."""
    return os.path.isfile(f"{directory}/.git/HEAD") or os.path.isfile(f"{directory}/.git")
