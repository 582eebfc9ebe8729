"""Switches, loops and gangs in real runs, and how a step accesses the foreach around it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base.errors import NotFound

if TYPE_CHECKING:
    from project import Project

HEAD = "import os\nfrom metaflow import *\n\nclass F(FlowSpec):\n"


def steps(**bodies: str) -> str:
    """Return the source of a flow with these step bodies; a step whose name ends in `_join` is a join."""
    text = HEAD
    for name, body in bodies.items():
        marks = "    @parallel\n" if name.startswith("gang") else ""
        inputs = ", inputs" if name.endswith("join") else ""
        text += f"{marks}    @step\n    def {name}(self{inputs}):\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n"
    return text


# -- switches ----------------------------------------------------------------------------------------------------------

CHOOSE = steps(
    start="self.next(self.look)",
    look="self.way = {value}\nself.next({choices}, condition='way')",
    a="self.went = 'a'\nself.next(self.end)",
    b="self.went = 'b'\nself.next(self.end)",
    end="print(self.went)",
)


@pytest.mark.parametrize(
    ("choices", "value", "went"),
    [
        ("{'x': self.a, 'y': self.b}", "'y'", "b"),
        ("{1: self.a, -2: self.b}", "-2", "b"),
        ("{1.5: self.a, 2: self.b}", "1.5", "a"),
        ("{True: self.a, False: self.b}", "not 1", "b"),
        ("{'x': self.a, 'y': self.a, 'z': self.b}", "'y'", "a"),
        ("{1: self.a, 2: self.b}", "__import__('numpy').int64(2)", "b"),
    ],
)
def test_a_switch_goes_where_its_condition_says(project: Project, choices: str, value: str, went: str) -> None:
    project.write("flow.py", CHOOSE.replace("{choices}", choices).replace("{value}", value))
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["went"] == went
    assert run.task("look", "0")["choice"] == went
    assert run.task("end", "0")["parents"] == [{"step": went, "path": "0", "count": None}]
    with pytest.raises(NotFound):
        run.task("b" if went == "a" else "a", "0")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("'z'", "self.way is 'z', which is none of the choices of this switch: 'x', 'y'"),
        ("['x']", "self.way is ['x'], which is none of the choices of this switch: 'x', 'y'"),
        ("None; del self.way", "condition='way', but self.way does not exist: set it in this step or before it"),
    ],
)
def test_a_switch_without_a_choice_fails_its_step(project: Project, value: str, message: str) -> None:
    project.write("flow.py", CHOOSE.replace("{choices}", "{'x': self.a, 'y': self.b}").replace("{value}", value))
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert f"step 'look' failed: metaflow.flowspec.InvalidNextException: {message}" in done.err
    assert "flow.py:11 in look" in done.err


def test_a_parameter_may_choose(project: Project) -> None:
    text = steps(
        start="self.next({'x': self.a, 'y': self.end}, condition='way')", a="self.next(self.end)", end="print('end')"
    )
    project.write("flow.py", text.replace("class F(FlowSpec):\n", "class F(FlowSpec):\n    way = Parameter('way')\n"))
    assert project.run("flow.py", "--way", "y").steps() == ["end", "start"]
    assert project.run("flow.py", "--way", "x").steps() == ["a", "end", "start"]


@pytest.mark.parametrize("first", "ab")
@pytest.mark.parametrize("second", ["p", "q", "m"])
def test_two_switches_may_lead_to_the_same_steps(project: Project, first: str, second: str) -> None:
    again = "self.next({'p': self.p, 'q': self.q, 'm': self.m}, condition='second')"
    text = steps(
        start="self.first, self.second = os.environ['WAY']\nself.next({'a': self.a, 'b': self.b}, condition='first')",
        a="self.seen = 'a'\n" + again,
        b="self.seen = 'b'\n" + again,
        p="self.seen += 'p'\nself.next(self.m)",
        q="self.seen += 'q'\nself.next(self.end)",
        m="self.seen += 'm'\nself.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    seen = project.artifacts(project.run("flow.py", WAY=first + second), "end")["seen"]
    assert seen == first + {"p": "pm", "q": "q", "m": "m"}[second]


def test_the_inputs_of_a_join_are_the_steps_that_ran(project: Project) -> None:
    text = steps(
        start="self.next(self.left, self.right)",
        left="self.way = 1\nself.next({1: self.a, 2: self.b}, condition='way')",
        a="self.mine = 'a'\nself.next(self.the_join)",
        b="self.mine = 'b'\nself.next(self.the_join)",
        right="self.mine = 'right'\nself.next(self.the_join)",
        the_join="""
            self.seen = [inp.mine for inp in inputs], inputs.a.mine, inputs.right.mine
            try:
                inputs.b
            except AttributeError as error:
                self.refused = str(error)
            self.next(self.end)
            """,
        end="pass",
    )
    project.write("flow.py", text)
    got = project.artifacts(project.run("flow.py"), "end")
    assert got["seen"] == (["a", "right"], "a", "right")
    assert got["refused"] == "no input is named 'b'; the inputs are a, right"


# -- loops -------------------------------------------------------------------------------------------------------------


def test_a_loop_of_a_thousand_iterations(project: Project) -> None:
    text = steps(
        start="self.count = 0\nself.next(self.again)",
        again="self.count += 1\nself.more = self.count < 1005\n"
        "self.next({True: self.again, False: self.end}, condition='more')",
        end="pass",
    )
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["count"] == 1005
    assert list(run.attempts("again")) == [f"0~{at}" for at in range(1005)]
    assert run.task("again", "0~7")["parents"] == [{"step": "again", "path": "0~6", "count": None}]
    assert run.task("end", "0")["parents"] == [{"step": "again", "path": "0~1004", "count": None}]


def test_loops_in_loops_in_a_foreach(project: Project) -> None:
    """The index path of a task in a loop ends in the number of the iteration, as in `0.1~2`; after the loop, it is
    `0.1` again."""
    text = steps(
        start="self.items = [1, 2]\nself.next(self.outer, foreach='items')",
        outer="self.tens = getattr(self, 'tens', 0) + 1\nself.ones = 0\nself.next(self.inner)",
        inner="self.ones += 1\nself.next(self.turn)",
        turn="self.way = self.ones < self.input\nself.next({True: self.inner, False: self.back}, condition='way')",
        back="self.way = self.tens < 2\nself.next({True: self.outer, False: self.done}, condition='way')",
        done="self.seen = current.task_id, self.index, self.input, self.tens, self.ones\nself.next(self.the_join)",
        the_join="self.seen = [inp.seen for inp in inputs]\nself.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["seen"] == [("done-0.0", 0, 1, 2, 1), ("done-0.1", 1, 2, 2, 2)]
    assert list(run.attempts("turn")) == ["0.0~0~0", "0.0~1~0", "0.1~0~0", "0.1~0~1", "0.1~1~0", "0.1~1~1"]
    assert run.task("done", "0.1")["parents"] == [{"step": "back", "path": "0.1~1", "count": None}]
    assert run.task("outer", "0.1~1")["parents"] == [{"step": "back", "path": "0.1~0", "count": None}]


def test_a_loop_as_the_body_of_a_foreach(project: Project) -> None:
    text = steps(
        start="self.items = [3, 1]\nself.next(self.work, foreach='items')",
        work="self.count = getattr(self, 'count', 0) + 1\nself.done = self.count == self.input\n"
        "self.next({True: self.the_join, False: self.work}, condition='done')",
        the_join="self.counts = [(inp.count, inp.index) for inp in inputs]\nself.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["counts"] == [(3, 0), (1, 1)]
    assert list(run.attempts("work")) == ["0.0~0", "0.0~1", "0.0~2", "0.1~0"]


def test_a_loop_left_by_two_ways_and_begun_again_by_two(project: Project) -> None:
    text = steps(
        start="self.seen = ''\nself.next(self.head)",
        head="self.seen += 'h'\nself.way = ['a', 'b', 'out'][self.seen.count('h') - 1]\n"
        "self.next({'a': self.a, 'b': self.b, 'out': self.x}, condition='way')",
        a="self.seen += 'a'\nself.next(self.head)",
        b="self.seen += 'b'\nself.way = os.environ['WAY']\n"
        "self.next({'back': self.head, 'out': self.y}, condition='way')",
        x="self.seen += 'x'\nself.next(self.end)",
        y="self.seen += 'y'\nself.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    assert project.artifacts(project.run("flow.py", WAY="back"), "end")["seen"] == "hahbhx"
    assert project.artifacts(project.run("flow.py", WAY="out"), "end")["seen"] == "hahby"


def test_a_failed_iteration_is_tried_again(project: Project) -> None:
    text = steps(
        start="self.count = 0\nself.next(self.again)",
        again="""
            self.count += 1
            if self.count == 2 and current.retry_count == 0:
                os._exit(3)
            self.more = self.count < 3
            self.next({True: self.again, False: self.end}, condition="more")
            """,
        end="pass",
    ).replace("    @step\n    def again", "    @retry(times=1)\n    @step\n    def again")
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["count"] == 3
    assert run.attempts("again") == {"0~0": [1], "0~1": [1, 2], "0~2": [1]}


# -- gangs -------------------------------------------------------------------------------------------------------------

RING = """
    # Each member hands something to the next and takes something from the one before: all have to be there.
    import threading
    me, size = current.parallel.node_index, current.parallel.num_nodes
    give = lambda: open(f"ring-{me}", "w").write(str(me))
    thread = threading.Thread(target=give)
    thread.start()
    self.got = int(open(f"ring-{(me - 1) % size}").read())
    thread.join()
    self.known = current.parallel._asdict(), {n: v for n, v in os.environ.items() if n.startswith("MF_PARALLEL_")}
    self.mine = self.index, self.input, self.foreach_stack()
    self.next(self.the_join)
    """


@pytest.mark.parametrize("workers", ["1", "3", "8"])
def test_a_gang_runs_all_at_once(project: Project, workers: str) -> None:
    text = steps(
        start="for at in range(4):\n    os.mkfifo(f'ring-{at}')\nself.nodes = 4\n"
        "self.next(self.gang, num_parallel=self.nodes)",
        gang=RING,
        the_join="self.got = [i.got for i in inputs]\nself.known = [i.known for i in inputs]\n"
        "self.mine = [i.mine for i in inputs]\nself.next(self.end)",
        end="self.alone = current.parallel._asdict()",
    )
    project.write("flow.py", text)
    run = project.run("flow.py", "--max-workers", workers)
    got = project.artifacts(run, "end")
    assert got["got"] == [3, 0, 1, 2]
    assert got["mine"] == [(at, at, [(at, None, at)]) for at in range(4)]
    assert got["known"][2] == (
        {"main_ip": "127.0.0.1", "num_nodes": 4, "node_index": 2, "control_task_id": "gang-0.0"},
        {
            "MF_PARALLEL_MAIN_IP": "127.0.0.1",
            "MF_PARALLEL_NUM_NODES": "4",
            "MF_PARALLEL_NODE_INDEX": "2",
            "MF_PARALLEL_CONTROL_TASK_ID": "gang-0.0",
        },
    )
    assert got["alone"] == {"main_ip": "127.0.0.1", "num_nodes": 1, "node_index": 0, "control_task_id": None}
    assert run.task("start", "0")["fanout"] == {"count": 4}


def test_when_one_of_a_gang_fails_the_others_are_ended(project: Project) -> None:
    text = steps(
        start="self.next(self.gang, num_parallel=3)",
        gang="import signal\nif current.parallel.node_index == 1:\n    raise ValueError('boom')\nsignal.pause()\n"
        "self.next(self.the_join)",
        the_join="self.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    done = project.flowc("run", "flow.py", "--max-workers", "2")
    assert done.code == 1
    assert "error: step 'gang' failed (task gang-0.1): ValueError: boom" in done.err
    ended = project.latest().attempt("gang", "0.2", 1)
    assert ended is not None
    assert ended["error"]["message"] == "ended, because gang/0.1 of the same gang failed"
    assert ended["error"]["ended_by_run"]


def test_one_of_a_gang_is_tried_again_while_the_others_wait(project: Project) -> None:
    text = steps(
        start="for at in range(3):\n    os.mkfifo(f'ring-{at}')\nself.next(self.gang, num_parallel=3)",
        gang="if current.parallel.node_index == 2 and current.retry_count == 0:\n    os._exit(1)\n"
        + textwrap.dedent(RING),
        the_join="self.got = [i.got for i in inputs]\nself.next(self.end)",
        end="pass",
    ).replace("    @parallel\n", "    @retry(times=1)\n    @parallel\n")
    project.write("flow.py", text)
    run = project.run("flow.py", "--max-workers", "2")
    assert project.artifacts(run, "end")["got"] == [2, 0, 1]


@pytest.mark.parametrize("stays", ["> 0", "== 0", ">= 0"])
def test_tasks_of_a_gang_may_return_before_their_next(project: Project, stays: str) -> None:
    text = steps(
        start="self.next(self.gang, num_parallel=3)",
        gang=f"self.rank = current.parallel.node_index\nif self.rank {stays}:\n    return\nself.next(self.the_join)",
        the_join="self.ranks = [each.rank for each in inputs]\nself.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert project.artifacts(run, "the_join")["ranks"] == [0, 1, 2]
    done = project.python("flow.py", "resume", "the_join")
    assert done.code == 0, done.err


def test_a_lone_task_of_a_flow_with_gangs_says_what_follows(project: Project) -> None:
    text = steps(
        start="if current.parallel.num_nodes == 1:\n    return\nself.next(self.gang, num_parallel=3)",
        gang="self.next(self.the_join)",
        the_join="self.next(self.end)",
        end="pass",
    )
    project.write("flow.py", text)
    done = project.flowc("run", "flow.py")
    assert (done.code, "step 'start' returned before its self.next" in done.err) == (1, True)


@pytest.mark.parametrize("size", ["0", "-1", "'2'", "2.0", "True"])
def test_a_gang_has_a_whole_number_of_members(project: Project, size: str) -> None:
    text = steps(
        start=f"self.next(self.gang, num_parallel={size})", gang="self.next(self.the_join)",
        the_join="self.next(self.end)", end="pass",
    )  # fmt: skip
    project.write("flow.py", text)
    done = project.flowc("run", "flow.py")
    assert f"InvalidNextException: num_parallel is {size}, but it must be a whole number, 1 or more" in done.err


# -- foreach -----------------------------------------------------------------------------------------------------------

OVER = steps(
    start="{items}\nself.next(self.work, foreach='items')",
    work="self.got = self.input\nself.next(self.the_join)",
    the_join="self.got = [inp.got for inp in inputs]\nself.next(self.end)",
    end="pass",
)


@pytest.mark.parametrize(
    ("items", "got"),
    [
        ("self.items = {4, 5}", [4, 5]),
        ("self.items = {'a': 1, 'b': 2}", ["a", "b"]),
        # Metaflow reads the items of a dict by the keys 0, 1, …, and so does flowc if the dict has these keys
        ("self.items = {0: 'a', 1: 'b'}", ["a", "b"]),
        ("self.items = map(str, [1, 2])", ["1", "2"]),
        ("self.items = __import__('numpy').arange(3)", [0, 1, 2]),
        ("self.items = [None, []]", [None, []]),
        ("pass", [7]),
    ],
)
def test_a_foreach_goes_over_what_can_be_iterated(project: Project, items: str, got: list[object]) -> None:
    project.write("flow.py", OVER.replace("{items}", items).replace("(FlowSpec):", "(FlowSpec):\n    items = [7]", 1)
                  if items == "pass" else OVER.replace("{items}", items))  # fmt: skip
    assert project.artifacts(project.run("flow.py"), "end")["got"] == got


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("pass", "foreach='items', but self.items does not exist: set it in this step or before it"),
        ("self.items = None", "foreach='items', but self.items cannot be iterated: 'NoneType' object is not iterable"),
    ],
)
def test_a_foreach_over_nothing_that_can_be_iterated_fails(project: Project, items: str, message: str) -> None:
    project.write("flow.py", OVER.replace("{items}", items))
    assert f"metaflow.flowspec.InvalidNextException: {message}" in project.flowc("run", "flow.py").err


def test_an_unbounded_foreach_names_no_number_of_items(project: Project) -> None:
    text = steps(
        start="from metaflow.unbounded_foreach import InternalTestUnboundedForeachInput as Input\n"
        "self.items = Input(['a', 'b'])\nself.next(self.work, foreach='items')",
        work="self.got = self.foreach_stack(), self.input\nself.next(self.the_join)",
        the_join="self.got = [inp.got for inp in inputs]\nself.next(self.end)",
        end="pass",
    ).replace("    @step\n    def work", "    @unbounded_test_foreach_internal\n    @step\n    def work")
    project.write("flow.py", text)
    got = project.artifacts(project.run("flow.py"), "end")["got"]
    assert got == [([(0, None, "a")], "a"), ([(1, None, "b")], "b")]


def test_a_task_reads_only_the_part_of_many_items_that_it_is_about(project: Project) -> None:
    project.write("flow.py", OVER.replace("{items}", "self.items = [bytes([at]) * 50_000 for at in range(40)]"))
    run = project.run("flow.py")
    fanout = run.task("start", "0")["fanout"]
    assert "items" not in fanout
    assert fanout["chunk"] == 5
    assert len(fanout["chunks"]) == 8
    assert project.artifacts(run, "end")["got"] == [bytes([at]) * 50_000 for at in range(40)]


def test_the_stack_of_four_foreach_with_a_branch_between(project: Project) -> None:
    text = steps(
        start="self.a = ['p', 'q']\nself.next(self.one, foreach='a')",
        one="self.b = [1, 2]\nself.next(self.left, self.right)",
        left="self.next(self.two, foreach='b')",
        right="self.mine = self.foreach_stack()\nself.next(self.branch_join)",
        two="self.c = [None]\nself.next(self.three, foreach='c')",
        three="self.d = (x for x in 'xyz')\nself.next(self.four, foreach='d')",
        four="self.mine = self.foreach_stack()\nself.frames = self._foreach_stack\nself.next(self.four_join)",
        four_join="self.mine = inputs[2].mine\nself.frames = inputs[2].frames\nself.next(self.three_join)",
        three_join="self.mine = inputs[0].mine\nself.frames = inputs[0].frames\n"
        "self.here = self.index, self.input\nself.next(self.two_join)",
        two_join="self.mine = inputs[1].mine\nself.frames = inputs[1].frames\nself.heres = [i.here for i in inputs]\n"
        "self.next(self.branch_join)",
        branch_join="self.deep = inputs.two_join.mine\nself.flat = inputs.right.mine\n"
        "self.merge_artifacts(inputs, exclude=['mine'])\nself.next(self.one_join)",
        one_join="self.deep = inputs[1].deep\nself.flat = inputs[0].flat\nself.frames = inputs[1].frames\n"
        "self.heres = inputs[0].heres\nself.outside = self.foreach_stack(), self.index, self.input\n"
        "self.next(self.end)",
        end="self.frames = [(f.step, f.var, f.num_splits, f.index, f.value) for f in self.frames]",
    )
    project.write("flow.py", text)
    got = project.artifacts(project.run("flow.py"), "end")
    assert got["deep"] == [(1, 2, "q"), (1, 2, 2), (0, 1, None), (2, 3, "z")]
    assert got["flat"] == [(0, 2, "p")]
    assert got["heres"] == [(0, 1), (1, 2)]
    assert got["outside"] == ([], None, None)
    assert got["frames"] == [
        ("one", "a", 2, 1, "q"), ("two", "b", 2, 1, "2"), ("three", "c", 1, 0, "None"), ("four", "d", 3, 2, "z"),
    ]  # fmt: skip


def test_more_splits_than_allowed_fail_the_split(project: Project) -> None:
    project.write("flow.py", OVER.replace("{items}", "self.items = range(5)"))
    project.write(
        "go.py",
        """
        import sys
        from pathlib import Path
        from flowc.frontends.metaflow.flowspec import load
        from flowc_ir.schema import dumps
        from flowc_emulator.console.text_console import make_console
        from flowc_emulator.scheduling.seeds import Seeds
        from flowc_emulator.supervisor import Supervisor
        from flowc_emulator.plan import Plan
        from flowc_runtime.base.index import Graph
        from flowc_runtime.store.records.store import Store

        seeds = Seeds()
        found = load(Path("flow.py"))
        run = Store.open(".flowc").run("F", "1")
        run.create({"version": 2, "created": 1.0}, dumps(found.flow))
        plan = Plan(run=run, records=run, graph=Graph(found.flow), program=found.program, parameters={}, user="me",
                    max_workers=2, seeds=seeds, max_splits=int(sys.argv[1]))
        for failure in Supervisor(plan, make_console("text")).run().failures:
            print(failure.error["message"])
        """,
    )
    message = "the foreach over self.items in step 'start' makes 5 tasks, but --max-num-splits allows 4\n"
    assert project.python("go.py", "4").out == message


# -- flow objects ------------------------------------------------------------------------------------------------------


def test_a_flow_knows_its_graph(project: Project) -> None:
    flow = steps(
        start="'''Where it begins.'''\nself.steps = [s.name for s in self], self.name, self.script_name\n"
        "self.kinds = {s.name: s.type for s in self._graph}\nself.next(self.again)",
        again="self.way = 0\nself.next({0: self.again, 1: self.split}, condition='way')",
        split="self.next(self.a, self.b)",
        a="self.next(self.both_join)",
        b="self.next(self.many, num_parallel=2)",
        gang_many="self.next(self.many_join)",
        many_join="self.next(self.both_join)",
        both_join="self.next(self.end)",
        end="pass",
    ).replace("self.many,", "self.gang_many,")
    project.write("flow.py", flow)
    project.write(
        "ask.py",
        """
        from flow import F

        flow = F(use_cli=False)
        node = flow._graph["gang_many"]
        print(flow.name, flow.script_name, flow, [s.name for s in flow][:3])
        print({s.name: s.type for s in flow._graph})
        print(node.in_funcs, node.out_funcs, node.parallel_step, node.split_parents, node.matching_join)
        print(flow._graph["split"].matching_join, flow._graph["start"].doc, flow.index, flow.input)
        """,
    )
    done = project.python("ask.py")
    assert done.out.splitlines() == [
        "F flow.py <flow F> ['a', 'again', 'b']",
        "{'a': 'linear', 'again': 'split-switch', 'b': 'foreach', 'both_join': 'join', 'end': 'end', 'gang_many': 'linear',"
        " 'many_join': 'join', 'split': 'split', 'start': 'start'}",
        "['b'] ['many_join'] True ['split', 'b'] None",
        "both_join Where it begins. None None",
    ], done.err  # fmt: skip


def test_a_graph_is_read_without_the_values_of_configs(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import Config, FlowMutator, FlowSpec, IncludeFile, Parameter, config_expr, environment, project, step

        class Adds(FlowMutator):
            def pre_mutate(self, flow):
                raise RuntimeError(flow.configs)

        @Adds
        @project(name=config_expr("needed.project"))
        class Read(FlowSpec):
            '''Doc of the flow.'''
            needed = Config("needed", required=True)
            file = Config("file", default="nowhere.json", parser="nowhere.parse")
            rate = Parameter("rate", default=config_expr("file.rate"))
            text = IncludeFile("text", default="nowhere.txt")

            @environment(vars={"RATE": config_expr("str(file.rate)")})
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    project.write(
        "ask.py",
        """
        from flow import Read
        from metaflow.lint import linter

        flow = Read(use_cli=False)
        print([step.name for step in flow], flow._graph["start"].out_funcs, flow._graph.doc)
        linter.run_checks(flow._graph)
        """,
    )
    done = project.python("ask.py")
    assert done.out == "['end', 'start'] ['end'] Doc of the flow.\n", done.err
    assert done.code == 0, done.err


def test_a_graph_with_a_fault_says_which(project: Project) -> None:
    project.write("flow.py", steps(start="self.next(self.edn)", end="pass"))
    done = project.python("-c", "from flow import F; F(use_cli=False)._graph")
    assert "there is no step 'edn'" in done.err


def test_artifacts_may_be_called_name(project: Project) -> None:
    text = steps(
        start="self.first = self.name, self._current_step, str(self)\nself.name = 'mine'\nself.next(self.end)",
        end="self.second = self.name, self.script_name",
    )
    project.write("flow.py", text)
    got = project.artifacts(project.run("flow.py"), "end")
    assert got["first"] == ("F", "start", "<flow F step start>")
    assert got["second"] == ("mine", "flow.py")


@pytest.mark.parametrize(
    "source",
    [
        "@step(start=True)\ndef begin(self):\n    self.next(self.finish)\n\n@step(end=True)\ndef finish(self):\n    pass\n",
        "@step\ndef only(self):\n    pass\n",
        "@step(start=True, end=True)\ndef only(self):\n    pass\n",
    ],
)
def test_the_first_and_the_last_step_have_any_name(project: Project, source: str) -> None:
    project.write("flow.py", HEAD + textwrap.indent(source, "    "))
    assert project.run("flow.py").steps() == (["begin", "finish"] if "finish" in source else ["only"])


def test_steps_come_from_base_classes_and_mixins_of_other_modules(project: Project) -> None:
    project.write("pack/__init__.py", "")
    project.write("pack/base.py", """
        from metaflow import FlowSpec, Parameter, step

        class Base(FlowSpec):
            LIMIT = 3
            size = Parameter("size", default=2)

            @step
            def start(self):
                self.kept = self.half(self.size)
                self.next(self.work)

            @step
            def work(self):
                raise AssertionError("overridden")
                self.next(self.end)

            @property
            def double(self):
                return 2 * self.kept
        """)  # fmt: skip
    project.write("pack/mixin.py", """
        from metaflow import step

        class Ends:
            @staticmethod
            def half(number):
                return number / 2

            @classmethod
            def named(cls):
                return cls.__name__

            @step
            def end(self):
                self.seen = self.double, self.LIMIT, self.named()
        """)  # fmt: skip
    project.write("pack/flow.py", """
        from metaflow import step
        from pack.base import Base
        from pack.mixin import Ends

        class Derived(Ends, Base):
            LIMIT = 4

            @step
            def work(self):
                self.more = self.kept + 1
                self.next(self.end)

        if __name__ == "__main__":
            Derived()
        """)  # fmt: skip
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    path = f"{project.environment['PYTHONPATH']}:{project.root}"
    done = project.python(str(project.root / "pack/flow.py"), "run", PYTHONPATH=path)
    assert done.code == 0, done.err
    got = project.artifacts(project.latest(), "end")
    assert got == {"kept": 1.0, "more": 2.0, "seen": (2.0, 4, "Derived")}


# -- merge_artifacts ---------------------------------------------------------------------------------------------------


def test_merging_as_in_metaflow(project: Project) -> None:
    text = steps(
        start="""
            self.said = []
            try:
                self.merge_artifacts([])
            except Exception as error:
                self.said.append(str(error))
            self.items = [1, 2]
            self._private = 3
            self.next(self.work, foreach="items")
            """,
        work="self.x = self.input\nself.next(self.the_join)",
        the_join="""
            def names(*arguments, **keywords):
                try:
                    self.merge_artifacts(*arguments, **keywords)
                except Exception as error:
                    return type(error).__name__, error.artifact_names
            self.tried = [
                names(inputs),
                names(inputs, include=["x"]),
                names(inputs, include=["nope", "items"]),
                names(inputs, exclude=["nope", "x"]),
                names(inputs, include=["size"]),
            ]
            self.x = 9
            self.tried.append(names(inputs, include=["x"]))
            self.next(self.end)
            """,
        end="self.all = self.x, self._private, self.items, self.size",
    ).replace("(FlowSpec):\n", "(FlowSpec):\n    size = Parameter('size', default=5)\n", 1)
    project.write("flow.py", text)
    got = project.artifacts(project.run("flow.py"), "end")
    assert got["said"] == ["merge_artifacts can be called only in a join, a step with inputs, and step 'start' is not"]
    conflict = ("UnhandledInMergeArtifactsException", ["x"])
    missing = ("MissingInMergeArtifactsException", ["nope"])
    assert got["tried"] == [conflict, conflict, missing, None, None, None]
    assert got["all"] == (9, 3, [1, 2], 5)
