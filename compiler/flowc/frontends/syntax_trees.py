"""Syntax trees whose nodes are listed once: walking a tree takes as long as parsing its file, so checks share the list.

A command that examines the same files repeatedly, such as `flowc compile`, also shares the trees (`sharing_trees`).
"""

from __future__ import annotations

import ast
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    Kind = TypeVar("Kind", bound=ast.AST)

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Fields of syntax nodes that contain no other nodes, or only operators and contexts (`ast.Load`).
_PLAIN = frozenset({
    "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs", "level", "module", "name",
    "op", "ops", "rest", "simple", "str", "tag", "type_comment",
})  # fmt: skip
# Exceptions from `_PLAIN`: for each of these classes, the fields that contain nodes. For example, `name` is a node in a
# `type` statement and a string in a function.
_FIELDS: dict[type, tuple[str, ...]] = {ast.Constant: (), ast.Global: (), ast.Nonlocal: (), ast.MatchSingleton: ()}
if (_alias := getattr(ast, "TypeAlias", None)) is not None:  # since Python 3.12
    _FIELDS[_alias] = ("value", "type_params", "name")


class ListedNodes(NamedTuple):
    """The nodes of a syntax tree, and the classes of these nodes. A node comes before the nodes inside it, which have
    the order of the node's fields.

    Operators and contexts, such as `ast.Add` and `ast.Load`, are left out.
    """

    all: list[ast.AST]
    kinds: frozenset[type[ast.AST]]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the nodes of one class."""
        return cast("list[Kind]", [node for node in self.all if isinstance(node, kind)] if kind in self.kinds else [])


@final
class SyntaxTree:
    """The syntax tree of a file: `module` is the root."""

    def __init__(self, text: str, file: str) -> None:
        """Parse a file.

        Args:
            text: the content of the file.
            file: the name of the file in errors.

        Raises:
            SyntaxError: the text is not valid Python.
            ValueError: the text contains a null byte.
        """
        self.module = ast.parse(text, file)
        self._listed: dict[ast.AST, ListedNodes] = {}

    def nodes(self, root: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | None = None) -> ListedNodes:
        """Return the nodes of a function, or of the whole file if `root` is None."""
        root = root or self.module
        if root not in self._listed:
            self._listed[root] = self._list(root)
        return self._listed[root]

    def _list(self, root: ast.AST) -> ListedNodes:
        found: list[ast.AST] = []
        kinds: set[type[ast.AST]] = set()
        waiting: list[ast.AST | None] = [root]
        while waiting:  # no recursion, except for nested functions: expressions may nest thousands of levels
            node = waiting.pop()
            if node is None:  # None is the key of `**` in a dict, or a missing default of a keyword argument
                continue
            if isinstance(node, _FUNCTIONS) and node is not root:
                inner = self.nodes(node)
                found += inner.all
                kinds |= inner.kinds
                continue
            found.append(node)
            kind = node.__class__
            kinds.add(kind)
            for name in _FIELDS.get(kind) or _fields(kind):
                value = getattr(node, name, None)
                if isinstance(value, list):
                    waiting += value[::-1]
                else:
                    waiting.append(value)
        return ListedNodes(found, frozenset(kinds))


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """For a class of nodes, return the names of the fields that contain nodes; the last field comes first."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(name for name in reversed(kind._fields) if name not in _PLAIN)
    return _FIELDS[kind]


_shared: dict[str, SyntaxTree] | None = None


@contextmanager
def sharing_trees() -> Iterator[None]:
    """A context manager: inside it, `parse` parses equal texts once and keeps the trees.

    Commands that run flows do not use this function, because the trees would stay in the memory of the run's processes.
    """
    global _shared
    before, _shared = _shared, {} if _shared is None else _shared
    try:
        yield
    finally:
        _shared = before


def parse(text: str, file: str) -> SyntaxTree:
    """Return the syntax tree of a file.

    Args:
        text: the content of the file.
        file: the name of the file in errors.

    Raises:
        SyntaxError: the text is not valid Python.
        ValueError: the text contains a null byte.
    """
    if _shared is None:
        return SyntaxTree(text, file)
    if text not in _shared:
        _shared[text] = SyntaxTree(text, file)
    return _shared[text]
