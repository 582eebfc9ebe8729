"""Collect the imports and definitions of a module of user code."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TRIES: tuple[type[ast.stmt], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))  # Python 3.10 has no TryStar


class Module(NamedTuple):
    """A module of user code: its syntax tree, and the names that its top level imports and defines."""

    name: str
    file: str
    tree: ast.Module
    imported: dict[str, str]  # local name -> dotted name of the object
    stars: tuple[str, ...]
    functions: dict[
        str, list[FunctionNode]
    ]  # all definitions of a name, because only the execution decides which definition is used
    classes: dict[str, list[ast.ClassDef]]


def parse(name: str, file: str, source: str) -> Module:
    """Parse a module, and return it with the definitions and imports of its top level.

    Args:
        name: the dotted name of the module.
        file: the file name for messages.
        source: the source text.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    tree = ast.parse(source, file)
    module = Module(name, file, tree, {}, tuple(_stars(name, file, tree)), {}, {})
    for node in executed(tree.body):
        match node:
            case ast.Import() | ast.ImportFrom():
                module.imported.update(bound(name, file, node))
            case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined):
                module.functions.setdefault(defined, []).append(node)
            case ast.ClassDef(name=defined):
                module.classes.setdefault(defined, []).append(node)
            case ast.Assign(targets=[ast.Name(id=defined)], value=ast.Lambda() as function):
                module.functions.setdefault(defined, []).append(function)
    return module


def bound(name: str, file: str, node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Return the names that an import statement binds: local name → dotted name of the imported object."""
    if isinstance(node, ast.ImportFrom):
        source = origin(name, file, node)
        return {alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names}
    return {
        alias.asname or alias.name.partition(".")[0]: alias.name if alias.asname else alias.name.partition(".")[0]
        for alias in node.names
    }


def _stars(name: str, file: str, tree: ast.Module) -> Iterator[str]:
    for node in executed(tree.body):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield origin(name, file, node)


def origin(name: str, file: str, node: ast.ImportFrom) -> str:
    """Return the dotted name of the module after `from` in `from … import`; relative names are resolved."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    package = parts if file.endswith("__init__.py") else parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def imports(module: Module) -> Iterator[str]:
    """Yield the dotted names that a module imports while it is imported itself, in order. `NAME.*` stands for `from
    NAME import *`.
    """
    for node in executed(module.tree.body):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(names=names):
                source = origin(module.name, module.file, node)
                yield source
                yield from (f"{source}.{alias.name}" for alias in names)


def loaded_imports(name: str, file: str, source: str) -> list[str]:
    """Return all dotted names that a module imports, including imports in functions and calls of `import_module`.

    Args:
        name: the dotted name of the module.
        file: the module's file; a file `__init__.py` makes it a package.
        source: the source text.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(source, file)):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    found.update(dict.fromkeys(_above(alias.name)))
            case ast.ImportFrom(names=names):
                source = origin(name, file, node)
                found.update(dict.fromkeys([*_above(source), *(f"{source}.{alias.name}" for alias in names)]))
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                found.update(dict.fromkeys(_above(module)))
    return list(found)


def _above(name: str) -> Iterator[str]:
    """Yield the dotted name of a module, and the dotted names of the packages that contain it."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def executed(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield these statements and the statements nested in `if`, `for`, `try`, … Bodies of functions and classes are
    left out."""
    waiting = [*reversed(statements)]
    while waiting:
        statement = waiting.pop()
        yield statement
        waiting += reversed(_inside(statement))


def _inside(statement: ast.stmt) -> list[ast.stmt]:
    match statement:
        case ast.If(test=test, body=body, orelse=orelse):
            return orelse if is_main_guard(test) else [*body, *orelse]
        case ast.For(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
            return [*body, *orelse]
        case ast.With(body=body):
            return body
        case ast.Match(cases=cases):
            return [inner for case in cases for inner in case.body]
        case _ if isinstance(statement, _TRIES):
            tried: ast.Try = statement  # type: ignore[assignment,unused-ignore]  # TryStar has the fields of Try
            handled = [inner for handler in tried.handlers for inner in handler.body]
            return [*tried.body, *handled, *tried.orelse, *tried.finalbody]
    return []


def is_main_guard(test: ast.expr) -> bool:
    """Return whether a condition is false during an import: `TYPE_CHECKING`, or `__name__ == "__main__"`."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case (
            ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")])
            | ast.Compare(left=ast.Constant(value="__main__"), ops=[ast.Eq()], comparators=[ast.Name(id="__name__")])
        ):
            return True
    return False


class CodeScope:
    """The names that a piece of code can use: the names of its module, and the local names of the function that
    contains it."""

    __slots__ = ("functions", "imported", "module", "self_class", "values")

    def __init__(self, module: Module, *, self_class: ast.ClassDef | None = None) -> None:
        self.module = module
        self.values: set[str] = set()  # local names that are bound to plain values
        self.imported: dict[str, str] = {}  # local name → dotted name of an imported object
        self.functions: dict[str, list[FunctionNode]] = {}
        self.self_class = self_class

    def inside(self, node: ast.ClassDef | None = None) -> CodeScope:
        """Return the scope for the body of the class `node`; if `node` is None, for the body of a lambda."""
        inner = CodeScope(self.module, self_class=node)
        inner.values |= self.values
        inner.imported |= self.imported
        inner.functions |= self.functions
        return inner


def methods(node: ast.ClassDef, names: Sequence[str]) -> Iterator[FunctionNode]:
    """Yield the methods with these names that a class defines itself, without inherited ones."""
    yield from (inner for inner in node.body if isinstance(inner, FUNCTIONS) and inner.name in names)


def decorators_of(function: FunctionNode) -> Sequence[ast.expr]:
    """Return the decorators of a function; a lambda has none."""
    return () if isinstance(function, ast.Lambda) else function.decorator_list


def value_of(argument: ast.expr | ast.keyword) -> ast.expr:
    """Return the value of a positional or keyword argument."""
    return argument.value if isinstance(argument, ast.keyword) else argument


def is_given(value: ast.expr) -> bool:
    """Return whether an expression is a constant other than None: `3`, `-1`, `"a"`."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    return isinstance(value, ast.Constant) and value.value is not None


def constants(module: Module) -> set[str]:
    """Return the names that a module and its functions bind only to constants other than None."""
    bindings: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                bindings[name] += 1
            case ast.Attribute(
                attr=name, ctx=ast.Store() | ast.Del()
            ):  # the object may be this module: then `object.x = …` assigns to its variable `x`
                bindings[name] += 1
            case ast.Import() | ast.ImportFrom():
                bindings.update(bound(module.name, module.file, node).keys())
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bindings[name] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bindings[name] += 1
            case ast.MatchMapping(rest=str(name)):
                bindings[name] += 1
        match node:
            case ast.Assign(targets=targets, value=value) if is_given(value):
                known.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if is_given(value):
                known[name] += 1
    return {name for name, count in known.items() if count == bindings[name]}


def base_of(base: ast.expr) -> ast.expr:
    """Return a base class without its type arguments: `Generic` for `Generic[T]`."""
    return base.value if isinstance(base, ast.Subscript) else base
