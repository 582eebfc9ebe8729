"""Entries about ended runs in a bucket: how few requests listing runs needs with them, and entries that records
contradict."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from faults import Faults, between
from flowc_runtime.base.errors import NotFound, RecordError, StoreError
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.ended import ended_runs, run_entries, task_packs
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.upkeep import fsck
from flowc_runtime.store.upkeep.collect import find_garbage, sweep
from flowc_runtime.store.upkeep.selection import Selection, choose
from gateway import Gateway, gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc_runtime.store.records.record_types import BeginRecord
    from project import Finished, Project

WIDTH = 30
FLOW = f"""
    from metaflow import FlowSpec, Parameter, step

    class Wide(FlowSpec):
        n = Parameter("n", default={WIDTH})

        @step
        def start(self):
            self.items = list(range(self.n))
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """
READ = """
    import sys
    from metaflow import Flow, Run, namespace

    namespace(None)
    match sys.argv[1]:
        case "status":
            print(sum(run.status == "failed" for run in Flow("Wide").runs(status="failed")))
        case "parameter":
            print(sum(1 for run in Flow("Wide").runs(parameters={"n": 5})))
        case "tags":
            print(sum(1 for run in Flow("Wide").runs(tags="user:ann and not old")))
        case "time":
            print(sum(1 for run in Flow("Wide").runs(since="2001-01-01", until="2100-01-01")))
        case _:
            run = Run(f"Wide/{sys.argv[2]}")
            print([(step.id, sum(task.successful for task in step)) for step in run])
    """


class Bucket:
    """A store in a bucket, with one run of the flow, and a proxy that counts the requests to the bucket."""

    def __init__(self, project: Project, counter: Faults, environment: Mapping[str, str], url: str) -> None:
        self.project, self.counter, self.url = project, counter, url
        self.environment = {**environment, "AWS_ENDPOINT_URL": counter.url, "FLOWC_STORE": url}
        self.program = str(project.write("read.py", READ))
        self.direct = RemoteObjects(url)
        self.store = Store(self.direct)
        done = project.flowc("run", "--local", "flow.py", **self.environment)
        assert done.code == 0, done.err
        (self.first,) = self.store.run_ids("Wide")
        self.made = 0

    def add(self, number: int) -> None:
        """Add copies of the first run to the store: every tenth has failed, every fifth has another value of the
        parameter `n`."""
        origin = self.store.run("Wide", self.first)
        record, ir = origin.record(), origin.ir()

        def add(at: int) -> None:
            run = self.store.run("Wide", f"2026{at // 28 % 12 + 1:02}{at % 28 + 1:02}-000000-{at:06}")
            values = {"n": 5 if at % 5 == 0 else 3}
            assert run.create({**record, "run": run.id, "created": 1e9 + 1e5 * at, "parameters": values}, ir)
            run.set_status({"state": "failed" if at % 10 == 0 else "succeeded", "changed": 1e9 + 1e5 * at + 1})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(self.made, self.made + number)))
        self.made += number

    def ask(self, *arguments: str) -> tuple[str, int]:
        """Run the program READ, which reads runs with the client; return its output and the number of its requests."""
        return self._counted(lambda: self.project.python(self.program, *arguments, **self.environment))

    def flowc(self, *arguments: str) -> tuple[str, int]:
        """Run a command of flowc; return its output and the number of its requests."""
        return self._counted(lambda: self.project.flowc(*arguments, **self.environment))

    def _counted(self, call: Callable[[], Finished]) -> tuple[str, int]:
        self.counter.log.clear()
        done = call()
        assert done.code == 0, done.err
        return done.out, len(self.counter.log)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(project: Project, s3: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    project.write("flow.py", FLOW)
    project.environment["METAFLOW_USER"] = "ann"
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with between(s3.environment["AWS_ENDPOINT_URL"]) as counter:
        yield Bucket(project, counter, s3.environment, s3.bucket("ended") + "/team")


def test_the_number_of_requests_does_not_grow_with_the_number_of_runs(bucket: Bucket) -> None:
    counts: list[dict[str, int]] = []
    for number in (149, 150):
        bucket.add(number)
        total, made = bucket.made + 1, bucket.made
        counts.append({})
        wanted = {
            "status": len(range(0, made, 10)),
            "parameter": len(range(0, made, 5)),
            "tags": total,
            "time": total,
        }
        for what, answer in wanted.items():
            out, counts[-1][what] = bucket.ask(what)
            assert out == f"{answer}\n", what
        out, counts[-1]["runs"] = bucket.flowc("runs", "Wide", "--json")
        rows = json.loads(out)
        assert len(rows) == 20
        out, counts[-1]["tree"] = bucket.ask("tree", bucket.first)
        assert out == f"{[('end', 1), ('join', 1), ('each', WIDTH), ('start', 1)]}\n"
        _, counts[-1]["show"] = bucket.flowc("show", f"Wide/{bucket.first}")
    assert counts[0] == counts[1]
    assert max(counts[1].values()) <= 12, counts


@pytest.fixture
def small(s3: Gateway, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Store:
    """A store in a bucket without runs."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return Store(RemoteObjects(s3.bucket(f"b{abs(hash(request.node.nodeid))}") + "/team"))


def run_of(store: Store, id: str, *, target: str = "local", **fields: object) -> RunStore:
    """Create a run without an end, and one task of it."""
    run = store.run("F", id)
    record = {
        "version": 2, "flow": "F", "run": id, "created": 1.0, "user": "ann", "target": target, "parameters": {},
        "code": "sha256:0", "process": {"host": "h", "pid": 1, "started": "1"}, **fields,
    }  # fmt: skip
    assert run.create(record, "{}")  # type: ignore[arg-type]
    began: BeginRecord = {"version": 2, "began": 1.0, "process": {"host": "h", "pid": 1, "started": "1"}}
    assert run.begin("start", "0", 1, began)
    return run


def states(store: Store) -> dict[str, str | None]:
    """Return the state of each run in the entries; None for a run that is read from its records."""
    return {
        run.id: run.status()["state"] if isinstance(run, ended_runs.EndedRun) else None for run in store.listed("F")
    }


def test_only_runs_that_have_ended_are_listed(small: Store) -> None:
    run_of(small, "active")
    run_of(small, "ended").set_status({"state": "succeeded", "changed": 2.0})
    cluster = run_of(small, "cluster", target="argo")
    cluster.set_status({"state": "failed", "changed": 2.0})
    assert states(small) == {"active": None, "cluster": None, "ended": "succeeded"}
    cluster.set_status({"state": "failed", "changed": 2.0, "ended": 3.0})
    assert states(small)["cluster"] == "failed"
    cluster.set_status({"state": "failed", "changed": 4.0})  # the workflow is retried
    assert states(small)["cluster"] is None
    cluster.set_status({"state": "succeeded", "changed": 5.0, "ended": 5.0})
    assert states(small) == {"active": None, "cluster": "succeeded", "ended": "succeeded"}
    small.run("F", "ended").delete()
    assert states(small) == {"active": None, "cluster": "succeeded"}
    run_of(small, "ended")  # the same id again
    assert states(small)["ended"] is None


@pytest.mark.parametrize("size", [10, 100_000], ids=["a name", "a content"])
def test_an_entry_has_the_whole_record(small: Store, size: int) -> None:
    values = {"text": "".join(chr(0x4E00 + at * at % 9973) for at in range(size))}
    run = run_of(small, "a/b =", parameters=values, system_tags=["x"])
    run.set_status({"state": "succeeded", "changed": 2.0, "metrics": {"loss": float("nan")}})
    (listed,) = small.listed("F")
    assert isinstance(listed, ended_runs.EndedRun)
    assert listed.record() == run.record()
    assert repr(listed.status()) == repr(run.status())
    content = any("/content" in name for name in small.objects.names_below("ended/F/listed"))
    assert content == (size > 100)


def test_entries_are_merged_once(small: Store) -> None:
    bucket = RemoteObjects(small.objects.url)
    for number in range(20):
        run_of(small, f"r{number}").set_status({"state": "succeeded", "changed": 2.0})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run_entries.merge(bucket, "F"), range(4)))
    names = bucket.names_below("ended/F/listed")
    assert len(names) <= 2  # usually 1; 2 if a merge begins after another one has ended
    assert {name.partition("/")[0] for name in names} == {"=merged"}
    assert set(states(small).values()) == {"succeeded"}
    small.run("F", "r3").set_status({"state": "failed", "changed": 3.0})  # the merged entry is outdated now
    assert states(small)["r3"] == "failed"
    small.run("F", "r4").delete()
    run_of(small, "r4")
    assert states(small)["r4"] is None
    run_entries.merge(bucket, "F")
    assert (states(small)["r3"], states(small)["r4"]) == ("failed", None)


def test_some_ends_merge_the_entries(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < sum(run_entries.merges(f"20261130-{at:06}") for at in range(10_000)) < 10_000 / 128
    monkeypatch.setattr(run_entries, "MERGES", 1)
    run_of(small, "1").set_status({"state": "succeeded", "changed": 2.0})
    assert small.objects.names_below("ended/F/listed") == ["=merged/00000001"]
    assert states(small) == {"1": "succeeded"}


@pytest.mark.parametrize("damage", [b"", b"x", b'{"version":9}\n'])
def test_a_damaged_copy_is_not_believed(small: Store, damage: bytes) -> None:
    run = run_of(small, "1")
    run.set_status({"state": "succeeded", "changed": 2.0})
    run_entries.merge(RemoteObjects(small.objects.url), "F")
    small.objects.put("ended/F/listed/=merged/00000001", damage)
    small.objects.put(task_packs.pack_key("F", "1"), damage)
    assert states(small) == {"1": None}
    assert [each.status()["state"] for each in small.listed("F")] == ["succeeded"]
    assert ended_runs.with_pack(run).attempts("start") == {"0": [1]}
    found = fsck.check_store(small)
    assert fsck.counts(found)["stale-copy"] == 1
    fsck.repair(small, found)
    assert states(small) == {"1": "succeeded"}
    again = fsck.check_store(small)
    assert (again.unlisted, fsck.counts(again).get("stale-copy")) == ([], None)


def test_records_win_over_copies(small: Store) -> None:
    run = run_of(small, "1")
    key = f"{run.prefix}/tasks/start/0-1.begin.json"
    run.set_status({"state": "succeeded", "changed": 2.0})
    record = run.objects.get(key)
    assert ended_runs.with_pack(run).objects.get(key) == record
    other = record.replace(b'"pid":1', b'"pid":23')
    small.objects.put(key, other)
    assert ended_runs.with_pack(run).objects.get(key) == other
    small.objects.put(f"{run.prefix}/tasks/later/0-1.begin.json", record)  # a retried workflow
    assert ended_runs.with_pack(run).steps() == ["later", "start"]
    run.objects.delete(key)
    assert ended_runs.with_pack(run).steps() == ["later"]
    with pytest.raises(NotFound):
        ended_runs.with_pack(run).objects.get(key)
    small.objects.delete(f"{run.prefix}/run.json")  # the record is lost
    with pytest.raises(RecordError):
        run.record()


def test_fsck_finds_and_rewrites_copies(small: Store) -> None:
    kept = {"1": run_of(small, "1"), "2": run_of(small, "2"), "3": run_of(small, "3")}
    for run in kept.values():
        run.set_status({"state": "succeeded", "changed": 2.0})
    assert fsck.check_store(small).unlisted == []
    kept["1"].objects.put(f"{kept['1'].prefix}/status.json", b'{"version":2,"state":"failed","changed":2.0}')
    key = f"{kept['2'].prefix}/tasks/start/0-1.begin.json"
    begun = json.loads(small.objects.get(key))
    del begun["digest"]
    small.objects.put(key, dump({**begun, "began": 2.0}))
    for name in small.objects.names_below("ended/F/listed"):
        if name.startswith("3/"):
            small.objects.delete(f"ended/F/listed/{name}")
    small.objects.delete(task_packs.pack_key("F", "3"))
    found = fsck.check_store(small)
    faults = [(fault.key, fault.touched) for fault in found.faults if fault.kind == "stale-copy"]
    assert faults == [("ended/F/listed/1", ["F/1"]), ("ended/F/tasks/2.jsonl.gz", ["F/2"])]
    assert found.unlisted == ["F/3"]
    fsck.repair(small, found)
    again = fsck.check_store(small)
    assert (again.unlisted, fsck.counts(again).get("stale-copy")) == ([], None)
    assert states(small) == {"1": "failed", "2": "succeeded", "3": "succeeded"}


def test_a_store_of_an_earlier_version(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteObjects, "ended_listing", None)
    for id in ("1", "2"):
        run_of(small, id).set_status({"state": "succeeded", "changed": 2.0})
    small.run("F", "1").add_tags(["good"])
    monkeypatch.undo()
    assert small.objects.names("ended") == []
    assert states(small) == {"1": None, "2": None}
    found = fsck.check_store(small)
    assert (found.unlisted, fsck.counts(found).get("stale-copy")) == (["F/1", "F/2"], None)
    fsck.repair(small, found)
    assert states(small) == {"1": "succeeded", "2": "succeeded"}
    assert small.tagged("F") == {"1": {"good"}} == small.tagged("F", first="1")
    assert small.tagged("F", first="2") == {}
    small.run("F", "2").add_tags(["late"])
    assert small.tagged("F", first="2") == {"2": {"late"}}


def test_gc_deletes_what_deleted_runs_have_left(small: Store) -> None:
    for id in ("1", "2", "3"):
        run_of(small, id).set_status({"state": "succeeded", "changed": 2.0})
    chosen = choose(small, Selection(tags=frozenset(), keep_last=1))
    chosen.doomed = {key: doomed for key, doomed in chosen.doomed.items() if key[1] == "1"}
    assert len(chosen.doomed) == 1
    # simulate a pack (the stored records of the run's tasks) that an earlier flowc left when it deleted the run
    small.objects.put(task_packs.pack_key("F", "old"), b"")
    assert sweep(small, chosen, find_garbage(small, chosen.doomed)).runs == 1
    assert small.objects.names("ended/F/tasks") == ["2.jsonl.gz", "3.jsonl.gz"]
    assert states(small) == {"2": "succeeded", "3": "succeeded"}


def test_a_store_that_fails_at_the_end_of_a_run(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(small, "1")
    put = RemoteObjects.put

    def failing(self: RemoteObjects, key: str, data: bytes) -> None:
        if key.startswith("ended/"):
            raise StoreError("the bucket is full")
        put(self, key, data)

    monkeypatch.setattr(RemoteObjects, "put", failing)
    run.set_status({"state": "succeeded", "changed": 2.0})
    assert run.status()["state"] == "succeeded"
    assert states(small) == {"1": None}
