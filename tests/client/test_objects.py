"""Flows, runs, steps, tasks and artifacts, as programs read them through the client."""

from __future__ import annotations

import pickle
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from metaflow import DataArtifact, Flow, Metaflow, Run, Step, Task
from metaflow.client.core import MetaflowData, MetaflowObject
from metaflow.exception import (
    MetaflowDataMissing,
    MetaflowExceptionWrapper,
    MetaflowInvalidPathspec,
    MetaflowNotFound,
)
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project


def runs() -> tuple[Run, Run]:
    """Return the successful run and the failed one."""
    failed, good = Flow("Letters")
    return good, failed


def test_flows_and_their_runs_newest_first(letters: Project) -> None:
    flow = Flow("Letters")
    good, failed = runs()
    assert [one.id for one in Metaflow()] == ["Letters"]
    assert "Letters" in Metaflow()
    assert "Other" not in Metaflow()
    with pytest.raises(MetaflowNotFound, match="does not exist"):
        Metaflow()["Other"]
    assert flow.latest_run == failed
    assert flow.latest_successful_run == good
    assert flow[good.id] == good
    assert good.id in flow
    assert "nothing" not in flow
    assert list(flow.runs()) == [failed, good]
    assert [run.id for run in (good, failed)] == letters.store.runs("Letters")
    assert flow.created_at == good.created_at


def test_how_a_run_went(letters: Project) -> None:
    good, failed = runs()
    assert (good.successful, good.finished, good.status) == (True, True, "succeeded")
    assert (failed.successful, failed.finished, failed.status) == (False, False, "failed")
    assert good.finished_at is not None
    assert good.finished_at > good.created_at
    assert (
        datetime.fromtimestamp(letters.store.run("Letters", good.id).record()["created"]) == good.created_at
    )  # a time without a zone is local time
    assert failed.finished_at is None
    assert failed.data is None
    assert failed.end_task is None
    assert good.data is not None
    assert good.data.letters == "ABC"
    assert good.end_task == good["end"].task
    assert good._graph_endpoints == ("start", "end")
    assert good.code is None
    assert good.trigger is None
    assert good.origin_pathspec is None


def test_steps_newest_first(letters: Project) -> None:
    good, failed = runs()
    assert [step.id for step in good] == ["end", "join", "each", "start"]
    assert [step.id for step in failed] == ["each", "start"]
    assert list(good.steps("good")) == list(good)
    assert list(good.steps("good", "bad")) == []
    each = good["each"]
    assert [task.id for task in each] == ["each-0.2", "each-0.1", "each-0.0"]
    assert each.task == each["0.2"]
    assert list(each.tasks()) == list(each)
    assert each.created_at <= each["0.0"].created_at
    assert each.finished_at == max(task.finished_at for task in each)
    assert each.environment_info is None


def test_a_task_is_about_the_attempt_that_counts(letters: Project) -> None:
    good, failed = runs()
    b = good["each"]["0.1"]
    assert (b.successful, b.finished, b.current_attempt, b.exception) == (True, True, 1, None)
    assert b.stdout == "attempt 1\n"
    first = Task(b.pathspec, attempt=0)
    assert (first.successful, first.finished, first.current_attempt) == (False, False, 0)
    assert first.stdout == "attempt 0\n"
    assert "ValueError: once" in first.stderr
    assert first.finished_at is not None
    assert b.created_at <= first.finished_at <= b.finished_at
    beyond = failed["each"]["0.3"]
    assert (beyond.successful, beyond.finished, beyond.current_attempt) == (False, False, 1)


def test_why_a_task_failed(letters: Project) -> None:
    _, failed = runs()
    error = failed["each"]["0.3"].exception
    assert isinstance(error, MetaflowExceptionWrapper)
    assert (error.type, error.exception) == ("builtins.IndexError", "string index out of range")
    assert 'self.letter = "ABC"[self.input]' in str(error)
    assert str(error) == error.stacktrace


def test_what_a_failed_task_began_with_is_there(letters: Project) -> None:
    _, failed = runs()
    task = failed["each"]["0.3"]
    assert task.data.items == [0, 1, 2, 3]
    assert "letter" not in task.data


LEFT = """
    import os, signal, threading
    from metaflow import FlowSpec, catch, retry, step

    class Left(FlowSpec):
        @step
        def start(self):
            self.kept, self.gone, self.changed = 1, 2, [1]
            self.next(self.middle)

        @retry(times=1)
        @step
        def middle(self):
            del self.gone
            self.changed.append(2)
            self.lock = threading.Lock()
            self.table = list(range(1000))
            if os.environ.get("KILL"):
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("as ever")
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_what_a_failed_attempt_had_set_is_there(letters: Project) -> None:
    """The artifacts of a failed attempt are stored if possible; the next attempt does not see them."""
    letters.write("left.py", LEFT)
    assert letters.flowc("run", "--local", "left.py").code == 1
    run = Flow("Left").latest_run
    assert run is not None
    for task in (run["middle"].task, Task(f"{run.pathspec}/middle/0", attempt=0)):
        assert task.exception.exception == "as ever"
        assert [artifact.id for artifact in task] == ["changed", "kept", "name", "table"]
        assert (task.data.kept, task.data.changed, task.data.table[999]) == (1, [1, 2], 999)
    # an artifact of a failed task is not a version of the artifact
    assert Flow("Left").artifact_versions("table") == []


def test_what_a_killed_attempt_began_with_is_there(letters: Project) -> None:
    letters.write("left.py", LEFT)
    assert letters.flowc("run", "--local", "left.py", KILL="1").code == 1
    run = Flow("Left").latest_run
    assert run is not None
    assert [artifact.id for artifact in run["middle"].task] == ["changed", "gone", "kept", "name"]
    assert run["middle"].task.data.changed == [1]


def test_without_memory_only_the_failure_is_kept(letters: Project) -> None:
    letters.write("left.py", LEFT.replace("raise ValueError", "raise MemoryError"))
    assert letters.flowc("run", "--local", "left.py").code == 1
    run = Flow("Left").latest_run
    assert run is not None
    task = run["middle"].task
    assert task.exception.type == "builtins.MemoryError"
    assert "table" not in task
    assert task.data.changed == [1]


def test_a_store_that_fails_too_does_not_hide_why_a_step_failed(letters: Project) -> None:
    letters.write("left.py", LEFT.replace('raise ValueError', 'import shutil; shutil.rmtree(".flowc/blobs", ignore_errors=True); '
                                          'open(".flowc/blobs", "w").close(); raise ValueError'))  # fmt: skip
    done = letters.flowc("run", "--local", "left.py")
    assert done.code == 1
    assert "the artifacts of the failed attempt are not kept: cannot write to the store" in done.err
    assert "ValueError: as ever" in done.err


def test_artifacts(letters: Project) -> None:
    good, _ = runs()
    b = good["each"]["0.1"]
    assert [artifact.id for artifact in b] == ["items", "letter", "n", "name"]
    assert b.artifacts.letter == b["letter"] == DataArtifact(f"{b.pathspec}/letter")
    assert b.artifacts._fields == ("items", "letter", "n", "name")
    assert b["letter"].data == b.data.letter == "B"
    assert b["letter"].type == "str"
    assert b["items"].sha == good["start"].task["items"].sha
    assert b["letter"].sha != b["items"].sha
    assert len(b["letter"].sha) == 64
    assert b["letter"].finished_at == b["letter"].created_at == b.finished_at
    assert "letter" in b
    assert "letter" in b.data
    assert "nothing" not in b
    assert "nothing" not in b.data
    assert repr(b.data) == "<MetaflowData: items, letter, n, name>"
    assert "letter" in dir(b.data)
    assert list(b["letter"]) == []


def test_parameters_and_the_name_are_artifacts_of_each_task(letters: Project) -> None:
    good, _ = runs()
    for step in good:
        assert (step.task.data.n, step.task.data.name) == (3, "Letters")
    assert good["start"].task["n"].size == len(pickle.dumps(3, protocol=5))


def test_the_step_of_the_parameters(letters: Project) -> None:
    """The run does not list the step `_parameters`.

    The task of `_parameters` ends when the run starts, and has all properties.
    """
    good, failed = runs()
    for run, n in ((good, 3), (failed, 4)):
        step = run["_parameters"]
        assert "_parameters" in run
        assert "_parameters" not in [each.id for each in run]
        assert step == Step(f"{run.pathspec}/_parameters")
        (task,) = step
        assert task == step.task == Task(f"{run.pathspec}/_parameters/0") == step["_parameters-0"]
        assert [artifact.id for artifact in task] == ["n", "name"]
        assert (task.data.n, task["name"].data, task.successful, task.finished) == (n, "Letters", True, True)
        assert task.created_at == task.finished_at == step.finished_at == step.created_at == run.created_at
        assert (task.index, task.exception, task.stdout, task.stderr, task.current_attempt) == (None, None, "", "", 0)
        assert [*task.loglines("stdout")] == [*task.parent_tasks] == [*task.child_tasks] == [*step.child_steps] == []
        assert [*run["start"].parent_steps] == [*run["start"].task.parent_tasks] == []
        assert {"attempt-done": "0", "user": "ann"}.items() <= task.metadata_dict.items()
        assert "<td>n</td>" in task._repr_html_()
        assert "_parameters-0" in step._repr_html_()
        assert (task.environment_info, task.code, task.origin_pathspec) == (None, None, None)
        for parent, missing in ((step, "1"), (task, "letter"), (run, "_nothing")):
            with pytest.raises(KeyError):
                parent[missing]
        with pytest.raises(MetaflowNotFound):
            Task(task.pathspec, attempt=1)


CONSTANTS = """
    import threading
    from metaflow import FlowSpec, step

    class Base(FlowSpec):
        names = ["a"]

    class Constant(Base):
        FACTOR = 3
        lock = threading.Lock()
        _hidden = 1
        kind = int

        @property
        def answer(self):
            return 42

        @staticmethod
        def helper():
            pass

        @step
        def start(self):
            self.names.append("b")
            self.next(self.end)

        @step
        def end(self):
            self.done = True

    if __name__ == "__main__":
        Constant()
    """


def test_constants_of_the_class_are_artifacts_of_each_task(letters: Project) -> None:
    """Constants have the values of the class at the start of the run, and are artifacts if they can be stored."""
    letters.write("constant.py", CONSTANTS)
    assert letters.flowc("run", "--local", "constant.py").code == 0
    run = Flow("Constant").latest_run
    assert run is not None
    for step in run:
        assert {"FACTOR", "name", "names"} == {artifact.id for artifact in step.task} - {"done"}
        assert (step.task.data.FACTOR, step.task.data.names) == (3, ["a"])
    assert "FACTOR [size: 5 type: <class 'int'>] = 3\n" in letters.python("constant.py", "dump", "latest/end").out
    assert letters.python("constant.py", "resume", "end").code == 0
    assert Flow("Constant").latest_run.data.FACTOR == 3
    assert "FACTOR" not in Flow("Constant").metrics()[0]


def test_the_graph_is_a_hidden_artifact(letters: Project) -> None:
    good, _ = runs()
    info = good["start"].task["_graph_info"].data
    assert info["steps"]["start"]["next"] == ["each"]
    assert "_graph_info" not in good["start"].task.artifacts._fields


def test_a_value_is_restored_when_it_is_asked_for_and_not_before(letters: Project) -> None:
    letters.write("own.py", "class Own:\n    pass\n")
    letters.write(
        "owner.py",
        """
        from metaflow import FlowSpec, step
        from own import Own

        class Owner(FlowSpec):
            @step
            def start(self):
                self.own = Own()
                self.plain = 1
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert letters.flowc("run", "--local", "owner.py").code == 0
    run = Flow("Owner").latest_run
    assert run is not None
    artifact = run["end"].task["own"]
    assert (artifact.type, artifact.size > 0, len(artifact.sha)) == ("own.Own", True, 64)
    assert run.data.plain == 1
    assert "own" not in sys.modules
    assert type(artifact.data).__qualname__ == "Own"  # the client loads the class from the code that the run stored
    assert "own" not in sys.modules


def test_a_blob_that_is_gone(letters: Project) -> None:
    letters.write(
        "large.py",
        two_steps("Large", start='self.text = "x" * 10_000', guard=False),
    )
    letters.flowc("run", "--local", "large.py")
    task = Flow("Large").latest_run["end"].task
    sha = task["text"].sha
    (letters.root / ".flowc" / "blobs" / sha[:2] / sha).unlink()
    with pytest.raises(MetaflowDataMissing, match="the data of DataArtifact"):
        _ = task.data.text


def test_logs(letters: Project) -> None:
    good, _ = runs()
    start = good["start"].task
    assert start.stdout == "hello\n"
    assert start.stderr == "and trouble\n"
    assert (start.stdout_size, start.stderr_size) == (6, 12)
    ((time, line),) = start.loglines("stdout")
    assert line == "hello"
    assert time.tzinfo is None
    assert [line for _, line in start.loglines("stderr", as_unicode=False)] == [b"and trouble"]
    assert good["end"].task.stdout == ""
    with pytest.raises(ValueError, match="'stdout' and 'stderr'"):
        list(start.loglines("both"))


def test_log_times_are_utc(letters: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    task = runs()[0]["start"].task
    ((before, _),) = task.loglines("stdout")
    created = task.created_at
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        ((after, _),) = task.loglines("stdout")
        assert after == before
        assert task.created_at == created + timedelta(hours=9)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_metadata(letters: Project) -> None:
    good, _ = runs()
    b = good["each"]["0.1"]
    told = b.metadata_dict
    assert {name: told[name] for name in ("attempt", "attempt-done", "attempt_ok", "foreach-execution-path")} == {
        "attempt": "1",
        "attempt-done": "1",
        "attempt_ok": "True",
        "foreach-execution-path": "each:1",
    }
    assert (told["user"], told["runtime"], told["script-name"]) == ("ann", "dev", "flow.py")
    assert (told["ds-type"], told["ds-root"]) == ("local", str(letters.root / ".flowc"))
    assert (told["origin-run-id"], told["metaflow_version"].partition("+")[0]) == ("None", "2.19.39")
    assert told["python_version"].startswith("3.")
    assert [item.value for item in b.metadata if item.name == "attempt_ok"] == ["False", "True"]
    assert Task(b.pathspec, attempt=0).metadata_dict["attempt"] == "0"
    first = b.metadata[0]
    assert first.task == b
    assert first.type == first.name
    assert first.created_at == int(b.created_at.timestamp() * 1000)
    assert b.runtime_name == "dev"


def test_names_of_objects(letters: Project) -> None:
    good, _ = runs()
    letter = good["each"]["0.1"]["letter"]
    assert repr(letter) == f"DataArtifact('Letters/{good.id}/each/each-0.1/letter')"
    assert str(good) == f"Run('Letters/{good.id}')"
    assert repr(Task(f"Letters/{good.id}/each/0.1", attempt=0)) == f"Task('Letters/{good.id}/each/each-0.1', attempt=0)"
    assert letter.path_components == ["Letters", good.id, "each", "each-0.1", "letter"]
    parents = [letter.parent, letter.parent.parent, letter.parent.parent.parent, good.parent]
    assert parents == [good["each"]["0.1"], good["each"], good, Flow("Letters")]
    assert good.parent.parent is None
    assert DataArtifact(letter.pathspec, attempt=1).parent == Task(letter.parent.pathspec, attempt=1)
    assert str(Metaflow()) == "Metaflow()"


def test_equal_objects_stand_for_the_same(letters: Project) -> None:
    good, failed = runs()
    b = good["each"]["0.1"]
    assert b == Task(b.pathspec)
    assert hash(b) == hash(Task(b.pathspec))
    assert b != Task(b.pathspec, attempt=1)
    assert good != failed
    assert good != good.pathspec
    assert {good, Run(good.pathspec)} == {good}


def test_an_attempt_that_never_was(letters: Project) -> None:
    pathspec = runs()[0]["each"]["0.1"].pathspec
    for attempt, message in ((2, "does not exist"), (-1, "non-negative"), ("x", "only be an integer")):
        wrong: Any = attempt
        with pytest.raises(MetaflowNotFound, match=message):
            Task(pathspec, attempt=wrong)
    with pytest.raises(MetaflowNotFound, match="only be specified for Task or DataArtifact"):
        Run("/".join(pathspec.split("/")[:2]), attempt=0)


@pytest.mark.parametrize(
    ("kind", "pathspec"),
    [
        (Flow, "Nothing"),
        (Run, "Letters/nothing"),
        (Run, "Nothing/1"),
        (Step, "Letters/{run}/nothing"),
        (Task, "Letters/{run}/each/0.9"),
        (Task, "Letters/{run}/each/.."),
        (Task, "Letters/{run}/each/x"),
        (DataArtifact, "Letters/{run}/each/0.1/nothing"),
        (DataArtifact, "Letters/{run}/nothing/0/n"),
    ],
)
def test_what_is_not_there(letters: Project, kind: type[MetaflowObject], pathspec: str) -> None:
    pathspec = pathspec.format(run=runs()[0].id)
    with pytest.raises(MetaflowNotFound, match="does not exist"):
        kind(pathspec)


@pytest.mark.parametrize(
    ("kind", "pathspec", "expected"),
    [
        (Flow, "Letters/1", "Flow('FlowName')"),
        (Run, "Letters", "Run('FlowName/RunID')"),
        (Run, "Letters/", "Run('FlowName/RunID')"),
        (Step, "a/b", "Step('FlowName/RunID/StepName')"),
        (Task, None, "Task('FlowName/RunID/StepName/TaskID')"),
        (DataArtifact, "a/b/c/d", "DataArtifact('FlowName/RunID/StepName/TaskID/ArtifactName')"),
    ],
)
def test_what_is_no_pathspec(letters: Project, kind: type[MetaflowObject], pathspec: Any, expected: str) -> None:
    with pytest.raises(MetaflowInvalidPathspec) as error:
        kind(pathspec)
    assert str(error.value) == f"Expects {expected}"


def test_a_child_that_is_not_there_is_a_key_error(letters: Project) -> None:
    good, _ = runs()
    for parent in (Flow("Letters"), good, good["each"], good["each"]["0.1"]):
        with pytest.raises(KeyError, match="nothing"):
            parent["nothing"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = good.data.nothing
    assert good["start"][0] == good["start"]["0"]
    assert 0 in good["start"]
    assert 1 not in good["start"]


def test_pickled_objects_are_the_same_elsewhere(letters: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from metaflow import default_metadata, namespace

    good, _ = runs()
    kept = pickle.dumps([good, good["each"]["0.1"], Task(good["each"]["0.1"].pathspec, attempt=0), good.data])
    namespace("bad")
    flows = pickle.dumps([Flow("Letters"), Flow("Letters", _namespace_check=False)])
    namespace("user:somebody else")
    default_metadata()
    monkeypatch.chdir("/")
    run, task, first, data = pickle.loads(kept)
    assert run == good
    assert run.successful
    assert task.data.letter == "B"
    assert first.exception.exception == "once"
    assert isinstance(data, MetaflowData)
    assert data.letters == "ABC"
    assert [len(list(flow)) for flow in pickle.loads(flows)] == [1, 2]


def test_notebooks_complete_ids(letters: Project) -> None:
    good, failed = runs()
    offered: list[Any] = [Metaflow(), Flow("Letters"), good, good["each"], good["each"]["0.1"]]
    assert [one._ipython_key_completions_() for one in offered] == [
        ["Letters"],
        [failed.id, good.id],
        ["end", "join", "each", "start"],
        ["each-0.2", "each-0.1", "each-0.0"],
        ["items", "letter", "n", "name"],
    ]


def test_notebooks_show_tables(letters: Project) -> None:
    good, failed = runs()
    flow = Flow("Letters")._repr_html_()
    assert good.id in flow
    assert "succeeded</td>" in flow
    assert "<td>each</td><td>3</td>" in good._repr_html_()
    assert "each-0.2" in good["each"]._repr_html_()
    assert "builtins.IndexError: string index out of range" in failed["each"]["0.3"]._repr_html_()
    assert "<td>letter</td><td>str</td>" in good["each"]["0.1"]._repr_html_()
    assert "&#x27;B&#x27;" in good["each"]["0.1"]["letter"]._repr_html_()
    assert "<td>letters</td>" in good.data._repr_html_()


def test_a_run_that_goes_on(letters: Project) -> None:
    letters.write(
        "waits.py",
        """
        import fcntl
        from metaflow import FlowSpec, step

        class Waits(FlowSpec):
            @step
            def start(self):
                print("here", flush=True)
                with open("go") as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    gate = letters.gate()
    with letters.start("-m", "flowc", "run", "--local", "waits.py") as run:
        assert run.stdout is not None
        while "here" not in run.stdout.readline():
            pass
        seen = Flow("Waits").latest_run
        assert seen is not None
        assert (seen.status, seen.finished, seen.successful, seen.finished_at) == ("running", False, False, None)
        task = seen["start"].task
        assert (task.finished, task.successful, task.finished_at, task.current_attempt) == (False, False, None, 0)
        assert task.exception is None
        assert "end" not in seen
        gate.open()
        run.communicate()
        assert (seen.status, seen.finished, task.successful) == ("succeeded", True, True)
