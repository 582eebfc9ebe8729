"""The flow files below the working directory of the server. No file is imported."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEEPEST: Final = 6
"""The number of directories below the working directory in which files are looked for."""
MOST_FILES: Final = 200
"""The number of flow files that are listed."""
_MOST_READ: Final = 5000  # Python files that are read
_LARGEST: Final = 1 << 20  # bytes; larger files are not read
_FLOW: Final = re.compile(rb"\bFlowSpec\b|^\s*(?:from|import)\s+flowc\b", re.MULTILINE)
_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"})


def flow_files(directory: Path) -> list[str]:
    """Return the Python files that mention a flow, as paths relative to the directory, sorted.

    Hidden directories, links, and names that begin with `-` are left out.
    """
    found: list[str] = []
    for number, name in enumerate(_python_files(directory)):
        if number >= _MOST_READ or len(found) >= MOST_FILES:
            break
        if _mentions_flow(directory / name):
            found.append(name)
    return sorted(found)


def _python_files(directory: Path) -> Iterator[str]:
    for at, directories, files in os.walk(directory):
        below = os.path.relpath(at, directory)
        depth = 0 if below == "." else below.count(os.sep) + 1
        keeps = depth < DEEPEST
        directories[:] = sorted(name for name in directories if keeps and name[0] not in ".-" and name not in _NOT_OURS)
        for name in sorted(files):
            path = name if depth == 0 else os.path.join(below, name)
            if _is_plain(name) and not os.path.islink(directory / path):
                yield path


def _is_plain(name: str) -> bool:
    return name.endswith(".py") and name[0] not in ".-" and name.isprintable()


def _mentions_flow(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return False
        return _FLOW.search(path.read_bytes()) is not None
    except OSError:
        return False
