"""Finds the files that git ignores, such as passwords, local settings and generated files: they are not packaged.

Tracked files are never ignored, even if a pattern matches. The patterns are the same as for `git status`: from
`.gitignore`, `.git/info/exclude` and the user's own `core.excludesFile`.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from flowc import git
from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Collection, Mapping, Sequence
else:  # imported at first use, because the import costs start-up time
    subprocess = LateModule("subprocess")

SECONDS = 10.0  # time limit for git


class UnknownError(Exception):
    """The ignored files are unknown because git failed; the message has the reason."""


class NoGitError(UnknownError):
    """The files are in a work tree of git, but the program git is not installed."""


def ignored(places: Mapping[str, str], *, exceptions: Collection[str] = (), seconds: float = SECONDS) -> frozenset[str]:
    """Return the names of the files that git ignores.

    Git is called once for each work tree that contains some of the files, and not at all if no work tree does. A link
    is ignored if git ignores the link itself or its target.

    Args:
        places: a mapping from the name of each file (a relative path) to the file's path.
        exceptions: patterns of files to treat as not ignored; a pattern describes names (`_version.py`) or paths
            (`gen/*.py`).
        seconds: the time limit for each call of git.

    Raises:
        NoGitError: the program git is not installed.
        UnknownError: git fails, or takes longer than `seconds`.
    """
    real = cache(os.path.realpath)
    tree = cache(git.claimed)  # also finds a broken `.git`, so that the error of git is reported
    asked: dict[str, dict[str, set[str]]] = {}  # work tree → path in the work tree → names in `places`
    for name, path in places.items():
        if _matches(name, exceptions):
            continue
        # Git refuses a path that leads through a link or into another work tree. Therefore `_ask` gets real paths, each
        # in its innermost work tree.
        for place in {os.path.join(real(os.path.dirname(path)), os.path.basename(path)), os.path.realpath(path)}:
            if (top := tree(os.path.dirname(place))) is not None:
                asked.setdefault(top, {}).setdefault(os.path.relpath(place, top), set()).add(name)
    found: set[str] = set()
    for top, paths in asked.items():
        found.update(*(paths[path] for path in _ask(top, list(paths), seconds)))
    return frozenset(found)


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name if "/" in pattern else name.rpartition("/")[2], pattern) for pattern in patterns)


def _ask(top: str, paths: Sequence[str], seconds: float) -> list[str]:
    """Return the paths that git ignores; paths are relative to `top`, the top of a work tree. Raises UnknownError."""
    # Paths begin with `./`, because a leading colon has a special meaning for git. The option `--literal-pathspecs`,
    # which switches this meaning off, is refused by `check-ignore`. The option `--verbose` is not used: with it git
    # also prints paths that a pattern with `!` includes again.
    command = [*git.COMMAND, "check-ignore", "--stdin", "-z"]
    question = b"".join(os.fsencode(f"./{path}") + b"\0" for path in paths)
    environment = git.environment(top)
    try:
        answer = subprocess.run(
            command, cwd=top, input=question, env=environment, timeout=seconds, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise NoGitError(f"{top} is a work tree of git, and git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise UnknownError(f"git takes longer than {seconds:.0f} s in {top}") from error
    except OSError as error:
        raise UnknownError(f"git cannot be started: {error.strerror or error}") from error
    if answer.returncode not in (0, 1):
        said = answer.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise UnknownError(f"git fails in {top}: {said or f'exit code {answer.returncode}'}")
    return [os.fsdecode(path).removeprefix("./") for path in answer.stdout.split(b"\0") if path]
