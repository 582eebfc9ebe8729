"""The content of a flow's picture, from the IR alone: boxes for the steps, arrows between them, and their texts."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from flowc_ir.graphs.scopes import ItemScope
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import Branch, End, Foreach, Gang, Goto, Switch, assert_never, targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.pictures.layout import Ends
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import Choice, Flow, Node, NodeId

BoxShape: TypeAlias = Literal["step", "end", "switch", "join"]
ArrowKind: TypeAlias = Literal["next", "each", "gang", "choice", "again"]

MAX_ABOUT = 44
"""The maximum length of a step's description in its box."""
MAX_LABEL = 28
"""The maximum length of an arrow's text."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepBox:
    """A step.

    Attributes:
        id: the step's id, which is used in the `ends` of arrows.
        name: the id as it is shown.
        shape: the shape of the box; `end` is the shape of the first and the last step.
        many: whether the step has a task for each item of a foreach, or for each member of a gang.
        about: the first line of the step's docstring, shortened.
        marks: short texts about the step: how it splits the flow, which step's split it joins, and its policies, such
            as retries.
        doc: the step's whole docstring.
    """

    id: NodeId
    name: str
    shape: BoxShape
    many: bool
    about: str
    marks: tuple[str, ...]
    doc: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepArrow:
    """A transition between two steps; `again` leads back to the first step of a loop."""

    ends: Ends
    kind: ArrowKind
    label: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPicture:
    """A flow. `notes` are the lines below the flow's name, `doc` is the flow's whole docstring."""

    name: str
    notes: tuple[str, ...]
    doc: str
    boxes: tuple[StepBox, ...]
    arrows: tuple[StepArrow, ...]


def picture_of(analysis: Analysis) -> FlowPicture:
    """Return the picture of a flow without faults. The boxes of the picture are the first step, then the other steps in
    the order of the source."""
    flow = analysis.flow
    first = analysis.nodes[flow.start]
    nodes = (first, *(node for node in flow.nodes if node is not first))
    return FlowPicture(
        name=printable(flow.name),
        notes=tuple(_flow_notes(flow)),
        doc=printable(flow.doc),
        boxes=tuple(_box(analysis, node) for node in nodes),
        arrows=tuple(arrow for node in nodes for arrow in _arrows(analysis, node)),
    )


def printable(text: str) -> str:
    """Return the text in printable form: each run of white space becomes one blank, and each other unprintable
    character becomes `�`."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))


def shortened(text: str, limit: int) -> str:
    """Return the text, or the beginning of a longer text with an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def columns(text: str) -> int:
    """Return the width of a string in columns; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _flow_notes(flow: Flow) -> Iterator[str]:
    if flow.doc.strip():
        yield shortened(printable(flow.doc.strip().partition("\n")[0]), 2 * MAX_ABOUT)
    if flow.schedule is not None:
        crons = ", ".join(flow.schedule.crons)
        yield shortened(printable(f"schedule {crons} ({flow.schedule.timezone or 'UTC'})"), 2 * MAX_ABOUT)


def _box(analysis: Analysis, node: Node) -> StepBox:
    ends = node.id == analysis.flow.start or isinstance(node.next, End)
    shape: BoxShape = "end" if ends else "step"
    if isinstance(node.next, Switch):
        shape = "switch"
    elif node.joins is not None:
        shape = "join"
    return StepBox(
        id=node.id,
        name=printable(node.id),
        shape=shape,
        many=any(isinstance(scope, ItemScope) for scope in analysis.scopes[node.id]),
        about=shortened(printable(node.doc.strip().partition("\n")[0]), MAX_ABOUT),
        marks=tuple(shortened(printable(mark), MAX_ABOUT) for mark in _marks(analysis, node)),
        doc=printable(node.doc),
    )


def _marks(analysis: Analysis, node: Node) -> Iterator[str]:
    if node.joins is not None:
        yield f"joins {node.joins}"
    if node.id in analysis.loops:
        yield "loop"
    match node.next:
        case Branch(targets=several):
            yield f"branches into {len(several)}"
        case Foreach(over=over):
            yield f"foreach {over}"
        case Gang():
            yield "gang"
        case Switch(condition=condition, loop=loop):
            yield f"switch on {condition}"
            if loop is not None:
                yield f"at most {loop.iterations} iterations"
        case Goto() | End():
            pass
        case _:
            assert_never(node.next)
    if node.retry is not None and node.retry.times:
        wait = f", {duration(node.retry.wait_seconds)} apart" if node.retry.wait_seconds else ""
        yield f"retry {node.retry.times}×{wait}"
    if node.catch is not None:
        yield f"catch {node.catch.var}" if node.catch.var else "catch"
    if node.timeout is not None:
        yield f"timeout {duration(node.timeout.seconds)}"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units: `90 s` is `1 min 30 s`."""
    found = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            found.append(f"{count} {unit}")
    return " ".join(found[:2]) or "0 s"


def _arrows(analysis: Analysis, node: Node) -> Iterator[StepArrow]:
    for target in targets(node.next):
        ends = (node.id, target)
        match node.next:
            case Switch(arms=arms, default=default):
                choices = [_choice(choice) for choice, to in arms if to == target]
                label = ", ".join([*choices, "otherwise"] if default == target else choices)
                kind: ArrowKind = "again" if _is_again(analysis, node.id, target) else "choice"
                yield StepArrow(ends=ends, kind=kind, label=shortened(printable(label), MAX_LABEL))
            case Foreach(over=over):
                yield StepArrow(ends=ends, kind="each", label=shortened(printable(f"each of {over}"), MAX_LABEL))
            case Gang():
                yield StepArrow(ends=ends, kind="gang", label="all at once")
            case Goto() | Branch() | End():
                yield StepArrow(ends=ends, kind="again" if _is_again(analysis, node.id, target) else "next")
            case _:
                assert_never(node.next)


def _is_again(analysis: Analysis, source: NodeId, target: NodeId) -> bool:
    return target in analysis.loops and source in analysis.loops[target]


def _choice(choice: Choice) -> str:
    return choice if isinstance(choice, str) else str(choice)
