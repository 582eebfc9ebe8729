"""The modules that the files of a run are, for classes that cannot be imported.

A module that is imported from here is in no `sys.modules` afterwards: two runs may have two versions of it.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from typing import TYPE_CHECKING, Any, final

from flowc_runtime import loader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

_lock = threading.RLock()  # while `sys.modules` has other modules than it should


def names_of(file: str) -> tuple[str, str]:
    """The names that the module of a flow's file may have: `loader.module_name`, and the one where that is taken."""
    name = loader.module_name(file)
    return name, f"flow_{name}"


@final
class Modules:
    """The modules of the files of a run, each imported when it is asked for."""

    def __init__(self, files: Mapping[str, str], label: str) -> None:
        """`label` names the run in tracebacks."""
        self._label = label
        self._files: dict[str, tuple[str, str]] = {}  # by the module's name: path and text
        for path, text in files.items():
            for name in names_of(path)[:: 1 if "/" not in path else 2]:
                self._files.setdefault(name, (path, text))
        self._loaded: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType | None:
        """The module; None if the run has no file for it. Raises whatever the import raises."""
        if name not in self._files:
            return None
        with _lock:
            if name not in self._loaded:
                self._import(name)
            return self._loaded[name]

    def _import(self, name: str) -> None:
        finder = _Finder(self._files, self._label)
        ours = {one for one in sys.modules if finder.has(one)}
        others = {one: sys.modules.pop(one) for one in ours if not self._is_same(sys.modules[one])}
        sys.modules.update(self._loaded)
        sys.meta_path.insert(0, finder)
        outer, loader.executing = loader.executing, f"{self._label}/{self._files[name][0]}"
        try:
            import_module(name)
        finally:
            loader.executing = outer
            sys.meta_path.remove(finder)
            for one in [one for one in sys.modules if finder.has(one)]:
                if one in others or one not in ours:
                    self._loaded[one] = sys.modules.pop(one)
            sys.modules.update(others)

    def _is_same(self, module: ModuleType) -> bool:
        """Whether a module that is loaded already was made from the same text."""
        file = getattr(module, "__file__", None)
        known = self._files.get(module.__name__)
        try:
            with open(file or "", encoding="utf-8") as opened:
                return known is not None and opened.read() == known[1]
        except (OSError, UnicodeDecodeError):
            return False


@final
class _Finder(MetaPathFinder):
    def __init__(self, files: Mapping[str, tuple[str, str]], label: str) -> None:
        self._files = files
        self._label = label
        self._packages = {name.rpartition(".")[0] for name in files if "." in name}

    def has(self, name: str) -> bool:
        return name in self._files or name in self._packages

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname in self._files:
            file, text = self._files[fullname]
            return spec_from_loader(
                fullname, _Loader(f"{self._label}/{file}", text), is_package=file.endswith("__init__.py")
            )
        return ModuleSpec(fullname, None, is_package=True) if fullname in self._packages else None


@final
class _Loader(InspectLoader):
    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def get_source(self, fullname: str) -> str:
        return self._text

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self._text, self._path)
