"""Finds the named inputs of a pipeline's steps that no earlier step produces: they become parameters of the flow."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import TYPE_CHECKING, Final, Union, final

from flowc.frontends.pipeline.shell_variables import variables_used
from flowc_ir import Foreach, Function, Node, Notebook, Parameter, Shell, Span, Switch, json_text, targets
from flowc_ir.graphs.step_values import set_between, set_here
from flowc_ir.late.dataclass import dataclass, field, replace
from flowc_runtime.run.nodes.binding import (
    ArgumentError,
    called,
    convert,
    is_namespace,
    is_text_class,
    text_of,
)
from flowc_runtime.run.nodes.signatures import MISSING, VAR_KEYWORD, VAR_POSITIONAL, callee_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import NodeId, ParameterType
    from flowc_runtime.run.nodes.programs.notebook_source import Default, NotebookSource
    from flowc_runtime.run.nodes.user_functions import UserFunction

_TYPES: Final[Mapping[object, ParameterType]] = {int: "int", float: "float", str: "str", bool: "bool"}
_NUMBERS: Final = frozenset({"int", "float"})
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)


USES: Final = "_flowc_uses"
"""The class that declares a pipeline's parameters has an attribute with this name: a dict from a parameter's name to
its `NameUse`s."""


@final
@dataclass
class NameUse:
    """One use of a value by its name, for example as an argument of a function or as the list of a map.

    `default` is `MISSING` if the value is required. `text` is true for a variable of a shell command: it accepts a
    value of any type, and the command gets the value as text.
    """

    name: str
    where: Span
    what: str
    annotation: object = MISSING
    default: object = MISSING
    text: bool = False


@final
@dataclass
class FreeNames:
    """The names of values that no step of a pipeline produces, each with its uses in the order of the steps."""

    uses: dict[str, list[NameUse]] = field(default_factory=dict)

    def add(self, use: NameUse) -> None:
        """Add one use of a value to the uses of the value's name."""
        self.uses.setdefault(use.name, []).append(use)


def free_names(
    analysis: Analysis,
    functions: Mapping[Function, UserFunction],
    notebooks: Mapping[str, NotebookSource],
) -> FreeNames:
    """Return the names of values that nodes use although no earlier node produces them.

    Args:
        analysis: the analysis of the flow.
        functions: the Python function of each `Function` in the flow.
        notebooks: the notebooks of the flow's nodes, by file name.
    """
    found = FreeNames()
    known = _visible(analysis)
    for node in analysis.flow.nodes:
        visible = known[node.id]
        for use in _uses(node, functions, notebooks):
            if use.name not in visible:
                found.add(use)
        after = visible.union(set_here(node))
        for use in _uses_of_transition(node):
            if use.name not in after:
                found.add(use)
    return found


def _uses(
    node: Node, functions: Mapping[Function, UserFunction], notebooks: Mapping[str, NotebookSource]
) -> list[NameUse]:
    if isinstance(node.run, Notebook):
        what = f"parameter of the notebook {node.run.file} in step '{node.id}'"
        return [
            NameUse(name, node.where, what, _annotation(default), default.value)
            for name, default in notebooks[node.run.file].defaults.items()
            if default.literal
        ]
    if isinstance(node.run, Shell):
        return [
            NameUse(each.name, node.where, f"variable of the command of step '{node.id}'",
                    default=MISSING if each.required else each.default, text=True)
            for each in variables_used(node.run.command)
        ]  # fmt: skip
    if not isinstance(node.run, Function) or node.run not in functions:
        return []
    try:
        callee = callee_of(functions[node.run])
    except (TypeError, ValueError):  # a builtin function may have no signature
        return []
    uses = []
    for name, argument in callee.arguments.items():
        annotation = callee.annotations.get(name, MISSING)
        if argument.kind not in (VAR_POSITIONAL, VAR_KEYWORD) and not is_namespace(annotation):
            what = f"argument of {called(callee.function)} in step '{node.id}'"
            uses.append(NameUse(name, node.where, what, annotation, argument.default))
    return uses


def _annotation(default: Default) -> object:
    """Return the type of a notebook's parameter: its annotation, or the type of its default."""
    named = {kind.__name__: kind for kind in (int, float, str, bool)}.get(default.annotation)
    return named or (MISSING if default.value is None or default.annotation else type(default.value))


def _uses_of_transition(node: Node) -> list[NameUse]:
    match node.next:
        case Foreach(over=over):
            return [NameUse(over, node.where, f"list that step '{node.id}' maps over")]
        case Switch(condition=condition):
            return [NameUse(condition, node.where, f"value by which step '{node.id}' chooses")]
    return []


def _visible(analysis: Analysis) -> dict[NodeId, set[str]]:
    """Return the names that each node can read: the values that are set on any path to the node, and the items and
    counters of the maps and loops around the node.
    """
    flow, nodes = analysis.flow, analysis.nodes
    visible: dict[NodeId, set[str]] = {node.id: set() for node in flow.nodes}
    for node in flow.nodes:  # the nodes are in topological order
        if node.joins is not None:
            split = nodes[node.joins]
            visible[node.id] |= visible[split.id].union(set_here(split))
            for first in targets(split.next):
                visible[node.id].update(set_between(nodes, first, node.id))
        after = visible[node.id].union(set_here(node))
        if isinstance(node.next, Foreach) and node.next.item:
            after = after | {node.next.item}
        for target in targets(node.next):
            # In the first iteration of a loop, the values that its body sets do not exist yet.
            again = node.id in analysis.loops.get(target, ())
            if nodes[target].joins is None and not again:
                visible[target] |= after
    for node in flow.nodes:
        if isinstance(node.next, Switch) and node.next.loop is not None and node.next.loop.index:
            for inside in analysis.loops[dict(node.next.arms)[False]]:
                visible[inside].add(node.next.loop.index)
    return visible


def fault_of_value(uses: Sequence[NameUse], value: object) -> str | None:
    """Return the reason why a parameter's value cannot be converted to the annotation of one of its uses; None if it
    can be converted."""
    try:
        for use in uses:
            if value is not None and not use.text:
                convert(value, use.annotation, f"{use.what} ({use.where})")
    except ArgumentError as error:
        return str(error)
    return None


# -- parameters --------------------------------------------------------------------------------------------------------


def parameters_of(
    names: FreeNames, declared: Mapping[str, object], extra: Mapping[str, object], where: Span
) -> tuple[Parameter, ...]:
    """Return the parameters of a pipeline's flow: the declared ones, the names that no step produces, and the names of
    values that the caller passes.

    Args:
        names: the names that no step produces, with their uses.
        declared: parameter name → default, as the pipeline declares them; None for a required parameter.
        extra: name → value, for the values that the caller passes when the pipeline is run.
        where: the span of the pipeline.
    """
    found = {name: _declared(name, value, names.uses.get(name, []), where) for name, value in declared.items()}
    for name, uses in names.uses.items():
        if all(_has_only_own_default(use) for use in uses) and name not in extra:
            continue  # the function uses its own default, because JSON cannot represent it
        found.setdefault(name, _parameter(name, uses, extra.get(name)))
    for name in extra:
        found.setdefault(name, Parameter(name=name, type="any", where=where))
    return tuple(found.values())


def _declared(name: str, value: object, uses: Sequence[NameUse], where: Span) -> Parameter:
    taken = _parameter(name, uses, value) if uses else Parameter(name=name, type="any", where=where, required=True)
    if value is None:
        return replace(taken, where=where)
    kind = taken.type if uses and taken.type not in ("json", "any") else _kind(type(value))
    return replace(taken, type=kind, where=where, required=False, default=_json(value))


def _parameter(name: str, uses: Sequence[NameUse], given: object = None) -> Parameter:
    every, uses = uses, [use for use in uses if not use.text] or uses
    kinds: set[ParameterType] = {_kind(use.annotation) for use in uses if use.annotation is not MISSING}
    kind = _kind_of_all(kinds)
    if all(use.text for use in every) and (given is None or isinstance(given, str)):
        kind = "str"
    required = any(use.default is MISSING for use in uses)
    defaults = {_default(use) for use in uses}
    default = None if required or len(defaults) > 1 else next(iter(defaults))
    if default == "null":
        default = None
    first = every[0]
    return Parameter(name=name, type=kind, where=first.where, required=required, default=default, help=first.what)


def _kind_of_all(kinds: set[ParameterType]) -> ParameterType:
    """Return one parameter type for a value that is used in several places; `kinds` has the parameter type of each
    use."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds and kinds <= _NUMBERS:
        return "float"
    return "json" if kinds and not kinds & {"str", "any"} else "any"


def _kind(annotation: object) -> ParameterType:
    """Return the parameter type for an annotation.

    Containers, pydantic models and dataclasses are given as JSON; paths, dates, UUIDs and Decimals as text. Members of
    enums may be numbers or texts.
    """
    if typing.get_origin(annotation) in (Union, types.UnionType):
        options = [each for each in typing.get_args(annotation) if each is not type(None)]
        return _kind_of_all({_kind(each) for each in options})
    if not isinstance(annotation, type):
        return "json" if typing.get_origin(annotation) in _CONTAINERS else "any"
    if (
        issubclass(annotation, _CONTAINERS)
        or hasattr(annotation, "model_validate")
        or hasattr(annotation, "__dataclass_fields__")
    ):
        return "json"
    return "str" if is_text_class(annotation) else _TYPES.get(annotation, "any")


def _has_only_own_default(use: NameUse) -> bool:
    """Return whether a use has a default that cannot be written on the command line, such as an open file."""
    if use.default is MISSING or isinstance(use.default, Enum) or is_text_class(type(use.default)):
        return False
    return _json(use.default) is None


def _default(use: NameUse) -> str | None:
    """Return the default of a use as canonical JSON. For a path, a date or a member of an enum, return the JSON value
    that flowc converts to it.

    Return None if flowc converts no JSON value to a value that equals the default; the function then uses its own
    default.
    """
    value = use.default
    candidates = [value]
    if isinstance(value, Enum):
        candidates = [value.value, value.name]
    elif is_text_class(type(value)):
        candidates = [text_of(value)]
    for each in candidates:
        if each is value:
            return _json(value)
        try:
            same = convert(each, use.annotation, use.what) == value
        except ArgumentError:
            continue
        if same and (text := _json(each)) is not None:
            return text
    return None


def _json(value: object) -> str | None:
    """Return a default as canonical JSON; None if JSON cannot represent the default."""
    if value is MISSING:
        return None
    try:
        return json_text.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except (TypeError, ValueError):
        return None
