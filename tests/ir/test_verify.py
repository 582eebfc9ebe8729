"""`verify` reports faults that cannot come from flowc's front ends, but from other front ends or from passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowc_ir import Branch, Code, End, Flow, Foreach, Gang, Goto, Method, Node, Parameter, Span, Switch, codes
from flowc_ir.verify import verify

HERE = Span("flow.py", 1, 1)
THERE = Span("flow.py", 9, 1)
START = Node(id="start", where=HERE, run=Method(name="start"), next=Goto(target="end"))
END = Node(id="end", where=HERE, run=Method(name="end"), next=End())
NUMBER = Parameter(name="n", type="int", where=HERE)


def node(name: str, following: Goto | Branch | Foreach | Gang | Switch, joins: str | None = None) -> Node:
    return Node(id=name, where=THERE, run=Method(name=name), next=following, joins=joins)


def flow(*nodes: Node, parameters: tuple[Parameter, ...] = (), start: str = "start") -> Flow:
    code = Code(file="flow.py", name="Some", digest="sha256:0")
    return Flow(name="Some", code=code, where=HERE, start=start, nodes=nodes, parameters=parameters)


def test_a_flow_without_faults() -> None:
    assert verify(flow(START, END, parameters=(NUMBER,))) == []


FAULTS = {
    "a step twice": (
        flow(START, replace(START, where=THERE), END),
        codes.DUPLICATE_STEP,
        "step 'start' is defined twice",
    ),
    "a parameter twice": (
        flow(START, END, parameters=(NUMBER, replace(NUMBER, where=THERE))),
        codes.PARAMETER_CLASH,
        "parameter 'n' is defined twice",
    ),
    "no first step": (flow(START, END, start="begin"), codes.NO_START, "flow 'Some' has no step 'begin'"),
    "no next step": (
        flow(START, node("other", Goto(target="nowhere")), END),
        codes.UNKNOWN_STEP,
        "step 'other' leads to 'nowhere', which is not a step",
    ),
    "a branch twice": (
        flow(
            node("start", Branch(targets=("a", "a"))),
            node("a", Goto(target="join")),
            node("join", Goto(target="end"), "start"),
            END,
        ),
        codes.DUPLICATE_BRANCH,
        "step 'start' names one branch twice",
    ),
    "one choice": (
        flow(node("start", Switch(condition="kind", arms=(("x", "end"),))), END),
        codes.SWITCH_ARMS,
        "the switch of step 'start' has fewer than two choices",
    ),
    "a choice twice": (
        flow(node("start", Switch(condition="kind", arms=(("x", "end"), ("x", "end")))), END),
        codes.SWITCH_ARMS,
        "the switch of step 'start' has one choice twice",
    ),
    "a gang of two steps": (
        flow(
            node("start", Gang(body="work")),
            node("work", Goto(target="more")),
            node("more", Goto(target="join")),
            node("join", Goto(target="end"), "start"),
            END,
        ),
        codes.PARALLEL_STEP,
        "the tasks of step 'work' run all at once, but this step does not lead straight to their join",
    ),
    "another split's join": (
        flow(
            node("start", Foreach(over="items", body="work")),
            node("work", Goto(target="join")),
            node("join", Goto(target="end"), "work"),
            END,
        ),
        codes.WRONG_JOIN,
        "step 'join' says that it joins 'work', but it closes 'start'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_reported_with_its_place(name: str) -> None:
    faulty, code, message = FAULTS[name]
    (fault,) = verify(faulty)
    assert (fault.code, fault.message) == (code, message)
    assert fault.span == (HERE if name == "no first step" else THERE)
    assert fault.hint
