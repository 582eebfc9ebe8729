"""Decide from the syntax trees of a user's modules whether importing them is harmless.

The import of a module is harmless if its top level only contains definitions, imports, and calls that have the same
result in every process and change nothing outside its memory (`harmless_names`). User functions that it calls are
examined in the same way.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, NamedTuple

from flowc.frontends.purity.harmless_names import (
    BUILTINS,
    CALLING_FIRST,
    CLASS_MAKERS,
    DECORATOR_MAKERS,
    ENVIRONMENT,
    EXCEPT_WITH,
    KEEPING,
    METHODS,
    METHODS_CALLING,
    NOW,
    SEEDED,
    is_below,
    is_listed,
)
from flowc.frontends.purity.user_modules import (
    FUNCTIONS,
    CodeScope,
    FunctionNode,
    Module,
    base_of,
    bound,
    constants,
    decorators_of,
    executed,
    imports,
    is_given,
    is_main_guard,
    methods,
    parse,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ACCESSORS = ("setter", "getter", "deleter", "register")
_MADE = ("__new__", "__init__", "__post_init__")
# These methods are called by name or by a statement, where they are examined; any operator may call the others.
_NOT_OPERATORS = frozenset({
    "__aenter__", "__aexit__", "__call__", "__class_getitem__", "__del__", "__enter__", "__exit__", "__getstate__",
    "__init_subclass__", "__reduce__", "__reduce_ex__", "__setstate__",
})  # fmt: skip
_PROPERTIES = frozenset({"property", "cached_property"})
_FACTORIES = ("default_factory", "factory")
_HARMLESS_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType", "type"})


class Harm(NamedTuple):
    """One statement that makes an import unsafe to share: its place, and what it does."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


class Purity(NamedTuple):
    """The effects of importing some modules. `environment` are the places that use environment variables."""

    harms: tuple[Harm, ...]
    environment: tuple[Harm, ...]
    imports: tuple[str, ...]
    """The dotted names of what is imported, in order: modules, and names inside modules."""


def examine(modules: Mapping[str, tuple[str, str]]) -> Purity:
    """Examine modules.

    Args:
        modules: the file, as messages name it, and the source of each module, by the module's name.

    Raises:
        SyntaxError: a source is not valid Python.
    """
    parsed = {name: parse(name, file, source) for name, (file, source) in modules.items()}
    examination = _Examination(parsed)
    for module in parsed.values():
        examination.top_level(module)
    found = tuple(dict.fromkeys(name for module in parsed.values() for name in imports(module)))
    return Purity(tuple(dict.fromkeys(examination.harms)), tuple(dict.fromkeys(examination.environment)), found)


class _Examination:
    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._seen: set[int] = set()  # ids of functions and classes that were examined
        self._constants: dict[str, set[str]] = {}  # the constants of each module that needed them
        self._methods: dict[str, list[tuple[FunctionNode, ast.ClassDef, Module]]] = {}
        for module in modules.values():
            for node in (each for classes in module.classes.values() for each in classes):
                for method in (inner for inner in node.body if isinstance(inner, FUNCTIONS)):
                    self._methods.setdefault(method.name, []).append((method, node, module))
        self._properties = {name for name, found in self._methods.items() if any(_is_property(f) for f, _, _ in found)}
        self.harms: list[Harm] = []
        self.environment: list[Harm] = []

    def top_level(self, module: Module) -> None:
        """Examine the code that the import of a module runs."""
        scope = CodeScope(module)
        scope.imported = module.imported  # aliases of imports hold in the module's functions too
        for statement in executed(module.tree.body):
            try:
                self._statement(statement, scope)
            except RecursionError:
                self._harm(statement, scope, "is nested too deeply to be examined")

    def _harm(self, node: ast.AST, scope: CodeScope, what: str) -> None:
        self.harms.append(Harm(scope.module.file, getattr(node, "lineno", 1), what))

    # -- statements

    def _statements(self, statements: Sequence[ast.stmt], scope: CodeScope) -> None:
        for statement in executed(statements):
            self._statement(statement, scope)

    def _statement(self, statement: ast.stmt, scope: CodeScope) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                scope.imported.update(bound(scope.module.name, scope.module.file, statement))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                scope.functions[statement.name] = [*scope.functions.get(statement.name, ()), statement]
                self._defaults(statement.args, scope)
                self._decorators(statement.decorator_list, scope)
            case ast.ClassDef():
                self._class(statement, scope)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._target(target, scope)
                self._expression(value, scope)
                self._alias(targets, value, scope)
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=value):
                self._target(target, scope)
                if value is not None:
                    self._expression(value, scope)
                    self._alias([target], value, scope)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._target(target, scope)
            case ast.If(test=test) if is_main_guard(test):
                return
            case ast.Match(subject=value, cases=cases):
                for guard in (value, *(case.guard for case in cases if case.guard is not None)):
                    self._expression(guard, scope)
            case ast.If(test=value) | ast.While(test=value) | ast.Expr(value=value):
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

    def _target(self, target: ast.expr, scope: CodeScope) -> None:
        for node in ast.walk(target):
            match node:
                case ast.Name(id=name, ctx=ast.Store()):
                    scope.values.add(name)
                case ast.Name() | ast.Attribute():  # os.environ["X"] = …
                    self._look_for_environment(node, scope)
                case ast.Call():
                    self._call(node, scope)

    def _alias(self, targets: Sequence[ast.expr], value: ast.expr, scope: CodeScope) -> None:
        """Record an assignment that gives an imported object another name: such a name is no plain value."""
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            name = self._name(value, scope) if isinstance(value, (ast.Name, ast.Attribute)) else None
            if isinstance(value, ast.Call) and (made := self._name(value.func, scope)) in CLASS_MAKERS:
                name = made
            if name is not None and name.partition(".")[0] not in ("builtins", scope.module.name.partition(".")[0]):
                scope.values.discard(target.id)
                scope.imported[target.id] = name

    def _class(self, node: ast.ClassDef, scope: CodeScope) -> None:
        for base in node.bases:
            self._expression(base, scope)
        for keyword in node.keywords:
            self._expression(keyword.value, scope)
            if keyword.arg == "metaclass" and self._name(keyword.value, scope) not in _HARMLESS_METACLASSES:
                self._harm(node, scope, f"makes the class {node.name} by a metaclass")
        self._statements(node.body, scope.inside(node))
        self._decorators(node.decorator_list, scope)
        for parent, home in list(self._family(node, scope))[1:]:
            for method in methods(parent, ("__init_subclass__",)):
                self._body(method, CodeScope(home, self_class=parent))

    def _family(self, node: ast.ClassDef, scope: CodeScope) -> Iterator[tuple[ast.ClassDef, Module]]:
        """Yield a class of the user and its bases that are the user's too."""
        yield node, scope.module
        for base in node.bases:
            for parent, home in self._find(self._name(base_of(base), scope), scope):
                if isinstance(parent, ast.ClassDef) and parent is not node:
                    yield from self._family(parent, CodeScope(home))

    def _decorators(self, decorators: Sequence[ast.expr], scope: CodeScope) -> None:
        """Judge the calls of decorators; a decorator with arguments is called twice."""
        for decorator in decorators:
            if isinstance(decorator, ast.Call):
                self._call(decorator, scope)
                continue
            name = self._name(decorator, scope)
            if not self._is_accessor(decorator, name, scope):
                self._called(decorator, name, (), scope)
            elif isinstance(decorator, ast.Attribute):
                self._methods_called(decorator.attr)

    @staticmethod
    def _is_accessor(decorator: ast.expr, name: str | None, scope: CodeScope) -> bool:
        """Return whether a decorator is `@name.setter` of a property, or `@name.register` of a module's function."""
        if not isinstance(decorator, ast.Attribute) or decorator.attr not in _ACCESSORS:
            return False
        return name is None or name.startswith(f"{scope.module.name}.")

    # -- expressions

    def _expression(self, expression: ast.expr, scope: CodeScope) -> None:
        """Examine an expression, except the bodies of its lambdas, which do not run."""
        waiting: list[ast.AST] = [expression]
        while waiting:
            node = waiting.pop()
            match node:
                case ast.Lambda(args=arguments):
                    self._defaults(arguments, scope)
                    continue
                case ast.Call():
                    self._call(node, scope)
                    continue
                case ast.Attribute() | ast.Name():
                    self._look_for_environment(node, scope)
                    if isinstance(node, ast.Attribute) and node.attr in self._properties:
                        self._methods_called(node.attr)
                case ast.NamedExpr(target=ast.Name(id=name)):
                    scope.values.add(name)
                case ast.comprehension(target=target):
                    self._target(target, scope)
            waiting += ast.iter_child_nodes(node)

    def _defaults(self, arguments: ast.arguments, scope: CodeScope) -> None:
        for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)):
            self._expression(default, scope)

    def _look_for_environment(self, node: ast.expr, scope: CodeScope) -> None:
        name = self._name(node, scope)
        if name is not None and is_below(name, ENVIRONMENT):
            self.environment.append(Harm(scope.module.file, node.lineno, "uses environment variables"))

    def _call(self, node: ast.Call, scope: CodeScope) -> None:
        given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        for argument in given:
            self._expression(value_of(argument), scope)
        match node.func:
            case ast.Call() as inner:
                self._call(inner, scope)
                self._result_called(inner, scope)
            case ast.Lambda(body=body):
                self._expression(body, scope)
            case ast.Subscript(value=ast.Name() | ast.Attribute() as function) if self._find(
                self._name(function, scope), scope
            ):  # Box[int](…)
                self._called(function, self._name(function, scope), given, scope)
            case function:
                self._called(function, self._name(function, scope), given, scope)

    def _result_called(self, inner: ast.Call, scope: CodeScope) -> None:
        """Judge a call of a call's result: a function that a function returned, or a decorator with arguments."""
        name = self._name(inner.func, scope)
        found = self._find(name, scope)
        for definition, home in found:
            if isinstance(definition, ast.ClassDef):
                self._methods_called("__call__")
            else:
                self._functions_inside(definition, home)
        if not found and not (name is not None and is_below(name, DECORATOR_MAKERS)):
            self._harm(inner, scope, f"calls the result of {name or ast.unparse(inner.func)}")

    def _functions_inside(self, function: FunctionNode, home: Module) -> None:
        """Examine the functions inside a user function, because the call may run them."""
        for inner in ast.walk(function):
            if isinstance(inner, (*FUNCTIONS, ast.Lambda)) and inner is not function:
                self._body(inner, CodeScope(home))

    def _called(
        self, function: ast.expr, name: str | None, given: Sequence[ast.expr | ast.keyword], scope: CodeScope
    ) -> None:
        """Judge the call of a function; `name` is its dotted name, if that is known."""
        if name is not None and is_below(name, ENVIRONMENT):
            self.environment.append(Harm(scope.module.file, function.lineno, "uses environment variables"))
            return
        found = self._find(name, scope)
        for definition, home in found:
            if isinstance(definition, ast.ClassDef):
                self._made(function, definition, home, scope)
            else:
                self._body(definition, CodeScope(home))
                self._wrappers_called(definition, home)
        if found or (name is not None and self._is_harmless(name, given, scope)):
            return
        if isinstance(function, ast.Attribute) and (name is None or self._is_value(function, scope)):
            self._method_called(function, given, scope)
            return
        if isinstance(function, ast.Name) and function.id == "cls" and scope.self_class is not None:
            self._made(function, scope.self_class, scope.module, scope)
            return
        if name is None and isinstance(function, ast.Name) and function.id in scope.values and scope.self_class is None:
            self._harm(function, scope, f"calls {function.id}, which is unknown before the import")
            return
        self._harm(function, scope, f"calls {name or ast.unparse(function)}")

    def _method_called(
        self, function: ast.Attribute, given: Sequence[ast.expr | ast.keyword], scope: CodeScope
    ) -> None:
        """Judge a call of a method of a plain value, or of an object of a user's class."""
        match function.value:
            case ast.Call(func=ast.Name(id="super")) if scope.self_class is not None:
                self._super_called(function, scope.self_class, scope)
                return
        before = len(self.harms)
        self._expression(function.value, scope)
        if len(self.harms) > before:  # report only the first harmful call of a chain
            return
        self._methods_called(function.attr)
        if function.attr in METHODS_CALLING:
            self._called_by(given, scope)
        moves_a_file = function.attr == "replace" and len(given) == 1  # `Path.replace`; `str.replace` has two arguments
        known = function.attr in METHODS or function.attr in self._methods
        if moves_a_file or not known:
            self._harm(function, scope, f"calls {ast.unparse(function)}")

    def _super_called(self, function: ast.Attribute, node: ast.ClassDef, scope: CodeScope) -> None:
        for parent, home in list(self._family(node, CodeScope(scope.module)))[1:]:
            for method in methods(parent, (function.attr,)):
                self._body(method, CodeScope(home, self_class=parent))
        # Bases that are not the user's are judged when an object is created.
        if function.attr not in (*_MADE, "__init_subclass__", "__set_name__") and function.attr not in self._methods:
            self._harm(function, scope, f"calls {ast.unparse(function)}")

    def _made(self, function: ast.expr, definition: ast.ClassDef, home: Module, scope: CodeScope) -> None:
        """Judge the creation of an object of a user's class: this calls constructors, and later perhaps operators."""
        for parent, where in self._family(definition, CodeScope(home)):
            inside = CodeScope(where, self_class=parent)
            for base in parent.bases:
                self._base_made(function, parent, self._name(base_of(base), CodeScope(where)), scope)
            if id(parent) in self._seen:
                continue
            self._seen.add(id(parent))
            for method in (inner for inner in parent.body if isinstance(inner, FUNCTIONS)):
                special = method.name.startswith("__") and method.name.endswith("__")
                if (special and method.name not in _NOT_OPERATORS) or self._is_validator(method, inside):
                    self._body(method, CodeScope(where, self_class=parent))
            for node in (inner for statement in parent.body for inner in ast.walk(statement)):
                if isinstance(node, ast.keyword) and node.arg in _FACTORIES:
                    self._called_by([node.value], inside)

    def _base_made(self, function: ast.expr, node: ast.ClassDef, name: str | None, scope: CodeScope) -> None:
        if name is None or name == "builtins.object" or self._find(name, scope):
            return
        if is_below(name, ENVIRONMENT):
            self.environment.append(Harm(scope.module.file, function.lineno, "uses environment variables"))
        elif not self._is_harmless(name, (), scope):
            self._harm(function, scope, f"creates an object of {node.name}, which is a {name}")

    def _is_validator(self, method: FunctionNode, scope: CodeScope) -> bool:
        """Return whether pydantic or attrs call a method whenever an object is created."""
        names = (self._decorator_name(each, scope) for each in decorators_of(method))
        return any(name is not None and name.startswith(("pydantic.", "attr")) for name in names)

    def _decorator_name(self, decorator: ast.expr, scope: CodeScope) -> str | None:
        return self._name(decorator.func if isinstance(decorator, ast.Call) else decorator, scope)

    def _wrappers_called(self, definition: FunctionNode, home: Module) -> None:
        """Examine the wrappers that the user's decorators put around a function: its call runs them too."""
        for decorator in decorators_of(definition):
            name = self._decorator_name(decorator, CodeScope(home))
            for wrapper, where in self._find(name, CodeScope(home)):
                if isinstance(wrapper, ast.ClassDef):
                    self._methods_called("__call__")
                else:
                    self._functions_inside(wrapper, where)

    def _is_harmless(self, name: str, given: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> bool:
        if name in SEEDED:
            return any(self._is_seed(value_of(argument), scope) for argument in given)
        if name in EXCEPT_WITH:
            return not any(isinstance(arg, ast.keyword) and arg.arg in EXCEPT_WITH[name] for arg in given)
        if name == "importlib.import_module":
            return bool(given) and isinstance(given[0], ast.Constant)
        if name.startswith("builtins."):
            short = name.removeprefix("builtins.")
            if short not in BUILTINS and not _is_exception(short):
                return False
        elif not is_listed(name):
            return False
        values = [value_of(argument) for argument in given]
        if name.startswith("pandas.") and any(isinstance(v, ast.Constant) and v.value in NOW for v in values):
            return False
        if name in CALLING_FIRST:
            self._called_by(given[:1], scope)
        if name.startswith("metaflow."):
            self._functions_given(given, scope)
        elif not is_below(name, KEEPING):
            self._called_by([arg for arg in given if _is_key(arg)], scope)
            self._functions_given([arg for arg in given if not _is_key(arg)], scope)
        return True

    def _is_seed(self, value: ast.expr, scope: CodeScope) -> bool:
        """Return whether a seed is certainly not None; with None a generator of random numbers seeds itself."""
        if is_given(value):
            return True
        dotted = self._name(value, scope)
        source, _, name = dotted.rpartition(".") if dotted is not None else ("", "", getattr(value, "id", ""))
        module = self._modules.get(source) if dotted is not None else scope.module
        if module is None:
            return False
        if module.name not in self._constants:
            self._constants[module.name] = constants(module)
        return name in self._constants[module.name]

    def _methods_called(self, name: str) -> None:
        """Examine all methods of this name in user classes: the value may be of any of these classes."""
        for method, node, module in self._methods.get(name, ()):
            self._body(method, CodeScope(module, self_class=node))
            self._wrappers_called(method, module)

    def _called_by(self, given: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> None:
        """Judge arguments that are functions and that the called function calls."""
        for argument in given:
            value = value_of(argument)
            match value:
                case ast.Lambda():
                    self._body(value, scope.inside())
                case ast.Name() | ast.Attribute():
                    if (name := self._name(value, scope)) is not None:
                        self._called(value, name, (), scope)

    def _functions_given(self, given: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> None:
        """Examine user functions that are passed as arguments and called later: a parameter's default, a parser."""
        for argument in given:
            value = value_of(argument)
            match value:
                case ast.Lambda():
                    self._body(value, scope.inside())
                case ast.Name() | ast.Attribute():
                    for definition, home in self._find(self._name(value, scope), scope):
                        if not isinstance(definition, ast.ClassDef):
                            self._body(definition, CodeScope(home))
                case ast.Constant(value=str()) if isinstance(argument, ast.keyword) and argument.arg == "parser":
                    self._harm(value, scope, "names a parser, which runs before the import is done")

    def _body(self, function: FunctionNode, scope: CodeScope) -> None:
        """Examine the code that a call of the function runs."""
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

    def _name(self, node: ast.expr, scope: CodeScope) -> str | None:
        """Return the dotted name of an expression's object, such as `numpy.random.rand`; None for a value."""
        match node:
            case ast.Name(id=name):
                return self._local(name, scope)
            case ast.Attribute():
                attributes: list[str] = []
                value: ast.expr = node
                while isinstance(value, ast.Attribute):
                    attributes.append(value.attr)
                    value = value.value
                base = self._name(value, scope)
                return ".".join([base, *reversed(attributes)]) if base else None
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]):
                return module if self._name(function, scope) == "importlib.import_module" else None
        return None

    def _local(self, name: str, scope: CodeScope) -> str | None:
        if name in scope.functions:
            return f"{scope.module.name}.{name}"
        if name in scope.imported:
            return scope.imported[name]
        if name in scope.module.imported and name not in scope.values:
            return scope.module.imported[name]
        if name in scope.module.functions or name in scope.module.classes:
            return f"{scope.module.name}.{name}"
        if name in scope.values:
            return None
        for star in scope.module.stars:
            home, dotted = self._modules.get(star), f"{star}.{name}"
            if home is not None and (name in home.functions or name in home.classes or name in home.imported):
                return dotted
            if home is None and (is_listed(dotted) or dotted in SEEDED or is_below(dotted, ENVIRONMENT)):
                return dotted
        return f"builtins.{name}" if hasattr(builtins, name) else None

    def _is_value(self, function: ast.Attribute, scope: CodeScope) -> bool:
        """Return whether a method is called on a value, and not on a module or class of a library."""
        root: ast.expr = function
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return self._name(root, scope) is None
        name = self._name(root, scope)
        if name is None or name.startswith("builtins."):
            return True
        # `module.VALUE.append(…)` of a user's module, or `Class.VALUES.append(…)` of a user's class.
        return name in self._modules or bool(self._find(name, scope)) or name.rpartition(".")[0] in self._modules

    def _find(self, name: str | None, scope: CodeScope) -> list[tuple[FunctionNode | ast.ClassDef, Module]]:
        """Return the definitions of a function or class of the user, with their modules."""
        if name is None:
            return []
        module, _, short = name.rpartition(".")
        if module == scope.module.name and short in scope.functions:
            return [(each, scope.module) for each in scope.functions[short]]
        home = self._modules.get(module)
        if home is None:
            return []
        if short in home.functions or short in home.classes:
            return [(each, home) for each in (*home.functions.get(short, ()), *home.classes.get(short, ()))]
        if short in home.imported and home.imported[short] != name:  # re-exported from the module that defines it
            return self._find(home.imported[short], CodeScope(home))
        return []


def _is_property(function: FunctionNode) -> bool:
    names = (
        each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in decorators_of(function)
    )
    return any(name in _PROPERTIES for name in names)


def _is_key(argument: ast.expr | ast.keyword) -> bool:
    return isinstance(argument, ast.keyword) and argument.arg == "key"


def _is_exception(name: str) -> bool:
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)
