"""Find the methods of a flow's class that are steps, find their syntax trees, and check each step independently of the
other steps."""

from __future__ import annotations

import ast
import sys
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast, final

from flowc.frontends.reserved_names import FLOW_API, is_private
from flowc.frontends.source import Function, functions_in
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.process.own_names import first_argument, own_names
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    from collections.abc import Mapping
    from inspect import cleandoc

    from flowc.frontends.source import Source, Sources
    from flowc.frontends.syntax_trees import ListedNodes
    from flowc_ir import Span
    from metaflow.decorators import Applied

    class _Wrapper(Protocol):
        __wrapped__: object
else:  # imported at first use, because the import costs start-up time
    cleandoc = LateFunction("inspect:cleandoc")

Members: TypeAlias = "Mapping[str, tuple[object, type]]"
"""The name of each attribute of a flow's class → its value, and the class or base that defines it."""

# Syntax nodes that open an inner scope, or bind a name that is not an `ast.Name`. Most methods contain no such nodes.
_SCOPES = frozenset({
    ast.AsyncFunctionDef, ast.ClassDef, ast.DictComp, ast.ExceptHandler, ast.GeneratorExp, ast.Global, ast.Lambda,
    ast.ListComp, ast.MatchAs, ast.MatchMapping, ast.MatchStar, ast.Nonlocal, ast.SetComp, ast.alias,
})  # fmt: skip
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # bits in a code object's `co_flags`


@final
@dataclass(frozen=True)
class StepMethod:
    """A method of a flow's class, with its source code and its decorators.

    Attributes:
        name: the name of the method in the class.
        owner: the class or base class that defines the method.
        function: the user's function, without wrappers of decorators.
        tree: the syntax tree of the function.
        source: the file with the function.
        applied: the method's decorators, the innermost first.
        is_static: whether the method is a staticmethod or classmethod; such a method cannot be a step.
    """

    name: str
    owner: type
    function: FunctionType
    tree: Function
    source: Source
    applied: tuple[Applied, ...]
    is_static: bool = False

    @cached_property
    def is_step(self) -> bool:
        """Whether the method has `@step`."""
        return any(applied.name == "step" for applied in self.applied)

    def is_marked(self, which: str) -> bool:
        """Return whether the method has `@step(start=True)` or `@step(end=True)`; `which` is `start` or `end`."""
        return any(applied.name == "step" and applied.kwargs.get(which) is True for applied in self.applied)

    @cached_property
    def where(self) -> Span:
        """The span of the method's `def`."""
        return self.source.header(self.tree)

    @property
    def self_name(self) -> str:
        """The name of the method's first argument, usually `self`."""
        return first_argument(self.tree)

    @cached_property
    def own_names(self) -> frozenset[ast.Name]:
        """The nodes of the syntax tree that are the method's own `self`; an inner function may have another `self`."""
        return self._names_in_one_scope() or own_names(self.tree)

    def _names_in_one_scope(self) -> frozenset[ast.Name] | None:
        """Return the same nodes as `own_names`, without walking the syntax tree; None if a walk is needed, for example
        for a method with inner scopes."""
        nodes, first, arguments = self.nodes, self.tree.body[0], self.tree.args
        if not (arguments.posonlyargs or arguments.args) or not nodes.kinds.isdisjoint(_SCOPES):
            return None
        name, begin = self.self_name, (first.lineno, first.col_offset)
        names = [node for node in nodes.of(ast.Name) if node.id == name]
        if len(nodes.of(ast.FunctionDef)) > 1 or not all(
            isinstance(node.ctx, ast.Load) and (node.lineno, node.col_offset) >= begin for node in names
        ):
            return None
        return frozenset(names)

    @property
    def nodes(self) -> ListedNodes:
        """The nodes of the method's syntax tree."""
        return self.source.syntax.nodes(self.tree)

    def attribute(self, node: ast.AST | None) -> str | None:
        """Return `name` if the node is `self.name`, where `self` is this method's own; None for any other node."""
        match node:
            case ast.Attribute(value=ast.Name() as owner, attr=name) if owner in self.own_names:
                return name
        return None

    @property
    def takes_inputs(self) -> bool:
        """Whether the method has a second argument, `inputs`, which makes it a join."""
        return len(self.tree.args.posonlyargs) + len(self.tree.args.args) == 2

    @property
    def doc(self) -> str:
        """The method's docstring without its indentation; empty if it has none."""
        return clean_doc(self.function.__doc__)


def clean_doc(doc: str | None) -> str:
    """Return a docstring without its indentation."""
    return cleandoc(doc) if doc else ""


def members_of(cls: type, base: type) -> Members:
    """Return the attributes of a class and its bases, except the attributes of `base`, each with the class that defines
    it.

    The attributes of bases come first; within a class, attributes are in the order of the source.
    """
    members: dict[str, tuple[object, type]] = {}
    for owner in reversed(cls.__mro__):
        if owner not in base.__mro__:
            members.update((name, (value, owner)) for name, value in vars(owner).items())
    return members


def find_methods(
    members: Members, sources: Sources, cls_span: Span, faults: Faults
) -> tuple[dict[str, StepMethod], set[str]]:
    """Return the methods of a class that look like steps, and the names of decorated methods whose source was not
    found.

    A method looks like a step if it has a decorator of flowc, or a `self.next`.

    Args:
        members: the attributes of the class.
        sources: the files of the flow.
        cls_span: the span of the class, where a method without a file is reported.
        faults: collects a fault for each decorated method whose source was not found.
    """
    methods: dict[str, StepMethod] = {}
    lost: set[str] = set()
    for name, (value, owner) in members.items():
        is_static = isinstance(value, (staticmethod, classmethod))
        marks = applied_to(value)
        function: object = getattr(value, "__func__", value)
        applied = applied_to(function) or marks
        inner = _unwrapped(function)
        if not isinstance(inner, FunctionType):
            if applied and not isinstance(value, type):
                _no_source(name, cls_span, faults)
                lost.add(name)
            continue
        if not applied and "next" not in inner.__code__.co_names:
            continue
        source, tree = _locate(name, owner, inner, sources)
        if source is None or tree is None:
            if applied:
                _no_source(name, _place_of_code(inner, sources) or cls_span, faults)
                lost.add(name)
            continue
        methods[name] = StepMethod(name, owner, inner, tree, source, applied, is_static)
    return methods, lost


def find_method(name: str, members: Members, sources: Sources) -> StepMethod | None:
    """Return the method of this name, whether it looks like a step or not. Return None if the attribute is not a
    function or has no source.

    Args:
        name: the name of the method in the class.
        members: the attributes of the class.
        sources: the files of the flow.
    """
    value, owner = members.get(name, (None, object))
    inner = _unwrapped(value)
    if not isinstance(inner, FunctionType):
        return None
    source, tree = _locate(name, owner, inner, sources)
    return StepMethod(name, owner, inner, tree, source, applied_to(value)) if source and tree else None


def _unwrapped(function: object) -> object:
    """Return the user's function, without the wrappers that decorators made with `functools.wraps`."""
    seen = 0
    while hasattr(function, "__wrapped__") and seen < 100:
        function, seen = cast("_Wrapper", function).__wrapped__, seen + 1
    return function


def _locate(name: str, owner: type, function: FunctionType, sources: Sources) -> tuple[Source | None, Function | None]:
    code = function.__code__
    source = sources.of(code.co_filename)
    tree = source.function(code.co_name, code.co_firstlineno) if source else None
    if tree is not None and tree.name == name:
        return source, tree
    # A decorator made a wrapper without functools.wraps: look for a `def` of this name in the class's body.
    module_file = getattr(_module_of(owner), "__file__", None)
    source = sources.of(module_file) if module_file else None
    if source is not None and (definitions := source.methods(owner, name)):
        inside = [node for node in definitions if _holds(function, node, source)]
        return source, _decorated_at(inside or definitions, source, applied_to(function))
    return (source, tree) if tree is not None else (None, None)


def _holds(wrapper: FunctionType, node: Function, source: Source) -> bool:
    """Return whether a wrapper refers to the function that `node` defines."""
    codes_held = (function.__code__ for function in functions_in(wrapper))
    return any(
        source.is_file(code.co_filename) and source.function(code.co_name, code.co_firstlineno) is node
        for code in codes_held
    )


def _decorated_at(definitions: list[Function], source: Source, applied: tuple[Applied, ...]) -> Function:
    """Choose among several definitions of a method: return the definition with a decorator on one of the lines in
    `applied`."""
    lines = {each.line for each in applied if source.is_file(each.file)}
    for node in definitions:
        # For a decorator without arguments, Python 3.10 reports the line of the `def`.
        of_decorators = (range(each.lineno, (each.end_lineno or 0) + 1) for each in node.decorator_list)
        if node.lineno in lines or any(lines.intersection(each) for each in of_decorators):
            return node
    return definitions[-1]  # Python keeps the last definition of a name


def _place_of_code(function: FunctionType, sources: Sources) -> Span | None:
    """Return the span of the line on which a function's code begins; None for code without a file."""
    source = sources.of(function.__code__.co_filename)
    return source.whole_line(function.__code__.co_firstlineno) if source else None


def _module_of(cls: type) -> object:
    return sys.modules.get(cls.__module__)


def _no_source(name: str, span: Span, faults: Faults) -> None:
    faults.add(
        codes.NO_SOURCE,
        span,
        f"the source of step '{name}' cannot be found",
        hint="write steps as `def` in a class in a file; generated steps cannot be compiled",
    )


# -- faults of one step ------------------------------------------------------------------------------------------------


def check_step(method: StepMethod, faults: Faults) -> None:
    """Report the faults of a step that can be found without the other steps: a wrong name, a wrong kind of method,
    wrong arguments."""
    name, where = method.name, method.where
    if name in FLOW_API or is_private(name):
        faults.add(
            codes.RESERVED_NAME,
            where,
            f"a step cannot be called '{name}': flows use that name",
            hint="give the step another name",
        )
    _check_kind(method, faults)
    arguments = method.tree.args
    count = len(arguments.posonlyargs) + len(arguments.args)
    # A step is called with `self`, and a join also with `inputs`: any other argument needs a default.
    wanting = any(default is None for default in arguments.kw_defaults)
    if method.is_static or wanting or count not in (1, 2):
        faults.add(
            codes.STEP_SIGNATURE,
            where,
            f"step '{name}' has arguments that a step is not called with",
            hint=f"write `def {name}(self):`, or `def {name}(self, inputs):` for a join",
        )


def _check_kind(method: StepMethod, faults: Faults) -> None:
    flags = method.function.__code__.co_flags
    is_async = isinstance(method.tree, ast.AsyncFunctionDef) or flags & (_COROUTINE | _ASYNC_GENERATOR)
    if is_async or flags & _GENERATOR:
        what = "an async function" if is_async else "a generator"
        faults.add(
            codes.STEP_NOT_PLAIN,
            method.where,
            f"step '{method.name}' is {what}: calling it would run nothing",
            hint="call asyncio.run(…) inside a plain step" if is_async else "move the `yield` to another function",
        )


def check_duplicates(methods: Mapping[str, StepMethod], faults: Faults) -> None:
    """Report a step that is defined twice in a class body: Python silently keeps the last definition."""
    for owner, source in {(m.owner, m.source) for m in methods.values() if m.is_step}:
        body = source.class_of(owner)
        seen: dict[str, Function] = {}
        for statement in body.body if body else ():
            if not isinstance(statement, Function):
                continue
            name = statement.name
            if name not in methods or methods[name].owner is not owner:
                continue
            if name in seen:
                faults.add(
                    codes.DUPLICATE_STEP,
                    source.header(statement),
                    f"step '{name}' is defined twice",
                    hint="give one of them another name",
                    also=[(source.header(seen[name]), "first defined here")],
                )
            seen[name] = statement
