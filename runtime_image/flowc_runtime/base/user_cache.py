"""flowc's part of the user's cache directory. The content of the directory can be deleted and is created again when
needed."""

from __future__ import annotations

import os


def cache_home() -> str:
    """Return flowc's cache directory, which may not exist yet: `flowc` in XDG_CACHE_HOME or else in `~/.cache`.

    Raises:
        RuntimeError: the user has no home directory.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        raise RuntimeError("the user has no home directory: set XDG_CACHE_HOME")
    return os.path.join(base, "flowc")
