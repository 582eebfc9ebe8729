"""Modules of extensions that are importable under a name in `metaflow`: new modules, and replacements of its modules.

A replaced module stays importable as `<its name>._orig`. Adding an alias does not import the module.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

ORIGINAL = "_orig"


class AliasFinder:
    """An entry of `sys.meta_path` that finds the modules of extensions; `aliases` maps each alias to the real module
    name."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module spec for an alias of an extension's module, or for the replaced module `NAME._orig`."""
        if real := self.aliases.get(fullname):
            return _spec(fullname, locate(real))
        replaced, _, last = fullname.rpartition(".")
        if last == ORIGINAL and replaced in self.aliases:
            return _spec(fullname, _original(replaced))
        return None

    def add(self, alias: str, real: str) -> bool:
        """Make `alias` another name of the extension module `real`; return False if `real` does not exist."""
        if locate(real) is None:
            return False
        self.aliases[alias] = real
        sys.modules.pop(alias, None)
        return True


def locate(module: str) -> str | None:
    """Return the path of a module's file or directory, without importing the module or its packages."""
    parts = module.split(".")
    package = sys.modules.get(parts[0])
    places = [str(place) for place in getattr(package, "__path__", ())]
    for depth, part in enumerate(parts[1:], 2):
        found = [place for root in places if (place := _in(root, part)) is not None]
        if not found:
            return None
        if depth == len(parts):
            return found[0]
        places = [os.path.dirname(place) if place.endswith(".py") else place for place in found]
    return None


def _in(root: str, name: str) -> str | None:
    """Return the path of the module `name` in a directory: a package's `__init__.py`, a file, or a namespace package's
    directory."""
    directory = os.path.join(root, name)
    for file in (os.path.join(directory, "__init__.py"), f"{directory}.py"):
        if os.path.isfile(file):
            return file
    return directory if os.path.isdir(directory) else None


def _original(module: str) -> str | None:
    """Return the path of the module with this name in flowc's package `metaflow`."""
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for part in module.split(".")[1:]:
        found = _in(place if not place.endswith(".py") else os.path.dirname(place), part)
        if found is None:
            return None
        place = found
    return place


def _spec(name: str, place: str | None) -> ModuleSpec | None:
    if place is None:
        return None
    if place.endswith(".py"):
        package = os.path.basename(place) == "__init__.py"
        locations = [os.path.dirname(place)] if package else None
        return spec_from_file_location(name, place, submodule_search_locations=locations)
    return PathFinder.find_spec(name, [os.path.dirname(place)])
