"""The requests of `flowc fsck` and `flowc gc` to a bucket: one for each object that is read, and few others."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.remote.asking import Asker
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.upkeep.collect import find_garbage, sweep
from flowc_runtime.store.upkeep.fsck import check_store, counts
from flowc_runtime.store.upkeep.selection import Selection, choose
from flowc_runtime.store.values.codecs import store_value
from gateway import gateway
from project import done_record, run_record
from stores import STORES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_runtime.store.records.run_store import RunStore
    from gateway import Gateway

T = TypeVar("T")

TASKS = 150  # the number of tasks after the first task of the run; each stores a blob of its own
FEW = 35  # the maximum number of requests in addition to those for single objects


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


buckets = itertools.count()


@pytest.fixture
def store(s3: Gateway, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store in a bucket with one run: a first task, and TASKS tasks after it."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    store = Store.open(s3.bucket(f"costs{next(buckets)}"))
    run = store.run("F", "1")
    run.create(run_record(run), (STORES[-1] / "ir.json").read_text())
    run.finish(done_record(run, "start"))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: task(run, number), range(TASKS)))
    return store


def task(run: RunStore, number: int) -> None:
    ref = store_value(run.objects, f"{number} {'x' * 3000}")
    parents = [{"step": "start", "path": "0", "count": None}]
    run.finish(done_record(run, "work", f"0.{number}", artifacts={"x": ref}, parents=parents))


def asked(monkeypatch: pytest.MonkeyPatch, body: Callable[[], T]) -> tuple[T, int]:
    """Return the result of a call, and the number of its requests."""
    requests = itertools.count()
    real = Asker.ask

    def ask(self: Asker, request: Callable[[Any], Any], key: str) -> Any:
        next(requests)
        return real(self, request, key)

    with monkeypatch.context() as patched:
        patched.setattr(Asker, "ask", ask)
        found = body()
    return found, next(requests)


def test_a_whole_store_is_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found, requests = asked(monkeypatch, lambda: check_store(store))
    assert (found.faults, found.objects) == ([], 2 * TASKS + 3)
    assert found.objects <= requests <= found.objects + FEW


def test_what_all_tasks_need_is_asked_for_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.objects.delete(store.run("F", "1").task_key("start", "0"))
    found, requests = asked(monkeypatch, lambda: check_store(store))
    (fault,) = found.faults
    assert (fault.kind, len(fault.touched)) == ("lost-record", TASKS + 1)
    assert requests <= found.objects + FEW


def test_much_that_is_lost_is_found_by_a_listing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    objects: Any = store.objects
    objects.delete_many([f"blobs/{name}" for name in objects.names_below("blobs")])
    found, requests = asked(monkeypatch, lambda: check_store(store))
    assert counts(found) == {"lost-blob": TASKS}
    assert requests <= found.objects + FEW


def test_a_collection_lists_what_is_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    garbage, requests = asked(monkeypatch, lambda: find_garbage(store, ()))
    assert (garbage.blobs, garbage.young, garbage.unreadable) == ({}, {}, {})
    assert requests <= TASKS + 3 + FEW  # one request for each record of a task and of the run itself, and a few others


def test_blobs_are_deleted_many_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowc_runtime.store.upkeep.collect.GRACE", -3600.0)
    monkeypatch.setattr(sweeps, "GRACE", -3600.0)
    chosen = choose(store, Selection(older_than=0.0))
    assert chosen.live == ["F/1"]
    store.run("F", "1").set_status({"state": "succeeded", "changed": 1.0})
    chosen = choose(store, Selection(older_than=0.0))
    garbage = find_garbage(store, set(chosen.doomed))
    prefixes = len({digest[:2] for digest in garbage.blobs})
    swept, requests = asked(monkeypatch, lambda: sweep(store, chosen, garbage))
    assert (swept.runs, swept.blobs) == (1, TASKS)
    assert requests <= prefixes + FEW
