"""Metrics of a task: valid values, names and steps; the record; the file with all points; points of other processes."""

from __future__ import annotations

import json
import math
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy
import pytest

from flowc.steps import log_metric
from flowc_runtime.base.ambient import TaskMetrics, ambient, apart
from flowc_runtime.run.metrics import recorded, recording
from flowc_runtime.run.metrics.recording import MetricError
from flowc_runtime.store.backends.memory import MemoryObjects
from metaflow import current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TaskMetrics]:
    """Treat this process as the process of an attempt.

    Processes that this process starts write their metrics below `tmp_path`.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with apart():
        ambient().metrics = found = TaskMetrics.begin()
        yield found


def values(metrics: TaskMetrics) -> dict[str, list[tuple[int, float]]]:
    return {name: [(step, value) for step, value, _ in points] for name, points in metrics.points.items()}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (3, 3), (0.5, 0.5), (-1e300, -1e300), (2**63, float(2**63)), (Decimal("0.25"), 0.25),
        (numpy.float32(0.5), 0.5), (numpy.int64(7), 7), (numpy.array(2.5), 2.5), (math.inf, math.inf),
    ],
)  # fmt: skip
def test_numbers_of_all_kinds_become_plain_ones(metrics: TaskMetrics, value: Any, plain: float) -> None:
    current.metric("m", value)
    ((_, found),) = values(metrics)["m"]
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    "value", [True, numpy.bool_(False), "0.5", None, [1], numpy.array([1.0]), numpy.zeros(3), object(), 1j, 10**400]
)
def test_another_value_is_an_error_that_names_the_metric(metrics: TaskMetrics, value: Any) -> None:
    with pytest.raises(MetricError, match="the metric 'loss'"):
        log_metric("loss", value)
    assert not metrics.points


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 251, 3, None])
def test_a_wrong_name_is_an_error(metrics: TaskMetrics, name: Any) -> None:
    with pytest.raises(MetricError, match="the name of a metric"):
        log_metric(name, 1)


@pytest.mark.parametrize("step", ["1", 0.5, True, [1]])
def test_a_wrong_step_is_an_error_that_names_the_metric(metrics: TaskMetrics, step: Any) -> None:
    with pytest.raises(MetricError, match=r"the step of the metric 'loss' is .*, not a whole number"):
        log_metric("loss", 1, step)


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 10**30, 1e30])
def test_a_step_that_is_too_large_names_the_limit(metrics: TaskMetrics, step: Any) -> None:
    log_metric("loss", 1, step=2**63 - 1)
    log_metric("loss", 1, step=-(2**63))
    with pytest.raises(MetricError) as raised:
        log_metric("loss", 1, step=step)
    assert str(raised.value) == f"the step of the metric 'loss' is {step}, and steps are from -2**63 to 2**63 - 1"


def test_steps_count_from_the_step_before(metrics: TaskMetrics) -> None:
    log_metric("a", 1)
    log_metric("a", 2)
    log_metric("a", 3, step=numpy.int32(10))
    log_metric("a", 4)
    log_metric("b", 5, step=-1)
    log_metric("b", 6, step=2.0)  # type: ignore[arg-type]
    assert values(metrics) == {"a": [(0, 1), (1, 2), (10, 3), (11, 4)], "b": [(-1, 5), (2, 6)]}


def test_outside_of_a_task_only_the_arguments_are_checked() -> None:
    with apart():
        log_metric("loss", 1)
        assert ambient().metrics is None
        with pytest.raises(MetricError, match="'loss' is 'x'"):
            current.metric("loss", "x")  # type: ignore[arg-type]


def test_the_record_has_last_values_and_one_object_with_series(metrics: TaskMetrics) -> None:
    objects = MemoryObjects()
    for step in range(100_000):
        log_metric("loss", 1 / (step + 1), step)
    log_metric("score", math.nan)
    record: Any = {}
    assert recorded.add_to(record, metrics, objects) == []
    assert record["metrics"]["loss"] | {"time": 0} == {"value": 1e-05, "step": 99_999, "time": 0, "count": 100_000}
    assert len(str(record)) < 500
    found = recorded.points_of(record, objects)
    assert [point.step for point in found["loss"]] == list(range(100_000))
    assert found["loss"][1].value == 0.5
    assert math.isnan(found["score"][0].value)


def test_series_with_nan_and_infinities_are_valid_json(metrics: TaskMetrics) -> None:
    objects = MemoryObjects()
    for value in (1.0, math.nan, math.inf, -math.inf, 2):
        log_metric("m", value)
    record: Any = {}
    recorded.add_to(record, metrics, objects)
    text = objects.read_blob(record["series"]["digest"])
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [str(point.value) for point in recorded.points_of(record, objects)["m"]] == [
        "1.0",
        "nan",
        "inf",
        "-inf",
        "2",
    ]


def test_single_points_need_no_object(metrics: TaskMetrics) -> None:
    log_metric("m", 1)
    record: Any = {}
    objects = MemoryObjects()
    recorded.add_to(record, metrics, objects)
    assert "series" not in record
    assert recorded.last_values(record) == {"m": 1}


def test_points_of_forked_processes_are_collected(metrics: TaskMetrics, tmp_path: Path) -> None:
    log_metric("own", 1)
    for number in range(3):
        if (pid := os.fork()) == 0:
            log_metric("child", number, number)
            os._exit(0)
        os.waitpid(pid, 0)
    assert recording.collect(metrics) == []
    assert values(metrics) == {"own": [(0, 1)], "child": [(0, 0), (1, 1), (2, 2)]}
    assert list(tmp_path.iterdir()) == []


def test_wrong_lines_of_other_processes_are_reported_and_the_others_kept(metrics: TaskMetrics) -> None:
    with open(metrics.file, "w") as file:
        file.write(
            '{"name": "a", "value": 1}\n\nloss=0.5\n{"name": "b", "value": "x"}\n{"name": "c", "value": 2, "time": -1}\n'
        )
        file.write('{"name": "d", "value": 2, "stp": 1}\n')
    first, second, third = recording.collect(metrics)
    assert first == (
        'line 3 of $FLOWC_METRICS is \'loss=0.5\', not a JSON object such as {"name": "loss", "value": 0.5, "step": 1}'
    )
    assert second.startswith("line 4 of $FLOWC_METRICS: the metric 'b' is 'x' (str), and a metric is a number")
    assert third.startswith("line 6 of $FLOWC_METRICS is ")
    assert values(metrics) == {"a": [(0, 1)], "c": [(0, 2)]}


def test_a_link_in_place_of_the_file_is_not_followed(metrics: TaskMetrics, tmp_path: Path) -> None:
    (tmp_path / "other").write_text('{"name": "a", "value": 1}\n')
    os.symlink(tmp_path / "other", metrics.file)
    assert recording.collect(metrics)[0].startswith("metrics of other processes cannot be read")
    assert not metrics.points
    os.unlink(metrics.file)


SECRETS = {"TOKEN": "hunter2-of-the-team", "PIN": "4711", "LONG": "x" * 100, "TWO": "42", "NONE": ""}


@pytest.mark.parametrize(
    ("name", "value", "step", "message"),
    [
        ("hunter2-of-the-team", 1, None, "the name of a metric contains the value of the secret TOKEN, which is never"),
        ("m4711", 1, None, "the name of a metric contains the value of the secret PIN"),
        ("42", 1, None, "the name of a metric contains the value of the secret TWO"),
        ("x" * 300, 1, None, "the name of a metric contains the value of the secret LONG"),
        (["hunter2-of-the-team"], 1, None, "the name of a metric contains the value of the secret TOKEN"),
        ("m", 4711, None, "the value of the metric 'm' is the value of the secret PIN, which is never stored"),
        ("m", numpy.float64(4711), None, "the value of the metric 'm' is the value of the secret PIN"),
        ("m", 42, None, "the value of the metric 'm' is the value of the secret TWO"),
        ("m", "x" * 100, None, "the value of the metric 'm' is the value of the secret LONG"),
        ("m", 1, 4711, "the step of the metric 'm' is the value of the secret PIN"),
    ],
)
def test_a_point_with_a_secret_is_refused(metrics: TaskMetrics, name: Any, value: Any, step: Any, message: str) -> None:
    ambient().secrets = SECRETS
    with pytest.raises(MetricError) as raised:
        log_metric(name, value, step=step)
    assert str(raised.value).startswith(message)
    assert not any(secret in str(raised.value) for secret in SECRETS.values() if len(secret) > 2)
    assert not metrics.points


@pytest.mark.parametrize(("value", "step"), [(0.471147114711, 47110), (14711, 0), (42.0, 43)])
def test_a_number_that_contains_the_digits_of_a_secret_is_none(metrics: TaskMetrics, value: Any, step: Any) -> None:
    ambient().secrets = SECRETS
    log_metric("m142", value, step=step)
    assert values(metrics) == {"m142": [(step, value)]}


def test_huge_numbers_are_compared_with_secrets_too(metrics: TaskMetrics) -> None:
    ambient().secrets = SECRETS
    with pytest.raises(MetricError, match="too large"):
        log_metric("m", 10**5000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"name": "hunter2-of-the-te\\u0061m", "value": 1}',
            "the name of a metric contains the value of the secret TOKEN",
        ),
        ('{"name": "m", "value": 4711.0}', "the value of the metric 'm' is the value of the secret PIN"),
        ('{"name": "m", "value": 1, "time": 4711}', "the time of the metric 'm' is the value of the secret PIN"),
        ('{"name": "m", "value": "v42"}', "the metric 'm' is 'v***' (str)"),
        ("hunter2-of-the-team", "is '***', not a JSON object such as"),
        ("x" * 150, "is '***xxx"),
    ],
)
def test_a_line_with_a_secret_is_refused(metrics: TaskMetrics, line: str, message: str) -> None:
    ambient().secrets = SECRETS
    with open(metrics.file, "w") as file:
        print(line, '{"name": "n", "value": 0.25}', sep="\n", file=file)
    (fault,) = recording.collect(metrics)
    assert message in fault
    assert not any(secret in fault for secret in SECRETS.values() if secret)
    assert values(metrics) == {"n": [(0, 0.25)]}
