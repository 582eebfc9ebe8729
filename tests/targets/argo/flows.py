"""Flows for tests of the Argo target: written by hand and random."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TypeAlias

from hypothesis import strategies as st

import flowc_ir as ir
from flowc_ir import (
    Branch,
    Catch,
    Code,
    End,
    Flow,
    Foreach,
    Goto,
    Method,
    Node,
    Resources,
    Retry,
    Schedule,
    Span,
    Switch,
    Timeout,
)
from flowc_ir import Parameter as FlowParameter


@dataclass(frozen=True)
class Files:
    """A code package with given files, for flows without a directory."""

    files: tuple[tuple[str, bytes], ...]
    digest: str = "sha256:0000"


CODE = Files((("flow.py", b"from metaflow import FlowSpec\n\n\nclass TestFlow(FlowSpec):\n    pass\n"),))

# A shape is a list of items: the name of a step; ("fork", join, shapes), a branch; ("each", join, shape), a foreach;
# ("choose", meet, shapes), a switch, whose shapes may be empty; ("loop", latch, shape), whose latch leads back to the
# shape's first step. The step in front of a fork, an each or a choose is the split or the switch. A step follows each
# loop.
Shape: TypeAlias = "list[str | tuple[str, str, object]]"


def flow(shape: Shape, *, name: str = "TestFlow", **fields: object) -> Flow:
    """Return the flow of a shape, such as `["start", ("each", "join", ["train"]), "end"]`."""
    nodes: list[Node] = []
    _chain(shape, End(), nodes)
    made = Flow(
        name=name,
        code=Code(file="flow.py", name=name, digest="sha256:0000"),
        where=Span("flow.py", 4, 1),
        start=nodes[0].id,
        nodes=tuple(replace(node, where=Span("flow.py", 10 + 5 * at, 5)) for at, node in enumerate(nodes)),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def _chain(shape: Shape, last: ir.Transition, nodes: list[Node]) -> None:
    """Append the nodes of `shape`; the last node gets the transition `last`."""
    at = -1
    for item in shape:
        if isinstance(item, str):
            step, joins = item, None
        else:
            kind, step, inner = item
            assert isinstance(inner, list)
            if kind in ("choose", "loop"):
                at = (_choose if kind == "choose" else _loop)(at, step, inner, last, nodes)
                continue
            joins = nodes[at].id
            arms = [inner] if kind == "each" else inner
            heads = tuple(arm[0] for arm in arms)
            split = Foreach(over="items", body=heads[0]) if kind == "each" else Branch(targets=heads)
            nodes[at] = replace(nodes[at], next=split)
            for arm in arms:
                _chain(arm, Goto(target=step), nodes)
        if joins is None and at >= 0:
            _lead(nodes, at, step)
        at = len(nodes)
        nodes.append(Node(id=step, where=Span("flow.py", 1, 1), run=Method(name=step), next=last, joins=joins))


def _choose(at: int, meet: str, arms: list[Shape], last: ir.Transition, nodes: list[Node]) -> int:
    heads = [arm[0] if arm else meet for arm in arms]
    nodes[at] = replace(nodes[at], next=Switch(condition="way", arms=tuple(enumerate(heads))))
    for arm in arms:
        _chain(arm, Goto(target=meet), nodes)
    nodes.append(Node(id=meet, where=Span("flow.py", 1, 1), run=Method(name=meet), next=last))
    return len(nodes) - 1


def _loop(at: int, latch: str, inner: Shape, last: ir.Transition, nodes: list[Node]) -> int:
    head = inner[0]
    assert isinstance(head, str)
    _lead(nodes, at, head)
    _chain(inner, Goto(target=latch), nodes)
    leave = Switch(condition="again", arms=((True, head), (False, "?")))
    nodes.append(Node(id=latch, where=Span("flow.py", 1, 1), run=Method(name=latch), next=leave))
    return len(nodes) - 1


def _lead(nodes: list[Node], at: int, step: str) -> None:
    """Make the step at index `at` lead to `step`; if a loop ends there, only the exit of the loop leads to `step`."""
    following: ir.Transition = Goto(target=step)
    if isinstance(left := nodes[at].next, Switch):
        following = replace(left, arms=(left.arms[0], (False, step)))
    nodes[at] = replace(nodes[at], next=following)


def with_policies(made: Flow, step: str, **policies: object) -> Flow:
    """Return a copy of the flow in which one step has these policies (retry, catch, …)."""
    return replace(
        made,
        nodes=tuple(replace(n, **policies) if n.id == step else n for n in made.nodes),  # type: ignore[arg-type]
    )


def parameter(name: str, kind: ir.ParameterType, default: object = ..., **fields: object) -> FlowParameter:
    """Return a parameter; `default` is a Python value, or `...` for none."""
    text = None if default is ... else json.dumps(default, ensure_ascii=False)
    return FlowParameter(name=name, type=kind, where=Span("flow.py", 5, 5), default=text, **fields)  # type: ignore[arg-type]


def chain(length: int) -> Flow:
    """Return a flow of `length` steps in a row, from start to end."""
    return flow(["start", *(f"s{at:04}" for at in range(length - 2)), "end"])


def wide(arms: int, steps: int = 1) -> Flow:
    """Return a flow with a branch of many arms."""
    return flow(
        ["start", ("fork", "join", [[f"a{arm}_{step}" for step in range(steps)] for arm in range(arms)]), "end"]
    )


EXAMPLES: dict[str, Flow] = {
    "linear": flow(["start", "train", "end"]),
    "branch": flow(["start", ("fork", "join", [["a"], ["b", "b2"]]), "end"]),
    "foreach": flow(["start", ("each", "join", ["train_model"]), "end"]),
    "foreach-body": flow(["start", ("each", "join", ["prepare", "train"]), "end"]),
    "nested": flow(["start", ("each", "outer_join", ["outer", ("each", "inner_join", ["inner"])]), "end"]),
    "foreach-in-branch": flow(
        ["start", ("fork", "join", [["a", ("each", "a_join", ["one"])], ["b", ("each", "b_join", ["two"])]]), "end"]
    ),
    "branch-in-foreach": flow(["start", ("each", "join", ["body", ("fork", "inner", [["x"], ["y"]])]), "end"]),
    "join-opens": flow(["start", ("each", "middle", ["a"]), ("each", "last", ["b"]), "end"]),
    "names": flow(["start", "in_", "_private", "Überschrift", "camelCase", "or", "double__under", "end"]),
    "parameters": flow(
        ["start", "end"],
        parameters=(
            parameter("alpha", "float", 0.1, help="learning rate"),
            parameter("name", "str", "{{workflow.name}} $(FLOWC_STORE)\n"),
            parameter("config", "json", {"a": {"b": [1, "{{x}}"]}}),
            parameter("größe", "int", 3),
            parameter("maybe", "str"),
            parameter("verbose", "bool", False),
            parameter("needed", "str", required=True),
        ),
    ),
    "schedule": flow(
        ["start", "end"],
        schedule=Schedule(crons=("0 6 * * MON-FRI",), where=Span("flow.py", 3, 1), timezone="Europe/Berlin"),
        doc="Runs **daily**.\n\nSays {{nothing}}.",
    ),
}


def _policies() -> Flow:
    made = flow(["start", ("each", "join", ["train"]), ("fork", "all", [["big"], ["same"]]), "end"])
    made = with_policies(
        made,
        "train",
        retry=Retry(times=3, wait_seconds=30),
        catch=Catch(var="failure"),
        timeout=Timeout(seconds=3600),
        environment=(("OMP_NUM_THREADS", "1"), ("TEMPLATE", "{{{x}}} $(HOME) $$ é$é")),
    )
    resources = Resources(cpu="0.5", memory=4096, gpu=1, disk=10240, shared_memory=512)
    made = with_policies(made, "big", resources=resources, retry=Retry(times=1))
    return with_policies(made, "same", resources=resources, retry=Retry(times=1))


EXAMPLES["policies"] = _policies()


# -- at random ---------------------------------------------------------------------------------------------------------

identifiers = st.text(max_size=60).map(lambda text: "_" + text).filter(str.isidentifier) | st.from_regex(
    r"[A-Za-z_][A-Za-z0-9_]{0,50}", fullmatch=True
).filter(str.isidentifier)


@st.composite
def shapes(draw: st.DrawFn, names: list[str], depth: int = 3, *, switches: bool = False) -> Shape:
    """Return a random shape; the steps' names are removed from the end of `names`.

    With `switches`, the shape may contain switches and loops.
    """
    items: Shape = [names.pop()]
    kinds = ["step", "each", "fork", *(["choose", "loop"] if switches else [])] if depth else ["step"]
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(kinds))
        if kind == "step":
            items.append(names.pop())
        elif switches:
            items += draw(_with_switches(kind, names, depth - 1))
        elif kind == "each":
            items.append(("each", names.pop(), draw(shapes(names, depth - 1))))
        else:
            arms = [draw(shapes(names, depth - 1)) for _ in range(draw(st.integers(2, 3)))]
            items.append(("fork", names.pop(), arms))
    return items


@st.composite
def _with_switches(draw: st.DrawFn, kind: str, names: list[str], depth: int) -> Shape:
    """Draw the part of a shape that begins with an item of this kind: each, loop, fork or choose."""
    inner = shapes(names, depth, switches=True)
    if kind == "each":
        return [("each", names.pop(), draw(inner))]
    if kind == "loop":
        return [("loop", names.pop(), draw(inner)), names.pop()]
    least = 2 if kind == "fork" else 0
    return [
        (
            kind,
            names.pop(),
            [draw(inner) if least or draw(st.booleans()) else [] for _ in range(draw(st.integers(2, 3)))],
        )
    ]


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Return a random structured flow with random policies and parameters."""
    names = draw(st.lists(identifiers, min_size=0, max_size=12, unique=True))
    pool = [f"s{at}_x" for at in range(400)] + names
    made = flow(draw(shapes(list(dict.fromkeys(pool)))))
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    for node in draw(st.lists(st.sampled_from(made.nodes), max_size=4)):
        made = with_policies(
            made,
            node.id,
            retry=draw(st.none() | st.builds(Retry, times=st.integers(0, 5), wait_seconds=st.integers(0, 99))),
            catch=draw(st.none() | st.just(Catch())),
            timeout=draw(st.none() | st.builds(Timeout, seconds=st.integers(1, 10**6))),
            resources=draw(st.none() | st.builds(Resources, memory=st.none() | st.integers(0, 10**6))),
            environment=(("USER_TEXT", draw(text | st.sampled_from(["{{", "{{{{x}}", "$({{"]))),),
        )
    values = {"str": text, "int": st.integers(-(10**9), 10**9), "bool": st.booleans(), "json": st.lists(text)}
    kinds = draw(st.lists(st.sampled_from(sorted(values)), max_size=3))
    parameters = [parameter(f"p{at}", kind, draw(values[kind])) for at, kind in enumerate(kinds)]  # type: ignore[arg-type]
    return replace(made, parameters=tuple(parameters), doc=draw(text))
