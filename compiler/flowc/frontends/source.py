"""Source files with their syntax trees, and the spans of statements and expressions. Each file is parsed once."""

from __future__ import annotations

import ast
import os
import re
import sys
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, final

from flowc.diagnostics import decode
from flowc.frontends.syntax_trees import parse
from flowc_ir import Span
from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from inspect import getattr_static
    from pathlib import Path
    from types import CodeType
else:  # imported at first use, because the import costs start-up time
    getattr_static = LateFunction("inspect:getattr_static")

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# The first line of a definition without annotations and strings: its only colon is at the end.
_PLAIN_HEADER = re.compile(r"(?:async +)?(?:def|class) +\w+ *(?:\([\w ,.=*]*\))?:")
_MOST_WRAPPERS = 100  # the maximum number of objects to search for the wrapped function


@final
class Source:
    """One source file: its syntax tree, and an index of its functions and classes.

    Attributes:
        file: the file name to write in spans.
        path: the file's path, as in `co_filename` of its code objects.
        lines: the lines of the file.
        syntax: the syntax tree of the file, with lists of its nodes.
        tree: the root of the syntax tree.
    """

    def __init__(self, file: str, text: str, path: str = "") -> None:
        """Parse the text of a file.

        Args:
            file: the file name to write in spans.
            text: the content of the file.
            path: the file's path, as in `co_filename` of its code objects.

        Raises:
            SyntaxError: the text is not valid Python.
            ValueError: the text contains a null byte.
        """
        self.file = file
        self.path = path
        self.lines = text.split("\n")
        self.syntax = parse(text, file)
        self.tree = self.syntax.module
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
        """Return all class definitions with a qualified name: each branch of an `if` may define the same class."""
        return tuple(self._classes.get(qualified, ()))

    def class_of(self, cls: type) -> ast.ClassDef | None:
        """Return the definition of a class; None if the file does not define it.

        If several definitions have the class's name, the definition that contains the code of its methods is returned.
        """
        nodes = self.classes_named(cls.__qualname__)
        if len(nodes) < 2:
            return nodes[0] if nodes else None
        lines = {code.co_firstlineno for code in _codes(cls) if self.is_file(code.co_filename)}
        return next((each for each in nodes if any(each.lineno <= line <= _end(each) for line in lines)), nodes[-1])

    def methods(self, cls: type, name: str) -> list[Function]:
        """Return all definitions of a method in a class's body, in order: an `if` may define it repeatedly."""
        tree = self.class_of(cls)
        if tree is None:
            return []
        return [node for node in _flat(tree.body) if isinstance(node, Function) and node.name == name]

    def is_file(self, filename: str) -> bool:
        """Return whether `filename`, which comes from a code object, is the path of this file."""
        return filename == self.path or os.path.realpath(filename) == os.path.realpath(self.path)

    def function(self, name: str, first_line: int) -> Function | None:
        """Return the syntax tree of a function by its code object's name and first line.

        Return None if no function of this name begins there, for example because the file has changed.

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
        """Return the line with this number, counted from 1; empty if the file has no such line."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> Span:
        """Return the span of an expression or statement, from its start to the end of its first line at most."""
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
        """Convert an offset of `ast`, in bytes of UTF-8, to a column in characters, counted from 1."""
        line = self.line(number)
        return offset + 1 if line.isascii() else len(line.encode()[:offset].decode(errors="replace")) + 1


def _arms(statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements directly inside an `if`, `for`, `try`, `with`, `match`, …"""
    inside: list[ast.stmt] = []
    for field in ("body", "orelse", "finalbody"):
        inside += getattr(statement, field, None) or []
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        inside += part.body
    return inside


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and the statements nested in compound statements, in the order of the source."""
    for statement in body:
        yield statement
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            yield from _flat(_arms(statement))


def _codes(cls: type) -> Iterator[CodeType]:
    """Yield the code objects of a class's methods, including methods inside wrappers of decorators."""
    for value in vars(cls).values():
        for function in functions_in(getattr(value, "fget", None) or value):
            yield function.__code__


def functions_in(value: object) -> Iterator[FunctionType]:
    """Yield the functions that can be found in a wrapped function, the outermost wrapper first.

    A wrapper made with `functools.wraps` has the attribute `__wrapped__`. Most other wrappers have the function in
    their closure or as a default argument. At most 100 objects are searched, which limits the time for large closures.
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
        if type(value) is FunctionType:
            wrapped: object = value.__dict__.get("__wrapped__")
        else:
            # `getattr_static` does not call the object's `__getattr__`: the object may be of any class.
            wrapped = getattr_static(value, "__wrapped__", None)
        if isinstance(value, FunctionType):
            yield value
            waiting += [*_cells(value), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        if wrapped is not None:
            waiting.insert(0, wrapped)


def _cells(function: FunctionType) -> Iterator[object]:
    """Yield the values of a function's closure."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the variable of the closure has no value yet
            continue


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _colon(line: str, start: int) -> int:
    """Return the index of a definition's colon in its first line; the line's end if the colon is on a later line."""
    if _PLAIN_HEADER.fullmatch(line, start):
        return len(line) - 1
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
    """The source files of a flow's classes and functions. A file is found by the path in a code object.

    Args:
        root: the directory of the flow's code.
        files: the files of the code package: path below the root → content. All other files are read from the disk.
    """

    def __init__(self, root: Path, files: Mapping[str, bytes]) -> None:
        self.root = root
        self._files = files
        self._parsed: dict[str, Source | None] = {}
        self._relative: dict[str, str] = {}

    def relative(self, filename: str) -> str:
        """Return the file name to write in spans: relative to the root, or to the entry of `sys.path` with the file."""
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
        """Parse one file of the code package, and keep the result, which the method `of` returns later.

        Args:
            file: the path below the root.
            content: the bytes of the file.

        Raises:
            SyntaxError: the file is not valid Python.
            ValueError: the file has null bytes, or is not in its declared encoding.
        """
        self._parsed[file] = source = Source(file, decode(content), str(self.root / file))
        return source

    def of(self, filename: str) -> Source | None:
        """Return the source file with this path; None if the file cannot be read or parsed."""
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
