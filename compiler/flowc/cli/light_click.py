"""Import click without modules that are most of the time of its import and that few commands need.

Click's modules get objects in place of `inspect`, `uuid`, `datetime` and `gettext`. These objects import the real
modules when click needs them. Every other module, also of users, imports the real modules. If another module has
already imported one of them or click, it is not replaced.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import datetime
    import gettext
    import inspect
    import uuid
    from collections.abc import Callable, Mapping
else:
    datetime, gettext, inspect, uuid = map(LateModule, ("datetime", "gettext", "inspect", "uuid"))

# The type of the values is `object`, because some are stand-ins for modules.
_modules: dict[str, object] = sys.modules  # type: ignore[assignment]


class _LateKind(type):
    """The class of `_UUID` and `_Datetime`: makes and recognizes instances of the class for which they stand."""

    real: Callable[[], type]
    module: str

    def __call__(cls, *args: object, **values: object) -> object:
        return cls.real()(*args, **values)

    def __instancecheck__(cls, instance: object) -> bool:
        return not isinstance(_modules.get(cls.module), (type(None), _StandIn)) and isinstance(instance, cls.real())

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls.real(), name)


class _UUID(metaclass=_LateKind):
    """Replaces `uuid.UUID` in the expression `ParamType[uuid.UUID]`, which click evaluates while it is imported."""

    module = "uuid"
    real = staticmethod(lambda: uuid.UUID)


class _Datetime(metaclass=_LateKind):
    """Stands for `datetime.datetime` in `ParamType[datetime]`."""

    module = "datetime"
    real = staticmethod(lambda: datetime.datetime)


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


class _LateDatetime(_StandIn):
    datetime: Final = _Datetime


class _LateGettext(_StandIn):
    """Translates click's texts. Without a catalog, `gettext` looks for one at each text, and imports `locale`."""

    @staticmethod
    def gettext(message: str) -> str:
        return gettext.gettext(message) if _may_translate() else message

    @staticmethod
    def ngettext(one: str, many: str, count: int) -> str:
        return gettext.ngettext(one, many, count) if _may_translate() else (one if count == 1 else many)


def _may_translate() -> bool:
    """Return whether there may be a catalog of the user's language, in the directory where `gettext` looks for it."""
    if not isinstance(_modules.get("gettext"), (type(None), _StandIn)):
        return True
    # the first variable that is set counts
    names = next(filter(None, map(os.environ.get, ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    if names in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        return False
    languages = {name[:2].lower() for name in names.split(":")}
    place = os.path.join(sys.base_prefix, "share", "locale")
    try:
        found = [name for name in os.listdir(place) if name[:2].lower() in languages]
    except OSError:
        return False
    return any(os.path.exists(os.path.join(place, name, "LC_MESSAGES", "messages.mo")) for name in found)


class _LateInspect(_StandIn):
    @staticmethod
    def cleandoc(doc: str) -> str:
        """Return `inspect.cleandoc(doc)`. Click cleans the help of each option; most help texts have one line, for
        which `inspect` is not needed."""
        return inspect.cleandoc(doc) if "\n" in doc else doc.expandtabs().lstrip()


def _load_click() -> None:
    """Import click, if it is not imported yet."""
    _load("click", {
        "inspect": _LateInspect(inspect, "inspect"),
        "uuid": _LateUuid(uuid, "uuid"),
        "datetime": _LateDatetime(datetime, "datetime"),
        "gettext": _LateGettext(gettext, "gettext"),
    })  # fmt: skip


def load_urllib() -> None:
    """Import `urllib.parse`, if it is not imported yet. It needs `ipaddress` only for addresses in brackets."""
    _load("urllib.parse", {"ipaddress": _StandIn(LateModule("ipaddress"), "ipaddress")})


def _load(module: str, given: Mapping[str, object]) -> None:
    """Import a module, if it is not imported yet, with stand-ins for modules that are not imported yet."""
    if module in sys.modules:
        return
    placed = {name: each for name, each in given.items() if name not in _modules}
    _modules.update(placed)
    collects = gc.isenabled()
    gc.disable()  # the import makes no garbage, so garbage collections would only cost time
    try:
        import_module(module)
    finally:
        if collects:
            gc.enable()
        for name, each in placed.items():
            if _modules.get(name) is each:
                del _modules[name]


_load_click()

import click  # noqa: E402 - loaded by the line above

__all__ = ["click"]
