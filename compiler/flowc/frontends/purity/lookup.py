"""Resolve names in user code to functions and classes of the code, or to dotted names of libraries."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from flowc.frontends.purity.harmless_names import ENVIRONMENT, SEEDED, is_below, is_listed
from flowc.frontends.purity.user_modules import (
    FUNCTIONS,
    CodeScope,
    FunctionNode,
    Module,
    base_of,
    constants,
    decorators_of,
    is_given,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROPERTIES = frozenset({"property", "cached_property"})


class Lookup:
    """Resolves names in the modules of user code.

    Attributes:
        methods: method name → all methods of this name in the code's classes, each with its class and module.
        properties: the names of methods that are properties.
    """

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._constants: dict[str, set[str]] = {}  # module → the names of its constants; filled at first use
        self.methods: dict[str, list[tuple[FunctionNode, ast.ClassDef, Module]]] = {}
        for module in modules.values():
            for node in (each for classes in module.classes.values() for each in classes):
                for method in (inner for inner in node.body if isinstance(inner, FUNCTIONS)):
                    self.methods.setdefault(method.name, []).append((method, node, module))
        self.properties = {name for name, found in self.methods.items() if any(_is_property(f) for f, _, _ in found)}

    def name(self, node: ast.expr, scope: CodeScope) -> str | None:
        """Return the dotted name to which an expression resolves, such as `numpy.random.rand`; None if the expression
        does not resolve to a name."""
        match node:
            case ast.Name(id=name):
                return self._local(name, scope)
            case ast.Attribute():
                attributes: list[str] = []
                value: ast.expr = node
                while isinstance(value, ast.Attribute):
                    attributes.append(value.attr)
                    value = value.value
                base = self.name(value, scope)
                return ".".join([base, *reversed(attributes)]) if base else None
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]):
                return module if self.name(function, scope) == "importlib.import_module" else None
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

    def is_value(self, function: ast.Attribute, scope: CodeScope) -> bool:
        """Return whether `function` is a method of a value, and not a function in a library's module or class."""
        root: ast.expr = function
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return self.name(root, scope) is None
        name = self.name(root, scope)
        if name is None or name.startswith("builtins."):
            return True
        # The result is also true for `module.VALUE.append(…)` and `Class.VALUES.append(…)`, if the module or class
        # belongs to the user code.
        return name in self._modules or bool(self.find(name, scope)) or name.rpartition(".")[0] in self._modules

    def find(self, name: str | None, scope: CodeScope) -> list[tuple[FunctionNode | ast.ClassDef, Module]]:
        """Return all definitions of a function or class in user code, each with its module; empty if user code does not
        define the name."""
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
        if short in home.imported and home.imported[short] != name:  # another module defines the name
            return self.find(home.imported[short], CodeScope(home))
        return []

    def family(self, node: ast.ClassDef, scope: CodeScope) -> Iterator[tuple[ast.ClassDef, Module]]:
        """Yield a class of user code and the bases that user code defines, each with its module."""
        yield node, scope.module
        for base in node.bases:
            for parent, home in self.find(self.name(base_of(base), scope), scope):
                if isinstance(parent, ast.ClassDef) and parent is not node:
                    yield from self.family(parent, CodeScope(home))

    def decorator_name(self, decorator: ast.expr, scope: CodeScope) -> str | None:
        """Return the dotted name of a decorator without its arguments; None if the decorator does not resolve to a
        name."""
        return self.name(decorator.func if isinstance(decorator, ast.Call) else decorator, scope)

    def is_validator(self, method: FunctionNode, scope: CodeScope) -> bool:
        """Return whether pydantic or attrs calls the method when an object is created, because of its decorator."""
        names = (self.decorator_name(each, scope) for each in decorators_of(method))
        return any(name is not None and name.startswith(("pydantic.", "attr")) for name in names)

    def is_seed(self, value: ast.expr, scope: CodeScope) -> bool:
        """Return whether a seed is certainly not None. With None, a generator's numbers differ between processes."""
        if is_given(value):
            return True
        dotted = self.name(value, scope)
        source, _, name = dotted.rpartition(".") if dotted is not None else ("", "", getattr(value, "id", ""))
        module = self._modules.get(source) if dotted is not None else scope.module
        if module is None:
            return False
        if module.name not in self._constants:
            self._constants[module.name] = constants(module)
        return name in self._constants[module.name]


def _is_property(function: FunctionNode) -> bool:
    names = (
        each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in decorators_of(function)
    )
    return any(name in _PROPERTIES for name in names)
