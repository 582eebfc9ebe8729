"""Hera's generated models, the one part of Hera that is used; the rest of it stays out until somebody asks for it.

`import hera.workflows` also imports an HTTP client and Hera's own way of writing workflows: a third of a compilation.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hera.workflows import models as m

__all__ = ["m"]

_PARENT = "hera.workflows"


def _load() -> Any:
    if _PARENT not in sys.modules:
        _postpone()
    collects = gc.isenabled()
    gc.disable()  # a hundred thousand objects come to stay: the collector would look through them again and again
    try:
        return importlib.import_module(f"{_PARENT}.models")
    finally:
        if collects:
            gc.enable()


def _postpone() -> None:
    """Put a package in place that executes its `__init__` when it is asked for one of the names that this defines."""
    spec = importlib.util.find_spec(_PARENT)
    if spec is None or (loader := spec.loader) is None:
        return  # the import says what is missing
    package: Any = importlib.util.module_from_spec(spec)

    def execute(name: str) -> Any:
        del package.__getattr__
        loader.exec_module(package)
        return getattr(package, name)

    package.__getattr__ = execute
    sys.modules[_PARENT] = package


if not TYPE_CHECKING:
    m = _load()
