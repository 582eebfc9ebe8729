"""The output of a run: on a terminal, in a pipe, as JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from project import read_until
from terminal import Terminal

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import fcntl, sys
    from metaflow import FlowSpec, step, retry, current

    class Shows(FlowSpec):
        @step
        def start(self):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            sys.stdout.flush()
            sys.stdout.buffer.write(b"\\xff\\x00 bytes without end")
            self.items = [1, 2]
            self.next(self.work, foreach="items")

        @retry(times=1)
        @step
        def work(self):
            with open("go") as gate: fcntl.flock(gate, fcntl.LOCK_SH)
            if current.retry_count == 0 and self.index == 0:
                raise ValueError("first")
            print("item", self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def shows(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.gate().open()
    return project


def test_in_a_pipe(shows: Project) -> None:
    done = shows.flowc("run", "flow.py", "--max-workers", "1")
    run = shows.latest().id
    assert done.out.encode("utf-8", "surrogateescape") == (
        b"[start] to stdout\n[start] \xff\x00 bytes without end\n[work/0.0 #2] item 1\n[work/0.1] item 2\n"
    )
    told = [re.sub(r"\d+\.\d s", "T", line) for line in done.err.splitlines() if "Traceback" not in line]
    assert told == [
        f"Shows/{run} runs with 1 worker, store file://{shows.root}/.flowc",
        "[start] to stderr",
        "done start in T",
        '[work/0.0]   File "flow.py", line 19, in work',
        '[work/0.0]     raise ValueError("first")',
        "[work/0.0] ValueError: first",
        "failed work/0.0 (attempt 1), trying again: ValueError: first",
        "done work/0.0 in T",
        "done work/0.1 in T",
        "done join in T",
        "done end in T",
        f"Shows/{run} succeeded: 5 tasks in T",
    ]
    assert "\x1b" not in done.err


def test_as_json(shows: Project) -> None:
    done = shows.flowc("run", "flow.py", "--log-format", "json", "--max-workers", "1")
    assert done.err == ""
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events if event.get("step") == "start"] == [
        "task_began", "output", "output", "output", "task_done",
    ]  # fmt: skip
    texts = {event["text"] for event in events if event["event"] == "output" and event["step"] == "start"}
    assert texts == {"to stdout", "to stderr", "\udcff\x00 bytes without end"}
    (failed,) = [event for event in events if event["event"] == "task_failed"]
    assert failed.items() >= {"step": "work", "path": "0.0", "attempt": 1, "retried": True, "message": "first"}.items()
    assert events[-1].items() >= {"event": "run_ended", "state": "succeeded", "tasks": 5}.items()
    assert all(isinstance(event["time"], float) for event in events)


def in_terminal(project: Project, **environment: str) -> str:
    """Run the flow on a terminal of 80 columns; return all output."""
    gate = project.gate()
    if environment.get("TERM") == "dumb":
        gate.open()
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowc", "run", "flow.py"],
        cwd=project.root,
        env=project.environment | {"TERM": "xterm-256color", "COLUMNS": "80"} | environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([control], [], [], 1)[0]:
            try:
                data = os.read(control, 65536)
            except OSError:  # the read fails when the last process on the terminal has ended
                break
            if not data:
                break
            seen += data
            if re.search(rb"\d/\d tasks.*work/0\.\d", seen):
                gate.open()
    os.close(control)
    assert process.wait(60) == 0
    return seen.decode(errors="replace")


def test_on_a_terminal_there_is_a_progress_line_that_does_not_get_in_the_way(shows: Project) -> None:
    seen = in_terminal(shows)
    assert re.search(r"\d/\d tasks +\d+ s +work/0\.\d", seen)
    assert "\x1b[36m[work/0.1]\x1b[0m item 2" in seen
    # The text that remains on the screen: of each line, the part after its last erasure.
    screen = [line.rpartition("\x1b[2K")[2] for line in seen.replace("\r\n", "\n").split("\n")]
    assert not [line for line in screen if " tasks  " in line]
    assert re.search(r"succeeded\S*: 5 tasks in \d+\.\d s$", screen[-2])


def test_no_color(shows: Project) -> None:
    seen = in_terminal(shows, NO_COLOR="1")
    assert re.search(r"\d/\d tasks", seen)
    assert not re.search(r"\x1b\[[\d;]*m", seen.replace("\x1b[0m", ""))


def test_a_dumb_terminal_gets_plain_lines(shows: Project) -> None:
    seen = in_terminal(shows, TERM="dumb")
    assert "\x1b" not in seen
    assert "done work/0.1" in seen


# -- progress bars of tasks --------------------------------------------------------------------------------------------

BAR = """
    import fcntl, sys
    from metaflow import FlowSpec, step

    class Bars(FlowSpec):
        @step
        def start(self):
            for state in (" 10%|#", " 20%|##"):
                sys.{stream}.write("\\r" + state)
                sys.{stream}.flush()
            with open("go") as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
            sys.{stream}.write("\\r100%|##########\\n")
            print("windows\\r")
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_a_progress_bar_is_told_in_a_pipe_before_its_line_ends(project: Project) -> None:
    project.write("flow.py", BAR.format(stream="stderr"))
    gate = project.gate()
    with project.start("-m", "flowc", "run", "flow.py") as process:
        told = read_until(process.stderr, "[start]  ")
        gate.open()
        out, err = process.communicate(timeout=60)
    assert re.findall(r"\[start\] +\d+%", told + err) in (
        ["[start]  10%", "[start] 100%"],
        ["[start]  20%", "[start] 100%"],
    )
    assert out == "[start] windows\n"  # the task wrote `\r\n`; reading the output as text converted it
    assert project.flowc("logs", "Bars/latest/start", "--stderr").err == "[start/0] 100%|##########\n"
    # the log of a single task is printed with all its bytes
    assert project.flowc("logs", "Bars/latest/start/0", "--stderr").err.count("%|#") == 3


def test_what_a_program_reads_of_stdout_stays_as_it_is(project: Project) -> None:
    project.write("flow.py", BAR.format(stream="stdout"))
    project.gate().open()
    done = subprocess.run(
        [sys.executable, "-m", "flowc", "run", "flow.py"], cwd=project.root, env=project.environment, capture_output=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == b"[start] \r 10%|#\r 20%|##\r100%|##########\n[start] windows\r\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_progress_bar_stands_in_the_progress_line_of_a_terminal(project: Project, stream: str) -> None:
    project.write("flow.py", BAR.format(stream=stream))
    gate = project.gate()
    with Terminal(project, "-m", "flowc", "run", "flow.py", TERM="xterm", NO_COLOR="1") as terminal:
        assert "tasks" in terminal.until("20%|##")
        gate.open()
        terminal.until("[start] 100%|##########")
        terminal.until("succeeded")
    assert "\n[start]  10%" not in terminal.seen
