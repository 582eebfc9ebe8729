"""Python sources with their syntax trees, and the spans of their parts. Each file is parsed once."""

from __future__ import annotations

import ast
import os
import sys
from functools import partial
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, final

from flowc.diagnostics import decode
from flowc_ir import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import CodeType

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MOST_WRAPPERS = 100  # objects in which the user's function is looked for


@final
class Source:
    """One file: its syntax tree, with an index of its functions and classes.

    Attributes:
        file: the file's name in spans.
        path: its path, by which code objects name it.
        lines: its text, split at newlines.
        tree: its syntax tree.
    """

    def __init__(self, file: str, text: str, path: str = "") -> None:
        """Parse the text of a file.

        Args:
            file: the file's name in spans.
            text: the content.
            path: the file's path, by which code objects name it.

        Raises:
            SyntaxError: the text is not valid Python.
            ValueError: the text contains a null byte.
        """
        self.file = file
        self.path = path
        self.lines = text.split("\n")
        self.tree = ast.parse(text, file)
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._functions: dict[int, list[Function]] = {}
        self._index(self.tree.body, "")

    def _index(self, body: list[ast.stmt], prefix: str) -> None:
        waiting = [(statement, prefix) for statement in reversed(body)]
        while waiting:
            statement, prefix = waiting.pop()
            inside: list[ast.stmt] = []
            if isinstance(statement, ast.ClassDef):
                self._classes.setdefault(prefix + statement.name, []).append(statement)
                inside, prefix = statement.body, f"{prefix}{statement.name}."
            elif isinstance(statement, Function):
                first = min([statement.lineno, *(decorator.lineno for decorator in statement.decorator_list)])
                self._functions.setdefault(first, []).append(statement)
                inside, prefix = statement.body, f"{prefix}{statement.name}.<locals>."
            else:
                inside = _arms(statement)
            waiting += [(inner, prefix) for inner in reversed(inside)]

    def classes_named(self, qualified: str) -> tuple[ast.ClassDef, ...]:
        """Return all definitions of a class by its qualified name: each arm of an `if` may have one."""
        return tuple(self._classes.get(qualified, ()))

    def class_of(self, cls: type) -> ast.ClassDef | None:
        """Return the definition of a class; if several have its name, that with the code of its methods.

        None without one.
        """
        nodes = self.classes_named(cls.__qualname__)
        if len(nodes) < 2:
            return nodes[0] if nodes else None
        lines = {code.co_firstlineno for code in _codes(cls) if self.is_file(code.co_filename)}
        return next((each for each in nodes if any(each.lineno <= line <= _end(each) for line in lines)), nodes[-1])

    def methods(self, cls: type, name: str) -> list[Function]:
        """Return all definitions of a method in the body of a class, in the order written: an `if` may have several."""
        tree = self.class_of(cls)
        if tree is None:
            return []
        return [node for node in _flat(tree.body) if isinstance(node, Function) and node.name == name]

    def is_file(self, filename: str) -> bool:
        """Return whether a code object's file name means this file."""
        return filename == self.path or os.path.realpath(filename) == os.path.realpath(self.path)

    def function(self, name: str, first_line: int) -> Function | None:
        """Return the function of a code object; None if the file has none in that line, as for a changed file.

        Args:
            name: `co_name`.
            first_line: `co_firstlineno`, the line of its first decorator.
        """
        for function in self._functions.get(first_line, ()):
            if function.name == name:
                return function
        return None

    # -- spans ---------------------------------------------------------------------------------------------------------

    def line(self, number: int) -> str:
        """Return a line by its number, from 1; empty if the file has no such line."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> Span:
        """Return the span of an expression or statement, at most to the end of its first line."""
        column = self._column(node.lineno, node.col_offset)
        one_line = node.end_lineno == node.lineno and node.end_col_offset is not None
        end = self._column(node.lineno, node.end_col_offset or 0) if one_line else 0
        return Span(self.file, node.lineno, column, max(end - column, 0))

    def header(self, node: Function | ast.ClassDef) -> Span:
        """Return the span of a definition's first line up to its colon."""
        column = self._column(node.lineno, node.col_offset)
        line = self.line(node.lineno)
        return Span(self.file, node.lineno, column, _colon(line, column - 1) - (column - 1))

    def whole_line(self, number: int) -> Span:
        """Return the span of a line without its indentation."""
        line = self.line(number)
        column = len(line) - len(line.lstrip()) + 1
        return Span(self.file, number, column)

    def _column(self, number: int, offset: int) -> int:
        """Return a column in characters, from 1, for an offset of `ast`, which counts the bytes of UTF-8."""
        line = self.line(number)
        return offset + 1 if line.isascii() else len(line.encode()[:offset].decode(errors="replace")) + 1


def _arms(statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements in the arms of an `if`, `try`, `with`, `match`, …"""
    inside: list[ast.stmt] = []
    for field in ("body", "orelse", "finalbody"):
        inside += getattr(statement, field, None) or []
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        inside += part.body
    return inside


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and of the arms of its conditions, in the order written."""
    for statement in body:
        yield statement
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            yield from _flat(_arms(statement))


def _codes(cls: type) -> Iterator[CodeType]:
    """Yield the code of the functions in a class's body, also inside wrappers."""
    for value in vars(cls).values():
        for function in functions_in(getattr(value, "fget", None) or value):
            yield function.__code__


def functions_in(value: object) -> Iterator[FunctionType]:
    """Yield a function and the functions that its wrappers hold, the outermost first.

    A wrapper of `functools.wraps` has the attribute `__wrapped__`. Any other wrapper has the function in a cell of its
    closure or as a default argument, mostly. At most 100 objects are examined, so that a closure with a large structure
    costs little.
    """
    waiting, seen = [value], set[int]()
    while waiting and len(seen) < _MOST_WRAPPERS:
        value = waiting.pop(0)
        if isinstance(value, partial):
            value = value.func
        elif isinstance(value, (staticmethod, classmethod, MethodType)):
            value = value.__func__
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            yield value
            waiting += [*_cells(value), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        # Without the object's own `__getattr__`: a closure can hold any object.
        wrapped: object = getattr_static(value, "__wrapped__", None)
        if wrapped is not None:
            waiting.insert(0, wrapped)


def _cells(function: FunctionType) -> Iterator[object]:
    """Yield the values of a function's closure."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet, or was deleted
            continue


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _colon(line: str, start: int) -> int:
    """Return the index of the colon of the definition that starts here; the line's end if it is on a later line."""
    depth, quote = 0, ""
    for index in range(start, len(line)):
        char = line[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "#":
            return len(line[:index].rstrip())
        elif char == ":" and not depth:
            return index
    return len(line.rstrip())


@final
class Sources:
    """The source files of a flow's classes and functions, by the file names of their code objects.

    Args:
        root: the directory of the flow's code.
        files: the contents of the package by path below the root; other files are read from the disk.
    """

    def __init__(self, root: Path, files: Mapping[str, bytes]) -> None:
        self.root = root
        self._files = files
        self._parsed: dict[str, Source | None] = {}
        self._relative: dict[str, str] = {}

    def relative(self, filename: str) -> str:
        """Return a file's name in spans: relative to the root, or to the entry of sys.path with the file."""
        if filename not in self._relative:
            self._relative[filename] = self._find_relative(filename)
        return self._relative[filename]

    def _find_relative(self, filename: str) -> str:
        path = os.path.realpath(filename)
        for base in (str(self.root), *sys.path):
            inside = f"{os.path.realpath(base)}{os.sep}" if base else ""
            if inside and path.startswith(inside):
                return path[len(inside) :].replace(os.sep, "/")
        return path.replace(os.sep, "/")

    def parse(self, file: str, content: bytes) -> Source:
        """Parse one file of the package and keep it.

        Args:
            file: the path below the root.
            content: the bytes.

        Raises:
            SyntaxError: the file is not valid Python.
            ValueError: the file has null bytes, or is not in its declared encoding.
        """
        self._parsed[file] = source = Source(file, decode(content), str(self.root / file))
        return source

    def of(self, filename: str) -> Source | None:
        """Return the source of a code object's or module's file; None if it cannot be read or parsed."""
        file = self.relative(filename)
        if file not in self._parsed:
            try:
                content = self._files.get(file)
                text = decode(content if content is not None else _read(filename))
                self._parsed[file] = Source(file, text, filename)
            except (OSError, SyntaxError, ValueError):
                self._parsed[file] = None
        return self._parsed[file]


def _read(filename: str) -> bytes:
    with open(filename, "rb") as file:
        return file.read()
