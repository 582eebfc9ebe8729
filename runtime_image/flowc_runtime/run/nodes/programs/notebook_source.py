"""Parses the file of a notebook: finds its parameters cell, and the names that its code uses and assigns."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, TypeAlias

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import HintedError

if TYPE_CHECKING:
    from collections.abc import Iterator

Literal: TypeAlias = "dict[str, Literal] | list[Literal] | str | int | float | bool | None"

_FORMAT: Final = 4
_SAVE: Final = "save it in Jupyter"
PARAMETERS: Final = "parameters"
"""The tag of the parameters cell, which assigns defaults to the notebook's inputs."""


class NotebookSourceError(HintedError, ValueError):
    """A file is not a notebook, or not a notebook in Python."""


class Default(NamedTuple):
    """The default of a name that the parameters cell assigns. `literal` is whether the value is a literal."""

    literal: bool
    value: Literal = None
    annotation: str = ""


class NotebookSource(NamedTuple):
    """The names in a notebook's code. The inputs of the notebook are derived from these names.

    Attributes:
        defaults: the names that the parameters cell assigns, in order, with their defaults.
        used: the names that occur in the notebook's code.
        own: the names that other cells assign before they read them. An input with one of these names would have no
            effect, since a cell overwrites the variable.
    """

    defaults: dict[str, Default]
    used: frozenset[str]
    own: frozenset[str] = frozenset()


def read_notebook(content: bytes) -> NotebookSource:
    """Parse the content of a notebook's file. Raises NotebookSourceError."""
    try:
        document = json_text.parsed(content)
    except ValueError as error:
        raise NotebookSourceError(f"it is not JSON: {error}", _SAVE) from None
    cells = document.get("cells") if isinstance(document, dict) else None
    number = document.get("nbformat") if isinstance(document, dict) else None
    if isinstance(number, int) and number != _FORMAT:
        raise NotebookSourceError(
            f"its format is {number}, and only notebooks of format {_FORMAT} can run",
            "open and save it in Jupyter, or convert it: jupyter nbconvert --to notebook --inplace FILE",
        )
    if not isinstance(document, dict) or not isinstance(cells, list) or number is None:
        raise NotebookSourceError("it is not a notebook, which is JSON with `nbformat` and `cells`", _SAVE)
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language", "python") if isinstance(kernel, dict) else "python"
    if isinstance(language, str) and language.lower() != "python":
        raise NotebookSourceError(
            f"its language is {language}, and only notebooks in Python can run", "choose a kernel for Python in Jupyter"
        )
    defaults: dict[str, Default] = {}
    used: set[str] = set()
    own: set[str] = set()
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        tree = _parsed(_text(cell.get("source")))
        if tree is None:
            continue
        before = set(used)
        used.update(_names(tree))
        about = cell.get("metadata")
        tags = about.get("tags") if isinstance(about, dict) else None
        if isinstance(tags, list) and PARAMETERS in tags and not defaults:
            defaults = dict(_assigned(tree))
        else:
            own.update(name for name in _assigned_first(tree) if name not in before)
    return NotebookSource(defaults, frozenset(used), frozenset(own - defaults.keys()))


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _assigned_first(tree: ast.Module) -> Iterator[str]:
    """Yield the names that the statements of a cell assign before any statement reads them."""
    seen: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            seen |= _names(statement.value)
            yield from (each.id for each in statement.targets if isinstance(each, ast.Name) and each.id not in seen)
        seen |= _names(statement)


def _text(source: object) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _parsed(text: str) -> ast.Module | None:
    """Return the syntax tree of a cell without IPython magics, or None if the cell is not valid Python."""
    if text.lstrip().startswith("%%"):
        return None
    lines = text.split("\n")
    plain = "\n".join("pass" if line.startswith(("%", "!", "?")) or line.endswith("?") else line for line in lines)
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError):
        return None


def _assigned(tree: ast.Module) -> Iterator[tuple[str, Default]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, _default(value)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value) if value is not None:
                yield name, _default(value)._replace(annotation=ast.unparse(annotation))


def _default(value: ast.expr) -> Default:
    try:
        literal = ast.literal_eval(value)
        return Default(True, json_text.parsed(json_text.shown(literal)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return Default(False)
