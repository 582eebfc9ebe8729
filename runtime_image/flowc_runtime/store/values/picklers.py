"""Picklers other than pickle: cloudpickle, and plugins of installed packages.

cloudpickle writes the format of pickle, which `codecs` lays out and reads. A plugin writes bytes of its own; the
reference to an artifact names the plugin and the distribution that has it.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, runtime_checkable

from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.values.codecs import CLOUD, CLOUDPICKLE, PICKLE
from flowc_runtime.store.values.reducers import with_reducers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc_runtime.base.config import plugin_kinds as kinds
    from flowc_runtime.base.config import plugins
    from flowc_runtime.store.records.record_types import PicklerRecord
    from flowc_runtime.store.values.codecs import Callback, File, Picklers
else:
    kinds = LateModule("flowc_runtime.base.config.plugin_kinds")
    plugins = LateModule("flowc_runtime.base.config.plugins")  # costs start-up time, and only plugins need it

BUILT_IN: Final = (PICKLE, CLOUDPICKLE)


@runtime_checkable
class ValuePickler(Protocol):
    """A pickler of an installed package: an entry point of the group `flowc.picklers` names an instance, or a module.

    The setting `pickler = "NAME"` chooses it, where NAME is the name of the entry point. Equal values must give equal
    bytes: the store keeps equal bytes once, and an unchanged value is recognized by its bytes.
    """

    def dumps(self, value: object, /) -> bytes:
        """Return a value as bytes.

        Raises:
            Exception: the value cannot be written; the step fails with this error.
        """
        ...

    def loads(self, data: bytes, /) -> object:
        """Return the value of bytes that `dumps` wrote, perhaps in another process and years before.

        Raises:
            Exception: the value cannot be read.
        """
        ...


class Dumper(Protocol):
    """What writes a value to the file that it was made for, as a `pickle.Pickler` does."""

    def dump(self, value: object, /) -> None:
        """Write the value."""
        ...


class PicklerError(ArtifactError):
    """A pickler is not installed, or its package is faulty. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}: {hint}")
        self.message, self.hint = message, hint


def check(name: str) -> None:
    """Check that a pickler is installed, without importing it.

    Raises:
        PicklerError: it is not.
    """
    if name == CLOUDPICKLE:
        if find_spec(CLOUDPICKLE) is None:
            raise lacks_cloudpickle()
    elif name != PICKLE and name not in (names := kinds.PICKLERS.names()):
        raise _unknown(name, names)


def of_name(name: str) -> Sequence[tuple[Picklers, PicklerRecord]]:
    """Return the pickler of this name that is not pickle, and how references name it.

    Raises:
        PicklerError: it is not installed, two packages have it, or its package is faulty.
    """
    if name == CLOUDPICKLE:
        if not has_cloudpickle():
            raise lacks_cloudpickle()
        return [(cloud_pickler, CLOUD)]
    found, record = plugin(name)
    return [(lambda file, _: _PluginDumper(file, found), record)]


@cache
def plugin(name: str) -> tuple[ValuePickler, PicklerRecord]:
    """Return the pickler of an installed package, and how references to artifacts name it.

    Raises:
        PicklerError: no package has it, two have it, or its package is faulty.
    """
    found = _find(name)
    if found is None:
        raise _unknown(name, kinds.PICKLERS.names())
    record: PicklerRecord = {"name": name}
    if distribution := kinds.PICKLERS.distribution(name):
        record["distribution"] = distribution
    return found, record


def reader(record: PicklerRecord) -> ValuePickler:
    """Return the plugin that wrote an artifact.

    Raises:
        PicklerError: it is not installed; the message has the command that installs it.
    """
    found = _find(record["name"])
    if found is None:
        raise PicklerError(
            f"it was written by the pickler '{record['name']}', which is not installed",
            f"pip install {record.get('distribution', record['name'])}",
        )
    return found


@cache
def _find(name: str) -> ValuePickler | None:
    try:
        return kinds.PICKLERS.find(name, ValuePickler)  # type: ignore[type-abstract]  # `find` accepts protocols
    except plugins.PluginError as error:
        raise PicklerError(error.message, error.hint) from error


def _unknown(name: str, installed: list[str]) -> PicklerError:
    known = [*BUILT_IN, *installed]
    return PicklerError(
        f"there is no pickler '{name}'",
        suggest(name, known, f"install the package with it; the picklers are {', '.join(known)}"),
    )


class _PluginDumper:
    """The pickler of a plugin, which writes all bytes at once."""

    def __init__(self, file: File, pickler: ValuePickler) -> None:
        self._file, self._pickler = file, pickler

    def dump(self, value: object, /) -> None:
        data: object = self._pickler.dumps(value)
        if not isinstance(data, bytes):
            raise TypeError(f"it returned a {type(data).__name__}, not bytes")
        self._file.write(data)


# -- cloudpickle -------------------------------------------------------------------------------------------------------


def has_cloudpickle() -> bool:
    """Return whether cloudpickle can be imported; it is imported then."""
    try:
        _cloud_class()
    except ImportError:
        return False
    return True


def lacks_cloudpickle() -> PicklerError:
    """Return the error for an installation without cloudpickle."""
    return PicklerError("the pickler 'cloudpickle' is not installed", "pip install cloudpickle")


def cloud_pickler(file: File, buffer_callback: Callback) -> Dumper:
    """Return the pickler of cloudpickle. Raises ImportError without cloudpickle."""
    return _cloud_class()(file, buffer_callback)


@cache
def _cloud_class() -> Picklers:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle is untyped
        def __init__(self, file: File, buffer_callback: Callback) -> None:
            table = {**cloudpickle.Pickler.dispatch_table, **_REFUSED}
            self.dispatch_table = with_reducers(table) or table  # read once, by the base's initializer
            super().__init__(file, protocol=5, buffer_callback=buffer_callback)

    return Pickler


def _refuse(what: str) -> Callable[[object], NoReturn]:
    def reduce(_: object) -> NoReturn:
        raise TypeError(what)

    return reduce


# Types that cloudpickle restores as other types: an open file as a StringIO with its content, a memoryview as bytes.
_REFUSED: Mapping[type, Callable[[object], NoReturn]] = {
    io.TextIOWrapper: _refuse("an open file cannot be stored: store its path or its content"),
    memoryview: _refuse("a memoryview cannot be stored: store bytes(…) of it instead"),
}
