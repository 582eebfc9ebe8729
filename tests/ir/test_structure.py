"""The structure of graphs: a structured flow is accepted with the right joins; other flows are errors, not crashes."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flowc_ir import Branch, Code, End, Flow, Foreach, Goto, Method, Node, Span, Switch, Transition, targets
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.structure import Vertex, analyse
from flowc_ir.verify import verify
from flowc_runtime.base.index import Graph
from flowc_runtime.run.parents import Parents
from flowc_runtime.run.task.attempts import begin_record, new_record
from flowc_runtime.store.records.store import Store

HERE = Span("flow.py", 1, 1)


def vertex(name: str, following: Transition | None, takes_inputs: bool = False) -> Vertex:
    return Vertex(id=name, where=HERE, takes_inputs=takes_inputs, next=following)


# A block is a pair: ("step", []), or the kind of a split and its arms, where each arm is a list of blocks.
Block = tuple[str, list[list["Block"]]]
BLOCKS: st.SearchStrategy[list[Block]] = st.recursive(
    st.lists(st.just(("step", [])), min_size=1, max_size=3),
    lambda inner: st.lists(
        st.just(("step", []))
        | st.tuples(st.just("branch"), st.lists(inner, min_size=2, max_size=3))
        | st.tuples(st.just("foreach"), st.lists(inner, min_size=1, max_size=1)),
        min_size=1,
        max_size=3,
    ),
    max_leaves=8,
)


def build(blocks: list[Block]) -> tuple[list[Vertex], dict[str, str]]:
    """Return the vertices of a flow with these blocks between `start` and `end`, and the join of each split."""
    vertices: list[Vertex] = []
    closes: dict[str, str] = {}

    def lay(blocks: list[Block], after: str) -> str:
        """Add the vertices of the blocks; the last one leads to `after`. Return the name of the first vertex."""
        for kind, arms in reversed(blocks):
            name = f"n{len(vertices)}"
            if kind == "step":
                vertices.append(vertex(name, Goto(target=after)))
                after = name
                continue
            join = f"j{len(vertices)}"
            vertices.append(vertex(join, Goto(target=after), takes_inputs=True))
            split = f"s{len(vertices)}"
            heads = [lay(arm, join) for arm in arms]
            following = Foreach(over="items", body=heads[0]) if kind == "foreach" else Branch(targets=tuple(heads))
            vertices.append(vertex(split, following))
            closes[join] = split
            after = split
        return after

    vertices.append(vertex("end", End()))
    vertices.append(vertex("start", Goto(target=lay(blocks, "end"))))
    return vertices, closes


@given(BLOCKS)
def test_structured_flows_are_accepted(blocks: list[Block]) -> None:
    vertices, closes = build(blocks)
    shape = analyse("start", vertices)
    assert shape.faults == ()
    assert shape.closes == closes
    flow = as_flow(vertices, closes)
    assert verify(flow) == []
    assert sorted(Analysis(flow).region.nodes()) == sorted(v.id for v in vertices)


@given(BLOCKS, st.data())
def test_one_wrong_signature_is_one_fault(blocks: list[Block], data: st.DataObject) -> None:
    """A join without `inputs`, or a step with `inputs` that joins no split, is reported wherever it is."""
    vertices, _ = build(blocks)
    index = data.draw(st.integers(0, len(vertices) - 2))  # all but the start
    vertices[index] = replace(vertices[index], takes_inputs=not vertices[index].takes_inputs)
    assert len(analyse("start", vertices).faults) == 1


def as_flow(vertices: list[Vertex], closes: dict[str, str]) -> Flow:
    nodes = tuple(
        Node(id=v.id, where=v.where, run=Method(name=v.id), next=v.next, joins=closes.get(v.id))
        for v in vertices
        if v.next is not None
    )
    return Flow(name="F", code=Code(file="f.py", name="F", digest="sha256:0"), where=HERE, start="start", nodes=nodes)


NAMES = ["start", "a", "b", "c", "d", "e", "end"]


SWITCHES: st.SearchStrategy[Transition] = st.builds(
    lambda ts: Switch(condition="x", arms=tuple(enumerate(ts))),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=3),
)


@st.composite
def graphs(draw: st.DrawFn) -> list[Vertex]:
    vertices = []
    for name in NAMES:
        target = st.sampled_from(NAMES)
        following = draw(
            st.none()
            | st.just(End())
            | st.builds(lambda t: Goto(target=t), target)
            | st.builds(lambda t: Foreach(over="x", body=t), target)
            | st.builds(lambda ts: Branch(targets=tuple(ts)), st.lists(target, min_size=2, max_size=3, unique=True))
            | SWITCHES
            | SWITCHES
        )
        vertices.append(vertex(name, following, takes_inputs=draw(st.booleans())))
    return vertices


@settings(max_examples=300)
@given(graphs())
def test_any_graph_is_walked(vertices: list[Vertex]) -> None:
    """No graph causes a crash; each fault is reported once; the regions of a valid graph have each step once."""
    shape = analyse("start", vertices)
    assert len({(fault.code, fault.message) for fault in shape.faults}) == len(shape.faults)
    if shape.faults or any(v.next is None for v in vertices):
        return
    flow = as_flow(vertices, dict(shape.closes))
    assert sorted(Analysis(flow).region.nodes()) == sorted(NAMES)
    assert sorted(Analysis(flow).places) == sorted(NAMES)


@st.composite
def switch_graphs(draw: st.DrawFn) -> list[Vertex]:
    """Return a random graph of steps and switches, with any cycles; the end is reachable from every step."""
    arms: dict[str, list[str]] = {name: [] for name in NAMES[:-1]}
    reached = ["start"]
    for name in [*draw(st.permutations(NAMES[1:-1])), "end"]:
        arms[draw(st.sampled_from(reached))].append(name)
        reached.append(name)
    reaching = ["end"]
    for name in [*draw(st.permutations(NAMES[1:-1])), "start"]:
        if not set(arms[name]) & set(reaching):
            arms[name].append(draw(st.sampled_from(reaching)))
        reaching.append(name)
    for goals in arms.values():
        goals += draw(st.lists(st.sampled_from(NAMES[1:]), max_size=2))
    return [*(vertex(name, step_or_switch(draw(st.permutations(arms[name])))) for name in arms), vertex("end", End())]


def step_or_switch(goals: list[str]) -> Transition:
    return Goto(target=goals[0]) if len(goals) == 1 else Switch(condition="x", arms=tuple(enumerate(goals)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(switch_graphs(), st.integers(0, 2**32))
def test_loops_of_any_form_are_walked(vertices: list[Vertex], seed: int) -> None:
    """Random walks of a valid graph reach the end, and no index path occurs twice.

    For each task of a walk, `Parents` finds the task's parent: the task before it in the walk.
    """
    shape = analyse("start", vertices)
    assume(not shape.faults)
    flow = as_flow(vertices, {})
    assert sorted(Analysis(flow).region.nodes()) == sorted(NAMES)
    graph, chance = Graph(flow), random.Random(seed)
    step, path, parent = "start", "0", None
    with TemporaryDirectory() as directory:
        run = Store.open(directory).run("F", "1")
        for _ in range(12):
            assert not run.is_done(step, path)
            found = Parents(run, graph, step, path).one()
            assert (None if found is None else (found[0].id, found[1])) == parent
            record = new_record(run, graph, (step, path, 1), "ok", begin_record(0.0), {})
            following = targets(graph.nodes[step].next)
            if not following:
                assert path == "0"
                return
            target = record["choice"] = chance.choice(following)
            run.finish(record)
            parent, step, path = (step, path), target, graph.following(step, path, target)


def outcomes(order: list[str], index: int) -> list[Vertex]:
    """Return every vertex that the step `order[index]` can be: each transition whose targets are later in `order`."""
    later = order[index + 1 :]
    ways: list[Transition] = [End()] if not later else []
    ways += [Goto(target=target) for target in later] + [Foreach(over="x", body=target) for target in later]
    ways += [Branch(targets=several) for k in (2, 3) for several in itertools.combinations(later, k)]
    return [vertex(order[index], way, joins) for way in ways for joins in ((False, True) if index else (False,))]


def is_structured(vertices: tuple[Vertex, ...]) -> bool:
    """Return whether a graph is structured, decided in another way than by flowc: by parsing it as nested sequences."""
    by_id = {v.id: v for v in vertices}

    def parse(here: str) -> tuple[list[str], str | None]:
        """Return the steps of the sequence that starts at `here`, and the join that ends the sequence."""
        found: list[str] = []
        joined = False
        while joined == by_id[here].takes_inputs:
            found.append(here)
            match by_id[here].next:
                case End():
                    return found, None
                case Goto(target=target):
                    here, joined = target, False
                case Branch() | Foreach() as split:
                    arms = [parse(target) for target in targets(split)]
                    ends = {join for _, join in arms}
                    if len(ends) > 1 or None in ends or not all(steps for steps, _ in arms):
                        return [], None
                    found += [name for steps, _ in arms for name in steps]
                    here, joined = str(ends.pop()), True
        return (found, here) if by_id[here].takes_inputs else ([], None)

    steps, join = parse("start")
    return join is None and sorted(steps) == sorted(by_id)


def test_every_small_graph() -> None:
    """Of all 26,000 graphs with five steps, exactly the structured ones are accepted."""
    order = ["start", "a", "b", "c", "end"]
    accepted = 0
    for vertices in itertools.product(*(outcomes(order, index) for index in range(len(order)))):
        structured = is_structured(vertices)
        assert structured == (not analyse("start", vertices).faults), vertices
        accepted += structured
    assert accepted == 15


def test_one_cause_one_fault() -> None:
    """A step that cannot be reached is reported, and the steps that only it leads to are not."""
    vertices = [
        vertex("start", Goto(target="end")),
        vertex("lost", Branch(targets=("a", "b"))),
        vertex("a", Goto(target="join")),
        vertex("b", Goto(target="join")),
        vertex("join", Goto(target="end"), takes_inputs=True),
        vertex("ring", Goto(target="ring_two")),
        vertex("ring_two", Goto(target="ring")),
        vertex("end", End()),
    ]
    messages = [fault.message for fault in analyse("start", vertices).faults]
    assert messages == ["step 'lost' is never reached from 'start'", "step 'ring' is never reached from 'start'"]


def test_nothing_is_blamed_on_a_step_whose_transition_is_unknown() -> None:
    vertices = [vertex("start", Branch(targets=("a", "b"))), vertex("a", None), vertex("b", Goto(target="join")),
                vertex("join", Goto(target="end"), takes_inputs=True), vertex("other", Goto(target="join")),
                vertex("end", End())]  # fmt: skip
    assert analyse("start", vertices).faults == ()


def test_a_long_chain_is_walked_without_recursion() -> None:
    vertices = [vertex("start", Goto(target="n0"))]
    vertices += [vertex(f"n{i}", Goto(target=f"n{i + 1}" if i < 4_999 else "end")) for i in range(5_000)]
    vertices.append(vertex("end", End()))
    assert analyse("start", vertices).faults == ()
