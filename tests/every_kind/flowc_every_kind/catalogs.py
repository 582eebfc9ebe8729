"""A catalog in a directory, `$EVERY_KIND_CATALOG`, with a file for each digest."""

from __future__ import annotations

import os
import shutil


class DirectoryCatalog:
    """Keeps the files that tasks put in a directory."""

    def keep(self, path: str, digest: str) -> str:
        place = os.path.join(os.environ["EVERY_KIND_CATALOG"], digest)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copyfile(path, place)
        return place

    def fetch(self, address: str, target: str) -> None:
        shutil.copyfile(address, target)


CATALOG = DirectoryCatalog()
