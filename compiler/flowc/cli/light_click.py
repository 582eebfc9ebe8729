"""Import click without `inspect`, `uuid`, `datetime`, `gettext`, `threading` and `platform`: importing these six would
take most of the time.

Click's modules get stand-ins for the first five modules. A stand-in imports the real module when click needs it. Every
other module, including modules of users, imports the real modules. If one of the five modules is already imported,
click gets the real module; if click is already imported, nothing changes.

Click's messages are translated if another module has imported `gettext`, or if a catalog of the user's language is in
the directory in which `gettext` searches.
"""

from __future__ import annotations

import gc
import os
import sys
from _thread import _local as local  # `threading.local` is this class
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import gettext
    import inspect
else:
    gettext, inspect = LateModule("gettext"), LateModule("inspect")

# The type of the values is `object`, because some are stand-ins for modules.
_modules: dict[str, object] = sys.modules  # type: ignore[assignment]


class _LateKind(type):
    """The metaclass of stand-ins for classes: calls, `isinstance` and attributes work as with the real class."""

    real: str  # MODULE:CLASS

    def __call__(cls, *args: object, **values: object) -> object:
        return cls.loaded()(*args, **values)

    def __instancecheck__(cls, instance: object) -> bool:
        # If the real module is not imported yet, the class has no instances: do not import it for this.
        if not isinstance(_modules.get(cls.real.partition(":")[0]), ModuleType):
            return False
        return isinstance(instance, cls.loaded())

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):  # `typing` reads such attributes, and must not cause the import
            raise AttributeError(name)
        return getattr(cls.loaded(), name)

    def loaded(cls) -> type:
        """Import the class."""
        module, _, name = cls.real.partition(":")
        found: type = getattr(LateModule(module), name)
        return found


class _UUID(metaclass=_LateKind):
    """Replaces `uuid.UUID` in the expression `ParamType[uuid.UUID]`, which click evaluates while it is imported."""

    real = "uuid:UUID"


class _Datetime(metaclass=_LateKind):
    """Replaces `datetime.datetime` in `ParamType[datetime]`, which click evaluates while it is imported."""

    real = "datetime:datetime"


class StandIn:
    """Replaces a module, such as `inspect`, in the modules of click."""

    def __init__(self, module: object, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):  # the import system reads `__spec__`, and must not cause the import
            raise AttributeError(attribute)
        # True only while click is being imported: click already uses the module during its import, so the real module
        # must replace this object.
        if _modules.get(self._name) is self:
            del _modules[self._name]
        return getattr(self._module, attribute)


class _LateUuid(StandIn):
    UUID: Final = _UUID


class _LateDatetime(StandIn):
    datetime: Final = _Datetime


class _LateGettext(StandIn):
    """Translates click's texts. If the user's language has no catalog, the real `gettext` would search for a catalog at
    each text, and import `locale`."""

    @staticmethod
    def gettext(message: str) -> str:
        """Return the translation of a message."""
        return gettext.gettext(message) if _may_translate() else message

    @staticmethod
    def ngettext(one: str, many: str, number: int) -> str:
        """Return the translation of a message with a number."""
        return gettext.ngettext(one, many, number) if _may_translate() else (one if number == 1 else many)


def _may_translate() -> bool:
    """Return whether there may be a catalog of the user's language, in the directory where `gettext` looks for it."""
    if isinstance(_modules.get("gettext"), ModuleType):
        return True
    # like in `gettext`, the first of these variables that is set determines the languages
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


class _LateThreading(StandIn):
    """Once `threading` is imported, each fork of the process is slower, by a third of a millisecond."""

    local = local


class _LateInspect(StandIn):
    @staticmethod
    def cleandoc(doc: str) -> str:
        """Return `inspect.cleandoc(doc)`. Click cleans the help of each option; most help texts have one line, for
        which `inspect` is not needed."""
        return inspect.cleandoc(doc) if "\n" in doc else doc.expandtabs().lstrip()


def _load_click() -> None:
    """Import click, if it is not imported yet."""
    if "click" in sys.modules:
        return
    given: dict[str, object] = {
        name: kind(LateModule(name), name)
        for name, kind in (
            ("inspect", _LateInspect), ("uuid", _LateUuid), ("datetime", _LateDatetime), ("gettext", _LateGettext),
            ("threading", _LateThreading),
        )
    }  # fmt: skip
    placed = {name: each for name, each in given.items() if name not in _modules}
    _modules.update(placed)
    collects = gc.isenabled()
    gc.disable()  # garbage collections would only cost time: the import creates no garbage
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
