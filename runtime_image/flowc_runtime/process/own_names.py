"""Find the names in a method's source that refer to the method's object (`self`), by Python's scoping rules.

`self` is an ordinary name: functions, lambdas, comprehensions and classes inside a method may define another `self`.
All code that looks for `self.x` in a source uses this module.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FunctionDef: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def own_names(method: FunctionDef) -> frozenset[ast.Name]:
    """Return the names that refer to the method's first argument; empty if the method assigns another value to it.

    In a method without arguments the name is `self`; other code reports the missing argument.
    """
    name = first_argument(method)
    if name in _arguments(method) - _positional(method) or _is_bound(method.body, name):
        return frozenset()
    found: set[ast.Name] = set()
    waiting: list[ast.AST] = [*method.body]
    while waiting:  # no recursion: an expression may be thousands of terms deep
        node = waiting.pop()
        if isinstance(node, ast.Name) and node.id == name:
            found.add(node)
        waiting += _seeing(node, name)
    return frozenset(found)


def first_argument(method: FunctionDef) -> str:
    """Return the name of a method's first argument; `self` if it has none."""
    return next((argument.arg for argument in (*method.args.posonlyargs, *method.args.args)), "self")


def _seeing(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """Yield the children of a syntax node in which the name refers to the same variable as in the code around the
    node."""
    yield from _same_scope(node)
    if isinstance(node, _FUNCTIONS):
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
        if name not in _arguments(node) and not _is_bound(body, name):
            yield from body
    elif isinstance(node, ast.ClassDef):
        if not _is_bound(node.body, name):
            yield from node.body
    elif isinstance(node, _COMPREHENSIONS):
        targets = [loop.target for loop in node.generators]
        if not _is_bound(targets, name):
            yield from targets
            yield from _inside(node)


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a syntax node that are evaluated in the scope around the node."""
    if isinstance(node, _FUNCTIONS):
        yield from (default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None)
        if not isinstance(node, ast.Lambda):
            yield from node.decorator_list
            yield from (child for child in (*_annotations(node.args), node.returns) if child is not None)
    elif isinstance(node, ast.ClassDef):
        yield from (*node.decorator_list, *node.bases, *node.keywords)
    elif isinstance(node, _COMPREHENSIONS):
        yield node.generators[0].iter
    else:
        yield from ast.iter_child_nodes(node)


def _inside(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[ast.AST]:
    """Yield the parts of a comprehension that are evaluated in its own scope, except the targets."""
    yield from (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    for number, loop in enumerate(node.generators):
        yield from loop.ifs
        if number:
            yield loop.iter


def _arguments(function: FunctionDef | ast.Lambda) -> set[str]:
    return {argument.arg for argument in _all_arguments(function.args)}


def _positional(function: FunctionDef) -> set[str]:
    return {argument.arg for argument in (*function.args.posonlyargs, *function.args.args)}


def _annotations(arguments: ast.arguments) -> Iterator[ast.expr | None]:
    return (argument.annotation for argument in _all_arguments(arguments))


def _all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None)


def _is_bound(scope: Iterable[ast.AST], name: str) -> bool:
    """Return whether the code of a scope binds the name, or declares it global or nonlocal."""
    waiting = [*scope]
    while waiting:
        node = waiting.pop()
        if name in _bound_by(node):
            return True
        waiting += _same_scope(node)
        if isinstance(node, _COMPREHENSIONS):  # `:=` inside a comprehension binds in the surrounding scope
            waiting += _inside(node)
        elif isinstance(node, _FUNCTIONS) and not isinstance(node, ast.Lambda):
            waiting += (inner for inner in ast.walk(node) if isinstance(inner, ast.Nonlocal))
    return False


def _bound_by(node: ast.AST) -> Iterable[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return (name,)
        case ast.MatchMapping(rest=str(name)):
            return (name,)
        case ast.alias(name=name, asname=given):
            return (given or name.partition(".")[0],)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return names
    return ()
