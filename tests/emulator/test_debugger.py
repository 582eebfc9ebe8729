"""`breakpoint()` in a step: each test types commands at a debugger's prompt in a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from terminal import Terminal

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os, pdb, signal, sys, time
    from metaflow import FlowSpec, Parameter, step, retry, timeout, current

    class Stops(FlowSpec):
        alpha = Parameter("alpha", default=3)

        @step
        def start(self):
            self.items = [10, 20]
            self.next(self.work, foreach="items")

        {decorators}
        @step
        def work(self):
            found = self.input + self.alpha
            {code}
            self.found = found
            self.next(self.join)

        @step
        def join(self, inputs):
            self.found = [inp.found for inp in inputs]
            self.next(self.end)

        @step
        def end(self):
            print("found", self.found)

    if __name__ == "__main__":
        Stops()
    """
FIRST = "breakpoint() if self.index == 0 else None"
# since Python 3.13, the debugger stops at the call of breakpoint(); earlier versions stop at the next line
AT_THE_CALL = sys.version_info >= (3, 13)


def write(project: Project, code: str, decorators: str = "") -> None:
    project.write("flow.py", FLOW.format(code=code, decorators=decorators))


RUN = ("-m", "flowc", "run", "--local", "flow.py", "--max-workers", "1")


@pytest.mark.parametrize("command", [RUN, ("flow.py", "run", "--max-workers", "1")], ids=["flowc", "flow.py"])
@pytest.mark.parametrize("code", [FIRST, FIRST.replace("breakpoint()", "pdb.set_trace()")])
def test_a_breakpoint_stops_in_the_step(project: Project, command: tuple[str, ...], code: str) -> None:
    write(project, code)
    with Terminal(project, *command) as terminal:
        assert "debugger work/0.0\n" in terminal.until("(Pdb) ")
        assert terminal.say("p found, self.alpha, current.task_id") == "(13, 3, 'work-0.0')\n"
        terminal.say("found = 99")
        if AT_THE_CALL:
            terminal.say("n")
        assert "flow.py(18)work()" in terminal.say("n")
        terminal.type("c\n")
        assert terminal.end() == 0
        assert "[end] found [99, 23]" in terminal.seen
    assert project.artifacts(project.latest(), "end")["found"] == [99, 23]


def test_python_m_pdb_stops_in_a_step(project: Project) -> None:
    write(project, "pass")
    # The variable sets the number of workers, because Python 3.13.0's pdb takes the program's options as its own.
    with Terminal(project, "-m", "pdb", "flow.py", "run", METAFLOW_RUN_MAX_WORKERS="1") as terminal:
        terminal.until("(Pdb) ")
        assert "Breakpoint 1" in terminal.say("break 17, self.index == 1")
        terminal.say("c")
        assert "[end]" not in terminal.seen
        assert terminal.say("p self.input, found") == "(20, 23)\n"
        assert "The program" in terminal.say("c")  # pdb starts it again
        assert "[end] found [13, 23]" in terminal.seen
        terminal.type("q\n")
        terminal.end()
    assert project.latest().status()["state"] == "succeeded"


def test_a_debugger_reaches_the_steps_of_a_flow_whose_import_is_not_harmless(project: Project) -> None:
    write(project, "pass")
    flow = project.root / "flow.py"
    flow.write_text(flow.read_text().replace("import os, pdb, signal, sys, time", "import uuid; KEY = uuid.uuid4()", 1))
    with Terminal(project, "-m", "pdb", "flow.py", "run", METAFLOW_RUN_MAX_WORKERS="1") as terminal:
        terminal.until("(Pdb) ")
        assert "Breakpoint 1" in terminal.say("break 17, self.index == 1")
        terminal.say("c")
        assert terminal.say("p self.input, found") == "(20, 23)\n"
        assert "tasks are forks of this process, so that the debugger works in them" in terminal.seen
        assert "The program" in terminal.say("c")
        terminal.type("q\n")
        terminal.end()


def test_steps_go_through_the_user_s_code_only(project: Project) -> None:
    write(project, "breakpoint()\n            found += self.alpha", "@retry(times=1)")
    with Terminal(project, *RUN) as terminal:
        shown = terminal.until("(Pdb) ")
        assert "-> found += self.alpha\n" in (terminal.say("s") if AT_THE_CALL else shown)
        assert "-> self.found = found\n" in terminal.say("s")
        assert "-> self.next(self.join)\n" in terminal.say("s")
        assert terminal.say("s").startswith("--Return--\n")
        terminal.type("s\n")
        # the user's code has ended here, so the next prompt is the one of another task
        terminal.until("debugger work/0.1\n")
        terminal.until("(Pdb) ")
        terminal.type("c\n")
        assert terminal.end() == 0


def test_what_the_step_printed_comes_before_the_prompt_and_goes_to_its_log(project: Project) -> None:
    write(project, 'print("before"); sys.stdout.write("half"); breakpoint()\n            print("after")')
    with Terminal(project, *RUN) as terminal:
        shown = terminal.until("(Pdb) ")
        assert shown.index("[work/0.0] before\n") < shown.index("[work/0.0] half\n") < shown.index("debugger work/0.0")
        assert "[work/0.0]" not in terminal.say("print('typed')")
        terminal.type("c\n")
        terminal.until("(Pdb) ")
        terminal.type("c\n")
        assert terminal.end() == 0
    run = project.latest()
    assert project.flowc("logs", f"Stops/{run.id}/work/0.0").out == "before\nhalfafter\n"


def test_one_task_at_a_time_has_the_terminal(project: Project) -> None:
    write(project, "breakpoint()")
    with Terminal(project, "-m", "flowc", "run", "flow.py", "--max-workers", "2") as terminal:
        seen = set()
        for _ in range(2):
            terminal.until("(Pdb) ")
            seen.add(terminal.say("p self.index"))
            assert terminal.say("p self.index") in seen  # a second command at the same prompt goes to the same task
            terminal.type("c\n")
        assert terminal.end() == 0
    assert seen == {"0\n", "1\n"}


def test_others_are_not_heard_while_somebody_types(project: Project) -> None:
    code = """if self.index == 0:
                breakpoint()
                os.close(os.open("go", os.O_CREAT))
            while not os.path.exists("go"):
                print("loud", flush=True)
                time.sleep(0.01)"""
    write(project, code)
    with Terminal(project, "-m", "flowc", "run", "flow.py", "--max-workers", "2", TERM="xterm-256color") as terminal:
        terminal.until("(Pdb) ")
        for _ in range(5):
            terminal.type("import time; time.sleep(0.3); print('sle' + 'pt')\n")
            shown = terminal.until("slept")
            assert "loud" not in shown
            assert "tasks" not in shown  # while the prompt waits, no progress line is shown
        terminal.type("c\n")
        terminal.until("loud")
        assert terminal.end() == 0


def test_ctrl_c_at_the_prompt_is_the_debugger_s(project: Project) -> None:
    write(project, FIRST)
    with Terminal(project, *RUN) as terminal:
        terminal.until("(Pdb) ")
        # if Ctrl-C arrives while readline starts to wait, it is lost and must be typed again
        while not terminal.shows("KeyboardInterrupt"):
            terminal.type("\x03")
        terminal.type("p found\n")
        terminal.until("\n13\n")
        terminal.type("c\n")
        assert terminal.end() == 0


@pytest.mark.parametrize("keys", ["q\n", "\x04"], ids=["q", "end of input"])
def test_quitting_the_debugger_ends_the_run(project: Project, keys: str) -> None:
    write(project, "breakpoint()", "@retry(times=3)")
    with Terminal(project, *RUN) as terminal:
        terminal.until("(Pdb) ")
        terminal.type(keys)
        assert terminal.end() == 130
        assert "the debugger was quit: the run ends" in terminal.seen
    run = project.latest()
    assert run.status()["state"] == "interrupted"
    assert run.attempts("work") == {"0.0": [1]}


def test_ctrl_c_after_the_prompt_ends_the_run(project: Project) -> None:
    # The statements are on separate lines, because the debugger may stop at the line after the breakpoint.
    code = f"""{FIRST}
            print('on', flush=True)
            signal.pause()"""
    write(project, code)
    with Terminal(project, *RUN) as terminal:
        terminal.until("(Pdb) ")
        terminal.type("c\n")
        terminal.until("[work/0.0] on")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert project.latest().status()["state"] == "interrupted"


def test_a_timeout_stands_still_at_the_prompt(project: Project) -> None:
    write(project, FIRST, "@timeout(seconds=3)")
    with Terminal(project, *RUN) as terminal:
        terminal.until("(Pdb) ")
        assert terminal.say("import time; time.sleep(3.1)") == ""
        terminal.type("c\n")
        assert terminal.end() == 0


def test_a_breakpoint_in_a_process_of_the_step(project: Project) -> None:
    code = """pid = os.fork()
            if pid == 0:
                breakpoint(header="in the child")
                os._exit(7)
            found = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"""
    write(project, code)
    with Terminal(project, *RUN) as terminal:
        for _ in range(2):
            terminal.until("in the child\n")
            terminal.until("(Pdb) ")
            assert terminal.say("p pid") == "0\n"
            terminal.type("c\n")
        assert terminal.end() == 0
        assert "found [7, 7]" in terminal.seen


def test_redirected_streams_do_not_hide_the_prompt(project: Project) -> None:
    code = """import contextlib, io
            with contextlib.redirect_stdout(io.StringIO()) as caught:
                print("caught")
                breakpoint()
            found = caught.getvalue()"""
    write(project, code)
    with Terminal(project, *RUN) as terminal:
        for _ in range(2):
            terminal.until("(Pdb) ")
            terminal.type("c\n")
        assert terminal.end() == 0
        assert r"found ['caught\n', 'caught\n']" in terminal.seen


def test_pythonbreakpoint_names_another_debugger(project: Project) -> None:
    write(project, "breakpoint()")
    project.write("asks.py", "def here(frame):\n    frame.f_locals['self'].answer = input('what? ')\n")
    with Terminal(project, *RUN, PYTHONBREAKPOINT="asks.here") as terminal:
        for answer in ("one", "two"):
            terminal.until("what? ")
            terminal.type(f"{answer}\n")
        assert terminal.end() == 0
    run = project.latest()
    assert [project.artifacts(run, "work", path)["answer"] for path in ("0.0", "0.1")] == ["one", "two"]


@pytest.mark.parametrize("terminal", [True, False])
def test_pythonbreakpoint_0_passes_over_them(project: Project, terminal: bool) -> None:
    write(project, "breakpoint()")
    if terminal:
        with Terminal(project, *RUN, PYTHONBREAKPOINT="0") as shown:
            assert shown.end() == 0
    else:
        project.run("flow.py", PYTHONBREAKPOINT="0")


def test_without_a_terminal_a_breakpoint_is_refused(project: Project) -> None:
    write(project, FIRST)
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert "breakpoint() needs a terminal, and this run has none to read from: run it in a terminal" in done.err
    assert "PYTHONBREAKPOINT=0" in done.err


def test_a_step_killed_at_the_prompt_gives_the_terminal_back(project: Project) -> None:
    write(project, FIRST)
    with Terminal(project, *RUN) as terminal:
        terminal.until("(Pdb) ")
        terminal.type("import os; os.kill(os.getpid(), 9)\n")
        assert terminal.end() == 1
        assert "killed by SIGKILL" in terminal.seen
