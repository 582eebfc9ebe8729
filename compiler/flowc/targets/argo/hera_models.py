"""The models of the installed Hera: `m.Template` is the class `hera.workflows.models.Template`.

The classes are read without pydantic (`hera/model_source.py`). If Hera's source contains a construct that flowc does
not support, the models are imported with pydantic instead: this gives the same manifests but takes ten times as long
(docs/adr/0034-hera.md).
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from flowc.targets.argo.hera.model_source import INDEX, ModelSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from hera.workflows import models as m

__all__ = ["imported", "m"]

_PARENT = "hera.workflows"


@final
class _Models:
    """Replaces the module `hera.workflows.models`. A model is read when it is first used."""

    def __init__(self) -> None:
        self._source: ModelSource | ModuleType = ModelSource()

    def __getattr__(self, name: str) -> object:
        source = self._source
        model = source.model(name) if isinstance(source, ModelSource) else getattr(source, name)
        setattr(self, name, model)
        return model

    def read_from(self, source: ModelSource | ModuleType) -> None:
        """Forget the models that were read, and read all models from this source."""
        vars(self).clear()
        self._source = source


_models = _Models()
if not TYPE_CHECKING:
    m = _models


@contextmanager
def imported() -> Iterator[None]:
    """A context manager: in the `with` block, `m` has Hera's own models, whose values pydantic checks."""
    before = _models._source
    _models.read_from(_import())
    try:
        yield
    finally:
        _models.read_from(before)


def _import() -> ModuleType:
    """Import only Hera's models. The rest of Hera, such as an HTTP client, is imported when it is accessed."""
    if _PARENT not in sys.modules:
        _postpone()
    collects = gc.isenabled()
    gc.disable()  # the import creates 100,000 objects; Python's garbage collector would traverse them repeatedly
    try:
        return importlib.import_module(INDEX)
    finally:
        if collects:
            gc.enable()


def _postpone() -> None:
    """Put Hera's package into `sys.modules` without running its `__init__`, which imports much more than the models. It
    runs at the first access to an attribute of the package."""
    spec = importlib.util.find_spec(_PARENT)
    if spec is None or (loader := spec.loader) is None:
        return  # the import that follows reports the missing module
    package = importlib.util.module_from_spec(spec)

    def execute(name: str) -> object:
        del vars(package)["__getattr__"]
        loader.exec_module(package)
        found: object = getattr(package, name)
        return found

    vars(package)["__getattr__"] = execute
    sys.modules[_PARENT] = package
