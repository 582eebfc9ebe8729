"""Check the names of artifacts. An artifact may have the same name as a method, but not as any other attribute of the
class."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.assignments import call_of, span_of
from flowc.frontends.metaflow.decorators.policies import Reader
from flowc.frontends.reserved_names import FLOW_API
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from metaflow._hidden import is_hideable
from metaflow.parameters import Parameter
from metaflow.user_configs.config_parameters import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.frontends.metaflow.structure.steps import Members, StepMethod
    from flowc.frontends.source import Sources
    from flowc_ir import Span
    from metaflow.decorators import Applied

_ALSO_ARTIFACTS = frozenset({"name", "script_name"})  # attributes of FlowSpec that an artifact may hide
_GUARDS = frozenset({ast.AnnAssign, ast.Try, ast.With})  # the statements in which `_unguarded` skips some nodes
_RENAME = "give the artifact another name"


def check_artifacts(
    steps: Mapping[str, StepMethod],
    members: Members,
    sources: Sources,
    faults: Faults,
    added: Sequence[Applied] = (),
) -> None:
    """Report each artifact whose name is reserved, or is the name of a parameter, config or other attribute.

    Artifacts are the attributes that steps assign, and the `var` of each `@catch`.

    Args:
        steps: the steps by name.
        members: the attributes of the class.
        sources: the files of the flow.
        faults: collects the faults.
        added: decorators that `--with` adds to the steps.
    """
    for method in steps.values():
        of_added = [applied.kwargs.get("var") for applied in added if applied.name == "catch"]
        caught = ((var, method.where) for var in of_added if isinstance(var, str))
        for name, span in [*_artifact_names(method), *caught]:
            _check(name, span, steps, members, sources, faults)


def _artifact_names(method: StepMethod) -> Iterator[tuple[str, Span]]:
    nodes = method.nodes
    for node in nodes.of(ast.Attribute) if nodes.kinds.isdisjoint(_GUARDS) else _unguarded(method.tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if method.attribute(node):
                yield name, method.source.span(node)
    reader = Reader(method.source, method.tree, Faults())
    for applied in method.applied:
        var = applied.kwargs.get("var")
        if applied.name == "catch" and isinstance(var, str):
            yield var, reader.span(applied, "var")


def _unguarded(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node outside the bodies of `try` statements with handlers and of `with` statements that name
    AttributeError.

    An assignment that a flow refuses, such as an assignment to a parameter, raises AttributeError. The bodies that are
    left out may expect this error. The target of `self.x: int` is also left out, because this statement assigns no
    value.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        expecting: list[ast.AST] = []
        match node:
            case ast.AnnAssign(target=target, value=None):
                expecting = [target]
            case ast.Try(body=body, handlers=handlers) if handlers:
                expecting = [*body]
            case ast.With(items=items, body=body) if any(map(_names_the_error, items)):
                expecting = [*body]
        waiting += reversed([child for child in ast.iter_child_nodes(node) if child not in expecting])


def _names_the_error(item: ast.AST) -> bool:
    names = (getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(item))
    return "AttributeError" in names


def _declared(value: Config | Parameter[object], owner: type, sources: Sources) -> Span:
    """Return the span of the statement that creates a parameter or a config."""
    declaration = value._flowc if isinstance(value, Config) else value
    source = sources.of(declaration.file)
    return span_of(source, call_of(source, declaration.line, owner), declaration.line, ())


def _check(
    name: str, span: Span, steps: Mapping[str, StepMethod], members: Members, sources: Sources, faults: Faults
) -> None:
    value, owner = members.get(name, (None, object))
    if isinstance(value, (Config, Parameter)):
        what = "config" if isinstance(value, Config) else "parameter"
        message = f"'{name}' is a {what}: a step cannot assign to it"
        also = [(_declared(value, owner, sources), "declared here")]
        faults.add(codes.ASSIGNED_PARAMETER, span, message, hint="keep the changed value under another name", also=also)
        return
    if name in FLOW_API - _ALSO_ARTIFACTS:
        reason = "flows use that name"
    elif name in steps or is_hideable(value):  # an artifact may hide a method
        return
    elif name in members and not hasattr(value, "__set__"):  # a property with a setter is allowed
        reason = "the class defines it for every task"
    else:
        return
    message = f"an artifact cannot be called '{name}': {reason}"
    faults.add(codes.RESERVED_NAME, span, message, hint=_RENAME)
