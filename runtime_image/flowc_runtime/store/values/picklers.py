"""Picklers other than pickle: cloudpickle, and plugins of installed packages.

cloudpickle writes the format of pickle, which `codecs` stores and reads. A plugin writes bytes in its own format; the
reference to an artifact names the plugin and the distribution that contains it.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, runtime_checkable

from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest
from flowc_runtime.base.errors import ArtifactError, HintedError
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
    plugins = LateModule(
        "flowc_runtime.base.config.plugins"
    )  # imported at first use: the import costs start-up time, and only plugins need it

BUILT_IN: Final = (PICKLE, CLOUDPICKLE)


@runtime_checkable
class ValuePickler(Protocol):
    """A pickler of an installed package: an entry point of the group `flowc.picklers` names an instance, or a module.

    The setting `pickler = "NAME"` selects the pickler; NAME is the name of the entry point. `dumps` must return equal
    bytes for equal values: the store keeps equal bytes once, and recognizes an unchanged value by its bytes.
    """

    def dumps(self, value: object, /) -> bytes:
        """Encode a value as bytes.

        Raises:
            Exception: the value cannot be encoded; the step fails with this error.
        """
        ...

    def loads(self, data: bytes, /) -> object:
        """Decode bytes that `dumps` returned, perhaps in another process and years before.

        Raises:
            Exception: the bytes cannot be decoded.
        """
        ...


class Dumper(Protocol):
    """An object like `pickle.Pickler`: writes a value to the file for which it was created."""

    def dump(self, value: object, /) -> None:
        """Write the value."""
        ...


class PicklerError(HintedError, ArtifactError):
    """A pickler is not installed, or its package is faulty. `hint` is the remedy."""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}"


def check(name: str) -> None:
    """Check that a pickler is installed, without importing it.

    Raises:
        PicklerError: the pickler is not installed.
    """
    if name == CLOUDPICKLE:
        if find_spec(CLOUDPICKLE) is None:
            raise lacks_cloudpickle()
    elif name != PICKLE and name not in (names := kinds.PICKLERS.names()):
        raise _unknown(name, names)


def of_name(name: str) -> Sequence[tuple[Picklers, PicklerRecord]]:
    """Return the pickler with this name (any pickler except pickle), and the pickler's record for references to
    artifacts.

    Raises:
        PicklerError: the pickler is not installed, two packages register it, or its package is faulty.
    """
    if name == CLOUDPICKLE:
        if not has_cloudpickle():
            raise lacks_cloudpickle()
        return [(cloud_pickler, CLOUD)]
    found, record = plugin(name)
    return [(lambda file, _: _PluginDumper(file, found), record)]


@cache
def plugin(name: str) -> tuple[ValuePickler, PicklerRecord]:
    """Return the pickler of an installed package, and its record for references to artifacts.

    Raises:
        PicklerError: no package or more than one registers the pickler, or the package is faulty.
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
        PicklerError: the plugin is not installed; the message contains the command that installs it.
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
        suggest(name, known, f"install the package that provides it; the picklers are {', '.join(known)}"),
    )


class _PluginDumper:
    """Writes the bytes that a plugin's pickler returns for a value."""

    def __init__(self, file: File, pickler: ValuePickler) -> None:
        self._file, self._pickler = file, pickler

    def dump(self, value: object, /) -> None:
        data: object = self._pickler.dumps(value)
        if not isinstance(data, bytes):
            raise TypeError(f"it returned a {type(data).__name__}, not bytes")
        self._file.write(data)


# -- cloudpickle -------------------------------------------------------------------------------------------------------


def has_cloudpickle() -> bool:
    """Return whether cloudpickle is installed; it is imported if it is."""
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
            # set before the initializer of the base class is called, which reads this attribute only once
            self.dispatch_table = with_reducers(table) or table
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
