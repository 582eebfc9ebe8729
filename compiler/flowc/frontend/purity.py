"""Whether importing a user's modules is harmless: found in their syntax trees, without running them.

The import of a module is harmless if its top level only defines, imports, and calls what is known to give the same
result in every process and to leave nothing outside of its memory (`purity_names`). Functions of the user's own that it
calls are looked at in the same way.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from flowc.frontend.purity_names import BUILTINS, ENVIRONMENT, EXCEPT_WITH, METHODS, SEEDED, is_listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ACCESSORS = ("setter", "getter", "deleter", "register")
_MADE = ("__new__", "__init__", "__post_init__")
_HARMLESS_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType", "type"})


class Harm(NamedTuple):
    """One statement that makes an import unsafe to share: where it is, and what it does."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


class Purity(NamedTuple):
    """What the top levels of some modules do. `environment` are the places that read environment variables."""

    harms: tuple[Harm, ...]
    environment: tuple[Harm, ...]
    imports: tuple[str, ...]
    """The modules that are imported, in order, by their dotted names; also those that are none, but names in one."""


class _Module(NamedTuple):
    name: str
    file: str
    tree: ast.Module
    imported: dict[str, str]  # local name -> dotted name of what it stands for
    stars: tuple[str, ...]
    functions: dict[str, Function]
    classes: dict[str, ast.ClassDef]


def examine(modules: Mapping[str, tuple[str, str]]) -> Purity:
    """Look at modules, by their names: the file, as it is to be named, and the source of each.

    Raises SyntaxError where a source is no Python.
    """
    parsed = {name: _parse(name, file, source) for name, (file, source) in modules.items()}
    examination = _Examination(parsed)
    for module in parsed.values():
        examination.top_level(module)
    imports = tuple(dict.fromkeys(name for module in parsed.values() for name in _imports(module)))
    return Purity(tuple(dict.fromkeys(examination.harms)), tuple(dict.fromkeys(examination.environment)), imports)


def loaded_imports(name: str, file: str, source: str) -> list[str]:
    """All that a module imports anywhere, in its functions too, by dotted names. Raises SyntaxError."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(source, file)):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    found.update(dict.fromkeys(_above(alias.name)))
            case ast.ImportFrom(names=names):
                origin = _origin(name, file, node)
                found.update(dict.fromkeys([*_above(origin), *(f"{origin}.{alias.name}" for alias in names)]))
    return list(found)


def _above(name: str) -> Iterator[str]:
    """A module and the packages that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _parse(name: str, file: str, source: str) -> _Module:
    tree = ast.parse(source, file)
    imported: dict[str, str] = {}
    stars: list[str] = []
    functions: dict[str, Function] = {}
    classes: dict[str, ast.ClassDef] = {}
    for node in _executed(tree.body):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    imported[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            case ast.ImportFrom(names=names):
                origin = _origin(name, file, node)
                stars += [origin for alias in names if alias.name == "*"]
                imported.update((alias.asname or alias.name, f"{origin}.{alias.name}") for alias in names)
            case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined):
                functions[defined] = node
            case ast.ClassDef(name=defined):
                classes[defined] = node
            case ast.Assign(targets=[ast.Name(id=defined)], value=ast.Lambda() as function):
                functions[defined] = function
    return _Module(name, file, tree, imported, tuple(stars), functions, classes)


def _origin(name: str, file: str, node: ast.ImportFrom) -> str:
    """The module that `from … import` names, a relative one too."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    package = parts if file.endswith("__init__.py") else parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _imports(module: _Module) -> Iterator[str]:
    for node in _executed(module.tree.body):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(names=names):
                origin = _origin(module.name, module.file, node)
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in names if alias.name != "*")


def _executed(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are run when these are, those inside of compound ones too, but not bodies of definitions."""
    for statement in statements:
        yield statement
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                if not _is_main_guard(test):
                    yield from _executed(body)
                yield from _executed(orelse)
            case ast.For(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
                yield from _executed([*body, *orelse])
            case ast.With(body=body):
                yield from _executed(body)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                yield from _executed([*body, *(s for handler in handlers for s in handler.body), *orelse, *finalbody])
            case ast.Match(cases=cases):
                yield from _executed([inner for case in cases for inner in case.body])


def _is_main_guard(test: ast.expr) -> bool:
    match test:
        case (
            ast.Compare(left=ast.Name(id="__name__"))
            | ast.Name(id="TYPE_CHECKING")
            | ast.Attribute(attr="TYPE_CHECKING")
        ):
            return True
    return False


class _Scope:
    """Where code is looked at: its module, and what a function around it has defined itself."""

    __slots__ = ("functions", "module", "self_class", "values")

    def __init__(self, module: _Module, *, self_class: ast.ClassDef | None = None) -> None:
        self.module = module
        self.values: set[str] = set()  # names of plain values
        self.functions: dict[str, Function] = {}
        self.self_class = self_class

    def inside(self, node: ast.ClassDef) -> _Scope:
        """The body of a class."""
        inner = _Scope(self.module, self_class=node)
        inner.values |= self.values
        inner.functions |= self.functions
        return inner


class _Examination:
    def __init__(self, modules: Mapping[str, _Module]) -> None:
        self._modules = modules
        self._seen: set[int] = set()  # functions that were looked at
        self._methods: dict[str, list[tuple[Function, ast.ClassDef, _Module]]] = {}
        for module in modules.values():
            for node in module.classes.values():
                for method in (inner for inner in node.body if isinstance(inner, _FUNCTIONS)):
                    self._methods.setdefault(method.name, []).append((method, node, module))
        self.harms: list[Harm] = []
        self.environment: list[Harm] = []

    def top_level(self, module: _Module) -> None:
        """Look at what importing a module runs."""
        self._statements(module.tree.body, _Scope(module))

    def _harm(self, node: ast.AST, scope: _Scope, what: str) -> None:
        self.harms.append(Harm(scope.module.file, getattr(node, "lineno", 1), what))

    # -- statements

    def _statements(self, statements: Sequence[ast.stmt], scope: _Scope) -> None:
        for statement in _executed(statements):
            self._statement(statement, scope)

    def _statement(self, statement: ast.stmt, scope: _Scope) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                scope.functions[statement.name] = statement
                arguments = statement.args
                for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)):
                    self._expression(default, scope)
                self._decorators(statement.decorator_list, scope)
            case ast.ClassDef():
                self._class(statement, scope)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._target(target, scope)
                self._expression(value, scope)
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=value):
                self._target(target, scope)
                if value is not None:
                    self._expression(value, scope)
            case ast.If(test=test) if _is_main_guard(test):
                return
            case ast.If(test=value) | ast.While(test=value) | ast.Match(subject=value) | ast.Expr(value=value):
                self._expression(value, scope)
            case ast.For(target=target, iter=value):
                self._target(target, scope)
                self._expression(value, scope)
            case ast.With(items=items):
                for item in items:
                    self._expression(item.context_expr, scope)
                    self._methods_called("__enter__")
                    self._methods_called("__exit__")
                    if item.optional_vars is not None:
                        self._target(item.optional_vars, scope)
            case ast.Return(value=ast.expr() as value) | ast.Raise(exc=ast.expr() as value) | ast.Assert(test=value):
                self._expression(value, scope)

    def _target(self, target: ast.expr, scope: _Scope) -> None:
        for node in ast.walk(target):
            match node:
                case ast.Name(id=name):
                    scope.values.add(name)
                case ast.Call():
                    self._call(node, scope)

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        for base in node.bases:
            self._expression(base, scope)
        for keyword in node.keywords:
            self._expression(keyword.value, scope)
            if keyword.arg == "metaclass" and self._name(keyword.value, scope) not in _HARMLESS_METACLASSES:
                self._harm(node, scope, f"makes the class {node.name} by a metaclass")
        self._statements(node.body, scope.inside(node))
        self._decorators(node.decorator_list, scope)
        for base in node.bases:
            match self._find(self._name(base, scope), scope):
                case ast.ClassDef() as parent, home:
                    for method in _methods(parent, ("__init_subclass__",)):
                        self._body(method, _Scope(home))

    def _decorators(self, decorators: Sequence[ast.expr], scope: _Scope) -> None:
        """Calling a decorator with what it decorates; one with arguments is called twice."""
        for decorator in decorators:
            if isinstance(decorator, ast.Call):
                self._call(decorator, scope)
                continue
            name = self._name(decorator, scope)
            if not self._is_accessor(decorator, name, scope):
                self._called(decorator, name, (), scope)

    @staticmethod
    def _is_accessor(decorator: ast.expr, name: str | None, scope: _Scope) -> bool:
        """`@name.setter` of a property, `@name.register` of a generic function: the module's own."""
        if not isinstance(decorator, ast.Attribute) or decorator.attr not in _ACCESSORS:
            return False
        return name is None or name.startswith(f"{scope.module.name}.")

    # -- expressions

    def _expression(self, expression: ast.expr, scope: _Scope) -> None:
        """Look at an expression, but not at the bodies of its lambdas, which are not run."""
        waiting: list[ast.AST] = [expression]
        while waiting:
            node = waiting.pop()
            match node:
                case ast.Lambda():
                    continue
                case ast.Call():
                    self._call(node, scope)
                    continue
                case ast.Attribute() | ast.Name():
                    self._look_for_environment(node, scope)
                case ast.NamedExpr(target=ast.Name(id=name)):
                    scope.values.add(name)
                case ast.comprehension(target=target):
                    self._target(target, scope)
            waiting += ast.iter_child_nodes(node)

    def _look_for_environment(self, node: ast.expr, scope: _Scope) -> None:
        name = self._name(node, scope)
        if name in ENVIRONMENT:
            self.environment.append(Harm(scope.module.file, node.lineno, "reads environment variables"))

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._expression(argument, scope)
        given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        match node.func:
            case ast.Call() as inner:  # a decorator with arguments, called by hand
                self._call(inner, scope)
            case ast.Lambda(body=body):
                self._expression(body, scope)
            case function:
                self._called(function, self._name(function, scope), given, scope)

    def _called(
        self, function: ast.expr, name: str | None, given: Sequence[ast.expr | ast.keyword], scope: _Scope
    ) -> None:
        """Judge the call of a function, whose dotted name is known or not."""
        self._look_for_environment(function, scope)
        if name is not None and name.startswith(ENVIRONMENT):
            self.environment.append(Harm(scope.module.file, function.lineno, "reads environment variables"))
            return
        found = self._find(name, scope)
        if found is not None:
            definition, home = found
            if isinstance(definition, ast.ClassDef):
                for method in _methods(definition, _MADE):
                    self._body(method, _Scope(home, self_class=definition))
            else:
                self._body(definition, _Scope(home))
            return
        if name is not None and self._is_harmless(name, given, scope):
            return
        if isinstance(function, ast.Attribute) and (name is None or self._is_value(function, scope)):
            before = len(self.harms)
            self._expression(function.value, scope)
            if len(self.harms) > before:  # the first call of a chain is the one to tell
                return
            if function.attr in METHODS:
                self._methods_called(function.attr)
                return
        if name is None and isinstance(function, ast.Name) and function.id in scope.values and scope.self_class is None:
            self._harm(function, scope, f"calls {function.id}, which is not known before the import")
            return
        self._harm(function, scope, f"calls {name or ast.unparse(function)}")

    def _is_harmless(self, name: str, given: Sequence[ast.expr | ast.keyword], scope: _Scope) -> bool:
        if name in SEEDED:
            return any(isinstance(getattr(arg, "value", arg), (int, ast.Constant, ast.Name)) for arg in given)
        if name in EXCEPT_WITH:
            return not any(isinstance(arg, ast.keyword) and arg.arg in EXCEPT_WITH[name] for arg in given)
        if name.startswith("builtins."):
            return name.removeprefix("builtins.") in BUILTINS or _is_exception(name.removeprefix("builtins."))
        if not is_listed(name):
            return False
        if name.startswith("metaflow."):
            self._functions_given(given, scope)
        return True

    def _methods_called(self, name: str) -> None:
        """The value may be of any class of the user's that has such a method."""
        for method, node, module in self._methods.get(name, ()):
            self._body(method, _Scope(module, self_class=node))

    def _functions_given(self, given: Sequence[ast.expr | ast.keyword], scope: _Scope) -> None:
        """Functions that the authoring API calls before a run: of a parameter's default, of a config's parser."""
        for argument in given:
            value = argument.value if isinstance(argument, ast.keyword) else argument
            match value:
                case ast.Lambda():
                    self._body(value, _Scope(scope.module))
                case ast.Name() | ast.Attribute():
                    if found := self._find(self._name(value, scope), scope):
                        definition, home = found
                        if not isinstance(definition, ast.ClassDef):
                            self._body(definition, _Scope(home))
                case ast.Constant(value=str()) if isinstance(argument, ast.keyword) and argument.arg == "parser":
                    self._harm(value, scope, "names a parser, which runs before the import is done")

    def _body(self, function: Function, scope: _Scope) -> None:
        """Look at what a call of the function runs."""
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        scope.values |= {argument.arg for argument in every if argument is not None}
        if isinstance(function, ast.Lambda):
            self._expression(function.body, scope)
        else:
            self._statements(function.body, scope)

    # -- names

    def _name(self, node: ast.expr, scope: _Scope) -> str | None:
        """The dotted name of what an expression stands for: `numpy.random.rand`; None for a value."""
        match node:
            case ast.Name(id=name):
                if name in scope.functions:
                    return f"{scope.module.name}.{name}"
                if name in scope.module.imported and name not in scope.values:
                    return scope.module.imported[name]
                if name in scope.module.functions or name in scope.module.classes:
                    return f"{scope.module.name}.{name}"
                if name in scope.values:
                    return None
                for star in scope.module.stars:
                    if (home := self._modules.get(star)) and (name in home.functions or name in home.classes):
                        return f"{star}.{name}"
                return f"builtins.{name}" if hasattr(builtins, name) else None
            case ast.Attribute(value=value, attr=attribute):
                base = self._name(value, scope)
                return f"{base}.{attribute}" if base else None
        return None

    def _is_value(self, function: ast.Attribute, scope: _Scope) -> bool:
        """Whether a method is called of a value, not of a module or a class of somebody else's."""
        root: ast.expr = function
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return True
        name = self._name(root, scope)
        if name is None or name.startswith("builtins."):
            return True
        # `module.VALUE.append(…)` of a module of the user's own, or `Class.VALUES.append(…)` of its class.
        return name in self._modules or self._find(name, scope) is not None or name.rpartition(".")[0] in self._modules

    def _find(self, name: str | None, scope: _Scope) -> tuple[Function | ast.ClassDef, _Module] | None:
        """The definition of a function or class of the user's, and its module."""
        if name is None:
            return None
        module, _, short = name.rpartition(".")
        if module == scope.module.name and short in scope.functions:
            return scope.functions[short], scope.module
        home = self._modules.get(module)
        if home is None:
            return None
        if short in home.functions:
            return home.functions[short], home
        if short in home.classes:
            return home.classes[short], home
        if short in home.imported and home.imported[short] != name:  # passed on from where it is defined
            return self._find(home.imported[short], _Scope(home))
        return None


def _methods(node: ast.ClassDef, names: Sequence[str]) -> Iterator[Function]:
    yield from (inner for inner in node.body if isinstance(inner, _FUNCTIONS) and inner.name in names)


def _is_exception(name: str) -> bool:
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)
