"""Loading a flow's file as a module, under the same name wherever it runs.

Pickle names a class by its module. `python flow.py run`, `flowc run flow.py` and a pod must therefore agree on what the
flow's module is called: its stem, or `flow_<stem>` where that name is taken by something else.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

# Names that the packages around a flow may import themselves, today or lazily tomorrow. A fixed list, not a look at
# what happens to be loaded or installed: the laptop and the pod have to come to the same name.
_TAKEN = frozenset({
    "metaflow", "flowc", "flowc_runtime", "flowc_emulator", "click", "cloudpickle", "rich", "hera", "pydantic", "yaml",
    "obstore", "numpy", "pandas", "torch", "sklearn", "scipy", "conftest", "pytest", "test",
})  # fmt: skip

_compiled: dict[str, tuple[bytes, CodeType]] = {}
"""By a file's path: its source and its code, compiled by a process that forks others which run it."""

executing: str | None = None
"""The file whose top level is being run by `load_module`, if any: a flow made then lacks its `__main__` guard."""


class _SourceOnly(SourceFileLoader):
    """Never reads or writes a .pyc, whose check by time and size misses a quick edit of the same length."""

    source = b""  # what was run

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        self.source = self.get_data(path)
        known = _compiled.get(path)
        if known is not None and known[0] == self.source:
            return known[1]
        code: CodeType = self.source_to_code(self.source, path)
        return code

    def is_current(self) -> bool:
        """Whether the file still holds what was run; one that is gone has not changed."""
        try:
            return bytes(self.get_data(self.path)) == self.source
        except OSError:
            return True


def module_name(file: str | Path) -> str:
    """The stable name of the module of a flow's file: depends on the file's name alone."""
    stem = Path(file).stem
    if stem.isidentifier() and stem not in _TAKEN and stem not in sys.stdlib_module_names:
        return stem
    return "flow_" + "".join(char if char.isidentifier() or char.isdigit() else "_" for char in stem)


def load_module(root: Path, file: str) -> ModuleType:
    """Run `root/file` once as a module; asked again for the same file, return the same module, unless it was edited.

    `root` is put first on `sys.path`, as `python flow.py` does. Whatever the file raises comes through, and the module
    is then not registered.
    """
    global executing
    path = os.path.abspath(root / file)  # links stay: a pod's code is a volume of links
    name = _free_name(file, path)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == path:
        loader = getattr(loaded, "__loader__", None)
        if not isinstance(loader, _SourceOnly) or loader.is_current():
            return loaded
    put_first_on_path(os.path.abspath(root))
    spec = spec_from_file_location(name, path, loader=_SourceOnly(name, path))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    outer, executing = executing, path
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    finally:
        executing = outer
    return module


def precompile(root: Path, file: str) -> None:
    """Compile `root/file` without running it, so that processes forked from this one need not. They meet its faults."""
    path = os.path.abspath(root / file)
    loader = _SourceOnly("", path)
    try:
        source = bytes(loader.get_data(path))
        _compiled[path] = source, loader.source_to_code(source, path)
    except (OSError, SyntaxError, ValueError):
        _compiled.pop(path, None)


def _free_name(file: str, path: str) -> str:
    """`module_name`, but never the name of a foreign module that is already loaded; flows of ours are replaced."""
    name = module_name(file)
    other = sys.modules.get(name)
    foreign = other is not None and getattr(other, "__file__", None) != path
    if foreign and not isinstance(getattr(other, "__loader__", None), _SourceOnly):
        return f"flow_{name}"
    return name


def put_first_on_path(directory: str) -> None:
    """Make a directory the first entry of `sys.path`, once."""
    if not sys.path or sys.path[0] != directory:
        sys.path.insert(0, directory)


def adopt_main(name: str | None = None) -> ModuleType:
    """Make `__main__`, the flow's file under `python flow.py`, importable under its stable name as well.

    Its classes, nested ones too, and its functions take that name as their `__module__`, so that a pickle made now is
    the same as one made in a pod. Call it when the file has run to its `if __name__ == "__main__":`.
    """
    main = sys.modules["__main__"]
    if name is None:
        file = getattr(main, "__file__", None)
        if file is None:  # an interactive session has no file to be loaded again from
            return main
        name = _free_name(Path(file).name, os.path.abspath(file))
    sys.modules[name] = main
    main.__name__ = name
    seen: set[int] = set()
    for value in list(vars(main).values()):
        _rename(value, name, seen)
    return main


def _rename(value: object, name: str, seen: set[int]) -> None:
    value = getattr(value, "__func__", value)  # a staticmethod or classmethod
    if not isinstance(value, (type, FunctionType)) or value.__module__ != "__main__" or id(value) in seen:
        return
    seen.add(id(value))
    value.__module__ = name
    if isinstance(value, type):
        for inner in list(vars(value).values()):
            _rename(inner, name, seen)
