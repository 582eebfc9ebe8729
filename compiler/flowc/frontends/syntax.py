"""Read the flows of a file from its syntax tree alone: classes, parameters and steps.

Shell completion uses this module, because it must not import user code. Parameters and steps that come from mutators,
configs and base classes in other files are missing in the result. If a flow may have some of these, its `complete` is
false.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PARAMETERS = ("Parameter", "IncludeFile")


class ParameterSyntax(NamedTuple):
    """A parameter, as far as the source shows it.

    Attributes:
        name: the name of the command line option.
        help: the argument `help`, if it is a literal string.
        choices: the choices that are literal strings.
        flag: whether the option takes no value.
        file: whether the parameter is an IncludeFile.
        boolean: whether the parameter's type or default is a bool.
    """

    name: str
    help: str = ""
    choices: tuple[str, ...] = ()
    flag: bool = False
    file: bool = False
    boolean: bool = False


class FlowSyntax(NamedTuple):
    """A flow, as far as the source shows it.

    Attributes:
        name: the name of the class.
        parameters: the parameters of the class and of its bases in the same file.
        steps: the names of the steps of the class and of its bases in the same file.
        complete: whether `parameters` and `steps` are certainly complete, because the class has no decorator and no
            base in another file.
    """

    name: str
    parameters: tuple[ParameterSyntax, ...]
    steps: tuple[str, ...]
    complete: bool


def read_flows(path: Path) -> tuple[FlowSyntax, ...]:
    """Return the flows of a file; the flow that the file calls comes first.

    Args:
        path: a Python file, which is not imported. If the file cannot be read or parsed, the result is empty.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    flows = [name for name, node in classes.items() if _has_steps(node, classes, ())]
    called = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    bases = {_last(base) for name in flows for base in classes[name].bases}
    flows = [name for name in flows if name in called or name not in bases]
    flows.sort(key=lambda name: name not in called)  # the sort is stable: the other flows keep the order of the file
    return tuple(_flow(classes[name], classes) for name in flows)


def _has_steps(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], below: Sequence[str]) -> bool:
    """Return whether a class is a flow: it derives from FlowSpec, or it has a step."""
    if node.name in below:  # a class that seems to be its own base: without this check, the search would not end
        return False
    bases = [_last(base) for base in node.bases]
    inner = [classes[base] for base in bases if base in classes]
    own = "FlowSpec" in bases or any(_is_step(item) for item in node.body)
    return own or any(_has_steps(base, classes, [*below, node.name]) for base in inner)


def _flow(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> FlowSyntax:
    lineage, complete = _lineage(node, classes, ())
    parameters: dict[str, ParameterSyntax] = {}
    steps: dict[str, None] = {}
    for one in reversed(lineage):  # bases first: a subclass's parameter replaces its base's parameter
        for item in one.body:
            if (parameter := _parameter(item)) is not None:
                parameters[parameter.name] = parameter
            elif _is_step(item):
                steps[item.name] = None  # type: ignore[attr-defined]  # a step is a function
    return FlowSyntax(node.name, tuple(parameters.values()), tuple(steps), complete)


def _lineage(
    node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], below: Sequence[str]
) -> tuple[list[ast.ClassDef], bool]:
    """Return a class with the bases that the file defines, and whether the class has no other bases."""
    classes_found, complete = [node], not node.decorator_list
    for base in (_last(base) for base in node.bases):
        if base in classes and base not in (*below, node.name):
            more, whole = _lineage(classes[base], classes, [*below, node.name])
            classes_found, complete = [*classes_found, *more], complete and whole
        elif base != "FlowSpec":
            complete = False
    return classes_found, complete


def _parameter(item: ast.stmt) -> ParameterSyntax | None:
    match item:
        case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
            kind = _last(call.func)
        case _:
            return None
    if kind not in _PARAMETERS:
        return None
    arguments: dict[str, ast.expr] = {str(keyword.arg): keyword.value for keyword in call.keywords}
    name = _constant(call.args[0] if call.args else arguments.get("name"))
    if not isinstance(name, str) or not name:
        return None
    default = _constant(arguments.get("default", call.args[1] if len(call.args) > 1 else None))
    text = _constant(arguments.get("help"))
    return ParameterSyntax(
        name,
        text if isinstance(text, str) else "",
        tuple(_texts(arguments.get("choices"))),
        _constant(arguments.get("is_flag")) is True,
        kind == "IncludeFile",
        isinstance(default, bool) or _last(arguments.get("type")) == "bool",
    )


def _texts(node: ast.AST | None) -> Iterator[str]:
    """Yield the strings of a literal list, such as the list in `choices=[…]`."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for item in node.elts:
            if isinstance(value := _constant(item), str):
                yield value


def _is_step(item: ast.stmt) -> bool:
    if not isinstance(item, ast.FunctionDef):
        return False
    return any(_last(one.func if isinstance(one, ast.Call) else one) == "step" for one in item.decorator_list)


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _last(node: ast.AST | None) -> str:
    """Return the last part of a dotted name: `step` for both `step` and `metaflow.step`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
