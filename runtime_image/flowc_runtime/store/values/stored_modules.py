"""Import modules from the stored files of a run, for classes that cannot be imported otherwise.

These modules do not remain in `sys.modules`, since two runs may have different versions of a module.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock  # importing `threading` would make each fork slower
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, final

from flowc_runtime.process import loader
from flowc_runtime.store.values.sources import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_lock = RLock()  # held while `sys.modules` contains the modules of one run


def names_of(file: str) -> tuple[str, str]:
    """Return the two possible module names of a flow's file: `loader.module_name`, and `flow_` with this name."""
    name = loader.module_name(file)
    return name, f"flow_{name}"


@final
class StoredModules:
    """The modules of the files of a run, each imported on first use."""

    def __init__(self, files: Mapping[str, str], label: str) -> None:
        """Prepare the modules of `files` (path -> text); `label` names the run in tracebacks."""
        self._label = label
        self._files: dict[str, tuple[str, str]] = {}  # module name -> (path, text)
        for path, text in files.items():
            for name in names_of(path)[:: 1 if "/" not in path else 2]:
                self._files.setdefault(name, (path, text))
        self._loaded: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType | None:
        """Return a module, or None if the run stored no file for this module.

        Hazard: `sys.modules` contains the run's modules during the import, under a lock.

        Raises:
            BaseException: any error of the import.
        """
        if name not in self._files:
            return None
        with _lock:
            if name not in self._loaded:
                self._import(name)
            return self._loaded[name]

    def _import(self, name: str) -> None:
        finder = _Finder(self._files, self._label)
        ours = sorted(one for one in sys.modules if finder.has(one))  # packages before their modules
        kept: dict[str, ModuleType] = {}
        for one in ours:
            if self._is_same(one, kept):
                kept[one] = sys.modules[one]
        others = {one: sys.modules.pop(one) for one in ours if one not in kept}
        sys.modules.update(self._loaded)
        bound = self._bind(finder, kept)
        sys.meta_path.insert(0, finder)
        try:
            with loader.loading(f"{self._label}/{self._files[name][0]}"):
                import_module(name)
        except loader.UnguardedFlow as error:
            raise ImportError(str(error), name=name) from None
        finally:
            sys.meta_path.remove(finder)
            for one in [one for one in sys.modules if finder.has(one) and one not in kept]:
                self._loaded[one] = sys.modules.pop(one)
            sys.modules.update(others)
            for package, child, value in bound:
                if value or not self._agrees(package, child):
                    vars(package).pop(child, None)
                    vars(package).update(value)

    def _agrees(self, package: ModuleType, child: str) -> bool:
        """Return whether a package may keep a run's module as an attribute: true unless a file of this module on this
        machine has another text."""
        _, text = self._files.get(f"{package.__name__}.{child}", ("", ""))
        files = [f"{place}/{child}{end}" for place in package.__path__ for end in (".py", "/__init__.py")]
        return all(_has_text(file, text) for file in files if os.path.exists(file))

    def _bind(self, finder: _Finder, kept: Mapping[str, ModuleType]) -> list[tuple[ModuleType, str, dict[str, object]]]:
        """Python's packages have their loaded modules as attributes. In the packages in `kept`, which stay loaded,
        replace these attributes by this run's modules. Return (package, attribute, {attribute: previous value}) for
        each."""
        bound: list[tuple[ModuleType, str, dict[str, object]]] = []
        for name in finder.names:
            parent, _, child = name.rpartition(".")
            if parent in kept and name not in kept:
                here = vars(kept[parent])
                bound.append((kept[parent], child, {child: here[child]} if child in here else {}))
                if isinstance(here.get(child), ModuleType):
                    del here[child]
                if name in self._loaded:
                    here[child] = self._loaded[name]
        return bound

    def _is_same(self, name: str, kept: Mapping[str, ModuleType]) -> bool:
        """Return whether a loaded module and its packages have the same source text as the run's files."""
        parent = name.rpartition(".")[0]
        if parent and parent not in kept:
            return False
        file, known = getattr(sys.modules[name], "__file__", None), self._files.get(name)
        if known is None or file is None:
            return known is None and file is None  # both versions of the package have no file
        return _has_text(file, known[1])


def _has_text(file: str, text: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return text_of(opened.read()) == text
    except OSError:
        return False


@final
class _Finder(MetaPathFinder):
    def __init__(self, files: Mapping[str, tuple[str, str]], label: str) -> None:
        self._files = files
        self._label = label
        self._packages = {name[:at] for name in files for at, char in enumerate(name) if char == "."}
        self.names = files.keys() | self._packages

    def has(self, name: str) -> bool:
        return name in self.names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
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

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._text, self._path)
