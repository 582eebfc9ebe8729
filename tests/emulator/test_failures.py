"""Failed attempts: retries, @catch, and the messages for users."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from project import read_until

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os, signal, sys, threading
    from metaflow import FlowSpec, step, retry, catch, timeout, current

    class Fails(FlowSpec):
        @step
        def start(self):
            self.before = "start"
            self.next(self.work)

        {decorators}
        @step
        def work(self):
            self.during = current.retry_count
            {code}
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def write(project: Project, code: str, decorators: str = "") -> None:
    project.write("flow.py", FLOW.format(code=code, decorators=decorators))


WAYS = [
    ("raise ValueError('boom')", "ValueError: boom", {"code": 1}),
    ("sys.exit(3)", "SystemExit: the step called sys.exit(3) before it had finished", {"code": 1}),
    ("sys.exit()", "SystemExit: the step called sys.exit(None) before it had finished", {"code": 1}),
    ("os._exit(5)", "the process exited with code 5 before the step had finished; its peak memory was", {"code": 5}),
    ("os.kill(os.getpid(), signal.SIGKILL)", "the process was killed by SIGKILL (the system may have run", {"signal": "SIGKILL"}),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "the process was killed by SIGSEGV (segmentation fault)", {"signal": "SIGSEGV"}),
    ("os.kill(os.getpid(), signal.SIGBUS)", "the process was killed by SIGBUS (a mapped file could not be read: it was truncated, or its disk failed; check the disk, and the store with `flowc fsck`)", {"signal": "SIGBUS"}),
    ("self.lock = threading.Lock()", "cannot store artifact 'lock': a value of type _thread.lock cannot be pickled", {"code": 1}),
    ("self.nope", "AttributeError: flow 'Fails' has no attribute 'nope'", {"code": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message", "ended"), WAYS, ids=[code for code, _, _ in WAYS])
def test_a_failure_is_told_and_recorded(project: Project, code: str, message: str, ended: dict[str, object]) -> None:
    write(project, code)
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert message in done.err
    run = project.latest()
    assert f"log: flowc logs Fails/{run.id}/work/work-0\n" in done.err
    assert run.status()["state"] == "failed"
    assert run.status()["failed"] == "work/0"
    record = run.attempt("work", "0", 1)
    assert record is not None
    assert record["outcome"] == "failed"
    assert record["exit"].items() >= ended.items()
    assert record["exit"]["peak_rss"] > 1 << 20
    assert "end" not in run.steps()
    log = project.flowc("logs", f"Fails/{run.id}/work/0")
    assert message.removeprefix("SystemExit: the step called ").split(" before")[0][:20] in log.err


@pytest.mark.parametrize(("code", "message", "ended"), WAYS, ids=[code for code, _, _ in WAYS])
def test_any_failure_can_be_caught(project: Project, code: str, message: str, ended: dict[str, object]) -> None:
    write(project, code, "@catch(var='why')\n        @retry(times=1)")
    run = project.run("flow.py")
    left = project.artifacts(run, "end")
    assert left["before"] == "start"
    assert message.split(": ", 1)[-1][:30] in f"{left['why'].exception}"
    assert left["why"].type
    record = run.task("work", "0")
    assert record["outcome"] == "caught"
    died = ("exit" in code and "_" in code) or "kill" in code
    # after the death of a process, an additional attempt stores the failure
    assert record["attempt"] == (3 if died else 2)
    if not died and "lock" not in code:
        assert left["during"] == 1  # the artifacts that the last attempt had set are stored


def test_the_line_that_set_it_is_the_flow_s_own(project: Project) -> None:
    code = """self.lock = threading.Lock()
            class Other:
                def __init__(self):
                    self.lock = 1"""
    write(project, code)
    done = project.flowc("run", "flow.py")
    assert "| self.lock = threading.Lock()\n" in done.err, done.err
    assert "self.lock = 1" not in done.err


def test_a_retry_that_succeeds(project: Project) -> None:
    write(project, "assert current.retry_count == 2", "@retry(times=2)")
    run = project.run("flow.py")
    assert run.attempts("work") == {"0": [1, 2, 3]}
    assert project.artifacts(run, "end")["during"] == 2
    assert [record["outcome"] for n in (1, 2, 3) if (record := run.attempt("work", "0", n))] == [
        "failed",
        "failed",
        "ok",
    ]


def test_catch_of_what_succeeds_is_none(project: Project) -> None:
    write(project, "pass", "@catch(var='why')")
    assert project.artifacts(project.run("flow.py"), "end")["why"] is None


def test_a_timeout_is_raised_in_the_step(project: Project) -> None:
    write(
        project,
        """try:
                signal.pause()
            except Exception as error:
                self.seen = type(error).__name__, str(error)""",
        "@timeout(seconds=1)",
    )
    assert project.artifacts(project.run("flow.py"), "end")["seen"] == (
        "TimeoutException",
        "step 'work' took longer than its timeout of 1 s",
    )


def test_a_timeout_ends_the_step_and_can_be_caught(project: Project) -> None:
    write(project, "print('so far', flush=True); signal.pause()", "@catch(var='why')\n        @timeout(seconds=1)")
    run = project.run("flow.py")
    left = project.artifacts(run, "end")
    assert left["why"].type == "metaflow.plugins.timeout_decorator.TimeoutException"
    assert left["during"] == 0
    assert b"so far" in run.objects.get(run.log_key("work", "0", 1))


def test_the_error_shows_the_users_frames_only(project: Project) -> None:
    project.write("helper.py", "import json\n\n\ndef parse(text):\n    return json.loads(text)\n")
    write(project, "import helper; helper.parse('{')")
    done = project.flowc("run", "flow.py")
    error = done.err[done.err.index("error: ") :]
    expected = """\
error: step 'work' failed: json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)
  --> flow.py:14 in work
14 | import helper; helper.parse('{')
  --> helper.py:5 in parse
5 | return json.loads(text)
log: flowc logs Fails/RUN/work/work-0
resume: flowc resume flow.py --origin-run-id RUN
"""
    assert re.sub(r"\d{8}-\d{6}-\w+", "RUN", error) == expected
    assert "flowc_runtime" not in done.err


def test_an_artifact_that_cannot_be_stored_points_at_its_line(project: Project) -> None:
    write(project, "self.lock = 1; self.lock = threading.Lock()")
    done = project.flowc("run", "flow.py")
    assert "  --> flow.py:14 in work\n14 | self.lock = 1; self.lock = threading.Lock()\n" in done.err


def test_a_failure_stops_new_work_and_lets_running_tasks_finish(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import fcntl
        from metaflow import FlowSpec, step

        class Two(FlowSpec):
            @step
            def start(self):
                self.items = list(range(10))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                if self.index:
                    raise ValueError("boom")
                with open("go") as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)
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
    with project.start("-m", "flowc", "run", "flow.py", "--max-workers", "2") as process:
        err = read_until(process.stderr, "failed work/0.1")
        gate.open()
        err += process.communicate(timeout=60)[1]
    assert process.returncode == 1
    run = project.latest()
    assert run.attempts("work") == {"0.0": [1], "0.1": [1]}
    assert run.task("work", "0.0")["outcome"] == "ok"
    assert "error: step 'work' failed (task work-0.1): ValueError: boom" in err


def test_several_failures_give_one_error(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        from metaflow import FlowSpec, step

        class Two(FlowSpec):
            @step
            def start(self):
                os.mkfifo("meet")
                self.next(self.a, self.b)

            @step
            def a(self):
                open("meet", "w").close()
                raise ValueError("a")
                self.next(self.join)

            @step
            def b(self):
                open("meet").close()
                raise ValueError("b")
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = project.flowc("run", "flow.py", "--max-workers", "2")
    assert done.err.count("error: ") == 1
    assert re.search(r"note: failed as well: [ab]\n", done.err)


def test_a_next_that_the_source_does_not_show_is_an_error(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Sly(FlowSpec):
            @step
            def start(self):
                if True:
                    return
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert "step 'start' returned before its self.next(…)" in done.err


def test_foreach_over_what_is_no_list(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class NoList(FlowSpec):
            @step
            def start(self):
                self.items = 7
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert (
        "foreach='items', but self.items cannot be iterated: 'int' object is not iterable"
        in project.flowc("run", "flow.py").err
    )
