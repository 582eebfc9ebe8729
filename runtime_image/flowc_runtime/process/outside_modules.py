"""Find outside modules: modules that are neither beside the flow, nor installed, nor part of Python or flowc.

The results of a step with @cache also depend on these modules, but the code package of a run does not contain them.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, TypeAlias

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.own_packages import EXTENSIONS_PACKAGE, OWN_PACKAGES

if TYPE_CHECKING:
    import sysconfig
    from collections.abc import Mapping
else:  # imported at first use, because the import costs start-up time
    sysconfig = LateModule("sysconfig")

Modules: TypeAlias = dict[str, list[str]]
"""Module name -> [path of its file, digest of the file's content]."""

# These are not outside modules: the started program, such as `flowc`; flowc's own packages; and extensions, because
# code packages contain extensions.
_OWN = ("__main__", "__mp_main__", *OWN_PACKAGES, EXTENSIONS_PACKAGE)
_INSTALLED = ("/site-packages/", "/dist-packages/")


def imported(directory: str) -> Modules:
    """Return the imported outside modules with digests: modules that belong neither to the flow, nor to installed
    packages, Python or flowc.

    Args:
        directory: the directory of the flow's code.
    """
    roots = tuple(f"{os.path.realpath(root)}/" for root in (directory, *_standard()))
    found: Modules = {}
    for name in sorted(sys.modules):
        if name.partition(".")[0] in _OWN or (file := _file(name)) is None:
            continue
        if not _is_known(file, roots) and not _is_known(os.path.realpath(file), roots):
            found[name] = [file, _digest(file)]
    return found


def unchanged(modules: Mapping[str, list[str]]) -> bool:
    """Return whether the modules' files are unchanged.

    A module that is not found on `sys.path` is checked at its recorded path.
    """
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
    """Return the path of the file that an import of the module would load."""
    parts, path, spec = name.split("."), None, None
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec.origin if spec is not None else None


def _digest(file: str) -> str:
    """Return the sha256 of the file's content; empty if the file cannot be read."""
    try:
        with open(file, "rb") as content:
            return sha256([content.read()])
    except OSError:
        return ""
