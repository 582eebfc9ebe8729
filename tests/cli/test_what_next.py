"""The last lines of a failed run: the number of failed tasks, and commands to type next, which work as printed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from project import read_until, wait_until

if TYPE_CHECKING:
    from project import Finished, Project

FLOW = """
    import os, signal
    from metaflow import FlowSpec, Parameter, catch, current, retry, step

    class Mixed(FlowSpec):
        store = Parameter("store", default="a parameter has the name of an option")

        @step
        def start(self):
            self.items = list(range(6))
            self.next(self.work, foreach="items")

        @retry(times=1, minutes_between_retries=0)
        @step
        def work(self):
            if self.input == 0 and current.retry_count == 0:
                raise ValueError("later it goes well")
            if self.input == 2 and not os.path.exists("mended"):
                raise KeyError("never\\nwell")
            if os.path.exists("wait"):
                open(f"waits-{self.input}", "w").close()
                signal.pause()
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Mixed()
    """


@pytest.fixture
def mixed(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def ending(done: Finished) -> list[str]:
    """Return the last lines of stderr, from the line with the run's end."""
    lines = done.err.splitlines()
    at = next(number for number, line in enumerate(lines) if " failed: " in line and line.startswith("Mixed/"))
    return lines[at:]


def typed(project: Project, line: str, label: str) -> subprocess.CompletedProcess[str]:
    """Run the command that follows `label` in the line, in a shell."""
    assert line.startswith(f"{label}: "), line
    command = line.removeprefix(f"{label}: ")
    flowc, python = f'flowc() {{ {shlex.quote(sys.executable)} -m flowc "$@"; }}', shlex.quote(sys.executable)
    return subprocess.run(
        ["sh", "-c", f'{flowc}; python() {{ {python} "$@"; }}; {command}'],
        cwd=project.root, env=project.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_only_what_failed_is_counted_as_failed(mixed: Project) -> None:
    done = mixed.flowc("run", "flow.py", "--max-workers", "1")
    words = ending(done)[0].partition(" failed: ")[2]
    took = words.split(" in ")[1].split(";")[0]
    assert words == f"1 task in {took}; 3 done, 5 not run"
    assert mixed.latest().status()["message"] == "KeyError: 'never\\nwell'"
    assert "  work   2 of 6 tasks done  3 begun, 5 attempts\n" in mixed.flowc("show", "Mixed/latest").out


def test_programs_get_the_numbers_too(mixed: Project) -> None:
    done = mixed.flowc("run", "flow.py", "--max-workers", "1", "--log-format", "json")
    (told,) = [event for event in map(json.loads, done.out.splitlines()) if event["event"] == "run_ended"]
    assert told.items() >= {"state": "failed", "tasks": 3, "failed": 1, "ended": 0, "total": 9}.items()


def test_a_task_that_is_not_tried_again_has_failed(project: Project) -> None:
    """After the last failed attempt of one task, no task is retried, and no retry is announced."""
    project.write(
        "flow.py",
        """
        import fcntl
        from metaflow import FlowSpec, retry, step

        class Mixed(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)

            @step
            def a(self):
                open("b-runs").close()
                raise ValueError("for good")
                self.next(self.join)

            @retry(times=3, minutes_between_retries=0)
            @step
            def b(self):
                open("b-runs", "w").close()
                with open("go") as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)
                raise ValueError("perhaps not")
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    gate = project.gate()
    os.mkfifo(project.root / "b-runs")
    with project.start("-m", "flowc", "run", "flow.py", "--max-workers", "2") as process:
        err = read_until(process.stderr, "failed a")
        gate.open()
        err += process.communicate(timeout=60)[1]
    assert "failed b (attempt 1), not tried again because the run has failed: ValueError: perhaps not" in err
    assert " failed: 2 tasks in " in err
    assert "; 1 done, 2 not run" in err
    assert "note: failed as well: b" in err


@pytest.mark.parametrize("own", [False, True], ids=["flowc", "own-file"])
@pytest.mark.parametrize("store", [None, "else where", "s3-like"], ids=["default", "option", "url"])
def test_what_to_type_can_be_typed(mixed: Project, own: bool, store: str | None) -> None:
    mixed.root.joinpath("a file.py").write_text((mixed.root / "flow.py").read_text())
    options = [] if store is None else ["--store", store if store != "s3-like" else f"file://{mixed.root}/by url"]
    if own:
        done = mixed.python("a file.py", *options, "--with", "retry:times=1", "run", "--max-workers", "1")
    else:
        done = mixed.flowc("run", *options, "--with", "retry:times=1", "a file.py", "--max-workers", "1")
    *_, log, resume = ending(done)
    shown = typed(mixed, log, "log")
    assert (shown.returncode, "never" in shown.stderr) == (0, True), shown.stderr
    (mixed.root / "mended").touch()
    resumed = typed(mixed, resume, "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "reused 3 tasks of Mixed/" in resumed.stderr
    assert resumed.stderr.splitlines()[-1].partition(" in ")[0].endswith("succeeded: 9 tasks")
    assert ("--store" in resume) is (store is not None)


def test_the_printed_commands_read_the_same_configuration_file(mixed: Project) -> None:
    mixed.write("team.toml", 'store = "team"\n')
    *_, log, resume = ending(mixed.flowc("--configuration-file", "team.toml", "run", "flow.py", FLOWC_STORE=""))
    assert log.startswith("log: flowc --configuration-file team.toml logs Mixed/")
    assert resume.startswith("resume: flowc --configuration-file team.toml resume flow.py --origin-run-id ")
    done = mixed.flowc("--configuration-file", "team.toml", "spin", "flow.py", "Mixed/nope/start", FLOWC_STORE="")
    assert done.err.endswith("hint: flowc --configuration-file team.toml runs Mixed\n"), done.err
    done = mixed.flowc("--configuration-file", "team.toml", "resume", "flow.py", "--origin-run-id", "x", FLOWC_STORE="")
    assert done.err.endswith("hint: flowc --configuration-file team.toml runs Mixed\n"), done.err
    other = mixed.flowc("resume", "flow.py", "--origin-run-id", "x", FLOWC_STORE="")
    assert "hint: flowc runs Mixed" in other.err
    mixed.environment["FLOWC_STORE"] = ""
    assert typed(mixed, log, "log").returncode == 0
    (mixed.root / "mended").touch()
    assert " tasks of Mixed/" in typed(mixed, resume, "resume").stderr


def test_a_store_that_the_surroundings_name_needs_no_option(mixed: Project) -> None:
    mixed.environment["FLOWC_STORE"] = str(mixed.root / "named")
    *_, log, resume = ending(mixed.flowc("run", "flow.py"))
    assert "--store" not in log + resume


def test_an_interrupted_run_counts_what_it_ended_and_says_how_it_is_resumed(mixed: Project) -> None:
    (mixed.root / "wait").touch()
    with mixed.start("-m", "flowc", "run", "flow.py", "--max-workers", "2") as process:
        wait_until(lambda: len(list(mixed.root.glob("waits-*"))) == 2, "two tasks run")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    lines = err.splitlines()
    run = mixed.latest()
    assert "SIGINT: ending 2 running tasks; once more kills them" in lines
    assert sum(line.startswith("ended work/0.") and line.endswith(": interrupted by SIGINT") for line in lines) == 2
    assert f"Mixed/{run.id} interrupted: 2 tasks in " in lines[-2]
    assert lines[-2].endswith("; 1 done, 6 not run")
    assert lines[-1] == f"resume: flowc resume flow.py --origin-run-id {run.id}"
    assert "peak memory" not in err
    assert "peak memory" not in mixed.flowc("logs", f"Mixed/{run.id}").err
    shown = mixed.flowc("show", f"Mixed/{run.id}/work").out
    assert "peak memory" not in shown
    assert [line.split()[-3:] for line in shown.splitlines() if " ended " in line] == [
        ["interrupted", "by", "SIGINT"]
    ] * 2


def test_the_list_of_runs_has_the_step_and_the_type_of_the_error(mixed: Project) -> None:
    mixed.flowc("run", "flow.py")
    (row,) = mixed.flowc("runs").out.splitlines()
    assert row.endswith("work/0.2: KeyError: 'never\\nwell'")
    (told,) = json.loads(mixed.flowc("runs", "--json").out)
    assert told["why"] == "work/0.2: KeyError: 'never\\nwell'"
    followed = mixed.flowc("logs", "Mixed/latest", "--follow")
    assert followed.err.splitlines()[-1].endswith("failed: work/0.2: KeyError: 'never\\nwell'")


def test_every_hint_names_a_store_that_is_not_the_usual_one(mixed: Project) -> None:
    """Hints about a run, and warnings about damaged objects, contain commands that work as printed."""
    mixed.flowc("run", "--store", "my runs", "--max-workers", "1", "flow.py")
    store = f"file://{mixed.root}/my runs"
    named = f"--store {shlex.quote(store)}"
    told = {
        ("resume", "flow.py", "--origin-run-id", "1"): f"flowc runs Mixed {named}",
        ("spin", "flow.py", "1/work/0.0"): f"flowc runs Mixed {named}",
        ("artifact", "Mixed/nope"): f"flowc dump Mixed/latest/end {named} prints",
        ("artifact", "Mixed/items", "--run", "1"): f"flowc runs Mixed {named}",
    }
    for words, line in told.items():
        done = mixed.flowc(words[0], "--store", "my runs", *words[1:])
        assert done.code == 1, words
        assert f"hint: {line}" in done.err, done.err
    (record,) = (mixed.root / "my runs").glob("flows/Mixed/runs/*/tasks/start/0.json")
    record.write_bytes(b"")
    fsck = f"flowc fsck {named}"
    assert f"or list what is lost: {fsck}\n" in mixed.flowc("show", "Mixed/latest", "--store", "my runs").err
    assert (
        f"hint: restore the objects that {fsck} names, or move them to damaged/ with {fsck} --repair"
        in mixed.flowc("gc", "--store", "my runs").err
    )
    hint = typed(mixed, f"fsck: {fsck}", "fsck")
    assert "damaged record" in hint.stdout, hint.stderr
    assert "--store" not in mixed.flowc("gc", FLOWC_STORE="my runs").err
