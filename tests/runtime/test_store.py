"""The records of runs and attempts in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowc_runtime.base.config.whereabouts import default_url
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.records.record_types import RECORD_VERSION, AttemptRecord, RunRecord
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store


def run_record(run: str = "r1") -> RunRecord:
    return RunRecord(
        version=RECORD_VERSION, flow="F", run=run, created=1.0, user="u", target="local", parameters={"p": "ü\ud800"}, code="",
        process={},
    )  # fmt: skip


def attempt_record(attempt: int = 1, outcome: Any = "ok", path: str = "0") -> AttemptRecord:
    return AttemptRecord(
        version=RECORD_VERSION, flow="F", run="r1", step="s", path=path, attempt=attempt, outcome=outcome, began=1.0, ended=2.0,
        parents=[], artifacts={}, exit={}, process={}, code="",
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunStore:
    run = Store.open(str(tmp_path)).run("F", "r1")
    assert run.create(run_record(), "{}")
    return run


def begin(run: RunStore, attempt: int, path: str = "0", step: str = "s") -> bool:
    return run.begin(step, path, attempt, {"version": RECORD_VERSION, "began": 1.0, "process": {}})


def test_a_run_is_created_once_and_listed(run: RunStore, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    assert not store.run("F", "r1").create(run_record(), "{}")
    assert (store.flows(), store.runs("F")) == (["F"], ["r1"])
    assert run.record() == run_record()
    assert run.status()["state"] == "running"
    run.set_status({"state": "failed", "changed": 2.0})
    assert run.status()["state"] == "failed"


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    run = Store.open(str(tmp_path)).run("F", "nope")
    assert not run.exists()
    with pytest.raises(NotFound):
        run.record()


def test_runs_are_in_the_order_of_their_beginning_whoever_named_them(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    created = {
        "20200101-000000-001xyz": 0.0,  # its name says when
        "f-20200301-000000-x1": 0.0,
        "f-zzzzz": 1580515200.0,  # February 2020
        # 1 April 2020: the name ends in this time in seconds, as names that a CronWorkflow gives
        "f-1585699200": 1585699200.0,
    }
    for run in sorted(created, key=lambda name: name[::-1]):
        store.run("F", run).create(run_record(run) | {"created": created[run]}, "{}")  # type: ignore[operator]
    assert store.runs("F") == ["20200101-000000-001xyz", "f-zzzzz", "f-20200301-000000-x1", "f-1585699200"]


def test_an_attempts_number_is_claimed_once(run: RunStore) -> None:
    assert begin(run, 1)
    assert not begin(run, 1)
    assert begin(run, 2)
    assert run.attempts("s") == {"0": [1, 2]}


def test_of_two_attempts_that_finish_the_first_wins(run: RunStore) -> None:
    begin(run, 1)
    begin(run, 2)
    assert run.finish(attempt_record(2))
    assert not run.finish(attempt_record(1))
    assert run.task("s", "0")["attempt"] == 2
    loser = run.attempt("s", "0", 1)
    assert loser is not None
    assert loser["superseded"]


def test_a_failed_attempt_is_no_result(run: RunStore) -> None:
    begin(run, 1)
    assert run.attempt("s", "0", 1) is None
    assert run.finish(attempt_record(1, "failed"))
    with pytest.raises(NotFound):
        run.task("s", "0")
    failed = run.attempt("s", "0", 1)
    assert failed is not None
    assert failed["outcome"] == "failed"


def test_tasks_are_listed_in_the_order_of_their_paths(run: RunStore) -> None:
    for path in ("0.10", "0.9", "0.9.1", "0"):
        begin(run, 1, path)
    assert list(run.attempts("s")) == ["0", "0.9", "0.9.1", "0.10"]


@pytest.mark.parametrize("name", ["größe", "a/b", "with space", ".."])
def test_any_name_can_be_a_step(run: RunStore, name: str) -> None:
    begin(run, 1, step=name)
    assert run.steps() == [name]


def test_a_damaged_record_says_which(run: RunStore, tmp_path: Path) -> None:
    (tmp_path / "flows/F/runs/r1/run.json").write_text("{")
    with pytest.raises(StoreError, match=r"flows/F/runs/r1/run\.json"):
        run.record()


def test_the_default_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.delenv("FLOWC_STORE", raising=False)
    assert default_url(str(deep)) == f"{deep}/.flowc"
    (tmp_path / ".flowc").mkdir()
    assert default_url(str(deep)) == f"{tmp_path}/.flowc"
    monkeypatch.setenv("FLOWC_STORE", "s3://b/p")
    assert default_url(str(deep)) == "s3://b/p"
