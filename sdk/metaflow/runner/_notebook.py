"""Conversion of flows in notebooks to files: the cell with the flow's class is written to a Python file."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import tempfile
import types
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from metaflow.flowspec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAUNCHERS = ("NBRunner", "NBDeployer")


def in_notebook() -> bool:
    """Return whether this Python is interactive: Jupyter or IPython."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def open_flow(flow: object, base_dir: str | None, refusal: Exception) -> tuple[str, str]:
    """Write the flow to a file in the working directory; return the paths of the directory and the file.

    The caller must remove the file.

    Raises:
        Exception: the exception `refusal`, if the code does not run in a notebook.
        ValueError: the object is not a flow, or its source is unknown.
    """
    if not in_notebook():
        raise refusal
    directory = os.path.abspath(base_dir or os.getcwd())
    return directory, write_flow(flow, directory)


def remove_flow(file: str) -> None:
    """Remove the flow's file, unless it has been removed already."""
    with suppress(FileNotFoundError):
        os.unlink(file)


def write_flow(flow: object, directory: str) -> str:
    """Write the flow to a new file in the directory, where its imports find the directory's modules; return the path.

    Raises:
        ValueError: the object is not a flow, or its source is unknown.
    """
    if not isinstance(flow, type) or not issubclass(flow, FlowSpec):
        raise ValueError(f"give the class of a flow, not {flow!r}")
    text = flow_text(flow)
    handle, path = tempfile.mkstemp(prefix=f"notebook_{flow.__name__}_".lower(), suffix=".py", dir=directory)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def flow_text(flow: type) -> str:
    """Return the source of a program that consists of the cells with the flow and its base classes, without calls that
    start the flow.

    Raises:
        ValueError: the source of a class is unknown.
        SyntaxError: the text of a cell cannot be parsed.
    """
    cells: dict[str, set[str]] = {}
    for cls in reversed(flow.__mro__):
        if cls.__module__ == flow.__module__:
            cells.setdefault(_cell(cls), set()).add(cls.__name__)
    parts = [_definitions("".join(linecache.getlines(cell)), names) for cell, names in cells.items()]
    return "\n".join([*parts, "", 'if __name__ == "__main__":', f"    {flow.__name__}()", ""])


def _cell(cls: type) -> str:
    """Return the file name under which Python's `linecache` stores the source of the cell that defines a class. Raises
    ValueError."""
    for code in _codes(cls):
        if linecache.getlines(code.co_filename):
            return code.co_filename
    raise ValueError(f"the source of {cls.__name__} is unknown: define it in a cell, or use Runner with a file")


def _codes(cls: type) -> Iterator[types.CodeType]:
    for value in vars(cls).values():
        function = inspect.unwrap(value) if callable(value) else None
        if isinstance(function, types.FunctionType) and function.__qualname__.startswith(f"{cls.__name__}."):
            yield function.__code__


def _definitions(cell: str, names: set[str]) -> str:
    """Return the source of a cell without IPython magics, and without statements after the flow's class that start the
    flow."""
    transformers = import_module("IPython.core.inputtransformer2")  # every notebook has IPython
    # this converts magics to calls of `get_ipython`, which are left out below
    text = transformers.TransformerManager().transform_cell(cell)
    lines = text.splitlines(keepends=True)
    selected: list[str] = []
    before = 0
    behind = False
    for node in ast.parse(text).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        imports = isinstance(node, (ast.Import, ast.ImportFrom))
        defines = imports or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign))
        starts = not imports and used & {*_LAUNCHERS, "get_ipython"}
        if not starts and (defines or not behind):
            selected += lines[before : node.end_lineno]
        else:
            selected += lines[before : first - 1]  # keep the comments before a statement that is left out
        before = node.end_lineno or before
        behind = behind or (isinstance(node, ast.ClassDef) and node.name in names)
    return "".join(selected)
