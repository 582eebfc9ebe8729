"""What a file imports from `metaflow`, checked before the file is run; and what to say when running it fails."""

from __future__ import annotations

import ast
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

from flowc import diagnostics as codes
from flowc.frontends.names import did_you_mean
from flowc_ir import Span
from flowc_ir.diagnostic import Diagnostic
from flowc_runtime.process.loader import UnguardedFlow, put_first_on_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc.frontends.source import Source, Sources

_OFFERED = 8  # names that a hint lists, where none is close to the one that was written


def check_extensions(root: Path, file: str) -> Diagnostic | None:
    """Load the API's extensions, also those in the flow's own directory; the fault of one that is broken."""
    put_first_on_path(str(root))
    from metaflow import _extensions

    try:
        _extensions.refresh()
    except ImportError as error:
        hint = "repair the extension, or take it off the path"
        return Diagnostic(code=codes.IMPORT_FAILED, message=str(error), span=Span(file, 1, 1), hint=hint)
    return None


def check_imports(source: Source) -> list[Diagnostic]:
    """Every name taken from metaflow that is not here. An import that the file itself guards is left to it."""
    if "metaflow" not in "\n".join(source.lines):
        return []
    return [*_check_body(source)]


def _check_body(source: Source) -> Iterator[Diagnostic]:
    aliases = set[str]()
    waiting = [ast.iter_child_nodes(source.tree)]  # no recursion: Python reads expressions of thousands of terms
    while waiting:
        child = next(waiting[-1], None)
        match child:
            case None:
                waiting.pop()
            case ast.ImportFrom(module=str(module), level=0, names=names) if _is_ours(module):
                missing = [*_check_module(module, source.span(child))]
                yield from missing
                for alias in names if not missing else ():
                    if not (module == "metaflow" and _is_unused(source, alias)):
                        yield from _check_name(module, alias.name, source.span(alias))
            case ast.Import(names=names):
                for alias in names:
                    if alias.name == "metaflow":
                        aliases.add(alias.asname or alias.name)
                    elif _is_ours(alias.name):
                        yield from _check_module(alias.name, source.span(alias))
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in aliases:
                yield from _check_name("metaflow", attribute, source.span(child))
            case ast.Try(handlers=handlers) if any(_catches_import(handler) for handler in handlers):
                continue
            case _:
                waiting.append(ast.iter_child_nodes(child))


def _is_unused(source: Source, alias: ast.alias) -> bool:
    """Whether it can be imported, and the file does no more with it."""
    from metaflow._unsupported import IMPORTABLE

    called = alias.asname or alias.name
    return alias.name in IMPORTABLE and not any(
        isinstance(node, ast.Name) and node.id == called for node in ast.walk(source.tree)
    )


def _is_ours(module: str) -> bool:
    return module == "metaflow" or module.startswith("metaflow.")


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(
        name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception", "AttributeError")
    )


def _check_module(module: str, span: Span) -> Iterator[Diagnostic]:
    """Whether there is such a module; the packages that it is in are imported to see."""
    from metaflow._unsupported import UNSUPPORTED_MODULES, hint_for_module

    package, _, short = module.partition(".")
    if not short or _has_module(module):
        return
    if hint := hint_for_module(short):
        yield Diagnostic(code=codes.UNSUPPORTED_FEATURE, message=f"the module '{module}' is not supported",
                         span=span, hint=hint)  # fmt: skip
        return
    above, _, name = module.rpartition(".")
    while not _has_module(above):
        above, _, name = above.rpartition(".")
    siblings = {found.name for found in iter_modules(import_module(above).__path__) if found.name[0] != "_"}
    meant = did_you_mean(name, siblings | ({*UNSUPPORTED_MODULES} if above == package else set()))
    yield Diagnostic(code=codes.UNKNOWN_NAME, message=f"{above} has no module '{name}'", span=span,
                     hint=_meant(meant and f"{above}.{meant}", "import from 'metaflow' itself"))  # fmt: skip


def _check_name(module: str, name: str, span: Span) -> Iterator[Diagnostic]:
    """Whether a module that is there has this name."""
    from metaflow._unsupported import UNSUPPORTED, UNSUPPORTED_MODULES

    known = set(_names_of(module))
    if name == "*" or name in known or name.startswith("__") or _has_module(f"{module}.{name}"):
        return
    top = module == "metaflow"
    hints = {**UNSUPPORTED_MODULES, **UNSUPPORTED} if top else UNSUPPORTED_MODULES
    if hint := hints.get(name if top else f"{module.partition('.')[2]}.{name}"):
        yield Diagnostic(code=codes.UNSUPPORTED_FEATURE, message=f"{module}'s '{name}' is not supported",
                         span=span, hint=hint)  # fmt: skip
        return
    public = _public(module)
    meant = did_you_mean(name, {*public, *(UNSUPPORTED if top else ())})
    offered = ", ".join(public if top else public[:_OFFERED])
    yield Diagnostic(code=codes.UNKNOWN_NAME, message=f"{module} has no '{name}'", span=span,
                     hint=_meant(meant, f"it has {offered}" if offered else "remove it"))  # fmt: skip


def _names_of(module: str) -> Iterable[str]:
    """What can be imported from a module of ours; the lazy names too."""
    found = import_module(module)
    names = [*getattr(found, "__all__", ()), *vars(found)]
    if module == "metaflow":
        from metaflow import _extensions

        names += _extensions.decorators
        names = [name for name in names if not isinstance(vars(found).get(name), ModuleType)]
    else:
        names += getattr(found, "_LAZY", ())
    return names


def _public(module: str) -> list[str]:
    """What a module of ours is for, and the modules below it."""
    found = import_module(module)
    below = [entry.name for entry in iter_modules(getattr(found, "__path__", ()))] if module != "metaflow" else []
    names = {*getattr(found, "__all__", _names_of(module)), *below}
    return sorted(name for name in names if not name.startswith("_"))


def _has_module(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it would be in is no package
        return False


def _meant(name: str | None, otherwise: str) -> str:
    return f"did you mean '{name}'?" if name else otherwise


def syntax_fault(error: SyntaxError | ValueError, sources: Sources, file: str) -> Diagnostic:
    """A file that is no Python, at the place that Python names."""
    line, column, width, message = 1, 1, 0, str(error)
    if isinstance(error, SyntaxError):
        file = sources.relative(error.filename) if error.filename and Path(error.filename).is_absolute() else file
        line, column, message = error.lineno or 1, max(error.offset or 1, 1), error.msg
        if error.end_lineno == line and error.end_offset and error.end_offset > column:
            width = error.end_offset - column
        width = width or 1
    return Diagnostic(code=codes.SYNTAX_ERROR, message=message, span=Span(file, line, column, width), hint=None)


def import_fault(error: BaseException, sources: Sources, flow_file: str) -> Diagnostic:
    """What a file raised while it was run, at the innermost frame that is the user's own."""
    if isinstance(error, SyntaxError) and error.filename:
        return syntax_fault(error, sources, sources.relative(error.filename))
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
        return _unguarded(error, span)
    hint = "importing a flow's file must succeed wherever it runs: locally, when it is compiled and in every pod"
    if isinstance(error, ModuleNotFoundError):
        hint = f"install '{error.name}' in this environment, or put it beside the flow"
    elif isinstance(error, ImportError) and "no known parent package" in str(error):
        hint = f"a file that is named by its path is in no package; {_module_of(sources.root, flow_file)}"
    elif isinstance(error, SystemExit):
        hint = 'put what the file does when it is run itself under `if __name__ == "__main__":`'
    message = f"importing the flow failed: {codes.describe(error)}"
    return Diagnostic(code=codes.IMPORT_FAILED, message=message, span=span, hint=hint)


def _module_of(directory: Path, flow_file: str) -> str:
    """What to type instead of a file's path: its module, from the directory above its outermost package."""
    parts, above = [directory.name, Path(flow_file).stem], directory.parent
    while os.path.isfile(above / "__init__.py"):
        parts.insert(0, above.name)
        above = above.parent
    where = "" if above == Path.cwd() else f", in the directory {above}"
    return f"name the module instead of the path{where}: {'.'.join(parts)}"


def _unguarded(error: UnguardedFlow, span: Span) -> Diagnostic:
    """A flow that is called when its file is imported."""
    return Diagnostic(
        code=codes.UNGUARDED_FLOW,
        message=f"the flow is started when its file is imported: {error.flow}() stands outside of the guard",
        span=span,
        hint=f'put it under the guard: `if __name__ == "__main__":`, and below that, indented, `{error.flow}()`',
    )
