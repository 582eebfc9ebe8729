"""Imports only Hera's generated models, the only part of Hera that is used.

`import hera.workflows` also imports an HTTP client and Hera's API for writing workflows, which takes a third of the
time of a compilation. The rest of Hera is imported when it is accessed.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from hera.workflows import models as m

__all__ = ["m"]

_PARENT = "hera.workflows"


def _load() -> ModuleType:
    if _PARENT not in sys.modules:
        _postpone()
    collects = gc.isenabled()
    gc.disable()  # the import creates 100,000 objects; the collector would traverse them repeatedly
    try:
        return importlib.import_module(f"{_PARENT}.models")
    finally:
        if collects:
            gc.enable()


def _postpone() -> None:
    """Put the package into `sys.modules` as a module that runs its `__init__` at the first access to an attribute."""
    spec = importlib.util.find_spec(_PARENT)
    if spec is None or (loader := spec.loader) is None:
        return  # the following import reports the missing module
    package = importlib.util.module_from_spec(spec)

    def execute(name: str) -> object:
        del vars(package)["__getattr__"]
        loader.exec_module(package)
        found: object = getattr(package, name)
        return found

    vars(package)["__getattr__"] = execute
    sys.modules[_PARENT] = package


if not TYPE_CHECKING:
    m = _load()
