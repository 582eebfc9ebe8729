"""`flowc debug` runs a task again, with the same inputs, at the prompt of a debugger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, current, environment, step, timeout

    class Fails(FlowSpec):
        alpha = Parameter("alpha", default=2)

        @step
        def start(self):
            self.rows = [1, 0]
            self.next(self.work, foreach="rows")

        @timeout(seconds=1)
        @environment(vars={"MODE": "odd"})
        @step
        def work(self):
            import os
            self.mode = os.environ["MODE"]
            self.share = divide(self.alpha, self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.shares = [inp.share for inp in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass

    def divide(one, other):
        return one / other
    """


@pytest.fixture
def failed(project: Project) -> Project:
    project.write("flow.py", FLOW)
    done = project.flowc("run", "flow.py", "--max-workers", "1", "--alpha", "3")
    assert done.code == 1
    return project


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_it_stops_at_the_first_line_and_where_the_step_raises(failed: Project) -> None:
    before = everything(failed.root / ".flowc")
    run = failed.latest().id
    with Terminal(failed, "-m", "flowc", "debug", f"Fails/{run}/work/0.1") as terminal:
        shown = terminal.until("(Pdb) ")
        assert f"Fails/{run}/work/work-0.1: nothing is stored\n" in shown
        assert "flow.py(15)work()\n-> import os\n" in shown
        assert terminal.say("p self.input, self.index, self.alpha, current.task_id") == "(0, 1, 3, 'work-0.1')\n"
        raised = terminal.say("c")
        assert "ZeroDivisionError: division by zero\n" in raised
        assert "-> return one / other\n" in raised
        assert terminal.say("p one, other") == "(3, 0)\n"
        assert "work()" in terminal.say("up")
        # the sleep is longer than the step's timeout, which does not apply in the debugger
        terminal.say("import time; time.sleep(1.2)")
        terminal.type("q\n")
        assert terminal.end() == 1
    assert everything(failed.root / ".flowc") == before


def test_a_task_may_be_brought_to_its_end(failed: Project) -> None:
    with Terminal(failed, "-m", "flowc", "debug", "Fails/latest/work/0.1") as terminal:
        terminal.until("(Pdb) ")
        terminal.say("n")
        assert "-> self.share = divide(" in terminal.say("n")
        # the line also reads self.alpha, in code of flowc, but `s` stops only in the user's code
        assert "-> def divide(" in terminal.say("s")
        assert "-> return one / other" in terminal.say("n")
        terminal.say("other = 6")
        terminal.type("c\n")
        assert terminal.end() == 0
        assert "work has ended; it set 2 artifacts:\n" in terminal.seen
        assert "  share: float, " in terminal.seen
        assert " = 0.5\n" in terminal.seen


def test_post_mortem(failed: Project) -> None:
    with Terminal(failed, "-m", "flowc", "debug", "--post-mortem", "Fails/latest/work/0.1") as terminal:
        assert "-> return one / other\n" in terminal.until("(Pdb) ")
        terminal.type("q\n")
        assert terminal.end() == 1
    # `--post-mortem` opens no prompt, because this task raised no error
    done = failed.flowc("debug", "--post-mortem", "Fails/latest/work/0.0")
    assert done.code == 0
    assert "share: float" in done.out


def test_after_the_code_is_mended(failed: Project) -> None:
    text = (failed.root / "flow.py").read_text()
    (failed.root / "flow.py").write_text(text.replace("one / other", "one / (other or 1)"))
    done = failed.flowc("debug", "--post-mortem", "Fails/latest/work/0.1")
    assert done.code == 0, done.err
    assert "note: the flow's code has changed since the run" in done.err
    assert " = 3.0\n" in done.out


def test_inspect(project: Project) -> None:
    project.write("flow.py", FLOW.replace("one / other", "one + other"))
    project.run("flow.py")
    with Terminal(project, "-m", "flowc", "debug", "--inspect", "Fails/latest/join") as terminal:
        assert "join/join-0: self, current, inputs\n" in terminal.until(">>> ")
        assert terminal.say("[inp.share for inp in inputs], current.step_name", ">>> ") == "([3, 2], 'join')\n"
        assert terminal.say("hasattr(self, 'shares')", ">>> ") == "False\n"
        terminal.type("\x04")
        assert terminal.end() == 0


def test_quitting_is_no_failure(failed: Project) -> None:
    with Terminal(failed, "-m", "flowc", "debug", "Fails/latest/start") as terminal:
        terminal.until("(Pdb) ")
        terminal.type("q\n")
        assert terminal.end() == 0


def test_the_flow_s_file_may_be_elsewhere(failed: Project, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (failed.root / "flow.py").rename(tmp_path / "deep" / "flow.py")
    done = failed.flowc("debug", "--post-mortem", "Fails/latest/work/0.0")
    assert done.code == 1
    assert done.err == (
        "error: the flow's file flow.py is neither in the working directory nor beside the store\nhint: --file path/to/flow.py\n"
    )
    assert failed.flowc("debug", "--post-mortem", "--file", "deep/flow.py", "Fails/latest/work/0.0").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["Fails/latest/work"], 1, "error: step 'work' has 2 tasks: name one of them\nhint: such as Fails/"),
        (["Fails/latest/nope"], 1, "has no tasks of a step 'nope'"),
        (["Fails/latest"], 2, "not a pathspec"),
        (["--inspect", "--post-mortem", "Fails/latest/start"], 2, "give only one of them"),
    ],
)
def test_what_cannot_be_debugged(failed: Project, arguments: list[str], code: int, message: str) -> None:
    done = failed.flowc("debug", *arguments)
    assert done.code == code
    assert message in done.err


# -- tasks of all kinds ------------------------------------------------------------------------------------------------

KINDS = """
    import os
    from metaflow import Config, FlowSpec, card, current, parallel, project, step

    @project(name="tried")
    class Kinds(FlowSpec):
        sizes = Config("sizes", default_value={"rate": 1})

        @step
        def start(self):
            self.items = ["a", "b"]
            self.next(self.item, foreach="items")

        @step
        def item(self):
            self.count = 0
            self.name_ = self.input
            self.next(self.loop)

        @step
        def loop(self):
            self.count += 1
            self.again = "yes" if self.count < 3 else "no"
            print("loop", self.input, self.count, self.foreach_stack())
            self.next({"yes": self.loop, "no": self.one}, condition="again")

        @step
        def one(self):
            self.next(self.close)

        @step
        def close(self, inputs):
            self.next(self.split)

        @step
        def split(self):
            self.next(self.gang, num_parallel=2)

        @card(type="blank")
        @parallel
        @step
        def gang(self):
            current.card.append(None)
            self.node = current.parallel.node_index
            print("gang", self.node, current.parallel.num_nodes, current.parallel.control_task_id)
            self.next(self.join)

        @step
        def join(self, inputs):
            assert "FAIL" not in os.environ, "as it was told to"
            print("join", [given.node for given in inputs])
            print("run", self.sizes.rate, current.tags, current.namespace, current.branch_name, current.origin_run_id)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Kinds()
    """


def test_tasks_of_loops_and_gangs_and_of_resumed_runs(project: Project) -> None:
    """In the debugger, tasks of loops, gangs and resumed runs have their original inputs, parameters and configs."""
    project.write("flow.py", KINDS)
    given = ("--config-value", "sizes", '{"rate": 5}', "--branch", "mine")
    done = project.python("flow.py", *given, "run", "--tag", "given", FAIL="1")
    assert done.code == 1, done.err
    failed = project.latest().id

    def debug(task: str, code: int = 0) -> list[str]:
        again = project.flowc("debug", f"Kinds/latest/{task}", "--post-mortem")
        assert again.code == code, again.err
        return [line for line in (again.out + again.err).splitlines() if not line.startswith(" ")]

    assert debug("loop/0.1~2")[:2] == ["loop b 3 [(1, 2, 'b')]", "loop has ended; it set 2 artifacts:"]
    assert debug("gang/0.1")[:2] == ["gang 1 2 gang-0.0", "gang has ended; it set 1 artifact:"]

    done = project.python("flow.py", "--branch", "mine", "resume", "--tag", "again")
    assert done.code == 0, done.err
    assert project.latest().id != failed
    assert debug("join/0")[:2] == [
        "join [0, 1]",
        f"run 5 {{'again'}} user:{project.latest().record()['user']} test.mine {failed}",
    ]
    assert f"note: the task was not run; the run reused it from Kinds/{failed}/loop/loop-0.0~1" in debug("loop/0.0~1")
    assert debug("loop/0.0~1")[0] == "loop a 2 [(0, 2, 'a')]"
