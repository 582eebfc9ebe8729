"""`spin`: run one step again, with the inputs that its task had in an earlier run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore

FLOW = """
import os
from metaflow import FlowSpec, Parameter, current, environment, retry, step, user_step_decorator

@user_step_decorator
def loud(step_name, flow, inputs=None, attributes=None):
    print("wrapped", step_name)
    yield

class Spins(FlowSpec):
    rate = Parameter("rate", default=2)

    @step
    def start(self):
        self.items = ["a", "b", "c"]
        self.scale = 10
        self.next(self.each, foreach="items")

    @step
    def each(self):
        print("item", self.input, self.index, "scale", self.scale, "rate", self.rate)
        self.value = self.scale * self.index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.values = [given.value for given in inputs]
        print("values", self.values)
        self.next(self.end)

    @environment(vars={"SHOWN": "decorated"})
    @retry(times=1)
    @loud
    @step
    def end(self):
        print("end", self.values, os.environ.get("SHOWN"), "attempt", current.retry_count)
        if os.environ.get("BREAK"):
            raise ValueError("broken")
        self.sum = sum(self.values)

if __name__ == "__main__":
    Spins()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("flow.py", FLOW)
    assert project.python("flow.py", "run", "--rate", "7").code == 0
    return project


def spun(project: Project) -> RunStore:
    store = Store.open(str(project.root / ".flowc_spin"))
    return store.run("Spins", store.runs("Spins")[-1])


def test_a_step_runs_on_what_the_last_of_its_tasks_had(project: Project) -> None:
    origin = project.latest().id
    done = project.python("flow.py", "spin", "each")
    assert (done.code, done.out) == (0, "[each/0.2] item c 2 scale 10 rate 7\n")
    assert f"note: each runs with the inputs of Spins/{origin}/each/each-0.2\n" in done.err


def test_a_task_may_be_named(project: Project) -> None:
    origin = project.latest().id
    for pathspec in (f"{origin}/each/0.1", f"Spins/{origin}/each/0.1"):
        assert project.python("flow.py", "spin", pathspec).out == "[each/0.1] item b 1 scale 10 rate 7\n"
    assert project.flowc("spin", "flow.py", f"{origin}/join").out == "[join] values [0, 10, 20]\n"


def test_nothing_is_kept(project: Project) -> None:
    before = set(project.root.rglob("*"))
    assert project.python("flow.py", "spin", "end").code == 0
    assert set(project.root.rglob("*")) == before


def test_code_and_artifacts_of_now(project: Project) -> None:
    project.write("flow.py", FLOW.replace('print("values", self.values)', 'print("changed", self.values, self.more)'))
    project.write("given.py", "ARTIFACTS = {'more': {'any': 'thing'}}")
    done = project.python("flow.py", "spin", "join", "--artifacts-module", "given.py")
    assert done.out == "[join] changed [0, 10, 20] {'any': 'thing'}\n"


def test_artifacts_may_be_replaced(project: Project) -> None:
    project.write("given.py", "ARTIFACTS = {'scale': 3}")
    done = project.python("flow.py", "spin", "each", "--artifacts-module", "given.py", "--persist")
    assert done.out == "[each/0.2] item c 2 scale 3 rate 7\n"
    record = spun(project).task("each", "0.2")
    assert load_value(spun(project).objects, record["artifacts"]["value"]) == 6


def test_a_join_has_what_replaces_the_artifacts_of_its_inputs(project: Project) -> None:
    project.write("given.py", "ARTIFACTS = {'value': 4}")
    assert (
        project.python("flow.py", "spin", "join", "--artifacts-module", "given.py").out == "[join] values [4, 4, 4]\n"
    )


def test_the_module_may_give_parameters(project: Project) -> None:
    """The module with artifacts may import other files, and set parameters, which the command line overrides."""
    project.write("beside.py", "rate = 9")
    project.write("given.py", "import beside\nARTIFACTS = {'rate': beside.rate, 'scale': 3}")
    words = ("flow.py", "spin", "each", "--artifacts-module", "given.py")
    assert project.python(*words).out == "[each/0.2] item c 2 scale 3 rate 9\n"
    assert project.python(*words, "--rate", "8").out == "[each/0.2] item c 2 scale 3 rate 8\n"


def test_parameters_may_be_given(project: Project) -> None:
    assert "rate 8" in project.python("flow.py", "spin", "each", "--rate", "8").out


def test_what_is_kept_is_beside_the_runs(project: Project) -> None:
    origin = project.latest().id
    done = project.python("flow.py", "spin", "end", "--persist", "--run-id-file", "id")
    assert done.code == 0, done.err
    run = spun(project)
    assert (project.root / "id").read_text() == run.id
    assert run.record()["spun_from"] == f"{origin}/end/0"
    refs = run.task("end", "0")["artifacts"]
    assert load_value(run.objects, refs["sum"]) == 30
    # the store of `spin` does not copy these values: their blobs are in the store of the original run
    assert load_value(run.objects, refs["values"]) == [0, 10, 20]
    assert project.store.runs("Spins") == [origin]
    assert (
        "end [0, 10, 20] decorated attempt 0" in project.flowc("logs", "--store", ".flowc_spin", f"Spins/{run.id}").out
    )


def test_decorators_may_be_skipped(project: Project) -> None:
    done = project.python("flow.py", "spin", "end")
    assert done.out == "[end] wrapped end\n[end] end [0, 10, 20] decorated attempt 0\n"
    done = project.python("flow.py", "spin", "end", "--skip-decorators", BREAK="1")
    assert (done.code, done.out) == (1, "[end] end [0, 10, 20] None attempt 0\n")


def test_a_step_that_fails_is_tried_again_as_in_a_run(project: Project) -> None:
    done = project.python("flow.py", "spin", "end", BREAK="1")
    assert (done.code, "attempt 1" in done.out) == (1, True)
    assert "ValueError: broken" in done.err


def test_a_step_that_has_not_run_yet(project: Project) -> None:
    project.write("flow.py", FLOW.replace("self.next(self.end)\n", "self.next(self.new)\n\n    @step\n"
                  "    def new(self):\n        print('new', self.values)\n        self.next(self.end)\n"))  # fmt: skip
    done = project.python("flow.py", "spin", "new")
    assert (done.code, done.out) == (0, "[new] new [0, 10, 20]\n"), done.err
    done = project.python("flow.py", "spin", "nope")
    assert (done.code, done.err) == (
        1,
        "error: flow 'Spins' has no step 'nope'\nhint: steps: each, end, join, new, start\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["99/each"], "error: flow 'Spins' has no run '99'"),
        (["each", "--artifacts-module", "nope.py"], "error: there is no file 'nope.py'"),
        (["each", "--artifacts-module", "flow.py"], "error: flow.py does not set ARTIFACTS"),
        (["each", "--artifacts-module", "raises.py"], "error: raises.py, line 2: ZeroDivisionError: division by zero"),
        (
            ["each", "--artifacts-module", "wrong.py"],
            "error: wrong.py sets 'rate' to an invalid value: 'x' is",
        ),
        (
            ["each", "--artifacts-module", "kept.py"],
            "error: kept.py sets 'scale' to an invalid value: a value",
        ),
        (["a/b/c/d"], "error: not a path: 'a/b/c/d'"),
    ],
)
def test_what_cannot_be_spun(project: Project, words: list[str], message: str) -> None:
    project.write("raises.py", "x = 1\nx / 0")
    project.write("wrong.py", "ARTIFACTS = {'rate': 'x'}")
    project.write("kept.py", "ARTIFACTS = {'scale': (n for n in [])}")
    done = project.python("flow.py", "spin", *words)
    assert (done.code, message in done.err) == (1, True), done.err


def test_inputs_that_are_not_there(project: Project) -> None:
    project.write("flow.py", FLOW.replace('print("item"', 'raise ValueError("item"'))
    assert project.python("flow.py", "run").code == 1
    done = project.python("flow.py", "spin", "join")
    assert done.code == 1
    assert "join/0 needs start/0" in done.err or "join/0 needs each/0.0" in done.err


def test_programs_are_told_where_the_task_is(project: Project) -> None:
    project.python("flow.py", "spin", "each", "--persist", "--runner-attribute-file", "told")
    told = json.loads((project.root / "told").read_text())
    assert told == {
        "run_id": spun(project).id,
        "flow_name": "Spins",
        "metadata": f"local@file://{project.root}/.flowc_spin",
        "step_name": "each",
        "task_id": "each-0.2",
    }


def test_what_is_kept_is_there_for_the_client(project: Project) -> None:
    project.python("flow.py", "spin", "each", "--persist")
    project.write(
        "look.py",
        """
        from metaflow import Flow, default_metadata, inspect_spin

        inspect_spin(".")
        task = Flow("Spins").latest_run["each"].task
        print(task.id, task["value"].data, task["scale"].data, task.stdout, end="")
        default_metadata()
        print(len(list(Flow("Spins"))), Flow("Spins").latest_run.successful)
        try:
            inspect_spin("elsewhere")
        except ValueError as error:
            print(error)
        """,
    )
    done = project.python("look.py")
    assert done.out == (
        "each-0.2 20 10 item c 2 scale 10 rate 7\n1 True\n"
        "no result of spin in elsewhere: run spin with --persist to keep its task\n"
    ), done.err


def test_loops_gangs_and_configs(tmp_path: Path) -> None:
    """`spin` runs the last iteration of a loop, and the last task of a gang, with new configs.

    The task of the gang gets its index and the size of the gang.
    """
    project = Project(tmp_path)
    project.write(
        "flow.py",
        """
        from metaflow import Config, FlowSpec, current, parallel, step

        class Round(FlowSpec):
            settings = Config("settings", default_value={"x": 1})

            @step
            def start(self):
                self.left = 3
                self.next(self.work)

            @step
            def work(self):
                self.left -= 1
                print("left", self.left, "x", self.settings.x)
                self.more = self.left > 0
                self.next({True: self.work, False: self.split}, condition="more")

            @step
            def split(self):
                self.next(self.gang, num_parallel=2)

            @parallel
            @step
            def gang(self):
                print("node", current.parallel.node_index, "of", current.parallel.num_nodes)
                self.next(self.end)

            @step
            def end(self, inputs):
                pass

        if __name__ == "__main__":
            Round()
        """,
    )
    run = project.run("flow.py")
    given = ("--config-value", "settings", '{"x": 2}')
    assert project.python("flow.py", "spin", "work").out == "[work/0~2] left 0 x 1\n"
    assert project.python("flow.py", *given, "spin", f"{run.id}/work/0~1").out == "[work/0~1] left 1 x 2\n"
    assert project.flowc("spin", "flow.py", "gang", *given).out == "[gang/0.1] node 1 of 2\n"
