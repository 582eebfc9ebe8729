"""Decide from the syntax trees of user code whether importing the code is harmless.

The import of a module is harmless if its top level contains only definitions, imports and harmless calls. A harmless
call has the same result in every process and changes nothing outside the memory of the process (`harmless_names`).
User functions that the top level calls are examined in the same way.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flowc.frontends.purity.calls import Calls
from flowc.frontends.purity.findings import Findings, Harm
from flowc.frontends.purity.harmless_names import (
    CLASS_MAKERS,
    ENVIRONMENT,
    is_below,
)
from flowc.frontends.purity.lookup import Lookup
from flowc.frontends.purity.user_modules import (
    CodeScope,
    FunctionNode,
    Module,
    bound,
    executed,
    imports,
    is_main_guard,
    methods,
    parse,
)
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ACCESSORS = ("setter", "getter", "deleter", "register")
_HARMLESS_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType", "type"})


class Purity(NamedTuple):
    """The result of examining modules: the effects of importing them.

    Attributes:
        harms: statements with harmful effects: if there are any, tasks must not share the imported modules.
        environment: the statements that use environment variables.
        imports: the dotted names of the imported modules and objects.
    """

    harms: tuple[Harm, ...]
    environment: tuple[Harm, ...]
    imports: tuple[str, ...]
    """The dotted names of the imported modules, and of objects imported from modules, in the order of the imports."""


def examine(modules: Mapping[str, tuple[str, str]]) -> Purity:
    """Examine all modules of a flow's code.

    Args:
        modules: module name → the file name for messages, and the source text.

    Raises:
        SyntaxError: a module is not valid Python.
    """
    parsed = {name: parse(name, file, source) for name, (file, source) in modules.items()}
    examination = _Examination(parsed)
    for module in parsed.values():
        examination.top_level(module)
    return examination.purity(tuple(dict.fromkeys(name for module in parsed.values() for name in imports(module))))


class _Examination:
    """Examines statements and expressions. `Calls` decides which calls are harmless."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._lookup = Lookup(modules)
        self._findings = Findings()
        self._calls = Calls(self._lookup, self._findings, self)

    def purity(self, imported: tuple[str, ...]) -> Purity:
        """Return a `Purity` with the findings of the examination and these imported names."""
        harms, environment = dict.fromkeys(self._findings.harms), dict.fromkeys(self._findings.environment)
        return Purity(tuple(harms), tuple(environment), imported)

    def top_level(self, module: Module) -> None:
        """Examine the code that the import of a module runs."""
        scope = CodeScope(module)
        # Both share one dict, so that the module's functions also see the names that `_alias` adds.
        scope.imported = module.imported
        for statement in executed(module.tree.body):
            try:
                self._statement(statement, scope)
            except RecursionError:
                self._findings.add(statement, scope, "is nested too deeply to be examined")

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
                self.expression(value, scope)
                self._alias(targets, value, scope)
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=value):
                self._target(target, scope)
                if value is not None:
                    self.expression(value, scope)
                    self._alias([target], value, scope)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._target(target, scope)
            case ast.If(test=test) if is_main_guard(test):
                return
            case ast.Match(subject=value, cases=cases):
                for guard in (value, *(case.guard for case in cases if case.guard is not None)):
                    self.expression(guard, scope)
            case ast.If(test=value) | ast.While(test=value) | ast.Expr(value=value):
                self.expression(value, scope)
            case ast.For(target=target, iter=value):
                self._target(target, scope)
                self.expression(value, scope)
            case ast.With(items=items):
                for item in items:
                    self.expression(item.context_expr, scope)
                    self._calls.examine_methods("__enter__")
                    self._calls.examine_methods("__exit__")
                    if item.optional_vars is not None:
                        self._target(item.optional_vars, scope)
            case ast.Return(value=ast.expr() as value) | ast.Raise(exc=ast.expr() as value) | ast.Assert(test=value):
                self.expression(value, scope)

    def _target(self, target: ast.expr, scope: CodeScope) -> None:
        for node in ast.walk(target):
            match node:
                case ast.Name(id=name, ctx=ast.Store()):
                    scope.values.add(name)
                case ast.Name() | ast.Attribute():  # os.environ["X"] = …
                    self._look_for_environment(node, scope)
                case ast.Call():
                    self._calls.judge_call(node, scope)

    def _alias(self, targets: Sequence[ast.expr], value: ast.expr, scope: CodeScope) -> None:
        """Record an assignment that gives an imported object another name, so that a later call of this name is judged
        like a call of the object."""
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            name = self._lookup.name(value, scope) if isinstance(value, (ast.Name, ast.Attribute)) else None
            if isinstance(value, ast.Call) and (maker := self._lookup.name(value.func, scope)) in CLASS_MAKERS:
                name = maker
            if name is not None and name.partition(".")[0] not in ("builtins", scope.module.name.partition(".")[0]):
                scope.values.discard(target.id)
                scope.imported[target.id] = name

    def _class(self, node: ast.ClassDef, scope: CodeScope) -> None:
        for base in node.bases:
            self.expression(base, scope)
        for keyword in node.keywords:
            self.expression(keyword.value, scope)
            if keyword.arg == "metaclass" and self._lookup.name(keyword.value, scope) not in _HARMLESS_METACLASSES:
                self._findings.add(node, scope, f"makes the class {node.name} by a metaclass")
        self._statements(node.body, scope.inside(node))
        self._decorators(node.decorator_list, scope)
        for parent, home in list(self._lookup.family(node, scope))[1:]:
            for method in methods(parent, ("__init_subclass__",)):
                self.body(method, CodeScope(home, self_class=parent))

    def _decorators(self, decorators: Sequence[ast.expr], scope: CodeScope) -> None:
        """Judge the calls of decorators. A decorator with arguments makes two calls: Python also calls the decorator's
        result."""
        for decorator in decorators:
            if isinstance(decorator, ast.Call):
                self._calls.judge_call(decorator, scope)
                continue
            name = self._lookup.name(decorator, scope)
            if not self._is_accessor(decorator, name, scope):
                self._calls.judge_function(decorator, name, (), scope)
            elif isinstance(decorator, ast.Attribute):
                self._calls.examine_methods(decorator.attr)

    @staticmethod
    def _is_accessor(decorator: ast.expr, name: str | None, scope: CodeScope) -> bool:
        """Return whether a decorator is `@name.setter` of a property, or `@name.register` of a `singledispatch`."""
        if not isinstance(decorator, ast.Attribute) or decorator.attr not in _ACCESSORS:
            return False
        return name is None or name.startswith(f"{scope.module.name}.")

    # -- expressions

    def expression(self, expression: ast.expr, scope: CodeScope) -> None:
        """Examine an expression, except the bodies of its lambdas, which do not run when it is evaluated."""
        waiting: list[ast.AST] = [expression]
        while waiting:
            node = waiting.pop()
            match node:
                case ast.Lambda(args=arguments):
                    self._defaults(arguments, scope)
                    continue
                case ast.Call():
                    self._calls.judge_call(node, scope)
                    continue
                case ast.Attribute() | ast.Name():
                    self._look_for_environment(node, scope)
                    if isinstance(node, ast.Attribute) and node.attr in self._lookup.properties:
                        self._calls.examine_methods(node.attr)
                case ast.NamedExpr(target=ast.Name(id=name)):
                    scope.values.add(name)
                case ast.comprehension(target=target):
                    self._target(target, scope)
            waiting += ast.iter_child_nodes(node)

    def _defaults(self, arguments: ast.arguments, scope: CodeScope) -> None:
        for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)):
            self.expression(default, scope)

    def _look_for_environment(self, node: ast.expr, scope: CodeScope) -> None:
        name = self._lookup.name(node, scope)
        if name is not None and is_below(name, ENVIRONMENT):
            self._findings.add_environment(node, scope)

    def body(self, function: FunctionNode, scope: CodeScope) -> None:
        """Examine the code that a call of the function runs."""
        if id(function) in self._findings.examined:
            return
        self._findings.examined.add(id(function))
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        scope.values |= {argument.arg for argument in every if argument is not None}
        if isinstance(function, ast.Lambda):
            self.expression(function.body, scope)
        else:
            self._statements(function.body, scope)
