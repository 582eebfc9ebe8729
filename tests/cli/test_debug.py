"""`flowc debug`: a task that has run, once more at a prompt, with what it had."""

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
        assert f"Fails/{run}/work/0.1: nothing is stored\n" in shown
        assert "flow.py(15)work()\n-> import os\n" in shown
        assert terminal.say("p self.input, self.index, self.alpha, current.task_id") == "(0, 1, 3, '0.1')\n"
        raised = terminal.say("c")
        assert "ZeroDivisionError: division by zero\n" in raised
        assert "-> return one / other\n" in raised
        assert terminal.say("p one, other") == "(3, 0)\n"
        assert "work()" in terminal.say("up")
        terminal.say("import time; time.sleep(1.2)")  # its timeout is not for people
        terminal.type("q\n")
        assert terminal.end() == 1
    assert everything(failed.root / ".flowc") == before


def test_a_task_may_be_brought_to_its_end(failed: Project) -> None:
    with Terminal(failed, "-m", "flowc", "debug", "Fails/latest/work/0.1") as terminal:
        terminal.until("(Pdb) ")
        terminal.say("n")
        assert "-> self.share = divide(" in terminal.say("n")
        assert "-> def divide(" in terminal.say("s")  # over the reading of self.alpha, which is not the user's code
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
    done = failed.flowc("debug", "--post-mortem", "Fails/latest/work/0.0")  # it did not raise: no prompt
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
        assert "join/0: self, current, inputs\n" in terminal.until(">>> ")
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
        "error: the flow's file flow.py is neither here nor beside the store\nhint: --file path/to/flow.py\n"
    )
    assert failed.flowc("debug", "--post-mortem", "--file", "deep/flow.py", "Fails/latest/work/0.0").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["Fails/latest/work"], 1, "error: step 'work' has 2 tasks: say which\nhint: Fails/"),
        (["Fails/latest/nope"], 1, "has no tasks of a step 'nope'"),
        (["Fails/latest"], 2, "not a pathspec"),
        (["--inspect", "--post-mortem", "Fails/latest/start"], 2, "give one of them"),
    ],
)
def test_what_cannot_be_debugged(failed: Project, arguments: list[str], code: int, message: str) -> None:
    done = failed.flowc("debug", *arguments)
    assert done.code == code
    assert message in done.err
