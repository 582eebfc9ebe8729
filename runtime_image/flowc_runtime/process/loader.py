"""Load a flow's file as a module, under the same name on every machine.

Pickle names a class by its module. `python flow.py run`, `flowc run flow.py` and a pod must therefore give the flow's
module the same name: the file's stem, or `flow_<stem>` if that name is taken. A file in a directory below the root of
the code, `pkg/module.py`, is the module `pkg.module` of its package, as with `python -m pkg.module`.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.own_packages import OWN_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Names of modules that packages of flowc or of users may import. The list is fixed and does not depend on the loaded or
# installed modules, because the laptop and the pod must choose the same name for the flow's module.
_TAKEN = frozenset({
    *OWN_PACKAGES, "click", "cloudpickle", "rich", "hera", "pydantic", "yaml", "obstore", "numpy", "pandas", "torch",
    "sklearn", "scipy", "conftest", "pytest", "test",
})  # fmt: skip

_compiled: dict[str, tuple[bytes, CodeType]] = {}
"""The source and the compiled code of files, by path. A process that forks compiles files; its children run the code.
"""


class UnguardedFlow(SystemExit):
    """A file calls its flow while it is loaded, outside of `if __name__ == "__main__":`.

    Loading stops at the call. If the file is run as a program, execution also ends at the call, because the call runs
    the command line.
    """

    def __init__(self, flow: str, file: str) -> None:
        super().__init__(f"{flow}() is called when {file} is imported")
        self.flow = flow


class _SourceOnly(SourceFileLoader):
    """A loader that ignores .pyc files. Python would use an outdated .pyc file if an edit within the same second does
    not change the length of the source file."""

    source = b""  # the executed source

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        self.source = self.get_data(path)
        known = _compiled.get(path)
        if known is not None and known[0] == self.source:
            return known[1]
        code: CodeType = self.source_to_code(self.source, path)
        return code

    def is_current(self) -> bool:
        """Return whether the file still contains the source that was executed; a deleted file counts as unchanged."""
        try:
            return bytes(self.get_data(self.path)) == self.source
        except OSError:
            return True


def module_name(file: str | Path) -> str:
    """Return the module name of a flow's file, which depends only on the file's path below the root of the code."""
    *parents, name = (part for part in os.fspath(file).split("/") if part not in ("", "."))
    stem = os.path.splitext(name)[0]
    if parents:
        return ".".join(parents if stem == "__init__" else (*parents, stem))
    if stem.isidentifier() and not is_taken(stem):
        return stem
    return "flow_" + "".join(char if char.isidentifier() or char.isdigit() else "_" for char in stem)


def is_taken(name: str) -> bool:
    """Return whether the name is the name of a module in the standard library, or is in the list `_TAKEN`."""
    return name in _TAKEN or name in sys.stdlib_module_names


def package_place(name: str, path: str) -> tuple[str, str] | None:
    """Return the root directory of a module in a package, and the module's file relative to the root: `/x` and
    `pkg/module.py`.

    Args:
        name: the dotted name of the module.
        path: the path of its file.

    Returns:
        The root and the file; None for a module outside of packages.
    """
    stem, _ = os.path.splitext(path)
    parts = name.split(".")
    if os.path.basename(stem) == "__init__" and "__init__" not in parts:
        parts.append("__init__")
    inner = os.sep.join(parts)
    if len(parts) < 2 or not stem.endswith(os.sep + inner):
        return None
    root = stem[: -len(inner) - 1] or os.sep
    return root, path[len(stem) - len(inner) :].replace(os.sep, "/")


def code_root(cls: type) -> str:
    """Return the directory from which a flow's module was imported: the root of the flow's code."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    place = package_place(cls.__module__, file)
    return place[0] if place else file.rpartition("/")[0]


def refuse_call(cls: type) -> None:
    """Stop the loading of a file that calls its flow; if no file is being loaded, do nothing.

    Args:
        cls: the flow's class.

    Raises:
        UnguardedFlow: the loaded file itself calls its flow.
        RuntimeError: another file, which the loaded file imports, calls its flow.
    """
    file = ambient().loading
    if file is None:
        return
    error = UnguardedFlow(cls.__name__, os.path.basename(file))
    if getattr(sys.modules.get(cls.__module__), "__file__", None) == file:
        raise error
    raise RuntimeError(
        f'{cls.__name__}() is called when its file is imported; put it under `if __name__ == "__main__":`'
    )


def refuse_call_at(file: str, called: str) -> None:
    """Stop the loading of a file if it, or a file that it imports, runs a flow; if no file is being loaded, do nothing.

    Args:
        file: the file that contains the call.
        called: the call, for messages, without its parentheses.

    Raises:
        UnguardedFlow: the loaded file itself contains the call.
        RuntimeError: another file, which the loaded file imports, contains the call.
    """
    loading_now = ambient().loading
    if loading_now is None:
        return
    if os.path.abspath(file) == loading_now:
        raise UnguardedFlow(called, os.path.basename(loading_now))
    raise RuntimeError(
        f'{called}() is called when {os.path.basename(file)} is imported; put it under `if __name__ == "__main__":`'
    )


def load_module(root: Path, file: str, *, guarded: bool = False) -> ModuleType:
    """Run a flow's file once as a module; a second call returns the same module, unless the file was edited.

    The root becomes the first entry of `sys.path`, as with `python flow.py`. Packages around the file are imported
    first. A call of the flow at the file's top level ends the loading without an error, unless `guarded` is true.

    Args:
        root: the root of the flow's code.
        file: the file's path relative to the root.
        guarded: whether a call of the flow at the top level is an error.

    Raises:
        UnguardedFlow: the file calls its flow at the top level, and `guarded` is true.
        ImportError: the file is in a package, and another package or module is loaded under its name.
        BaseException: an exception of the file, unchanged; the module is then not registered.
    """
    # symbolic links are not resolved: the files of a pod's code volume are symbolic links
    path = os.path.abspath(root / file)
    with loading(path):
        return _load(os.path.abspath(root), file, path, guarded=guarded)


@contextmanager
def loading(path: str) -> Iterator[None]:
    """Set `Ambient.loading` while the top level of a file is run."""
    here = ambient()
    outer, here.loading = here.loading, path
    try:
        yield
    finally:
        here.loading = outer


def _load(root: str, file: str, path: str, *, guarded: bool) -> ModuleType:
    parent = None
    if above := module_name(file).rpartition(".")[0]:
        put_first_on_path(root)
        parent = import_module(above)  # the import of the package may have imported the flow's module already
        _check_parent(parent, os.path.dirname(path.removesuffix("/__init__.py")))
    name = _free_name(file, path)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == path:
        loader = getattr(loaded, "__loader__", None)
        if not isinstance(loader, _SourceOnly) or loader.is_current():
            return loaded
    put_first_on_path(root)
    module = _execute(name, path, guarded=guarded)
    if parent is not None:
        setattr(parent, name.rpartition(".")[2], module)
    return module


def _check_parent(package: ModuleType, directory: str) -> None:
    """Raise ImportError if the imported package is not the one in `directory`, but another package with its name."""
    places = [os.path.realpath(place) for place in getattr(package, "__path__", ())]
    if os.path.realpath(directory) not in places:
        found = ", ".join(places) or getattr(package, "__file__", None) or "nowhere"
        raise ImportError(f"the package '{package.__name__}' is {found}, not {directory}", name=package.__name__)


def _execute(name: str, path: str, *, guarded: bool) -> ModuleType:
    is_package = path.endswith("/__init__.py") and name != "__init__"
    spec = spec_from_file_location(
        name,
        path,
        loader=_SourceOnly(name, path),
        submodule_search_locations=[os.path.dirname(path)] if is_package else None,
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        if guarded or not isinstance(error, UnguardedFlow):
            sys.modules.pop(name, None)
            raise
    return module


def precompile(root: Path, file: str) -> None:
    """Compile a file without running it, for processes that are forked later. If the file has errors, these processes
    report them.

    Args:
        root: the root of the flow's code.
        file: the file's path relative to the root.
    """
    path = os.path.abspath(root / file)
    loader = _SourceOnly("", path)
    try:
        source = bytes(loader.get_data(path))
        _compiled[path] = source, loader.source_to_code(source, path)
    except (OSError, SyntaxError, ValueError):
        _compiled.pop(path, None)


def _free_name(file: str, path: str) -> str:
    """Return a name for the module of a flow's file: `module_name(file)`, or another name if a loaded module that is
    not a flow has this name. (A loaded flow with this name is replaced.)

    If the name is taken and the file is in a package, the function raises ImportError, because the modules of a package
    import each other by their names.
    """
    name = module_name(file)
    other = sys.modules.get(name)
    place = getattr(other, "__file__", None)
    foreign = other is not None and place != path
    if foreign and "/" in file:
        raise ImportError(f"the module '{name}' is already loaded from {place}, not from {path}", name=name)
    if foreign and not isinstance(getattr(other, "__loader__", None), _SourceOnly):
        return f"flow_{name}"
    return name


def put_first_on_path(directory: str) -> None:
    """Make a directory the first entry of `sys.path`, once."""
    if not sys.path or sys.path[0] != directory:
        sys.path.insert(0, directory)


def find_main() -> dict[str, object]:
    """Return the globals of the calling program; if another program such as cProfile runs the calling program, make the
    calling program `__main__`.

    `python -m cProfile flow.py` runs the file's code with separate globals, while cProfile stays `__main__`.
    """
    names = program_names()
    if "__file__" in names and names is not vars(sys.modules["__main__"]):
        main = ModuleType("__main__")
        vars(main).update(names)
        sys.modules["__main__"] = main
    return names


def program_names() -> dict[str, object]:
    """Return the globals of the innermost running program: `__main__`, or a program that a profiler runs."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "__main__":
        frame = frame.f_back
    return frame.f_globals if frame is not None else vars(sys.modules["__main__"])


def adopt_main(name: str | None = None) -> ModuleType:
    """Make the module `__main__`, loaded by `python flow.py`, also importable under `module_name`, and return it.

    The module's classes, including nested ones, and its functions get this name as their `__module__`, so that their
    pickles equal those of a pod. Call this function when the file has reached its `if __name__ == "__main__":`.

    Args:
        name: the name; None derives the name from the file. In an interactive session, which has no file, nothing is
            renamed.

    Raises:
        ImportError: the file is in a package, and another module is loaded under its name.
    """
    main = sys.modules["__main__"]
    if name is None:
        file = getattr(main, "__file__", None)
        if file is None:  # an interactive session has no file that could be loaded again
            return main
        path = os.path.abspath(file)
        spec = getattr(main, "__spec__", None)  # `python -m pkg.module` sets `__spec__`
        place = package_place(spec.name, path) if spec is not None else None
        name = module_name(place[1]) if place else _free_name(os.path.basename(file), path)
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
