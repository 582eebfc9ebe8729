"""What a flow's file says of its flows without being run: classes, parameters and steps, by its syntax tree alone.

For a shell that asks what can be typed: nothing of the user's is imported, and what cannot be read is not there. What
mutators, configs and bases in other files add is not seen; `complete` is false where there may be more.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PARAMETERS = ("Parameter", "IncludeFile")


class ParameterSyntax(NamedTuple):
    """A parameter as it is written; `choices` as far as they are plain texts."""

    name: str
    help: str = ""
    choices: tuple[str, ...] = ()
    flag: bool = False
    file: bool = False
    boolean: bool = False


class FlowSyntax(NamedTuple):
    """A flow as it is written, with what its bases in the same file have."""

    name: str
    parameters: tuple[ParameterSyntax, ...]
    steps: tuple[str, ...]
    complete: bool


def read_flows(path: Path) -> tuple[FlowSyntax, ...]:
    """Return the flows of a file, the one first that is called under its guard; none of what cannot be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    flows = [name for name, node in classes.items() if _has_steps(node, classes, ())]
    called = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    bases = {_last(base) for name in flows for base in classes[name].bases}
    flows = [name for name in flows if name in called or name not in bases]
    flows.sort(key=lambda name: name not in called)  # stable: else in the order of the file
    return tuple(_flow(classes[name], classes) for name in flows)


def _has_steps(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], below: Sequence[str]) -> bool:
    """Whether a class is a flow: by what it derives from, or by a step of its own."""
    if node.name in below:  # a class cannot be its own base
        return False
    bases = [_last(base) for base in node.bases]
    inner = [classes[base] for base in bases if base in classes]
    own = "FlowSpec" in bases or any(_is_step(item) for item in node.body)
    return own or any(_has_steps(base, classes, [*below, node.name]) for base in inner)


def _flow(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> FlowSyntax:
    lineage, complete = _lineage(node, classes, ())
    parameters: dict[str, ParameterSyntax] = {}
    steps: dict[str, None] = {}
    for one in reversed(lineage):  # a class comes after its bases
        for item in one.body:
            if (parameter := _parameter(item)) is not None:
                parameters[parameter.name] = parameter
            elif _is_step(item):
                steps[item.name] = None  # type: ignore[attr-defined]  # a step is a function
    return FlowSyntax(node.name, tuple(parameters.values()), tuple(steps), complete)


def _lineage(
    node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], below: Sequence[str]
) -> tuple[list[ast.ClassDef], bool]:
    """A class and its bases in the file, and whether there are no others."""
    found, complete = [node], not node.decorator_list
    for base in (_last(base) for base in node.bases):
        if base in classes and base not in (*below, node.name):
            more, whole = _lineage(classes[base], classes, [*below, node.name])
            found, complete = [*found, *more], complete and whole
        elif base != "FlowSpec":
            complete = False
    return found, complete


def _parameter(item: ast.stmt) -> ParameterSyntax | None:
    match item:
        case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
            kind = _last(call.func)
        case _:
            return None
    if kind not in _PARAMETERS:
        return None
    given: dict[str, Any] = {str(keyword.arg): keyword.value for keyword in call.keywords}
    name = _constant(call.args[0] if call.args else given.get("name"))
    if not isinstance(name, str) or not name:
        return None
    default = _constant(given.get("default", call.args[1] if len(call.args) > 1 else None))
    text = _constant(given.get("help"))
    return ParameterSyntax(
        name,
        text if isinstance(text, str) else "",
        tuple(_texts(given.get("choices"))),
        _constant(given.get("is_flag")) is True,
        kind == "IncludeFile",
        isinstance(default, bool) or _last(given.get("type")) == "bool",
    )


def _texts(node: ast.AST | None) -> Iterator[str]:
    """The texts of a list that is written out, in `choices=[…]`."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for item in node.elts:
            if isinstance(value := _constant(item), str):
                yield value


def _is_step(item: ast.stmt) -> bool:
    if not isinstance(item, ast.FunctionDef):
        return False
    return any(_last(one.func if isinstance(one, ast.Call) else one) == "step" for one in item.decorator_list)


def _constant(node: Any) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def _last(node: ast.AST | None) -> str:
    """`step` of both `step` and `metaflow.step`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
