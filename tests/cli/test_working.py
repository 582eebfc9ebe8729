"""On a terminal, and only there, commands show a line while slow work goes on."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from flowc_ir import json_text
from flowc_runtime.process.process import this_process
from screen import screen
from terminal import Terminal

if TYPE_CHECKING:
    from project import Project

WORK = """
    import fcntl, threading
    from flowc.cli.rendering.working import working
    from flowc_runtime.base.progress import over

    def wait(name):
        with open(name) as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)

    with working("counting") as say:
        for number in over(range(1_000_000), "counting sheep:", 1_000_000):
            if number == 1234:
                wait("said")
                say("a line between")
                wait("go")
            if number == 2000:
                break
    assert threading.active_count() == 1, threading.enumerate()
    with open("/proc/self/stat") as file:
        assert file.read().rpartition(")")[2].split()[17] == "1", "the kernel still knows the thread"
    print("done")
    """

FLOW = """
    from metaflow import FlowSpec, IncludeFile, step

    class Tiny(FlowSpec):
        data = IncludeFile("data", default="data.txt", is_text=False)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.mark.parametrize("columns", [40, 200])
def test_a_line_shows_how_far_it_is_and_goes(project: Project, columns: int) -> None:
    project.write("work.py", WORK)
    said, go = project.gate("said"), project.gate("go")
    with Terminal(project, "work.py", TERM="xterm", NO_COLOR="1", columns=columns) as terminal:
        told = terminal.until("counting sheep: 1,234 of 1,000,000")
        said.open()
        terminal.until("a line between")
        terminal.until("counting sheep: 1,234 of")
        go.open()
        assert terminal.end() == 0
    assert "counting …" not in told  # no progress line is printed in the first second
    assert [line for line in screen(terminal.seen, columns) if line] == ["a line between", "done"]


def test_nothing_is_shown_elsewhere(project: Project) -> None:
    project.write("work.py", WORK)
    for name in ("said", "go"):
        (project.root / name).touch()
    done = project.python("work.py")
    assert (done.code, done.out, done.err) == (0, "done\n", "a line between\n")
    with Terminal(project, "work.py", TERM="dumb") as terminal:
        assert terminal.end() == 0
    assert terminal.seen == "a line between\ndone\n"


def test_a_collection_says_what_it_looks_at(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write("data.txt", "some text")
    run = project.run("flow.py")
    record = project.root / ".flowc" / run.prefix / "run.json"
    text = record.read_bytes()
    record.rename(project.root / "kept")
    # the record becomes a pipe: `flowc gc` waits when it reads the pipe, until the test writes the record into it
    os.mkfifo(record)
    os.link(record, project.root / "pipe")
    with Terminal(project, "-m", "flowc", "gc", TERM="xterm", NO_COLOR="1") as terminal:
        terminal.until("reading the runs of Tiny: 0 of 1 … ")
        (project.root / "kept").rename(record)
        (project.root / "pipe").write_bytes(text)
        assert terminal.end() == 0
    (line,) = (line for line in screen(terminal.seen, 200) if line)
    assert line.startswith("would delete 0 runs and 0 blobs")


def test_a_run_that_waits_for_a_collection_says_so(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write("data.txt", "some text")
    project.run("flow.py")
    blobs = [path for path in (project.root / ".flowc" / "blobs").rglob("*") if path.is_file()]
    for blob in blobs:
        # the blobs are made old, because a run looks for a running `flowc gc` only before it reuses an old blob
        os.utime(blob, (time.time() - 50_000,) * 2)
    lease = {"version": 1, "until": time.time() + 3000, "process": this_process()}
    (project.root / ".flowc" / "gc" / "sweeps").mkdir(parents=True)
    file = project.root / ".flowc" / "gc" / "sweeps" / "one"
    file.write_text(json_text.dumps(lease))
    with Terminal(project, "-m", "flowc", "run", "flow.py", TERM="xterm", NO_COLOR="1") as terminal:
        terminal.until("waiting for a `flowc gc` that deletes from this store … ")
        file.unlink()
        assert terminal.end() == 0
    left = screen(terminal.seen, 200)
    assert not [line for line in left if "waiting" in line]
    assert re.search(r"succeeded: 2 tasks in \d+\.\d s$", left[-2])
