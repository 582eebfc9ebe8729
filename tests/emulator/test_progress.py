"""The progress of a run, and the progress bars of its tasks: on terminals of any width, and in a pipe."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.console.rows import PIECE, SETTLED, Rows
from project import passing
from screen import screen
from terminal import Terminal

if TYPE_CHECKING:
    from project import Gate, Project

# Output of tqdm 4.70.1 for nested bars: inner bars that disappear, two bars that stay, and lines between the bars.
NESTED = (
    b"\router:   0%|          | 0/2\n\rinner:   0%|          | 0/2\x1b[A\n\rinner: 100%|##########| 2/2\x1b[A\n\r"
    b"                             \x1b[A\router:  50%|#####     | 1/2\n\rinner:   0%|          | 0/2\x1b[A\n\rinner: 100%|"
    b"##########| 2/2\x1b[A\n\r                             \x1b[A\router: 100%|##########| 2/2\r"
    b"outer: 100%|##########| 2/2\nsaid\n"
)
TWO = (
    b"\ra:   0%|     | 0/2\n\rb:   0%|     | 0/2\x1b[A\ra:  50%|##   | 1/2\n\rb:  50%|##   | 1/2\x1b[A\r                   \r\n\r"
    b"                   \r\x1b[Ahello 0\n\ra:  50%|##   | 1/2\n\rb:  50%|##   | 1/2\x1b[A\ra: 100%|#####| 2/2\n\rb: 100%|#####| 2/2"
    b"\x1b[A\rb: 100%|#####| 2/2\n\ra: 100%|#####| 2/2\nend\n"
)


def lines(data: bytes, size: int) -> list[bytes]:
    rows = Rows(lambda: 0.0)
    return [
        line for at in range(0, len(data), size) for line in rows.add(data[at : at + size])
    ] + rows.end()  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("written", "left"),
    [
        (b"plain\n\nlast", [b"plain", b"", b"last"]),
        (b"\xff\x00 any\tbytes\n", [b"\xff\x00 any\tbytes"]),
        (b"windows\r\nends\r\r\n", [b"windows", b"ends"]),
        (b"\x1b[31mred\x1b[0m\n\x1b[1mbold", [b"\x1b[31mred\x1b[0m", b"\x1b[1mbold"]),
        (b"\r 10%\r 20%\r100%\nnext\n", [b"100%", b"next"]),
        (b"\r 10%\r     \r", []),
        (b"\r 10%\r     \rtext\n", [b"text"]),
        (b"count 1\b2\b3\n", [b"count 3"]),
        (b"spin |\x1b[2K\rspin /\x1b[2K\rdone\n", [b"done"]),
        (b"one\n\x1b[1A\x1b[2Ktwo\n\x1b[1A\x1b[2Kthree\n", [b"one", b"three"]),
        (b"\x1b[?25l\r 10%\r 20%\x1b[?25h\n", [b" 20%"]),
        (NESTED, [b"outer: 100%|##########| 2/2", b"said"]),
        (TWO, [b"hello 0", b"b: 100%|#####| 2/2", b"a: 100%|#####| 2/2", b"end"]),
        (b"\x1b[" + b"9" * 9000 + b"A!\n\x1b[99999B\n", [b"!"]),
    ],
)
def test_what_stays_is_what_a_terminal_shows_after_all(written: bytes, left: list[bytes], size: int) -> None:
    found = lines(written, size)
    assert [line for line in found if line or line in left] == left


def test_a_line_is_given_as_soon_as_it_is_final() -> None:
    now = 0.0
    rows = Rows(lambda: now)
    assert rows.add(b"plain\nmore") == [b"plain"]
    assert rows.add(b"\n\r 50%") == [b"more"]
    assert rows.bars() == [" 50%"]
    assert not rows.unsettled
    # `100%` is not final yet: a progress bar below it may move the cursor back to its line
    assert rows.add(b"\r100%\n") == []
    assert rows.settle() == [] and rows.unsettled
    now = SETTLED
    assert rows.settle() == [b"100%"] and not rows.unsettled
    assert rows.add(b"\r100%\nplain\n") == [b"100%", b"plain"]


def test_a_line_without_end_is_given_in_pieces() -> None:
    rows = Rows()
    assert rows.add(b"x" * (PIECE + 1)) == [b"x" * (PIECE + 1)]
    assert rows.add(b"\r" + b"y" * (PIECE + 1)) == [b"y" * (PIECE + 1)]
    assert rows.end() == []


FLOW = """
    import fcntl, os, sys
    from metaflow import FlowSpec, step

    NESTED = {nested}
    HEAD, TAIL = NESTED[: NESTED.index(b"1/2") + 3] + b"\\n\\rinner:  50%|#####     | 1/2\\x1b[A", NESTED

    class Bars(FlowSpec):
        @step
        def start(self):
            self.items = list(range({items}))
            self.next(self.work, foreach="items")

        @step
        def work(self):
            sys.stderr.flush()
            os.write(2, HEAD)
            with open("go") as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
            os.write(2, TAIL)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def flow(project: Project, items: int = 2) -> Gate:
    """Write the flow and return a gate; the flow's tasks wait until the gate is open."""
    project.write("flow.py", FLOW.format(nested=repr(NESTED), items=items))
    return project.gate()


def plain(line: str) -> str:
    return re.sub(r"\d+\.\d s", "T", line)


@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize("color", [{}, {"NO_COLOR": "1"}], ids=["color", "no-color"])
def test_on_a_terminal_bars_are_live_and_leave_one_line(project: Project, columns: int, color: dict[str, str]) -> None:
    gate = flow(project)
    command = ("-m", "flowc", "run", "flow.py", "--max-workers", "2")
    with Terminal(project, *command, columns=columns, TERM="xterm", **color) as terminal:
        for task in ("work/0.0", "work/0.1"):
            terminal.until(f"[{task}] inner:  50%|#####     | 1/2")
        terminal.until("tasks")
        live = [line for line in screen(terminal.seen, columns) if "%|" in line]
        gate.open()
        assert terminal.end() == 0
    assert live == [f"[work/0.{item}] {bar}" for item in (0, 1) for bar in ("outer:  50%|#####     | 1/2",
                                                                             "inner:  50%|#####     | 1/2")]  # fmt: skip
    told = [plain(line) for line in screen(terminal.seen, columns)]
    for item in (0, 1):
        assert told.count(f"[work/0.{item}] outer: 100%|##########| 2/2") == 1
        assert told.count(f"[work/0.{item}] said") == 1
        assert told.count(f"done work/0.{item} in T") == 1
    assert not [line for line in told if "inner" in line or "50%" in line or " tasks  " in line]
    assert "done start in T" in told and "done end in T" in told
    assert ("\x1b[3" in terminal.seen) is not bool(color)


def test_in_a_pipe_bars_leave_one_clean_line(project: Project) -> None:
    flow(project, items=1).open()
    done = project.flowc("run", "flow.py")
    assert [line for line in done.err.splitlines() if line.startswith("[work/0.0]")] == [
        "[work/0.0] outer: 100%|##########| 2/2",
        "[work/0.0] said",
    ]
    assert "\r" not in done.err and "\x1b" not in done.err


@pytest.mark.parametrize("options", [[], ["--merge"], ["--timestamps"], ["--follow"]], ids=" ".join)
def test_in_logs_bars_are_one_clean_line_too(project: Project, options: list[str]) -> None:
    flow(project, items=1).open()
    project.run("flow.py")
    done = project.flowc("logs", "Bars/latest/work", *options)
    told = [line[line.index("[") :] for line in done.err.splitlines() if "[work/0.0]" in line]
    assert told == ["[work/0.0] outer: 100%|##########| 2/2", "[work/0.0] said"]
    assert "\x1b" not in done.err and done.err.count("%") == 1
    raw = project.flowc("logs", "Bars/latest/work/0.0")
    assert raw.err.count("50%|") > 1  # for a single task, `logs` prints the bytes of the log unchanged


def test_a_dumb_terminal_gets_lines_only(project: Project) -> None:
    flow(project, items=1).open()
    with Terminal(project, "-m", "flowc", "run", "flow.py", TERM="dumb", columns=200) as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
    assert terminal.seen.count("%|") == 1


def test_two_runs_at_once_have_their_own_screens(project: Project) -> None:
    gate = flow(project)
    command = ("-m", "flowc", "run", "flow.py", "--max-workers", "2")
    with ExitStack() as stack:
        terminals = [
            stack.enter_context(Terminal(project, *command, columns=columns, TERM="xterm")) for columns in (40, 200)
        ]
        for terminal in terminals:
            terminal.until("[work/0.1] inner:  50%")
        gate.open()
        for terminal in terminals:
            assert terminal.end() == 0
    for terminal, columns in zip(terminals, (40, 200), strict=True):
        told = [plain(line) for line in screen(terminal.seen, columns)]
        assert told.count("done work/0.0 in T") == told.count("done work/0.1 in T") == 1
        assert not [line for line in told if "inner" in line]


def test_the_total_is_shown_as_open_until_it_is_known(project: Project) -> None:
    project.write(
        "flow.py",
        FLOW.format(nested=repr(NESTED), items=2).replace(
            "self.items =", passing("begin") + "\n" + " " * 12 + "self.items ="
        ),
    )  # fmt: skip
    begin, gate = project.gate("begin"), project.gate()
    with Terminal(project, "-m", "flowc", "run", "flow.py", TERM="xterm", NO_COLOR="1") as terminal:
        terminal.until(" 0/3+ tasks ")
        begin.open()
        terminal.until(" 1/5 tasks ")
        gate.open()
        assert terminal.end() == 0
    totals = [int(total) for total in re.findall(r"\d/(\d+)\+? tasks", terminal.seen)]
    assert totals == sorted(totals)


def test_many_bars_do_not_fill_the_terminal(project: Project) -> None:
    gate = flow(project, items=8)
    with Terminal(project, "-m", "flowc", "run", "flow.py", "--max-workers", "8", TERM="xterm") as terminal:
        terminal.until("… and 9 more progress bars")
        gate.open()
        assert terminal.end() == 0
    assert not [line for line in screen(terminal.seen, 200) if "inner" in line or "more progress" in line]


def test_how_many_tasks_wait_for_a_worker_is_told(project: Project) -> None:
    gate = flow(project, items=5)
    with Terminal(
        project, "-m", "flowc", "run", "flow.py", "--max-workers", "2", TERM="xterm", NO_COLOR="1"
    ) as terminal:
        terminal.until(" tasks, 3 wait for a worker  ")
        gate.open()
        assert terminal.end() == 0
    waiting = [int(number) for number in re.findall(r"(\d+) waits? for a worker", terminal.seen)]
    assert waiting == sorted(waiting, reverse=True) and waiting[0] == 3
    assert not [line for line in screen(terminal.seen, 200) if "for a worker" in line]


def test_no_task_waits_for_a_worker_once_the_run_has_failed(project: Project) -> None:
    gate = flow(project, items=5)
    code = (project.root / "flow.py").read_text(encoding="utf-8")
    project.write(
        "flow.py", code.replace("        sys.stderr.flush()\n", "        assert self.input, 'the first'\n", 1)
    )
    with Terminal(
        project, "-m", "flowc", "run", "flow.py", "--max-workers", "2", TERM="xterm", NO_COLOR="1"
    ) as terminal:
        terminal.until("failed work/0.0")
        terminal.until(" tasks  ")
        terminal.until("work/0.1")
        live = screen(terminal.seen, 200)
        gate.open()
        assert terminal.end() == 1
    assert " tasks  " in live[-1] and "for a worker" not in live[-1]
