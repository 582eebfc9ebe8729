"""Where the store is, if nobody says it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_runtime import settings
from flowc_runtime.contract import STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL_NAME = ".flowc"


def default_url(start: str | None = None, *, datastore: str | None = None, root: str | None = None) -> str:
    """`FLOWC_STORE`, what Metaflow's settings name, or `.flowc` found upward from `start` (the working directory).

    Where there is none, it is the one to be made there. `datastore` and `root` are Metaflow's options for it: they come
    before all variables. Raises SettingsError.
    """
    if datastore is None and root is None and (url := os.environ.get(STORE)):
        return url
    if url := settings.store_url(datastore, root):
        return url
    here = start or os.getcwd()
    for directory in _upward(here):
        if os.path.isdir(f"{directory}/{LOCAL_NAME}"):
            return f"{directory}/{LOCAL_NAME}"
    return f"{here}/{LOCAL_NAME}"


def _upward(directory: str) -> Iterator[str]:
    while True:
        yield directory.rstrip("/")
        parent = os.path.dirname(directory)
        if parent == directory:
            return
        directory = parent
