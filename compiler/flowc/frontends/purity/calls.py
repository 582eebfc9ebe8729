"""Decide for each function call that an import of user code makes whether the call is harmless."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Protocol

from flowc.frontends.purity.harmless_names import (
    BUILTINS,
    CALLING_FIRST,
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
    decorators_of,
    methods,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.purity.findings import Findings
    from flowc.frontends.purity.lookup import Lookup

_CREATION = ("__new__", "__init__", "__post_init__")
# Special methods that operators do not call. Their code is examined where a call or a statement calls them.
_NOT_OPERATORS = frozenset({
    "__aenter__", "__aexit__", "__call__", "__class_getitem__", "__del__", "__enter__", "__exit__", "__getstate__",
    "__init_subclass__", "__reduce__", "__reduce_ex__", "__setstate__",
})  # fmt: skip
_FACTORIES = ("default_factory", "factory")


class CodeExaminer(Protocol):
    """Examines the code that a call runs, and the arguments of a call."""

    def expression(self, expression: ast.expr, scope: CodeScope) -> None:
        """Examine an expression."""
        ...

    def body(self, function: FunctionNode, scope: CodeScope) -> None:
        """Examine the code that a call of the function runs."""
        ...


class Calls:
    """Judges calls: adds harmful calls to `findings`; for a call of a user function, the examiner `code` examines the
    function."""

    def __init__(self, lookup: Lookup, findings: Findings, code: CodeExaminer) -> None:
        self._lookup = lookup
        self._findings = findings
        self._code = code

    def judge_call(self, node: ast.Call, scope: CodeScope) -> None:
        """Judge one call, and examine its arguments."""
        arguments: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        for argument in arguments:
            self._code.expression(value_of(argument), scope)
        match node.func:
            case ast.Call() as inner:
                self.judge_call(inner, scope)
                self._judge_result(inner, scope)
            case ast.Lambda(body=body):
                self._code.expression(body, scope)
            case ast.Subscript(value=ast.Name() | ast.Attribute() as function) if self._lookup.find(
                self._lookup.name(function, scope), scope
            ):  # the call of a generic class with type arguments, such as Box[int](…)
                self.judge_function(function, self._lookup.name(function, scope), arguments, scope)
            case function:
                self.judge_function(function, self._lookup.name(function, scope), arguments, scope)

    def _judge_result(self, inner: ast.Call, scope: CodeScope) -> None:
        """Judge the outer call of `f(…)(…)`: it calls a function that `f` returned, for example a decorator."""
        name = self._lookup.name(inner.func, scope)
        found = self._lookup.find(name, scope)
        for definition, home in found:
            if isinstance(definition, ast.ClassDef):
                self.examine_methods("__call__")
            else:
                self._functions_inside(definition, home)
        if not found and not (name is not None and is_below(name, DECORATOR_MAKERS)):
            self._findings.add(inner, scope, f"calls the result of {name or ast.unparse(inner.func)}")

    def _functions_inside(self, function: FunctionNode, home: Module) -> None:
        """Examine the functions that are defined inside a user function, because the user function may return them to a
        caller that calls them."""
        for inner in ast.walk(function):
            if isinstance(inner, (*FUNCTIONS, ast.Lambda)) and inner is not function:
                self._code.body(inner, CodeScope(home))

    def judge_function(
        self, function: ast.expr, name: str | None, arguments: Sequence[ast.expr | ast.keyword], scope: CodeScope
    ) -> None:
        """Judge the call of a function.

        Args:
            function: the expression that is called.
            name: the dotted name of the function; None if the expression is not a name.
            arguments: the arguments of the call.
            scope: the scope of the code with the call.
        """
        if name is not None and is_below(name, ENVIRONMENT):
            self._findings.add_environment(function, scope)
            return
        found = self._lookup.find(name, scope)
        for definition, home in found:
            if isinstance(definition, ast.ClassDef):
                self._judge_creation(function, definition, home, scope)
            else:
                self._code.body(definition, CodeScope(home))
                self._examine_wrappers(definition, home)
        if found or (name is not None and self._is_harmless(name, arguments, scope)):
            return
        if isinstance(function, ast.Attribute) and (name is None or self._lookup.is_value(function, scope)):
            self._judge_method(function, arguments, scope)
            return
        if isinstance(function, ast.Name) and function.id == "cls" and scope.self_class is not None:
            self._judge_creation(function, scope.self_class, scope.module, scope)
            return
        if name is None and isinstance(function, ast.Name) and function.id in scope.values and scope.self_class is None:
            self._findings.add(function, scope, f"calls {function.id}, which is unknown before the import")
            return
        self._findings.add(function, scope, f"calls {name or ast.unparse(function)}")

    def _judge_method(
        self, function: ast.Attribute, arguments: Sequence[ast.expr | ast.keyword], scope: CodeScope
    ) -> None:
        """Judge the call of a method of a plain value, or of an object of a class in user code."""
        match function.value:
            case ast.Call(func=ast.Name(id="super")) if scope.self_class is not None:
                self._judge_super(function, scope.self_class, scope)
                return
        before = len(self._findings.harms)
        self._code.expression(function.value, scope)
        if len(self._findings.harms) > before:  # report only the first harmful call of a chain
            return
        self.examine_methods(function.attr)
        if function.attr in METHODS_CALLING:
            self._judge_arguments(arguments, scope)
        # `replace` with one argument is `Path.replace`, which moves a file; `str.replace` has two arguments.
        moves_a_file = function.attr == "replace" and len(arguments) == 1
        known = function.attr in METHODS or function.attr in self._lookup.methods
        if moves_a_file or not known:
            self._findings.add(function, scope, f"calls {ast.unparse(function)}")

    def _judge_super(self, function: ast.Attribute, node: ast.ClassDef, scope: CodeScope) -> None:
        for parent, home in list(self._lookup.family(node, CodeScope(scope.module)))[1:]:
            for method in methods(parent, (function.attr,)):
                self._code.body(method, CodeScope(home, self_class=parent))
        # Constructors of a library's base class are judged when an object is created (`_judge_base`).
        if (
            function.attr not in (*_CREATION, "__init_subclass__", "__set_name__")
            and function.attr not in self._lookup.methods
        ):
            self._findings.add(function, scope, f"calls {ast.unparse(function)}")

    def _judge_creation(self, function: ast.expr, definition: ast.ClassDef, home: Module, scope: CodeScope) -> None:
        """Judge the creation of an object of a class in user code: the creation may run the class's constructor and
        operators."""
        for parent, where in self._lookup.family(definition, CodeScope(home)):
            inside = CodeScope(where, self_class=parent)
            for base in parent.bases:
                self._judge_base(function, parent, self._lookup.name(base_of(base), CodeScope(where)), scope)
            if id(parent) in self._findings.examined:
                continue
            self._findings.examined.add(id(parent))
            for method in (inner for inner in parent.body if isinstance(inner, FUNCTIONS)):
                special = method.name.startswith("__") and method.name.endswith("__")
                if (special and method.name not in _NOT_OPERATORS) or self._lookup.is_validator(method, inside):
                    self._code.body(method, CodeScope(where, self_class=parent))
            for node in (inner for statement in parent.body for inner in ast.walk(statement)):
                if isinstance(node, ast.keyword) and node.arg in _FACTORIES:
                    self._judge_arguments([node.value], inside)

    def _judge_base(self, function: ast.expr, node: ast.ClassDef, name: str | None, scope: CodeScope) -> None:
        if name is None or name == "builtins.object" or self._lookup.find(name, scope):
            return
        if is_below(name, ENVIRONMENT):
            self._findings.add_environment(function, scope)
        elif not self._is_harmless(name, (), scope):
            self._findings.add(function, scope, f"creates an object of {node.name}, which is a {name}")

    def examine_methods(self, name: str) -> None:
        """Examine all methods of this name in classes of user code, because the object may be an instance of any of
        these classes."""
        for method, node, module in self._lookup.methods.get(name, ()):
            self._code.body(method, CodeScope(module, self_class=node))
            self._examine_wrappers(method, module)

    def _examine_wrappers(self, definition: FunctionNode, home: Module) -> None:
        """Examine the user-defined decorators of a function: a call of the function also runs their wrappers."""
        for decorator in decorators_of(definition):
            name = self._lookup.decorator_name(decorator, CodeScope(home))
            for wrapper, where in self._lookup.find(name, CodeScope(home)):
                if isinstance(wrapper, ast.ClassDef):
                    self.examine_methods("__call__")
                else:
                    self._functions_inside(wrapper, where)

    def _is_harmless(self, name: str, arguments: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> bool:
        if name in SEEDED:
            return any(self._lookup.is_seed(value_of(argument), scope) for argument in arguments)
        if name in EXCEPT_WITH:
            return not any(isinstance(arg, ast.keyword) and arg.arg in EXCEPT_WITH[name] for arg in arguments)
        if name == "importlib.import_module":
            return bool(arguments) and isinstance(arguments[0], ast.Constant)
        if name.startswith("builtins."):
            short = name.removeprefix("builtins.")
            if short not in BUILTINS and not _is_exception(short):
                return False
        elif not is_listed(name):
            return False
        values = [value_of(argument) for argument in arguments]
        if name.startswith("pandas.") and any(isinstance(v, ast.Constant) and v.value in NOW for v in values):
            return False
        if name in CALLING_FIRST:
            self._judge_arguments(arguments[:1], scope)
        if name.startswith("metaflow."):
            self._examine_arguments(arguments, scope)
        elif not is_below(name, KEEPING):
            self._judge_arguments([arg for arg in arguments if _is_key(arg)], scope)
            self._examine_arguments([arg for arg in arguments if not _is_key(arg)], scope)
        return True

    def _judge_arguments(self, arguments: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> None:
        """For a function that calls its arguments, such as `map`, judge the calls of these arguments."""
        for argument in arguments:
            value = value_of(argument)
            match value:
                case ast.Lambda():
                    self._code.body(value, scope.inside())
                case ast.Name() | ast.Attribute():
                    if (name := self._lookup.name(value, scope)) is not None:
                        self.judge_function(value, name, (), scope)

    def _examine_arguments(self, arguments: Sequence[ast.expr | ast.keyword], scope: CodeScope) -> None:
        """Examine user functions that are passed as arguments and called later, such as a parameter's default."""
        for argument in arguments:
            value = value_of(argument)
            match value:
                case ast.Lambda():
                    self._code.body(value, scope.inside())
                case ast.Name() | ast.Attribute():
                    for definition, home in self._lookup.find(self._lookup.name(value, scope), scope):
                        if not isinstance(definition, ast.ClassDef):
                            self._code.body(definition, CodeScope(home))
                case ast.Constant(value=str()) if isinstance(argument, ast.keyword) and argument.arg == "parser":
                    self._findings.add(value, scope, "names a parser, which runs before the import is done")


def _is_key(argument: ast.expr | ast.keyword) -> bool:
    return isinstance(argument, ast.keyword) and argument.arg == "key"


def _is_exception(name: str) -> bool:
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)
