"""The search for a module's file by its dotted name, like in `python -m`, without importing the user's code."""

from __future__ import annotations

import os
import sys
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.errors import HintedError
from flowc_runtime.process.loader import is_taken

if TYPE_CHECKING:
    import sysconfig
    from collections.abc import Iterator
else:  # imported at first use, because the import costs start-up time
    sysconfig = LateModule("sysconfig")


class ModuleError(HintedError):
    """The error for a name that is not the name of a module that can contain a flow."""


def find_module(name: str) -> tuple[str, str]:
    """Return the directory from which a module is imported, and the module's file relative to this directory: `/x`,
    `pkg/module.py`.

    The working directory is searched first, then the entries of `sys.path`, like in `python -m`.

    Args:
        name: the dotted name of a module or package.

    Raises:
        ModuleError: the module does not exist, belongs to Python, is compiled, or is a directory without `__init__.py`;
            or its package has the same name as a package that Python or flowc imports.
    """
    top, _, below = name.partition(".")
    namespace = None
    for entry in _entries(top):
        if os.path.isfile(f"{entry}/{top}/__init__.py"):
            _check_own(top, entry, package=True)
            return entry, _in_package(entry, name)
        if os.path.isfile(f"{entry}/{top}.py"):
            _check_own(top, entry, package=bool(below))
            if below:
                raise _not_a_package(top, below, f"{entry}/{top}.py")
            return entry, f"{top}.py"
        if os.path.isdir(f"{entry}/{top}"):
            if below and _exists(f"{entry}/{name.replace('.', '/')}"):
                _check_own(top, entry, package=True)
                return entry, _in_package(entry, name)
            namespace = namespace or entry
    if namespace is not None:
        _in_package(namespace, name)  # always raises an error, which names the missing part of `name`
    if top in sys.stdlib_module_names:
        raise ModuleError(f"the module '{name}' is Python's own and has no flow", "name the module of your flow")
    raise ModuleError(f"there is no file and no module '{name}'", _hint_above(name))


def _entries(top: str) -> Iterator[str]:
    """Yield the directories to search: the working directory, sys.path, and the directory in which import hooks find
    `top`."""
    yield from dict.fromkeys([os.getcwd(), *(os.path.abspath(entry) for entry in sys.path)])
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is not None and spec.origin is not None and os.path.isfile(spec.origin):
        place = os.path.dirname(spec.origin)
        yield os.path.dirname(place) if spec.submodule_search_locations else place


def _hint_above(name: str) -> str:
    """Return the hint for a missing module: the name of a directory above the working directory in which the module
    exists."""
    here, inner = os.getcwd(), name.replace(".", "/")
    while (above := os.path.dirname(here)) != here:
        here = above
        if _exists(f"{here}/{inner}"):
            return f"it is in {here}: call flowc in that directory"
    return "modules are looked up in the working directory, then on sys.path, as `python -m` does"


def _exists(path: str) -> bool:
    return os.path.isfile(f"{path}.py") or os.path.isfile(f"{path}/__init__.py")


def _in_package(entry: str, name: str) -> str:
    """Return the file, relative to the directory `entry`, of a module whose outermost package is in `entry`. Raises
    ModuleError."""
    parts, path = name.split("."), ""
    for number, part in enumerate(parts):
        above, path = path, f"{path}/{part}" if path else part
        last = number == len(parts) - 1
        if os.path.isfile(f"{entry}/{path}/__init__.py"):
            if last:
                return f"{path}/__init__.py"
        elif os.path.isfile(f"{entry}/{path}.py"):
            if last:
                return f"{path}.py"
            raise _not_a_package(".".join(parts[: number + 1]), ".".join(parts[number + 1 :]), f"{entry}/{path}.py")
        elif not os.path.isdir(f"{entry}/{path}"):
            raise _missing(f"{entry}/{above}", ".".join(parts[:number]), part)
    inside = _modules_in(f"{entry}/{path}")
    raise ModuleError(
        f"'{name}' is a directory without __init__.py, {entry}/{path}: it holds modules, but no flow",
        f"name a module in it: {', '.join(f'{name}.{module}' for module in inside[:5])}"
        if inside
        else "name the module of your flow",
    )


def _missing(directory: str, package: str, module: str) -> ModuleError:
    known = _modules_in(directory)
    if any(os.path.isfile(f"{directory}/{module}{end}") for end in _compiled()):
        message = f"the module '{package}.{module}' is compiled: it has no Python source"
        return ModuleError(message, "name a module with a .py file")
    close = closest(module, known)
    hint = did_you_mean(f"{package}.{close}") if close else f"it has {', '.join(known[:8]) or 'no module'}"
    return ModuleError(f"the package '{package}' in {directory} has no module '{module}'", hint)


def _not_a_package(name: str, below: str, file: str) -> ModuleError:
    hint = f"a class follows a colon: {name}:{below}" if "." not in below else f"{name} holds no further modules"
    return ModuleError(f"'{name}' is a module, {file}, not a package: there is no '{name}.{below}'", hint)


def _modules_in(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            names = {entry.name.removesuffix(".py") for entry in entries
                     if entry.name.endswith(".py") or os.path.isfile(f"{entry.path}/__init__.py")}  # fmt: skip
    except OSError:
        return []
    return sorted(name for name in names if name.isidentifier() and not name.startswith("__"))


def _compiled() -> list[str]:
    return [*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES]


def _check_own(top: str, entry: str, *, package: bool) -> None:
    """Raise ModuleError for a module of the standard library, and for a package with the same name as a package that
    flowc or Python imports."""
    if os.path.realpath(entry) in {os.path.realpath(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")}:
        raise ModuleError(f"the module '{top}' is Python's own and has no flow", "name the module of your flow")
    if package and is_taken(top):
        raise ModuleError(
            f"the package '{top}' in {entry} has the name of a package that Python or flowc imports",
            "rename it: its modules could not be imported by their names",
        )
