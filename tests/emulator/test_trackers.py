"""Trackers: one from a package, MLflow with a real database, failing trackers, and trackers of killed runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from importlib.util import find_spec
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.run.metrics import publishing
from project import wait_until
from small_flows import two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

TRACKER = """
    import json, os, time

    class Lines:
        def _write(self, run, *parts):
            with open(run.address, "a") as file:
                print(json.dumps(parts), file=file)

        def begin(self, run):
            print("progress of a library")
            if run.address == "raises":
                raise ConnectionError("no network\\nmore")
            if run.address == "hangs":
                time.sleep(600)
            if run.address == "dies":
                os._exit(7)
            about = [run.flow, run.user, run.target, dict(run.parameters), list(run.tags)]
            self._write(run, "begin", run.run, about)
            return "id-" + run.run

        def log(self, run, id, metrics):
            for each in metrics:
                self._write(run, "log", id, [each.name, each.value, each.step, each.task])

        def end(self, run, id, state, ended):
            self._write(run, "end", id, [state, ended >= run.began])

    LINES = Lines()
    NOT_ONE = 3
    """
FLOW = """
    import os, time
    from metaflow import FlowSpec, Parameter, current, retry, step
    from tools_of_test import passing

    class Train(FlowSpec):
        mode = Parameter("mode", default="ok")
        alpha = Parameter("alpha", default=0.5)

        @step
        def start(self):
            current.metric("loss", 2, step=1)
            current.metric("loss", 1, step=5)
            self.sizes = list(range(3))
            self.next(self.each, foreach="sizes")

        @retry(times=1, minutes_between_retries=0)
        @step
        def each(self):
            current.metric("size", self.input + 10 * current.retry_count)
            if self.input == 1 and current.retry_count == 0:
                raise ValueError("once")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            current.metric("last", float("nan"))
            if self.mode == "fail":
                raise ValueError("boom")
            if self.mode == "wait":
                passing()
    """
WAITS = """
    import time
    from pathlib import Path

    def passing():
        Path("waits").touch()
        time.sleep(60)
    """


def install(project: Project, modules: dict[str, str], entries: dict[str, str]) -> None:
    """Install a distribution with trackers into the project's own directory of packages."""
    site = project.root / "site"
    info = site / "lines_tracker-1.dist-info"
    info.mkdir(parents=True)
    for name, text in modules.items():
        (site / name).write_text(dedent(text))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lines-tracker\nVersion: 1\n")
    points = "".join(f"{name} = {place}\n" for name, place in entries.items())
    (info / "entry_points.txt").write_text(f"[flowc.trackers]\n{points}")
    project.environment["PYTHONPATH"] = f"{site}{os.pathsep}{project.environment['PYTHONPATH']}"


@pytest.fixture
def made(project: Project) -> Project:
    install(project, {"lines_tracker.py": TRACKER}, {"lines": "lines_tracker:LINES", "wrong": "lines_tracker:NOT_ONE"})
    project.write("flow.py", FLOW)
    project.write("tools_of_test.py", WAITS)
    project.environment["FLOWC_TRACKER"] = f"lines:{project.root}/lines.txt"
    project.environment["METAFLOW_USER"] = "ann"
    return project


def written(project: Project) -> list[list[Any]]:
    """Return the complete lines of the tracker, whose process may still write lines after the end of the run."""
    file = project.root / "lines.txt"
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


def logged(lines: list[list[Any]]) -> list[Any]:
    return sorted((each[2][:3] for each in lines if each[0] == "log" and each[2][0] != "last"), key=str)


POINTS = [["loss", 1, 5], ["loss", 2, 1], ["size/each-0.0", 0, 0], ["size/each-0.1", 11, 0], ["size/each-0.2", 2, 0]]


def test_a_package_gets_run_metrics_and_end(made: Project) -> None:
    run = made.run("flow.py", "--alpha", "0.25", "--tag", "b", "--tag", "a")
    begin, *between, end = written(made)
    assert begin == ["begin", run.id, ["Train", "ann", "local", {"mode": "ok", "alpha": "0.25"}, ["a", "b"]]]
    assert logged(between) == POINTS
    (last,) = [each for each in between if each[2][0] == "last"]
    assert last[1] == f"id-{run.id}"
    assert last[2][3] == "end/end-0"
    assert end == ["end", f"id-{run.id}", ["succeeded", True]]


def test_a_failed_run_sends_the_metrics_of_its_last_attempt(made: Project) -> None:
    assert made.flowc("run", "--local", "flow.py", "--mode", "fail").code == 1
    *lines, end = written(made)
    assert [each[2][0] for each in lines if each[0] == "log"].count("last") == 1
    assert end[2][0] == "failed"
    done = made.flowc("resume", "flow.py", "--mode", "ok")
    assert done.code == 0, done.err
    resumed = written(made)[len(lines) + 1 :]
    assert logged(resumed) == POINTS, (resumed, done.err)  # tasks reused from the failed run are part of the new run
    assert resumed[-1][2][0] == "succeeded"


@pytest.mark.parametrize(("number", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "killed")])
def test_a_run_that_is_ended_does_not_stay_active_in_the_tracker(made: Project, number: int, state: str) -> None:
    process = made.start("-m", "flowc", "run", "--local", "flow.py", "--mode", "wait")
    wait_until((made.root / "waits").exists, "the last step")
    process.send_signal(number)
    process.communicate(timeout=60)
    wait_until(lambda: [each[0] for each in written(made)][-1:] == ["end"], "the end in the tracker")
    assert written(made)[-1][2][0] == state
    assert logged(written(made)) == POINTS


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("raises", "the tracker 'lines' has failed, and lacks metrics of Train/RUN: ConnectionError: no network, but the store contains all metrics"),
        ("dies", "the tracker 'lines' lacks metrics, since its process has ended with code 7, but the store contains all metrics"),
    ],
)  # fmt: skip
def test_a_tracker_that_fails_is_one_warning(made: Project, address: str, shown: str) -> None:
    done = made.flowc("run", "--local", "flow.py", FLOWC_TRACKER=f"lines:{address}")
    assert done.code == 0
    run = made.latest()
    assert done.err.count("the tracker 'lines'") == 1
    assert f"warning: {shown.replace('RUN', run.id)}" in done.err
    assert run.status()["metrics"]["loss"] == 1


@pytest.mark.parametrize(("address", "code"), [("lines.txt", 0), ("raises", 1)])
def test_the_process_ends_well_while_its_input_is_open(made: Project, address: str, code: int) -> None:
    """The tracker's process ends although its input is still open and a thread waits for more input."""
    made.run("flow.py", FLOWC_TRACKER="none")
    run = made.latest()
    store = f"file://{made.root}/.flowc"
    order = {"tracker": f"lines:{address}", "store": store, "flow": "Train", "run": run.id, "partial": False}
    lines = [order, {"task": ["start", "0", 1]}, {"end": "succeeded", "ended": time.time()}]
    environment = {**os.environ, **made.environment}
    with subprocess.Popen(
        publishing.COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=made.root, env=environment
    ) as process:
        assert process.stdin is not None
        process.stdin.write("".join(f"{json.dumps(each)}\n" for each in lines).encode())
        process.stdin.flush()
        assert process.wait(60) == code
    if code == 0:
        assert [each[0] for each in written(made)] == ["begin", "log", "log", "end"]


def test_a_tracker_that_hangs_is_ended(made: Project) -> None:
    program = """
        import sys
        from flowc_emulator import tracking
        tracking.Tracking.end.__defaults__ = (1.0,)
        from flowc.cli import main
        sys.argv = ["flowc", "run", "--local", "flow.py"]
        main()
        """
    made.write("program.py", program)
    done = made.python("program.py", FLOWC_TRACKER="lines:hangs")
    assert done.code == 0, done.err
    assert "the tracker 'lines' did not accept all metrics within 1 s, but the store contains all metrics" in done.err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lins", "there is no tracker 'lins'\nhint: did you mean 'lines'?"),
        ("other", "there is no tracker 'other'\nhint: install its package, or use one of mlflow, none, lines, wrong"),
        ("lines:http://ann:secret@host", "the address of the tracker 'lines' contains a password or a query"),
        ("lines:http://host?key=secret", "the address of the tracker 'lines' contains a password or a query"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_run(made: Project, setting: str, message: str) -> None:
    done = made.flowc("run", "--local", "flow.py", FLOWC_TRACKER=setting)
    assert done.code == 2
    assert message in done.err
    assert "secret" not in done.err
    assert not made.store.flows()


def test_an_object_that_is_no_tracker_is_a_warning_with_its_package(made: Project) -> None:
    done = made.flowc("run", "--local", "flow.py", FLOWC_TRACKER="wrong")
    assert done.code == 0
    assert (
        "the tracker 'wrong' of the distribution 'lines-tracker': lines_tracker:NOT_ONE is a int, not a flowc.plugins.Tracker"
        in done.err
    )


def test_none_switches_a_tracker_of_the_configuration_file_off(made: Project) -> None:
    del made.environment["FLOWC_TRACKER"]
    made.write("flowc.toml", f'tracker = "lines:{made.root}/lines.txt"\n')
    made.run("flow.py", FLOWC_TRACKER="none")
    assert not (made.root / "lines.txt").exists()
    made.run("flow.py", "--mock")
    assert not (made.root / "lines.txt").exists()
    made.run("flow.py")
    assert written(made)[-1][0] == "end"


def test_pods_send_their_metrics_and_the_exit_handler_the_end(made: Project) -> None:
    made.write("code/flow.py", FLOW.replace("    from tools_of_test import passing\n", ""))
    (made.root / "ir.json").write_text(made.flowc("ir", "code/flow.py").out)
    environment = {
        "FLOWC_STORE": f"file://{made.root}/.flowc",
        "FLOWC_RUN": "train-x7",
        "FLOWC_IR": str(made.root / "ir.json"),
        "FLOWC_CODE": str(made.root / "code"),
        "FLOWC_OUT": str(made.root / "out"),
        "FLOWC_PARAMETERS": json.dumps([{"name": "mode", "value": "ok"}, {"name": "alpha", "value": "0.5"}]),
    }

    def pod(*arguments: str) -> int:
        done = made.python("-m", "flowc_runtime", *arguments, **environment)
        assert done.code in (0, 1), done.err
        assert "tracker" not in done.err
        return done.code

    def task(step: str, path: str, retry: int = 0) -> int:
        return pod("task", step, "--path", path, "--retry", str(retry))

    assert [task("start", "0"), task("each", "0.0"), task("each", "0.1"), task("each", "0.1", 1), task("each", "0.2")] == [
        0, 0, 1, 0, 0,
    ]  # fmt: skip
    assert [task("join", "0"), task("end", "0")] == [0, 0]
    assert pod("finish", "--status", "Succeeded") == 0
    lines = written(made)
    assert lines[0] == ["begin", "train-x7", ["Train", "argo", "argo", {"mode": "ok", "alpha": "0.5"}, []]]
    assert logged(lines) == [each if each[0] != "size/each-0.1" else ["size/each-0.1", 11, 0] for each in POINTS]
    assert lines[-1] == ["end", "id-train-x7", ["succeeded", True]]
    status = made.store.run("Train", "train-x7").status()
    assert status["metrics"].keys() == {"loss", "last"}


def test_manifests_contain_the_tracker(made: Project) -> None:
    setting = "mlflow:http://mlflow:5000"
    made.write("two.py", two_steps("Two"))
    text = made.flowc("compile", "--target", "argo", "two.py", FLOWC_TRACKER=setting).out
    # FLOWC_TRACKER is set in each template in which FLOWC_STORE is set: those of steps and of the exit handler
    assert text.count("name: FLOWC_TRACKER") == text.count("name: FLOWC_STORE") >= 2
    assert text.count(setting) == text.count("name: FLOWC_TRACKER")
    assert "FLOWC_TRACKER" not in made.flowc("compile", "--target", "argo", "two.py", FLOWC_TRACKER="none").out
    done = made.flowc("compile", "--target", "argo", "two.py", FLOWC_TRACKER="mlflow:http://u:secret@h")
    assert done.code == 2
    assert "setting tracker: the address of the tracker 'mlflow' contains a password" in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("compile", "--target", "argo"), "two.py"),
        (("compile", "--target", "argo"), "pipe.py:flow"),
        (("compile", "--target", "stepfunctions", "--store", "s3://team/runs", "--image", "i"), "two.py"),
    ],
)
def test_an_unknown_tracker_is_refused_when_a_flow_is_compiled(
    made: Project, words: tuple[str, ...], file: str
) -> None:
    made.write("two.py", two_steps("Two"))
    made.write("pipe.py", "from flowc.pipeline import *\nflow = Pipeline(name='flow', steps=[Stub(name='a')])\n")
    for setting, hint in {
        "nope": "did you mean 'none'?", "lins:x": "did you mean 'lines'?",
        "other": "install its package, or use one of mlflow, none, lines, wrong",
    }.items():  # fmt: skip
        done = made.flowc(*words, file, FLOWC_TRACKER=setting)
        assert done.code == 2
        assert f"there is no tracker '{setting.partition(':')[0]}'\nhint: {hint}" in done.err
        assert done.out == ""
    for setting in ("none", "lines:x", "mlflow"):
        assert made.flowc(*words, file, FLOWC_TRACKER=setting).code == 0


# -- MLflow ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mlflow_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with mlflow-skinny and packages for SQLite, which are too large for the test requirements."""
    if find_spec("pip") is None:
        pytest.skip("needs pip")
    site = tmp_path_factory.mktemp("mlflow") / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    done = subprocess.run(
        [*pip, "mlflow-skinny==3.17.2", "sqlalchemy", "alembic"], capture_output=True, text=True, check=False
    )
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("mlflow-skinny cannot be downloaded")
    assert done.returncode == 0, done.stderr
    return site


def test_mlflow_without_its_package_is_refused(made: Project) -> None:
    if find_spec("mlflow") is not None:
        pytest.skip("mlflow is installed")
    done = made.flowc("run", "--local", "flow.py", FLOWC_TRACKER="mlflow")
    assert done.code == 1
    assert "error: the tracker 'mlflow' needs the package mlflow\nhint: pip install 'flowc[mlflow]'" in done.err


def test_a_store_of_mlflow_has_one_run_with_parameters_tags_and_series(made: Project, mlflow_packages: Path) -> None:
    made.environment["PYTHONPATH"] += f"{os.pathsep}{mlflow_packages}"
    made.environment["PYTHONWARNINGS"] = "default"
    made.environment["FLOWC_TRACKER"] = f"mlflow:sqlite:///{made.root}/mlflow.db"
    made.write(
        "program.py",
        """
        import sys
        from flowc_emulator import tracking
        tracking.Tracking.end.__defaults__ = (300.0,)  # MLflow makes the tables of a new database, on a busy machine
        from flowc.cli import main
        sys.argv = ["flowc", "run", "--local", "flow.py", *sys.argv[1:]]
        main()
        """,
    )
    done = made.python("program.py", "--tag", "a b", timeout=400)
    assert done.code == 0, done.err
    assert "tracker" not in done.err
    first = made.latest()
    assert made.python("program.py", "--mode", "fail", timeout=400).code == 1
    second = made.latest()
    with sqlite3.connect(made.root / "mlflow.db") as database:

        def rows(query: str) -> list[Any]:
            return database.execute(query).fetchall()

        assert rows("select name from experiments where name != 'Default'") == [("Train",)]
        known = rows("select name, status, end_time > start_time, run_uuid from runs order by start_time")
        assert [each[:3] for each in known] == [(first.id, "FINISHED", 1), (second.id, "FAILED", 1)]
        id = known[0][3]
        assert dict(rows(f"select key, value from params where run_uuid = '{id}'")) == {"mode": "ok", "alpha": "0.5"}
        tags = dict(rows(f"select key, value from tags where run_uuid = '{id}'"))
        assert tags["flowc.run"] == first.id
        assert (tags["flowc.flow"], tags["flowc.status"], tags["flowc.tag.a b"]) == ("Train", "succeeded", "a b")
        points = rows(f"select key, value, step from metrics where run_uuid = '{id}' and not is_nan order by key, step")
        assert points == [
            ("loss", 2.0, 1), ("loss", 1.0, 5), ("size/each-0.0", 0.0, 0), ("size/each-0.1", 11.0, 0),
            ("size/each-0.2", 2.0, 0),
        ]  # fmt: skip
        assert rows(f"select key from metrics where run_uuid = '{id}' and is_nan") == [("last",)]
    database.close()
