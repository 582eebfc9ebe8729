"""Discovery of extensions in the directories of the namespace package `metaflow_extensions`.

    metaflow_extensions/<org>/<point>/__init__.py          if one distribution has this extension point
    metaflow_extensions/<org>/<point>/mfextinit_<id>.py    if several distributions have it

The extension points are `config`, `exceptions`, `plugins` and `toplevel`. Distributions are sorted by their
dependencies: a distribution overrides the distributions that it depends on. Extensions in a directory on PYTHONPATH
that belong to no distribution override extensions of distributions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PACKAGE = "metaflow_extensions"
ORDER = "mfextorder.txt"
"""The file that lists the extension modules in order; a code package contains this file, because it has no metadata of
distributions."""
POINTS = ("config", "exceptions", "plugins", "toplevel")


class ExtensionError(ImportError, FlowcError):
    """A module or class of an extension that the flow uses cannot be loaded; the message names the module or class."""


class Extension(NamedTuple):
    """A module of an extension for one extension point. `metaflow._extensions` describes the extension points.

    Attributes:
        org: the directory below `metaflow_extensions`.
        point: `config`, `exceptions`, `plugins` or `toplevel`.
        module: the dotted name of the module.
    """

    org: str
    point: str
    module: str


def find(roots: Sequence[str], warn: Callable[[str], None]) -> list[Extension]:
    """Return the modules of all extension points, sorted so that later modules override earlier ones.

    Args:
        roots: the directories of the namespace package.
        warn: prints a warning; called for each directory that is skipped because it has several configuration modules.
    """
    by_module: dict[str, Extension] = {}
    for root in _ordered(roots):
        for org in sorted(_directories(root)):
            for point in POINTS:
                for module in _modules(os.path.join(root, org, point), f"{PACKAGE}.{org}.{point}", warn):
                    by_module.setdefault(module, Extension(org, point, module))
    extensions = list(by_module.values())
    if len({extension.org for extension in extensions}) < 2:
        return extensions
    for root in roots:
        if os.path.isfile(file := os.path.join(root, ORDER)):
            with open(file, encoding="utf-8") as opened:
                rank = {module: number for number, module in enumerate(opened.read().split("\n"))}
            return sorted(extensions, key=lambda extension: rank.get(extension.module, len(rank)))
    return _by_distribution(extensions)


def _directories(root: str) -> Iterator[str]:
    for name in os.listdir(root):
        if name.isidentifier() and os.path.isdir(os.path.join(root, name)):
            yield name


def _modules(directory: str, package: str, warn: Callable[[str], None]) -> list[str]:
    """Return a list with the configuration module of this directory, or an empty list if it has no module or
    several."""
    try:
        files = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    named = [name.removesuffix(".py") for name in files if name.startswith("mfextinit_") and name.endswith(".py")]
    inits = [f"{package}.{name}" for name in named] + ([package] if "__init__.py" in files else [])
    if len(inits) > 1:
        warn(f"{directory} is left out because several files configure it: {', '.join(inits)}; keep one")
        return []
    return inits


def _ordered(roots: Sequence[str]) -> list[str]:
    """Return the directories without duplicates: first those in site-packages, then all others."""
    unique = list(dict.fromkeys(map(os.path.realpath, roots)))
    installed = [
        root for root in unique if os.path.basename(os.path.dirname(root)) in ("site-packages", "dist-packages")
    ]
    return [*installed, *(root for root in unique if root not in installed)]


def _by_distribution(extensions: Iterable[Extension]) -> list[Extension]:
    """Return the extension modules; those of installed distributions are sorted by the distributions' dependencies.

    The function reads the metadata of all installed distributions, which is slow, so it is called only for several
    extensions.
    """
    from importlib import metadata

    owners: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    for distribution in metadata.distributions():
        files = [file for file in distribution.files or () if file.parts[:1] == (PACKAGE,) and file.suffix == ".py"]
        if not files or not distribution.name:  # a partly uninstalled distribution has no name in its metadata
            continue
        name = _normal(distribution.name)
        needs[name] = {_normal(_requirement(text)) for text in distribution.requires or ()}
        for file in files:
            owners[".".join(file.with_suffix("").parts).removesuffix(".__init__")] = name
    order: list[str] = []
    while left := sorted(set(needs) - set(order)):
        # If distributions depend on each other in a cycle, the distribution with the alphabetically first name is taken
        # first.
        free = [name for name in left if not needs[name] & set(left) - {name}]
        order.append((free or left)[0])
    rank = {name: number for number, name in enumerate(order)}
    return sorted(extensions, key=lambda extension: rank.get(owners.get(extension.module, ""), len(rank)))


def _requirement(text: str) -> str:
    end = next((n for n, char in enumerate(text) if not (char.isalnum() or char in "-_.")), len(text))
    return text[:end]


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
