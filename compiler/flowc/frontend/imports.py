"""What a file imports from `metaflow`, checked before the file is run; and what to say when running it fails."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from flowc import diagnostics as codes
from flowc.frontend.names import did_you_mean
from flowc.ir import Span
from flowc.ir.diagnostic import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.frontend.source import Source, Sources

_LATER = "flowc does not have it yet; remove it, or run this flow with Metaflow"


def check_imports(source: Source) -> list[Diagnostic]:
    """Every name taken from metaflow that is not here. An import that the file itself guards is left to it."""
    if "metaflow" not in "\n".join(source.lines):
        return []
    return [*_check_body(source, source.tree, set())]


def _check_body(source: Source, node: ast.AST, aliases: set[str]) -> Iterator[Diagnostic]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ImportFrom(module="metaflow", level=0, names=names):
                for alias in names:
                    yield from _check_name(alias.name, source.span(alias))
            case ast.ImportFrom(module=str(module), level=0) if module.startswith("metaflow."):
                yield from _check_module(module, source.span(child))
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.startswith("metaflow."):
                        yield from _check_module(alias.name, source.span(alias))
                    elif alias.name == "metaflow":
                        aliases.add(alias.asname or alias.name)
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in aliases:
                yield from _check_name(attribute, source.span(child))
            case ast.Try(handlers=handlers) if any(_catches_import(handler) for handler in handlers):
                continue
            case _:
                yield from _check_body(source, child, aliases)


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(
        name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception", "AttributeError")
    )


def _check_name(name: str, span: Span) -> Iterator[Diagnostic]:
    import metaflow
    from metaflow._unsupported import UNSUPPORTED

    known = set(metaflow.__all__)
    if name in known:
        return
    if name in UNSUPPORTED:
        yield Diagnostic(code=codes.UNSUPPORTED_FEATURE, message=f"metaflow's '{name}' is not supported",
                         span=span, hint=_LATER)  # fmt: skip
    elif name != "*" and not name.startswith("__") and not _has_module(name):
        meant = did_you_mean(name, known | UNSUPPORTED)
        yield Diagnostic(code=codes.UNKNOWN_NAME, message=f"metaflow has no '{name}'", span=span,
                         hint=_meant(meant, f"it has {', '.join(sorted(known))}"))  # fmt: skip


def _check_module(module: str, span: Span) -> Iterator[Diagnostic]:
    from metaflow._unsupported import UNSUPPORTED_MODULES

    name = module.split(".")[1]
    if _has_module(name):
        return
    if name in UNSUPPORTED_MODULES:
        yield Diagnostic(code=codes.UNSUPPORTED_FEATURE, message=f"the module '{module}' is not supported",
                         span=span, hint=_LATER)  # fmt: skip
    else:
        meant = did_you_mean(name, UNSUPPORTED_MODULES)
        yield Diagnostic(code=codes.UNKNOWN_NAME, message=f"metaflow has no module '{name}'", span=span,
                         hint=_meant(meant and f"metaflow.{meant}", "import from 'metaflow' itself"))  # fmt: skip


def _meant(name: str | None, otherwise: str) -> str:
    return f"did you mean '{name}'?" if name else otherwise


def _has_module(name: str) -> bool:
    import metaflow

    home = Path(metaflow.__file__).parent
    return (home / f"{name}.py").exists() or (home / name / "__init__.py").exists()


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
    hint = "importing a flow's file must succeed wherever it runs: locally, when it is compiled and in every pod"
    if isinstance(error, ModuleNotFoundError):
        hint = f"install '{error.name}' in this environment, or put it beside the flow"
    elif isinstance(error, SystemExit):
        hint = 'put what the file does when it is run itself under `if __name__ == "__main__":`'
    message = f"importing the flow failed: {codes.describe(error)}"
    return Diagnostic(code=codes.IMPORT_FAILED, message=message, span=span, hint=hint)
