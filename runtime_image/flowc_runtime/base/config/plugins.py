"""Load plugins: objects that installed packages register as entry points. Each group of entry points is one kind of
plugin."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Final, TypeVar

from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError, HintedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint, entry_points
else:  # imported at first use, because it imports 40 modules
    entry_points = LateFunction("importlib.metadata:entry_points")

T = TypeVar("T")
_ONE: Final = "uninstall one of the distributions"
_FIX: Final = "fix the plugin's package, or uninstall it"


class PluginError(HintedError, FlowcError):
    """A plugin cannot be used: two packages register a plugin of this name, or its package is faulty. `hint` is the
    remedy."""


class PluginKind(NamedTuple):
    """A kind of plugin, such as targets or stores.

    Attributes:
        group: the group of entry points in which packages register plugins of this kind.
        word: the noun that errors use for a plugin of this kind, such as `target`.
        public: the public name of the class of these plugins, for errors.
    """

    group: str
    word: str
    public: str

    def names(self) -> list[str]:
        """Return the names of the installed plugins, sorted, without importing them. The call takes about 50 ms."""
        if not _is_used(self.group):
            return []
        return sorted({entry.name for entry in entry_points(group=self.group)})

    def find(self, name: str, type_: type[T]) -> T | None:
        """Import and return the plugin of this name; None if no package registers a plugin of this kind and name.

        Args:
            name: the name of the entry point.
            type_: the class of the plugin, or a protocol that can be checked at run time.

        Raises:
            PluginError: two packages register a plugin of this name, or the plugin cannot be imported or is not an
                instance of the class.
        """
        entries = self._entries(name)
        if not entries:
            return None
        if len(entries) > 1:
            first, second = map(_whose, entries[:2])
            raise PluginError(f"two {self.word}s are called '{name}': one of {first}, one of {second}", _ONE)
        return self._load(entries[0], type_)

    def check_alone(self, own: Sequence[str]) -> None:
        """Check that no package registers a plugin under the name of one of flowc's own plugins.

        Raises:
            PluginError: a package registers a plugin under the name of one of flowc's own plugins.
        """
        for name in own:
            if entries := self._entries(name):
                other = _whose(entries[0])
                raise PluginError(f"two {self.word}s are called '{name}': flowc's own, and one of {other}", _ONE)

    def described(self, name: str) -> str:
        """Return a plugin's description for errors: its kind, its name and its distribution."""
        return next((self._what(entry) for entry in self._entries(name)), f"the {self.word} '{name}'")

    def distribution(self, name: str) -> str | None:
        """Return the name of the distribution that registers the plugin; None if no distribution registers the
        plugin."""
        return next((entry.dist.name for entry in self._entries(name) if entry.dist is not None), None)

    def _entries(self, name: str) -> list[EntryPoint]:
        """Return the entry points of this name; an entry point that is found twice on `sys.path` is returned
        once."""
        if not _is_used(self.group):
            return []
        found: dict[tuple[str, str], EntryPoint] = {}
        for entry in entry_points(group=self.group, name=name):
            found.setdefault((entry.value, _whose(entry)), entry)
        return list(found.values())

    def _what(self, entry: EntryPoint) -> str:
        return f"the {self.word} '{entry.name}' of {_whose(entry)}"

    def _load(self, entry: EntryPoint, type_: type[T]) -> T:
        what = self._what(entry)
        try:
            found: object = entry.load()
        except Exception as error:  # the import runs the package's code, which may raise any exception
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise PluginError(f"{what} cannot be loaded from {entry.value}: {why}", _FIX) from error
        # The plugin must be an instance. For a protocol, `isinstance` is also true for a class that has the protocol's
        # methods, so classes are refused unless `type_` is `type`.
        if isinstance(found, type_) and (type_ is type or not isinstance(found, type)):
            return found
        raise PluginError(f"{what}: {entry.value} is a {type(found).__name__}, not a {self.public}", _FIX)


def _is_used(group: str) -> bool:
    """Return whether an installed distribution may have entry points of a group.

    The function itself reads the files `entry_points.txt`, which is faster than `importlib.metadata`. The function
    reads only the entry points of distributions in directories of `sys.path`. If `sys.path` has other entries, such as
    an archive, the result is always true.
    """
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    header = f"[{group}]".encode()
    for place in dict.fromkeys(sys.path):
        try:
            names = os.listdir(place or os.curdir)
        except (FileNotFoundError, PermissionError):
            continue
        except OSError:  # the entry of `sys.path` is no directory; it may be an archive
            return True
        for name in names:
            kind = os.path.splitext(name.lower())[1]
            if kind == ".egg" or name.lower() == "egg-info":
                return True
            if kind in (".dist-info", ".egg-info") and header in _content(
                os.path.join(place, name, "entry_points.txt")
            ):
                return True
    return False


def _content(path: str) -> bytes:
    """Return the content of a file; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _whose(entry: EntryPoint) -> str:
    return f"the distribution '{entry.dist.name}'" if entry.dist is not None else f"the entry point {entry.value}"
