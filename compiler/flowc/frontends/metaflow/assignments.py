"""Find the statements of a class that create its parameters and configs, and report names that are defined twice."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.source import Source

StatementCall: TypeAlias = "tuple[ast.stmt, ast.Call] | None"


def call_of(source: Source | None, line: int, owner: type) -> StatementCall:
    """Return the assignment in a class body that creates a parameter or config, and the call on the right-hand side of
    this assignment.

    Args:
        source: the file; None if the file cannot be read.
        line: any line of the assignment.
        owner: the class that has the parameter or config as an attribute.

    Returns:
        None if the class's body does not assign the attribute, for example because a function sets it.
    """
    for statement in (each for tree in _definitions(source, owner) for each in tree.body):
        match statement:
            case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
                if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
                    return statement, call
    return None


def _definitions(source: Source | None, owner: type) -> tuple[ast.ClassDef, ...]:
    """Return all definitions of a class in a file; a file may define several classes of the same name."""
    return source.classes_named(owner.__qualname__) if source else ()


def span_of(
    source: Source | None,
    creation: StatementCall,
    line: int,
    arguments: Sequence[str],
    argument: str | None = None,
) -> Span:
    """Return the span of the statement that creates a parameter or config, or of one argument of its call.

    Args:
        source: the file; None if the file cannot be read.
        creation: the statement and its call, as `call_of` returns them; None if there is no such statement.
        line: the line of the call; it is returned if `creation` is None.
        arguments: the names of the positional arguments of `Parameter` or `Config`, in their order.
        argument: the name of the argument whose span is returned; None for the whole statement.
    """
    if source is None or creation is None:
        return source.whole_line(line) if source else Span("?", line, 1)
    statement, call = creation
    if argument is None:
        return source.span(statement)
    for keyword in call.keywords:
        if keyword.arg == argument:
            return source.span(keyword)
    index = arguments.index(argument) if argument in arguments else len(call.args)
    return source.span(call.args[index] if index < len(call.args) else statement)


def check_shadowed(tree: ast.ClassDef, source: Source, faults: Faults) -> None:
    """Report names that a class body assigns twice, at least once to a parameter: Python silently keeps the last value.

    Args:
        tree: the syntax tree of the class.
        source: the file with the class.
        faults: collects a fault for each second definition.
    """
    bound: dict[str, ast.stmt] = {}
    parameters = _assigned_parameters(tree)
    for statement in tree.body:
        for name in _bound(statement):
            if name in bound and name in parameters:
                faults.add(
                    codes.PARAMETER_CLASH,
                    _span(statement, source),
                    f"'{name}' is the name of a parameter and of something else in the class",
                    hint="give one of them another name",
                    also=[(_span(bound[name], source), "first defined here")],
                )
            bound.setdefault(name, statement)


def _span(statement: ast.stmt, source: Source) -> Span:
    """Return the span of a statement; for a class or function, return the span of its first line."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return source.header(statement)
    return source.span(statement)


def _assigned_parameters(tree: ast.ClassDef) -> set[str]:
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(value=ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)))
                | ast.AnnAssign(value=ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)))
            ) if called in ("Parameter", "IncludeFile", "Config"):
                names.update(_bound(statement))
    return names


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=several):
            return [target.id for target in several if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
    return []
