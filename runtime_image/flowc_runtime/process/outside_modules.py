"""Modules that are imported from elsewhere: neither beside the flow, nor installed, nor Python's or flowc's own.

What a step with @cache leaves depends on them too, and they are in no code package.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from hashlib import sha256
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, TypeAlias

from flowc_runtime.base.own_packages import EXTENSIONS_PACKAGE, OWN_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

Modules: TypeAlias = dict[str, list[str]]
"""The file and the digest of its content by the module's name."""

# The program that began, such as `flowc`, is no code of the step's; extensions of the API are in the code package.
_OWN = ("__main__", "__mp_main__", *OWN_PACKAGES, EXTENSIONS_PACKAGE)
_INSTALLED = ("/site-packages/", "/dist-packages/")


def imported(directory: str) -> Modules:
    """Those that this process has imported, for a flow in `directory`."""
    roots = tuple(f"{os.path.realpath(root)}/" for root in (directory, *_standard()))
    found: Modules = {}
    for name in sorted(sys.modules):
        if name.partition(".")[0] in _OWN or (file := _file(name)) is None:
            continue
        if not _is_known(file, roots) and not _is_known(os.path.realpath(file), roots):
            found[name] = [file, _digest(file)]
    return found


def unchanged(modules: Mapping[str, list[str]]) -> bool:
    """Whether they are now what they were. One that is found by no path, before a step says where, is where it was."""
    return all(_digest(_file(name) or _find(name) or file) == digest for name, (file, digest) in modules.items())


def _is_known(file: str, roots: tuple[str, ...]) -> bool:
    return file.startswith(roots) or any(part in file for part in _INSTALLED)


def _standard() -> set[str]:
    paths = sysconfig.get_paths()
    return {paths["stdlib"], paths["platstdlib"]}


def _file(name: str) -> str | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    return file if isinstance(file, str) else None


def _find(name: str) -> str | None:
    """The file that would be imported."""
    parts, path, spec = name.split("."), None, None
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec.origin if spec is not None else None


def _digest(file: str) -> str:
    """Of the content; empty where there is no file."""
    try:
        with open(file, "rb") as content:
            return sha256(content.read()).hexdigest()
    except OSError:
        return ""
