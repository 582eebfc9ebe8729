"""Check which names a file imports from `metaflow` before the file is imported; report imports that fail."""

from __future__ import annotations

import ast
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from flowc.diagnostics import describe
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateModule
from flowc_ir.suggestion import closest, did_you_mean, suggest
from flowc_runtime.process.loader import UnguardedFlow, put_first_on_path

if TYPE_CHECKING:
    import pkgutil
    from collections.abc import Iterable

    from flowc.frontends.source import Source, Sources
else:  # imported at first use: only the report of a fault needs `pkgutil`
    pkgutil = LateModule("pkgutil")

_IMPORTING = frozenset({ast.Attribute, ast.Import, ast.ImportFrom})  # syntax nodes that may use a name of `metaflow`
_OFFERED = 8  # a hint lists at most this number of names, if no name is similar to the unknown name


def check_extensions(root: Path, file: str, faults: Faults) -> None:
    """Load the extensions of the `metaflow` package, including extensions in the flow's directory.

    Args:
        root: the flow's directory, which becomes the first entry of `sys.path`.
        file: the flow's file, where a failure is reported.
        faults: collects the fault of an extension that cannot be imported.
    """
    put_first_on_path(str(root))
    from metaflow import _extensions

    try:
        _extensions.refresh()
    except ImportError as error:
        hint = "repair the extension, or remove it from the path"
        faults.add(codes.IMPORT_FAILED, Span(file, 1, 1), str(error), hint=hint)


def check_imports(source: Source, faults: Faults) -> None:
    """Report each name that a file imports from `metaflow` but that `metaflow` does not have.

    Args:
        source: the file, which is not imported. Imports in a `try` that catches their failure are not checked.
        faults: collects a fault for each name. If the name exists in Metaflow, but flowc does not support it, the
            fault's hint names an alternative.
    """
    if "metaflow" in "\n".join(source.lines):
        _check_body(source, faults)


def _check_body(source: Source, faults: Faults) -> None:
    aliases = set[str]()
    nodes = source.syntax.nodes()
    guards = [guard for guard in nodes.of(ast.Try) if any(map(_catches_import, guard.handlers))]
    guarded = {node for guard in guards for node in ast.walk(guard)}
    for child in [node for node in nodes.all if node.__class__ in _IMPORTING and node not in guarded]:
        match child:
            case ast.ImportFrom(module=str(module), level=0, names=names) if _is_ours(module):
                known = _check_module(module, source.span(child), faults)
                for alias in names if known else ():
                    if not (module == "metaflow" and _is_unused(source, alias)):
                        _check_name(module, alias.name, source.span(alias), faults)
            case ast.Import(names=names):
                for alias in names:
                    if alias.name == "metaflow":
                        aliases.add(alias.asname or alias.name)
                    elif _is_ours(alias.name):
                        _check_module(alias.name, source.span(alias), faults)
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in aliases:
                _check_name("metaflow", attribute, source.span(child), faults)


def _is_unused(source: Source, alias: ast.alias) -> bool:
    """Return whether an unsupported name is imported but never used, which is allowed for the names in IMPORTABLE."""
    from metaflow._unsupported import IMPORTABLE

    called = alias.asname or alias.name
    return alias.name in IMPORTABLE and all(node.id != called for node in source.syntax.nodes().of(ast.Name))


def _is_ours(module: str) -> bool:
    return module == "metaflow" or module.startswith("metaflow.")


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(
        name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception", "AttributeError")
    )


def _check_module(module: str, span: Span, faults: Faults) -> bool:
    """Return whether a module exists, and report a missing one. The search for `a.b.c` imports the packages `a` and
    `a.b`."""
    from metaflow._unsupported import UNSUPPORTED_MODULES, hint_for_module

    package, _, short = module.partition(".")
    if not short or _has_module(module):
        return True
    if hint := hint_for_module(short):
        faults.add(codes.UNSUPPORTED_FEATURE, span, f"the module '{module}' is not supported", hint=hint)
        return False
    above, _, name = module.rpartition(".")
    while not _has_module(above):
        above, _, name = above.rpartition(".")
    siblings = {found.name for found in pkgutil.iter_modules(import_module(above).__path__) if found.name[0] != "_"}
    meant = closest(name, siblings | ({*UNSUPPORTED_MODULES} if above == package else set()))
    faults.add(
        codes.UNKNOWN_NAME,
        span,
        f"{above} has no module '{name}'",
        hint=did_you_mean(f"{above}.{meant}") if meant else "import from 'metaflow' itself",
    )
    return False


def _check_name(module: str, name: str, span: Span, faults: Faults) -> None:
    """Report a name that is imported from an existing module but that the module does not define."""
    from metaflow._unsupported import UNSUPPORTED, UNSUPPORTED_MODULES

    known = set(_names_of(module))
    if name == "*" or name in known or name.startswith("__") or _has_module(f"{module}.{name}"):
        return
    top = module == "metaflow"
    hints = {**UNSUPPORTED_MODULES, **UNSUPPORTED} if top else UNSUPPORTED_MODULES
    if hint := hints.get(name if top else f"{module.partition('.')[2]}.{name}"):
        faults.add(codes.UNSUPPORTED_FEATURE, span, f"{module}'s '{name}' is not supported", hint=hint)
        return
    public = _public(module)
    offerable = {*public, *(UNSUPPORTED if top else ())}
    offered = ", ".join(public if top else public[:_OFFERED])
    faults.add(
        codes.UNKNOWN_NAME,
        span,
        f"{module} has no '{name}'",
        hint=suggest(name, offerable, f"it has {offered}" if offered else "remove it"),
    )


def _names_of(module: str) -> Iterable[str]:
    """Return the names that can be imported from a module of `metaflow`, including names that are imported lazily."""
    loaded = import_module(module)
    names = [*getattr(loaded, "__all__", ()), *vars(loaded)]
    if module == "metaflow":
        from metaflow import _extensions

        names += _extensions.decorators
        names = [name for name in names if not isinstance(vars(loaded).get(name), ModuleType)]
    else:
        names += getattr(loaded, "_LAZY", ())
    return names


def _public(module: str) -> list[str]:
    """Return the public names of a module of `metaflow`, including its submodules."""
    loaded = import_module(module)
    below = (
        [entry.name for entry in pkgutil.iter_modules(getattr(loaded, "__path__", ()))] if module != "metaflow" else []
    )
    names = {*getattr(loaded, "__all__", _names_of(module)), *below}
    return sorted(name for name in names if not name.startswith("_"))


def _has_module(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # for `a.b.c`: `a.b` is not a package, so it contains no module
        return False


def syntax_fault(error: SyntaxError | ValueError, sources: Sources, file: str, faults: Faults) -> None:
    """Report a file that is not valid Python, at the line and column of Python's error.

    Args:
        error: the error that Python's parser raised.
        sources: the files of the flow.
        file: the file name to write in the span.
        faults: collects the fault.
    """
    line, column, width, message = 1, 1, 0, str(error)
    if isinstance(error, SyntaxError):
        file = sources.relative(error.filename) if error.filename and Path(error.filename).is_absolute() else file
        line, column, message = error.lineno or 1, max(error.offset or 1, 1), error.msg
        if error.end_lineno == line and error.end_offset and error.end_offset > column:
            width = error.end_offset - column
        width = width or 1
    faults.add(codes.SYNTAX_ERROR, Span(file, line, column, width), message, hint=None)


def import_fault(error: BaseException, sources: Sources, flow_file: str, faults: Faults) -> None:
    """Report an exception that the import of the flow raised, at the innermost traceback line in the flow's directory.

    Args:
        error: the exception; it may be a SystemExit.
        sources: the files of the flow.
        flow_file: the path of the flow's file, where the exception is reported if its traceback has no user code.
        faults: collects the fault.
    """
    if isinstance(error, SyntaxError) and error.filename:
        syntax_fault(error, sources, sources.relative(error.filename), faults)
        return
    place = (flow_file, 1)
    inside = f"{sources.root}/"
    trace = error.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename.startswith(inside):
            place = (filename, trace.tb_lineno)
        trace = trace.tb_next
    source = sources.of(place[0])
    span = source.whole_line(place[1]) if source else Span(sources.relative(place[0]), place[1], 1)
    if isinstance(error, UnguardedFlow):
        _unguarded(error, span, faults)
        return
    hint = "importing a flow's file must succeed wherever it runs: locally, when it is compiled and in every pod"
    if isinstance(error, ModuleNotFoundError):
        hint = f"install '{error.name}' in this environment, or put it beside the flow"
    elif isinstance(error, ImportError) and "no known parent package" in str(error):
        hint = f"a file that is given by its path belongs to no package; {_module_of(sources.root, flow_file)}"
    elif isinstance(error, SystemExit):
        hint = 'put code that runs only as a program under `if __name__ == "__main__":`'
    message = f"importing the flow failed: {describe(error)}"
    faults.add(codes.IMPORT_FAILED, span, message, hint=hint)


def _module_of(directory: Path, flow_file: str) -> str:
    """Return a hint that tells the user to name the flow's module instead of its path; if flowc must then run in
    another directory, the hint names it."""
    parts, above = [directory.name, Path(flow_file).stem], directory.parent
    while os.path.isfile(above / "__init__.py"):
        parts.insert(0, above.name)
        above = above.parent
    where = "" if above == Path.cwd() else f", in the directory {above}"
    return f"name the module instead of the path{where}: {'.'.join(parts)}"


def _unguarded(error: UnguardedFlow, span: Span, faults: Faults) -> None:
    """Report a file that starts its flow on import, because the call is outside `if __name__ == "__main__":`."""
    faults.add(
        codes.UNGUARDED_FLOW,
        span,
        f"the flow is started when its file is imported: {error.flow}() is outside the guard",
        hint=f'put it under the guard: `if __name__ == "__main__":`, and below that, indented, `{error.flow}()`',
    )
