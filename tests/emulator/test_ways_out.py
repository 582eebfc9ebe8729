"""Special ends of a step: an exit code that forbids retries, and a step that continues after its timeout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Finished, Project

FLOW = """
    import os, signal, sys, threading, time, multiprocessing
    from metaflow import FlowSpec, catch, current, retry, step, timeout
    from metaflow.exception import METAFLOW_EXIT_ALLOW_RETRY, METAFLOW_EXIT_DISALLOW_RETRY

    class Out(FlowSpec):
        {decorators}
        @step
        def start(self):
            print("ATTEMPT", current.retry_count, flush=True)
            {code}
            self.next(self.end)

        @step
        def end(self):
            pass
    """
RETRY = "@retry(times=2)"
CAUGHT = "@catch(var='why')\n        @retry(times=2)"


def write(project: Project, code: str, decorators: str, file: str = "flow.py") -> None:
    project.write(file, FLOW.format(decorators=decorators, code=code.replace("\n", "\n" + " " * 12)))


def pod(project: Project, *, retry: int = 0) -> Finished:
    """Run the first task through the entry point of pods."""
    (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
    environment = {
        "FLOWC_STORE": f"file://{project.root}/.flowc",
        "FLOWC_RUN": "out-1",
        "FLOWC_IR": str(project.root / "ir.json"),
        "FLOWC_CODE": str(project.root / "code"),
    }
    words = ("task", "start", "--path", "0", "--retry", str(retry))
    return project.python("-m", "flowc_runtime", *words, **environment)


# -- no retry ----------------------------------------------------------------------------------------------------------

ENDS = ["sys.exit(METAFLOW_EXIT_DISALLOW_RETRY)", "raise SystemExit(METAFLOW_EXIT_DISALLOW_RETRY)",
        "os._exit(METAFLOW_EXIT_DISALLOW_RETRY)"]  # fmt: skip


@pytest.mark.parametrize("decorators", [RETRY, CAUGHT, "@catch(var='why')", ""])
@pytest.mark.parametrize("code", ENDS)
def test_an_exit_that_forbids_retries_ends_the_flow(project: Project, code: str, decorators: str) -> None:
    """@catch does not handle an exit code that forbids retries, as in Metaflow 2.19.39."""
    write(project, code, decorators)
    done = project.flowc("run", "--local", "flow.py")
    assert (done.code, done.out.count("ATTEMPT")) == (1, 1), done.out
    run = project.latest()
    assert list(run.attempts("start")["0"]) == [1]
    record = run.attempt("start", "0", 1)
    assert record is not None
    assert record["outcome"] == "failed"
    assert record["exit"]["code"] == (202 if "os._exit" in code else 79)


@pytest.mark.parametrize("decorators", [RETRY, CAUGHT])
@pytest.mark.parametrize("code", ENDS)
def test_a_pod_says_so_to_argo(project: Project, code: str, decorators: str) -> None:
    write(project, code, decorators, "code/flow.py")
    done = pod(project)
    assert (done.code, done.out) == (79, "ATTEMPT 0\n"), done.err
    assert project.store.run("Out", "out-1").status()["state"] == "failed"


@pytest.mark.parametrize(
    "code",
    [
        "sys.exit(METAFLOW_EXIT_ALLOW_RETRY)",
        "sys.exit(str(METAFLOW_EXIT_DISALLOW_RETRY))",
        "sys.exit(3)",
        "os._exit(3)",
        "raise ValueError(METAFLOW_EXIT_DISALLOW_RETRY)",
    ],
)
def test_other_exits_are_retried(project: Project, code: str) -> None:
    write(project, code, RETRY)
    done = project.flowc("run", "--local", "flow.py")
    assert (done.code, done.out.count("ATTEMPT")) == (1, 3), done.out
    write(project, code, RETRY, "code/flow.py")
    assert pod(project).code == 1


@pytest.mark.parametrize(
    "code",
    [
        "one = threading.Thread(target=sys.exit, args=(METAFLOW_EXIT_DISALLOW_RETRY,)); one.start(); one.join()",
        "one = multiprocessing.get_context('fork').Process(target=sys.exit, args=(METAFLOW_EXIT_DISALLOW_RETRY,))\n"
        "one.start(); one.join(); assert one.exitcode == METAFLOW_EXIT_DISALLOW_RETRY",
    ],
)
def test_threads_and_children_end_by_it_alone(project: Project, code: str) -> None:
    write(project, code, RETRY)
    done = project.flowc("run", "--local", "flow.py")
    assert (done.code, done.out.count("ATTEMPT")) == (0, 1), done.err


# -- steps that continue after their timeout ---------------------------------------------------------------------------

SWALLOWED = "its code caught the timeout's exception; let it propagate or end the step"
TAKEN = (
    "its code used SIGALRM or its timer, which @timeout needs; remove signal.alarm and signal.setitimer, or @timeout"
)
WAIT = "until = time.time() + 1.6\nwhile time.time() < until:\n    {wait}"
OVERRUNS = {
    "swallow": (WAIT.format(wait="try: time.sleep(0.2)\n    except Exception: pass"), SWALLOWED),
    "base": (WAIT.format(wait="try: time.sleep(0.2)\n    except BaseException: pass"), SWALLOWED),
    "finally": ("def wait():\n    try: time.sleep(1.6)\n    finally: return 1\nwait()", SWALLOWED),
    "alarm": ("signal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(1); time.sleep(1.6)", TAKEN),
    "ignored": ("signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(1.6)", TAKEN),
    "timer": ("signal.setitimer(signal.ITIMER_REAL, 0); time.sleep(1.6)", TAKEN),
    "restored": (
        "before = signal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(1); signal.alarm(0)\n"
        "signal.signal(signal.SIGALRM, before); time.sleep(1.6)",
        TAKEN,
    ),
}


@pytest.mark.parametrize("case", OVERRUNS)
def test_a_step_that_goes_on_after_its_timeout_is_told_of(project: Project, case: str) -> None:
    code, why = OVERRUNS[case]
    write(project, code, "@catch(var='why')\n        @timeout(seconds=1)")
    done = project.flowc("run", "--local", "flow.py")
    assert done.code == 0, done.err
    run = project.latest()
    record = run.attempt("start", "0", 1)
    assert record is not None
    assert record["outcome"] == "ok"
    note = record.get("note", "")
    assert note.startswith("step 'start' ran for 1.")
    assert note.endswith(f" s, although its timeout is 1 s: {why}")
    assert f"{note}\n" in project.flowc("logs", f"Out/{run.id}/start", "--stderr").err


@pytest.mark.parametrize("alarm", ["signal.alarm(1)", "os.kill(os.getpid(), signal.SIGALRM)"])
def test_an_alarm_that_comes_early_is_not_the_timeout(project: Project, alarm: str) -> None:
    """If an alarm arrives before the end of the time limit, the timer is set again for the remaining time."""
    write(project, f"{alarm}; threading.Event().wait()", "@catch(var='why')\n        @timeout(seconds=2)")
    assert project.flowc("run", "--local", "flow.py").code == 0
    record = project.latest().attempt("start", "0", 1)
    assert record is not None
    assert record.get("error", {})["message"] == "step 'start' took longer than its timeout of 2 s"
    assert record["ended"] - record["began"] >= 2
    write(project, f"{alarm}; time.sleep(1.2)", "@timeout(seconds=2)")
    assert project.flowc("run", "--local", "flow.py").code == 0
    record = project.latest().attempt("start", "0", 1)
    assert record is not None
    assert (record["outcome"], record.get("note")) == ("ok", None)


def test_show_has_the_note(project: Project) -> None:
    write(project, OVERRUNS["swallow"][0], "@timeout(seconds=1)")
    assert project.flowc("run", "--local", "flow.py").code == 0
    for path in ("Out/latest/start", "Out/latest/start/start-0"):
        assert SWALLOWED in project.flowc("show", path).out
    (attempt,) = json.loads(project.flowc("show", "Out/latest/start/start-0", "--json").out)["attempts"]
    assert (attempt["type"], attempt["note"].endswith(SWALLOWED)) == (None, True)
    (task,) = json.loads(project.flowc("show", "Out/latest/end", "--json").out)["tasks"]
    assert task["note"] is None


def test_a_pod_tells_it_too(project: Project) -> None:
    write(project, OVERRUNS["swallow"][0], "@timeout(seconds=1)", "code/flow.py")
    done = pod(project)
    assert (done.code, SWALLOWED in done.err) == (0, True), done.err
    record = project.store.run("Out", "out-1").attempt("start", "0", 1)
    assert record is not None
    assert SWALLOWED in record.get("note", "")


def test_a_swallowed_timeout_of_a_step_that_fails_later_is_told_of(project: Project) -> None:
    code = "try: signal.pause()\nexcept Exception: pass\nraise ValueError('later')"
    write(project, code, "@timeout(seconds=1)")
    assert project.flowc("run", "--local", "flow.py").code == 1
    run = project.latest()
    record = run.attempt("start", "0", 1)
    assert record is not None
    assert (record.get("error", {})["message"], SWALLOWED in record.get("note", "")) == ("later", True)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("signal.pause()", "caught"),
        ("try: signal.pause()\nfinally: print('clean')", "caught"),
        ("signal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(1)", "ok"),
        ("pass", "ok"),
    ],
)
def test_what_did_not_overrun_has_no_note(project: Project, code: str, outcome: str) -> None:
    write(project, code, "@catch(var='why')\n        @timeout(seconds=1)")
    assert project.flowc("run", "--local", "flow.py").code == 0
    run = project.latest()
    record = run.attempt("start", "0", 1)
    assert record is not None
    assert (record["outcome"], record.get("note")) == (outcome, None)
