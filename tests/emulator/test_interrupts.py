"""Runs that get Ctrl-C, SIGTERM or SIGKILL: no process is left, and the run's status is right."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from project import has_ended, wait_until
from terminal import Terminal

if TYPE_CHECKING:
    from project import Project

# Three tasks that report their start: one sleeps, one ignores SIGTERM, one has a child in a session of its own.
FLOW = """
    import os, signal, subprocess, sys
    from pathlib import Path
    from metaflow import FlowSpec, step, retry

    def here(name, pid):
        Path(f"{name}.tmp").write_text(str(pid))
        Path(f"{name}.tmp").rename(f"{name}.pid")

    class Sleeps(FlowSpec):
        @step
        def start(self):
            self.next(self.plain, self.deaf, self.parent)

        @retry(times=3)
        @step
        def plain(self):
            print("asleep")
            here("plain", os.getpid())
            signal.pause()
            self.next(self.join)

        @step
        def deaf(self):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            here("deaf", os.getpid())
            while True:
                signal.pause()
            self.next(self.join)

        @step
        def parent(self):
            child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            here("child", child.pid)
            here("parent", os.getpid())
            child.wait()
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """
NAMES = ("plain", "deaf", "child", "parent")


@pytest.fixture
def sleeping(project: Project) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a run and wait until all its tasks sleep; return the run's process and the pids of the tasks' processes."""
    project.write("flow.py", FLOW)
    process = project.start("-m", "flowc", "run", "flow.py", "--max-workers", "3")
    wait_until(lambda: all((project.root / f"{name}.pid").exists() for name in NAMES), "the tasks did not start")
    return process, [int((project.root / f"{name}.pid").read_text()) for name in NAMES]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run(
    project: Project, sleeping: tuple[subprocess.Popen[str], list[int]], number: signal.Signals
) -> None:
    process, pids = sleeping
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert (
        time.monotonic() - began > 4
    )  # the task that ignores SIGTERM would sleep forever; it is killed after the grace period
    assert all(map(has_ended, pids))
    run = project.latest()
    assert run.status()["state"] == "interrupted"
    assert run.status()["message"] == f"by {number.name}"
    assert f"Sleeps/{run.id} interrupted" in err
    plain = run.attempt("plain", "0", 1)
    assert plain is not None
    assert plain.get("error", {})["message"].startswith(f"interrupted by {number.name}")
    assert plain.get("error", {})["ended_by_run"]
    assert run.attempts("plain") == {"0": [1]}  # an interrupted task is not retried
    assert b"asleep" in run.objects.get(run.log_key("plain", "0", 1))


@pytest.mark.parametrize("shown", ["runs with up to", "done start", "asleep"])
def test_closing_the_terminal_ends_the_run_with_its_signal(project: Project, shown: str) -> None:
    """The run ends with the exit code of SIGHUP, although its last output to the closed terminal fails."""
    project.write("flow.py", FLOW.replace('print("asleep")', 'print("asleep", flush=True)'))
    with Terminal(project, "-m", "flowc", "run", "flow.py") as terminal:
        terminal.until(shown)
        terminal.hang_up()
        assert terminal.process.wait(60) == 128 + signal.SIGHUP
    assert project.latest().status()["state"] == "interrupted"
    assert project.latest().status()["message"] == "by SIGHUP"


def test_an_interrupt_while_the_command_line_is_read(project: Project) -> None:
    project.write(
        "early.py",
        """
        import os, signal, sys
        import flowc.cli

        flowc.cli._version = lambda *_: os.kill(os.getpid(), signal.SIGINT)
        sys.argv = ["flowc", "--version"]
        flowc.cli.main()
        """,
    )
    done = project.python("early.py")
    assert (done.code, done.out, done.err) == (130, "", "interrupted by SIGINT\n")


@pytest.mark.parametrize(("meant", "code"), [("lambda *_: None", 129), ("signal.SIG_IGN", 1)])
def test_output_to_a_terminal_that_is_gone(project: Project, meant: str, code: int) -> None:
    """If output to a closed terminal is lost, a program ends with SIGHUP's exit code; with 1 if SIGHUP is ignored."""
    project.write(
        "writes.py",
        f"""
        import signal
        import click
        from flowc.cli.rendering.streams import reporting_failed_output

        signal.signal(signal.SIGHUP, {meant})
        with reporting_failed_output():
            while True:
                click.echo("more", err=True)
        """,
    )
    with Terminal(project, "writes.py") as terminal:
        terminal.until("more")
        terminal.hang_up()
        assert terminal.process.wait(60) == code


def test_a_second_signal_does_not_wait(project: Project, sleeping: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, pids = sleeping
    began = time.time()
    process.send_signal(signal.SIGINT)
    wait_until(lambda: has_ended(pids[NAMES.index("plain")]), "the first signal was not heard")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert all(map(has_ended, pids))
    run = project.latest()
    assert run.status()["state"] == "interrupted"
    deaf = run.attempt("deaf", "0", 1)
    assert deaf is not None
    assert deaf["ended"] - began < 5  # the second signal ends the grace period of 5 s


def test_a_killed_supervisor_leaves_nothing_behind(
    project: Project, sleeping: tuple[subprocess.Popen[str], list[int]]
) -> None:
    process, pids = sleeping
    process.kill()
    process.communicate(timeout=60)  # `communicate` returns when supervisor and guardian have closed the pipes
    wait_until(lambda: all(map(has_ended, pids)), "a process outlived its supervisor")
    wait_until(lambda: project.latest().status()["state"] == "killed", "the run was not recorded as killed")
    assert "killed" in project.flowc("runs").out


def test_supervisor_and_guardian_killed_together_read_as_killed(
    project: Project, sleeping: tuple[subprocess.Popen[str], list[int]]
) -> None:
    process, pids = sleeping
    (guardian,) = _children(process.pid) - set(pids)
    os.kill(guardian, signal.SIGKILL)
    process.kill()
    process.communicate(timeout=60)
    # the recorded status is still `running`, because no process is left that could change it
    assert project.latest().status()["state"] == "running"
    row = project.flowc("runs").out
    assert "killed" in row
    assert "its process has died" in row
    os.kill(pids[NAMES.index("child")], signal.SIGKILL)


def _children(pid: int) -> set[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return {int(word) for word in done.stdout.split()}


def test_without_prctl_and_pidfd_the_guardian_does_it(project: Project) -> None:
    """The supervisor is killed on a simulated macOS, which has neither prctl nor pidfd; the guardian ends the tasks."""
    project.write("flow.py", FLOW)
    project.write(
        "fallback.py",
        """
        import sys
        from flowc.cli import main
        from flowc_emulator import supervisor
        from flowc_runtime.process import watch

        supervisor.load_prctl = lambda: None
        original = watch.Watcher.__init__
        watch.Watcher.__init__ = lambda self, signals=(): original(self, signals, use_pidfd=False)
        sys.argv = ["flowc", "run", "flow.py", "--max-workers", "3"]
        main()
        """,
    )
    process = project.start("fallback.py")
    wait_until(lambda: all((project.root / f"{name}.pid").exists() for name in NAMES), "the tasks did not start")
    pids = [int((project.root / f"{name}.pid").read_text()) for name in NAMES]
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: all(map(has_ended, pids)), "a process outlived its supervisor")
    wait_until(lambda: project.latest().status()["state"] == "killed", "the run was not recorded as killed")


def test_what_a_finished_task_left_behind_is_ended(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import subprocess
        from metaflow import FlowSpec, step

        class Leaves(FlowSpec):
            @step
            def start(self):
                self.pids = [
                    subprocess.Popen(["sleep", "1000"]).pid,
                    subprocess.Popen(["sleep", "1000"], start_new_session=True).pid,
                ]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py", PYTHONWARNINGS="ignore")
    assert all(map(has_ended, project.artifacts(run, "end")["pids"]))


def test_a_reader_that_goes_away_does_not_end_the_run(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import time
        from metaflow import FlowSpec, step

        class Talks(FlowSpec):
            @step
            def start(self):
                for line in range(1000):
                    print(line)
                self.next(self.end)

            @step
            def end(self):
                print("end")
        """,
    )
    process = project.start("-m", "flowc", "run", "flow.py")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 0, err
    assert project.latest().status()["state"] == "succeeded"
