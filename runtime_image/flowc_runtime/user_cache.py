"""flowc's part of the user's cache directory: what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home() -> Path:
    """The directory, which need not be there yet. Raises RuntimeError if the user has no home directory."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "flowc"
