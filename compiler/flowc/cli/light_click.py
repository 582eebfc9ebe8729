"""Import click without `inspect`, `uuid` and `platform`, which are half of the time of its import.

Click's modules get objects in place of `inspect` and `uuid`. These objects import the real modules when click needs
them. Every other module, including modules of users, imports the real modules. If another module has already imported
`inspect`, `uuid` or click, click's import is not changed.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import inspect
    import uuid
else:
    inspect, uuid = LateModule("inspect"), LateModule("uuid")

# The type of the values is `object`, because some are stand-ins for modules.
_modules: dict[str, object] = sys.modules  # type: ignore[assignment]


class _LateKind(type):
    """The class of `_UUID`, which makes and recognizes instances of `uuid.UUID`."""

    def __call__(cls, *args: object, **values: object) -> object:
        return uuid.UUID(*args, **values)  # type: ignore[arg-type]

    def __instancecheck__(cls, instance: object) -> bool:
        return not isinstance(_modules.get("uuid"), (type(None), _StandIn)) and isinstance(instance, uuid.UUID)


class _UUID(metaclass=_LateKind):
    """Replaces `uuid.UUID` in the expression `ParamType[uuid.UUID]`, which click evaluates while it is imported."""


class _StandIn:
    """Replaces a module, such as `inspect`, in the modules of click."""

    def __init__(self, module: object, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):  # the import system asks for `__spec__`
            raise AttributeError(attribute)
        if _modules.get(self._name) is self:  # the import of click already needs the real module
            del _modules[self._name]
        return getattr(self._module, attribute)


class _LateUuid(_StandIn):
    UUID: Final = _UUID


class _LateInspect(_StandIn):
    @staticmethod
    def cleandoc(doc: str) -> str:
        """Return `inspect.cleandoc(doc)`. Click cleans the help of each option; most help texts have one line, for
        which `inspect` is not needed."""
        return inspect.cleandoc(doc) if "\n" in doc else doc.expandtabs().lstrip()


def _load_click() -> None:
    """Import click, if it is not imported yet."""
    if "click" in sys.modules:
        return
    given: dict[str, object] = {"inspect": _LateInspect(inspect, "inspect"), "uuid": _LateUuid(uuid, "uuid")}
    placed = {name: each for name, each in given.items() if name not in _modules}
    _modules.update(placed)
    collects = gc.isenabled()
    gc.disable()  # the import makes no garbage, so garbage collections would only cost time
    try:
        import_module("click")
    finally:
        if collects:
            gc.enable()
        for name, each in placed.items():
            if _modules.get(name) is each:
                del _modules[name]


_load_click()

import click  # noqa: E402 - loaded by the line above

__all__ = ["click"]
