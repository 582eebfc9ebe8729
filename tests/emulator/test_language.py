"""The language of flows: each test runs a small flow and checks its results."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


def test_artifacts_go_from_step_to_step(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Line(FlowSpec):
            @step
            def start(self):
                self.kept = {"a": [1]}
                self.changed = [1]
                self.deleted = 1
                self.next(self.middle)

            @step
            def middle(self):
                self.changed.append(2)
                del self.deleted
                assert not hasattr(self, "deleted")
                self.next(self.end)

            @step
            def end(self):
                assert not hasattr(self, "deleted")
                self.seen = (self.kept, self.changed)
        """,
    )
    run = project.run("flow.py")
    assert project.artifacts(run, "end") == {"kept": {"a": [1]}, "changed": [1, 2], "seen": ({"a": [1]}, [1, 2])}
    start, middle = run.task("start", "0"), run.task("middle", "0")
    assert start["artifacts"]["kept"] == middle["artifacts"]["kept"]
    assert start["artifacts"]["changed"]["digest"] != middle["artifacts"]["changed"]["digest"]
    assert middle["parents"] == [{"step": "start", "path": "0", "count": None}]


def test_nothing_is_read_or_written_that_a_step_does_not_touch(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Touchy:
            def __reduce__(self):
                return touch, ("pickled",)

        def touch(how):
            print("restored")
            return Touchy()

        class Lazy(FlowSpec):
            @step
            def start(self):
                self.touchy = Touchy()
                self.next(self.middle)

            @step
            def middle(self):
                self.next(self.end)

            @step
            def end(self):
                self.touchy
        """,
    )
    assert project.flowc("run", "flow.py").out == "[end] restored\n"


def test_branches_meet_in_the_order_of_the_split(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Branches(FlowSpec):
            @step
            def start(self):
                self.common = "c"
                self.next(self.z, self.a)

            @step
            def a(self):
                self.mine = "a"
                self.next(self.join)

            @step
            def z(self):
                self.mine = "z"
                self.next(self.join)

            @step
            def join(self, inputs):
                assert [inp.mine for inp in inputs] == ["z", "a"]
                assert (inputs.a.mine, inputs[0].mine, len(inputs)) == ("a", "z", 2)
                assert self.index is None and self.input is None
                try:
                    inputs.nope
                except AttributeError as error:
                    self.message = str(error)
                try:
                    inputs.a.mine = "x"
                except AttributeError as error:
                    self.read_only = str(error)
                self.merge_artifacts(inputs, exclude=["mine"])
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py")
    assert project.artifacts(run, "end") == {
        "common": "c",
        "message": "no input is named 'nope'; the inputs are z, a",
        "read_only": "inputs are read only: cannot set 'mine' on one; set it on self",
    }
    assert run.task("join", "0")["parents"] == [
        {"step": "z", "path": "0", "count": None},
        {"step": "a", "path": "0", "count": None},
    ]


def test_inputs_are_a_sequence(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import copy
        import random
        from collections.abc import Sequence
        from metaflow import FlowSpec, step

        class Inputs(FlowSpec):
            @step
            def start(self):
                self.items = ["x", "y", "z"]
                self.next(self.each, foreach="items")

            @step
            def each(self):
                self.way = "high" if self.input == "z" else "low"
                self.next({"high": self.high, "low": self.low}, condition="way")

            @step
            def high(self):
                self.next(self.join)

            @step
            def low(self):
                self.mine = self.input
                self.next(self.join)

            @step
            def join(self, inputs):
                assert isinstance(inputs, Sequence)
                self.reversed = [i.way for i in reversed(inputs)]
                self.found = inputs.index(inputs[2]), inputs.count(inputs[1]), inputs.count(3)
                self.lowest, self.named = inputs.low.mine, [i.way for i in (inputs.low, inputs.high)]
                assert random.choice(inputs) in inputs
                assert copy.copy(inputs)[1] is inputs[1]
                try:
                    inputs.nope
                except AttributeError as error:
                    self.message = str(error)
                self.merge_artifacts(reversed(inputs[:2]), exclude=["mine"])
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py")
    assert project.artifacts(run, "end") == {
        "reversed": ["high", "low", "low"],
        "found": (2, 1, 0),
        "lowest": "y",
        "named": ["low", "high"],
        "message": "no input is named 'nope'; the inputs are high, low",
        "way": "low",
        "items": ["x", "y", "z"],
    }


NESTED = """
    from metaflow import FlowSpec, step, Parameter, current

    class Nested(FlowSpec):
        outer = Parameter("outer", default=3)

        @step
        def start(self):
            self.rows = list(range(self.outer))
            self.next(self.row, foreach="rows")

        @step
        def row(self):
            self.number = self.input
            self.cells = [self.input * 10 + cell for cell in range(self.input)]
            self.next(self.cell, foreach="cells")

        @step
        def cell(self):
            self.mine = (self.number, self.index, self.input, current.task_id)
            self.next(self.more)

        @step
        def more(self):
            assert (self.index, self.input) == self.mine[1:3]
            self.next(self.row_join)

        @step
        def row_join(self, inputs):
            assert self.index == self.input
            assert [inp.index for inp in inputs] == list(range(len(inputs)))
            self.all = [inp.mine for inp in inputs]
            self.next(self.join)

        @step
        def join(self, inputs):
            self.all = [inp.all for inp in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_a_foreach_in_a_foreach_also_an_empty_one(project: Project) -> None:
    project.write("flow.py", NESTED)
    run = project.run("flow.py")
    assert project.artifacts(run, "end")["all"] == [
        [],
        [(1, 0, 10, "cell-0.1.0")],
        [(2, 0, 20, "cell-0.2.0"), (2, 1, 21, "cell-0.2.1")],
    ]
    assert run.task("row_join", "0.2")["parents"] == [{"step": "more", "path": "0.2", "count": 2}]


def test_a_foreach_over_nothing_still_joins(project: Project) -> None:
    project.write("flow.py", NESTED)
    run = project.run("flow.py", "--outer", "0")
    assert project.artifacts(run, "end")["all"] == []
    assert run.steps() == ["end", "join", "start"]


@pytest.mark.parametrize("items", ["(4, 5)", "{4: 1, 5: 2}", "(x for x in [4, 5])", "'45'", "range(4, 6)"])
def test_a_foreach_over_any_iterable(project: Project, items: str) -> None:
    project.write(
        "flow.py",
        f"""
        from metaflow import FlowSpec, step

        class Any(FlowSpec):
            @step
            def start(self):
                self.items = {items}
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.got = int(self.input)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.got = [inp.got for inp in inputs]
                self.next(self.end)

            @step
            def end(self):
                assert self.got == [4, 5], self.got
        """,
    )
    run = project.run("flow.py")
    if items.startswith("(x"):  # a generator yields its items only once, so flowc stores them as a list
        assert project.artifacts(run, "start")["items"] == [4, 5]


MERGE = """
    from metaflow import FlowSpec, step
    from metaflow.exception import *

    class Merge(FlowSpec):
        @step
        def start(self):
            self.same = 1
            self.items = [1, 2]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.differs = self.input
            self.equal = [self.same]
            if self.index == 0:
                self.only_here = "here"
            self.next(self.join)

        @step
        def join(self, inputs):
            {join}
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.mark.parametrize(
    ("join", "left"),
    [
        ("self.merge_artifacts(inputs, exclude=['differs'])", {"same", "equal", "items", "only_here"}),
        ("self.merge_artifacts(inputs, include=['same', 'only_here'])", {"same", "only_here"}),
        ("self.differs = 0; self.merge_artifacts(inputs)", {"same", "equal", "items", "only_here", "differs"}),
        ("pass", set()),
    ],
)
def test_merge_artifacts(project: Project, join: str, left: set[str]) -> None:
    project.write("flow.py", MERGE.format(join=join))
    assert set(project.artifacts(project.run("flow.py"), "end")) == left


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ("self.merge_artifacts(inputs)", "UnhandledInMergeArtifactsException: these artifacts have different values"),
        (
            "self.merge_artifacts(inputs, include=['nope'])",
            "MissingInMergeArtifactsException: merge_artifacts(include=…)",
        ),
        ("self.merge_artifacts(inputs, include=['same'], exclude=['differs'])", "not both"),
    ],
)
def test_merge_artifacts_refuses(project: Project, join: str, message: str) -> None:
    project.write("flow.py", MERGE.format(join=join))
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert message in done.err


def test_current(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step, current, Parameter, retry

        class Now(FlowSpec):
            p = Parameter("p", default=1)

            @retry(times=1)
            @step
            def start(self):
                if current.retry_count == 0:
                    raise ValueError("first")
                self.seen = [
                    current.flow_name, current.step_name, current.task_id, current.retry_count, current.username,
                    current.parameter_names, current.is_running_flow, current.get("nope", 7),
                ]
                self.spec = current.pathspec
                self.next(self.end)

            @step
            def end(self):
                pass

        assert not current.is_running_flow
        assert current.run_id is None
        """,
    )
    run = project.run("flow.py", METAFLOW_USER="ann")
    got = project.artifacts(run, "end")
    assert got["seen"] == ["Now", "start", "start-0", 1, "ann", ["p"], True, 7]
    assert got["spec"] == f"Now/{run.id}/start/start-0"


def test_environment_and_what_self_refuses(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        from metaflow import FlowSpec, step, environment, Parameter

        class Self(FlowSpec):
            CONSTANT = 1
            p = Parameter("p", default=1)

            @environment(vars={"MODE": "a b$c"})
            @step
            def start(self):
                self.mode = os.environ["MODE"]
                self.errors = []
                for name in ("CONSTANT", "p", "next", "input"):
                    try:
                        setattr(self, name, 2)
                    except AttributeError as error:
                        self.errors.append(name)
                try:
                    self.misspelt
                except AttributeError as error:
                    self.errors.append(str(error))
                self.next(self.end)

            @step
            def end(self):
                assert "MODE" not in os.environ
                assert "mode" in dir(self) and self.CONSTANT == 1
        """,
    )
    got = project.artifacts(project.run("flow.py"), "end")
    assert got["mode"] == "a b$c"
    assert got["errors"] == ["CONSTANT", "p", "next", "input", "flow 'Self' has no attribute 'misspelt'"]


def test_classes_of_the_flows_own_file_are_the_same_however_it_is_run(project: Project) -> None:
    project.write(
        "mine.py",
        """
        from dataclasses import dataclass
        from metaflow import FlowSpec, step

        @dataclass
        class Point:
            x: int

        class Own(FlowSpec):
            @step
            def start(self):
                self.point = Point(3)
                self.double = lambda x: 2 * x
                self.next(self.end)

            @step
            def end(self):
                assert type(self.point) is Point
                assert self.double(self.point.x) == 6

        if __name__ == "__main__":
            Own()
        """,
    )
    one = project.run("mine.py")
    done = project.python("mine.py", "run")
    assert done.code == 0, done.err
    two = project.latest()
    assert one.id != two.id
    assert one.task("end", "0")["artifacts"]["point"] == two.task("end", "0")["artifacts"]["point"]
    assert two.task("end", "0")["artifacts"]["point"]["type"] == "mine.Point"


def test_tasks_at_once_share_the_cores(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        import numpy as np
        from threadpoolctl import threadpool_info
        from metaflow import FlowSpec, step

        def most():
            return max(pool["num_threads"] for pool in threadpool_info())

        class Cores(FlowSpec):
            @step
            def start(self):
                assert most() == os.cpu_count()
                self.items = list(range(4))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.threads = most()
                self.next(self.join)

            @step
            def join(self, inputs):
                self.threads = [inp.threads for inp in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    shared = project.artifacts(project.run("flow.py", "--max-workers", str(os.cpu_count())), "end")["threads"]
    # later tasks may run alone, and a task that runs alone may use all threads
    assert shared[0] == 1
    alone = project.artifacts(project.run("flow.py", "--max-workers", "1"), "end")["threads"]
    assert alone == [os.cpu_count()] * 4
    chosen = project.artifacts(project.run("flow.py", OMP_NUM_THREADS=str(os.cpu_count())), "end")["threads"]
    assert chosen == [os.cpu_count()] * 4


def test_random_numbers_are_as_in_pods(project: Project) -> None:
    flow = """
        import random
        import numpy as np
        from metaflow import FlowSpec, step

        {seed}

        class Dice(FlowSpec):
            @step
            def start(self):
                self.items = [0, 1, 2]
                self.next(self.throw, foreach="items")

            @step
            def throw(self):
                self.numbers = random.random(), np.random.rand()
                self.next(self.join)

            @step
            def join(self, inputs):
                self.distinct = [len(set(column)) for column in zip(*[inp.numbers for inp in inputs])]
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    project.write("flow.py", flow.format(seed=""))
    assert project.artifacts(project.run("flow.py"), "end")["distinct"] == [3, 3]
    project.write("flow.py", flow.format(seed="random.seed(1); np.random.seed(1)"))
    assert project.artifacts(project.run("flow.py"), "end")["distinct"] == [1, 1]
