"""Find code and files that a flow needs although they are not in its code package. `compile` and `deploy` warn about
them, because pods will not have them.
"""

from __future__ import annotations

import ast
import os
import sys
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from flowc.diagnostics import decode
from flowc.frontends.syntax_trees import parse
from flowc.ignored import SECONDS, ignored
from flowc.package import pack
from flowc_ir import Span, codes
from flowc_ir.late import LateModule
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.own_packages import EXTENSIONS_PACKAGE, OWN_PACKAGES

if TYPE_CHECKING:
    import shlex
    import sysconfig
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from flowc.frontends.syntax_trees import SyntaxTree
    from flowc.package import Package
    from flowc_ir import Flow
    from flowc_ir.diagnostic import Faults
else:  # imported at first use, because the import costs start-up time
    shlex, sysconfig = LateModule("shlex"), LateModule("sysconfig")

# Modules about which nothing is reported: flowc's own, extensions (always packaged), and modules that Python imports
# when it starts.
EXTENSIONS: Final = EXTENSIONS_PACKAGE
_OURS: Final = frozenset({*OWN_PACKAGES, EXTENSIONS, "sitecustomize", "usercustomize"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_LONGEST: Final = 256
_MOST_NAMES: Final = 5  # a warning lists at most this number of names
# Parameters of these classes read their file when the flow is compiled. The IR has the content, so tasks do not need
# the file.
_READ_HERE: Final = frozenset({"Config", "IncludeFile"})
_NAMING: Final = frozenset({ast.BinOp, ast.Call, ast.Constant})  # kinds of syntax nodes that may contain a file name


def check_package(package: Package, flow: Flow, faults: Faults) -> None:
    """Report a code package that exceeds the size limits (`package.excess`)."""
    if (excess := package.excess) is not None:
        faults.add(codes.PACKAGE_TOO_LARGE, Span(flow.code.file, 1, 1), excess.message, hint=excess.hint)


def without_ignored(
    package: Package, own: str, patterns: Collection[str], *, seconds: float = SECONDS
) -> tuple[Package, frozenset[str]]:
    """Return a code package without the files that git ignores, and the names of the removed files.

    Files of installed Python packages stay in the code package, although git ignores the virtual environment that
    contains them.

    Args:
        package: the package with all files.
        own: the flow's file, which is always packaged.
        patterns: patterns of file names; ignored files that match are packaged (`flowc.ignored`).
        seconds: the time limit for git.

    Raises:
        UnknownError: git failed, so that the ignored files are unknown.
    """
    places = {name: place for name, _ in package.files if name != own and (place := _source(package, name))}
    gone = ignored(places, exceptions=patterns, seconds=seconds)
    if not gone:
        return package, gone
    return pack(package.root, [file for file in package.files if file[0] not in gone]), gone


def _source(package: Package, name: str) -> str | None:
    """Return the path on this machine from which a file of the code package was read; None if the file belongs to an
    installed Python package."""
    place = str(package.root / name)
    if name.startswith(f"{EXTENSIONS}/"):
        from metaflow import _extensions

        inner = name.removeprefix(f"{EXTENSIONS}/")
        place = next((f"{root}/{inner}" for root in _extensions.roots() if os.path.isfile(f"{root}/{inner}")), place)
    return None if _INSTALLED.intersection(place.split(os.sep)) else place


def stays(package: Package, gone: Collection[str]) -> str | None:
    """Return a warning about files that the flow seems to need, but that were left out of the code package because git
    ignores them; None if there are none.

    Args:
        package: the package without the ignored files.
        gone: the names of the ignored files. Data files are always reported, Python files only if they are imported.
    """
    if not gone:
        return None
    imported_names = {name for tree in _imported_trees(package).values() for name in _imported_names(tree)}
    loaded = set(_real_paths(file for _, file in _loaded()).values())
    needed = sorted(
        name
        for name in gone
        if not name.endswith(".py")
        or os.path.realpath(package.root / name) in loaded
        or PurePosixPath(name).stem in imported_names
    )
    if not needed:
        return None
    what = "a file that git ignores stays" if len(needed) == 1 else f"{len(needed)} files that git ignores stay"
    setting = BY_KEY["package-ignored"]
    names = ",".join(dict.fromkeys(PurePosixPath(name).name for name in needed[:_MOST_NAMES]))
    return (
        f"{what} on this machine: {_listed(needed)}; put secrets into @secrets; "
        f'to take files along, set {setting.key} = "{names}" in flowc.toml, or {setting.variable}={shlex.quote(names)}'
    )


def _imported_names(tree: SyntaxTree) -> Iterator[str]:
    """Yield each part of the dotted names that the code imports, including imports in functions."""
    for statement in tree.nodes().of(ast.Import):
        for alias in statement.names:
            yield from alias.name.split(".")
    for source in tree.nodes().of(ast.ImportFrom):
        yield from (source.module or "").split(".")
        yield from (alias.name for alias in source.names)


def left_behind(package: Package) -> Iterator[str]:
    """Yield at most two warnings: about imported modules, and about data files that the code names, which are not in
    the code package.

    Args:
        package: the package of a flow that was imported in this process.
    """
    trees = _imported_trees(package)
    if modules := foreign_modules(package, trees):
        named = _listed([f"{name} ({place})" for name, place in modules.items()])
        what = "a module" if len(modules) == 1 else f"{len(modules)} modules"
        yield (
            f"{what} that the flow imports will not be packaged with it: {named}; "
            "move this code into the flow's directory, or install it in the image"
        )
    if files := named_files(package, trees):
        endings = ",".join(dict.fromkeys(PurePosixPath(file).suffix for file in files))
        what = "a file" if len(files) == 1 else f"{len(files)} files"
        yield (
            f"{what} that the code names will not be packaged with it: {_listed(files)}; "
            f"--package-suffixes {endings} includes them"
        )


def _imported_trees(package: Package) -> dict[str, SyntaxTree]:
    """Return the syntax trees of the files in the code package that this process has imported: path in the package ->
    tree."""
    files = [
        file for module in list(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)
    ]
    imported = set(_real_paths(files).values())
    return {
        name: parse(decode(content), name)
        for name, content in package.files
        if name.endswith(".py") and os.path.realpath(package.root / name) in imported
    }


def foreign_modules(package: Package, trees: Mapping[str, SyntaxTree]) -> dict[str, str]:
    """Return imported modules that are neither in the code package nor installed: top-level name → directory or file.

    Args:
        package: the package of the flow.
        trees: the syntax trees of the package's imported files, by path. Imports in the functions of these files are
            included.
    """
    installed = tuple(f"{os.path.realpath(sysconfig.get_path(kind))}{os.sep}"
                      for kind in ("purelib", "platlib", "stdlib", "platstdlib"))  # fmt: skip
    travelling = {str(package.root / name) for name, _ in package.files}
    places: dict[str, str] = {}
    modules = [*_loaded(), *_later(trees)]
    real_paths = _real_paths(file for _, file in modules)
    for top, file in modules:
        real = real_paths[file]
        known = top in places or top in _OURS or file in travelling or real in travelling
        if not known and not real.startswith(installed) and not _INSTALLED.intersection(real.split(os.sep)):
            places[top] = _place(top, file)
    return dict(sorted(places.items()))


def _real_paths(files: Iterable[str]) -> dict[str, str]:
    """Return the path of each file, with symbolic links resolved. Each directory is examined once."""
    directories: dict[str, str] = {}
    found: dict[str, str] = {}
    for file in files:
        directory, name = os.path.split(file)
        if directory not in directories:
            directories[directory] = os.path.realpath(directory)
        path = os.path.join(directories[directory], name)
        found[file] = os.path.realpath(path) if os.path.islink(path) else path
    return found


def _loaded() -> Iterator[tuple[str, str]]:
    """Yield (top-level package, file) for each module that has been imported."""
    main = sys.modules["__main__"]  # excluded below, because `multiprocessing` gives this module a second name
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and module is not main:
            yield name.partition(".")[0], file


def _later(trees: Mapping[str, SyntaxTree]) -> Iterator[tuple[str, str]]:
    """Yield (top-level name, file) for each module that is not imported yet, because the code imports it in a
    function."""
    names: set[str] = set()
    for tree in trees.values():
        for statement in tree.nodes().of(ast.Import):
            names.update(alias.name.partition(".")[0] for alias in statement.names)
        for source in tree.nodes().of(ast.ImportFrom):
            if source.module is not None and not source.level:
                names.add(source.module.partition(".")[0])
    for name in sorted(names - sys.modules.keys()):
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):  # the same import will also fail when the flow runs
            continue
        if spec is not None and spec.origin is not None and os.path.isfile(spec.origin):
            yield name, spec.origin


def _place(top: str, file: str) -> str:
    """Return the directory of a top-level package, or the file of a module in no package."""
    parts = PurePosixPath(file).parts
    return str(PurePosixPath(*parts[: parts.index(top) + 1])) if top in parts else file


def named_files(package: Package, trees: Mapping[str, SyntaxTree]) -> list[str]:
    """Return the data files that strings in the code name but that the package does not contain.

    Arguments of `Config` and `IncludeFile` are left out: the IR has the content of these files.

    Args:
        package: the package of the flow.
        trees: the syntax trees of the package's imported files, by path.
    """
    packed = dict(package.files)
    files: dict[str, None] = {}
    for name, tree in trees.items():
        above = os.path.dirname(name)
        for text in _texts(tree):
            for place in dict.fromkeys((above, "")):
                file = os.path.normpath(os.path.join(place, text))
                inside = not file.startswith((os.pardir, os.sep)) and file not in packed
                if inside and os.path.isfile(package.root / file):
                    files[file.replace(os.sep, "/")] = None
    return list(files)


def _texts(tree: SyntaxTree) -> Iterator[str]:
    """Yield strings of the code that may be file names. Joined strings are included, such as `HERE / "sql" / "x.sql"`
    and `join(HERE, "sql", …)`."""
    calls = [call for call in tree.nodes().of(ast.Call) if _called(call) in _READ_HERE]
    read_here = {node for call in calls for node in ast.walk(call)}
    for node in [node for node in tree.nodes().all if node.__class__ in _NAMING and node not in read_here]:
        match node:
            case ast.Call(func=ast.Attribute(attr="join" | "joinpath"), args=parts):
                yield from _joined(parts)
            case ast.BinOp(op=ast.Div()):
                yield from _joined(_divided(node))
            case ast.Constant(value=str()):
                yield from _joined([node])


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _joined(parts: list[ast.expr]) -> Iterator[str]:
    """Join the literal strings at the end of `parts`, and yield the joined path if it looks like a file name."""
    texts: list[str] = []
    for part in reversed(parts):
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            break
        texts.insert(0, part.value)
    text = "/".join(texts)
    if "." in text and PurePosixPath(text).suffix and len(text) < _LONGEST and text.isprintable():
        yield text


def _divided(node: ast.expr) -> list[ast.expr]:
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
