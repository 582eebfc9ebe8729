"""Metrics of flows on this machine: in maps, retries, failures, resumed and cached tasks, and the cost of metrics."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.testing import run_step
from flowc_runtime.store.records.needed_blobs import file_blobs
from metaflow import Flow, FlowSpec, current, default_metadata, default_namespace, metadata, namespace, step
from small_flows import two_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

TRAIN = """
    import os, signal
    from metaflow import FlowSpec, Parameter, catch, current, retry, step
    from flowc.steps import cache

    class Train(FlowSpec):
        mode = Parameter("mode", default="ok")

        @step
        def start(self):
            for epoch in range(5):
                current.metric("loss", 1 / (epoch + 1), step=10 * epoch)
            self.sizes = [1, 2, 3]
            self.next(self.each, foreach="sizes")

        @retry(times=1, minutes_between_retries=0)
        @step
        def each(self):
            current.metric("size", self.input + 10 * current.retry_count)
            if self.input == 2 and current.retry_count == 0:
                raise ValueError("once")
            self.next(self.join)

        @step
        def join(self, inputs):
            current.metric("loss", 0.125)
            self.next(self.risky)

        @step
        def risky(self):
            current.metric("risk", float("nan"))
            current.metric("risk", float("inf"))
            if self.mode == "fail":
                raise ValueError("boom")
            if self.mode == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            self.next(self.cached)

        @cache
        @step
        def cached(self):
            current.metric("kept", 1)
            current.metric("kept", 2)
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture
def train(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project.write("flow.py", TRAIN)
    (project.root / ".flowc").mkdir()
    monkeypatch.delenv("FLOWC_STORE", raising=False)
    metadata(str(project.root))
    namespace(None)
    yield project
    default_metadata()
    default_namespace()


def points(task: Any, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in task.metric(name)]


def test_tasks_and_runs_have_metrics_and_a_retry_counts_once(train: Project) -> None:
    train.run("flow.py")
    run = Flow("Train").latest_run
    assert run.metrics == {
        "loss": 0.125, "size/each-0.0": 1, "size/each-0.1": 12, "size/each-0.2": 3, "risk": math.inf, "kept": 2,
    }  # fmt: skip
    assert run["start"].task.metrics == {"loss": 0.2}
    assert points(run["start"].task, "loss") == [(0, 1.0), (10, 0.5), (20, 1 / 3), (30, 0.25), (40, 0.2)]
    assert points(run["each"]["0.1"], "size") == [(0, 12)]
    assert run["end"].task.metrics == {}
    with pytest.raises(KeyError):
        run["end"].task.metric("loss")
    (row,) = Flow("Train").metrics()
    assert {name: row[name] for name in ("loss", "risk", "kept", "mode")} == {
        "loss": 0.125, "risk": math.inf, "kept": 2, "mode": "ok",
    }  # fmt: skip
    assert train.latest().status()["metrics"] == {"loss": 0.125, "risk": math.inf, "kept": 2}


def test_a_failed_attempt_keeps_its_metrics(train: Project) -> None:
    assert train.flowc("run", "--local", "flow.py", "--mode", "fail").code == 1
    run = Flow("Train").latest_run
    task = run["risky"].task
    assert not task.successful
    assert [str(point.value) for point in task.metric("risk")] == ["nan", "inf"]
    assert run.metrics["risk"] == math.inf
    assert Flow("Train").metrics()[0]["risk"] == math.inf
    first = type(run["each"]["0.1"])(run["each"]["0.1"].pathspec, attempt=0)
    assert first.metrics == {"size": 2}


def test_a_killed_attempt_has_none(train: Project) -> None:
    assert train.flowc("run", "--local", "flow.py", "--mode", "kill").code == 1
    run = Flow("Train").latest_run
    assert run["risky"].task.metrics == {}
    assert run.metrics["loss"] == 0.125


def test_records_with_nan_are_valid_json(train: Project) -> None:
    run = train.run("flow.py")
    texts = [path.read_text() for path in Path(train.root, ".flowc", run.prefix).rglob("*.json")]
    for text in texts:
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert any('{"$float":"Infinity"}' in text for text in texts)


def test_resumed_and_cached_tasks_have_their_metrics(train: Project) -> None:
    assert train.flowc("run", "--local", "flow.py", "--mode", "fail").code == 1
    done = train.flowc("resume", "flow.py", "--mode", "ok")
    assert done.code == 0, done.err
    first, second = Flow("Train").latest_run, train.run("flow.py")
    assert first.metrics["kept"] == 2
    assert first.metrics["loss"] == 0.125
    assert Flow("Train").metrics()[1]["loss"] == 0.125
    run = Flow("Train").latest_run
    assert "cached" in second.task("cached", "0")
    assert run.metrics["kept"] == 2
    assert points(run["cached"].task, "kept") == [(0, 1), (1, 2)]


def test_collection_keeps_the_series_and_fsck_finds_a_lost_one(train: Project) -> None:
    run = train.run("flow.py")
    (_, blob), *_ = file_blobs(run.task("start", "0"))
    path = train.root / ".flowc/blobs" / blob["digest"][:2] / blob["digest"]
    assert train.flowc("gc", "--delete").code in (0, 2)
    assert path.exists()
    assert train.flowc("fsck").code == 0
    path.unlink()
    done = train.flowc("fsck")
    assert done.code == 1
    assert blob["digest"][:12] in done.out + done.err


def test_a_task_without_metrics_writes_no_more_and_imports_nothing(project: Project) -> None:
    text = two_steps("Small", imports="FlowSpec, current, step", start="import sys; self.found = sorted(sys.modules)")
    project.write("flow.py", text)
    run = project.run("flow.py")
    assert not [name for name in project.artifacts(run, "start")["found"] if "run.metrics" in name or "mlflow" in name]
    assert (
        len(list((project.root / ".flowc" / run.prefix / "tasks/start").iterdir())) == 2
    )  # only the attempt's start record and end record: an empty log and no metrics need no file
    assert "metrics" not in run.task("start", "0")
    assert "metrics" not in run.status()


def test_a_wrong_value_fails_the_step_and_names_the_metric(project: Project) -> None:
    project.write(
        "flow.py", two_steps("Wrong", imports="FlowSpec, current, step", start='current.metric("loss", "high")')
    )
    done = project.flowc("run", "--local", "flow.py")
    assert done.code == 1
    assert "the metric 'loss' is 'high' (str), and a metric is a number: record a number" in done.err


class Measured(FlowSpec):
    """A flow that records metrics, for `run_step`."""

    @step
    def start(self) -> None:
        current.metric("loss", 2)
        current.metric("loss", 1)
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


def test_a_unit_test_of_a_step_sees_its_metrics() -> None:
    assert run_step(Measured, "start").metrics == {"loss": 1}
    assert run_step(Measured, "end").metrics == {}


def test_commands_print_metrics(train: Project) -> None:
    run = train.run("flow.py")
    done = train.flowc("metrics", "Train")
    assert done.out.split("\n")[:2] == [
        f"{'run':<{len(run.id)}}  state      loss   risk  kept",
        f"{run.id}  succeeded  0.125  inf   2",
    ]
    lines = [line.split() for line in train.flowc("metrics", "Train/latest").out.splitlines()]
    assert lines[:3] == [
        ["task", "metric", "value", "step", "points"],
        ["start/start-0", "loss", "0.2", "40", "5"],
        ["each/each-0.0", "size", "1", "0", "1"],
    ]
    (row,) = json.loads(train.flowc("metrics", "Train/latest/start/0", "--json").out)
    assert [point["step"] for point in row["points"]] == [0, 10, 20, 30, 40]
    (row,) = json.loads(train.flowc("metrics", "Train", "--json", "--status", "succeeded").out)
    assert row["metrics"] == {"loss": 0.125, "risk": "Infinity", "kept": 2}
    assert "metrics:      loss = 0.125, risk = " in train.flowc("show", "Train/latest").out
    assert "metrics:    size = 12" in train.flowc("show", "Train/latest/each/0.1").out
    (row,) = json.loads(train.flowc("runs", "--json").out)
    assert row["metrics"]["kept"] == 2
    assert train.flowc("metrics", "Train/latest/end").out == "no task of Train/latest/end has metrics\n"
    assert train.flowc("metrics", "Train/latest", "--tag", "x").code == 2
    assert train.flowc("metrics", "Trian").code == 1


def test_a_cluster_run_that_has_not_ended_shows_metrics_of_its_records(train: Project) -> None:
    """The metrics of a run are in its final status; until it has one, they are read from the records of tasks."""
    run = train.run("flow.py")
    run.objects.delete(f"{run.prefix}/status.json")
    assert "loss = 0.125" in train.flowc("show", "Train/latest").out
    assert Flow("Train").metrics()[0]["kept"] == 2
