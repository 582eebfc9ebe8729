"""Garbage collection: which objects are deleted, which stay, and that flows that run at the same time lose nothing."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from damage import damage
from flowc_ir import Parameter, Span
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.process.process import this_process
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.layered import put_on
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.upkeep.beside import SENT_SECONDS
from flowc_runtime.store.upkeep.collect import find_garbage, sweep
from flowc_runtime.store.upkeep.selection import Selection, choose
from flowc_runtime.store.upkeep.spun import need
from flowc_runtime.store.values.codecs import load_value, store_value
from flowc_runtime.store.values.files import send_file, store_files
from gateway import gateway
from project import done_record

if TYPE_CHECKING:
    from collections.abc import Callable


DAY = 86400.0
ALL = Selection(older_than=0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(LocalObjects(tmp_path / "store"))


def begin(store: Store, run_id: str, *, flow: str = "F", state: str = "succeeded", **fields: Any) -> RunStore:
    """Create a run with the status `state`, which was set when the run was created."""
    run = store.run(flow, run_id)
    record: Any = {"version": 1, "flow": flow, "run": run_id, "created": time.time() - 60, "user": "me",
                   "target": "local", "parameters": {}, "code": "sha256:0", "process": {}}  # fmt: skip
    run.create(record | fields, '{"flowc":1,"nodes":[]}')
    if state != "running":
        run.set_status({"state": state, "changed": (record | fields)["created"]})  # type: ignore[typeddict-item]
    return run


def finish(run: RunStore, step: str, **values: object) -> None:
    """Create a finished task with these artifacts in the run."""
    refs = {name: store_value(run.objects, value) for name, value in values.items()}
    run.finish(done_record(run, step, artifacts=refs))


def big(letter: str) -> str:
    """Return a value that is stored as a blob, because it is too large for a record."""
    return letter * 2000


def blobs(store: Store) -> set[str]:
    """Return the digests of the blobs in the store."""
    return {key.rpartition("/")[2] for key in store.objects.names_below("blobs")}


def everything(store: Store) -> list[Path]:
    """Return all files of the store."""
    assert isinstance(store.objects, LocalObjects)
    return sorted(Path(store.objects.root).rglob("*"))


def age(store: Store, seconds: float = 2 * DAY) -> None:
    """Set the age of all files in the store to this number of seconds."""
    assert isinstance(store.objects, LocalObjects)
    then = time.time() - seconds
    for path in Path(store.objects.root).rglob("*"):
        os.utime(path, (then, then))


def collect(store: Store, selection: Selection = ALL) -> set[str]:
    """Garbage-collect the store, and return the deleted runs."""
    chosen = choose(store, selection)
    gone = {f"{flow}/{run}" for flow, run in chosen.doomed}
    sweep(store, chosen, find_garbage(store, set(chosen.doomed)))
    return gone


# -- deletions ---------------------------------------------------------------------------------------------------------


def test_a_run_goes_with_its_blobs_but_not_with_those_of_others(store: Store) -> None:
    old, kept = begin(store, "1"), begin(store, "2")
    finish(old, "start", mine=big("a"), ours=big("b"))
    finish(kept, "start", ours=big("b"))
    old.add_tags(["good"])
    age(store)
    assert collect(store, Selection(keep_last=1)) == {"F/1"}
    assert store.runs("F") == ["2"]
    assert store.tagged("F") == {}
    assert load_value(store.objects, kept.task("start", "0")["artifacts"]["ours"]) == big("b")
    assert len(blobs(store)) == 1


def keep(store: Store, run: RunStore, name: str = "start/start-0/ck") -> str:
    """Store a file of an extension's decorator for a run and return its key."""
    key = f"extensions/{run.flow}/{run.id}/{name}"
    store.objects.create(key, [b"kept"])
    return key


def test_what_extensions_keep_goes_with_its_run(store: Store) -> None:
    kept = [keep(store, begin(store, f"2026-{number}", flow=flow)) for number in (1, 2) for flow in ("F", "G")]
    age(store)
    assert collect(store, Selection(keep_last=1)) == {"F/2026-1", "G/2026-1"}
    assert [store.objects.exists(key) for key in kept] == [False, False, True, True]


def test_what_extensions_keep_of_a_run_that_is_gone_goes_when_it_is_old(store: Store) -> None:
    key = keep(store, store.run("F", "2026-1"))
    collect(store)
    assert store.objects.exists(key)
    age(store)
    collect(store)
    assert not store.objects.exists(key)


@pytest.mark.parametrize("names", ["cached", "artifact", "large", "damaged", "resumed", "spun"])
def test_what_extensions_keep_stays_while_a_run_that_stays_names_it(store: Store, names: str, tmp_path: Path) -> None:
    old = begin(store, "2026-1")
    key = keep(store, old)
    reference = f"{store.objects.url}/{key}"
    # the task's record describes nested values only to some depth, so it does not contain the reference in `large`
    large = [big("x"), [[[[[[[[reference]]]]]]]]]
    values = {"artifact": [reference], "large": large, "damaged": large}.get(names)
    user = begin(store, "2026-2", flow="G", **({"origin": old.id} if names == "resumed" else {}))
    if names == "resumed":
        user = begin(store, "2026-3", origin=old.id)
    finish(user, "start", **({"x": values} if values else {}))
    if names == "cached":
        task: Any = user.task("start", "0")
        user.objects.put(f"{user.prefix}/more.json", json.dumps({**task, "cached": {"run": old.id}}).encode())
    if names == "spun":
        put_on(str(tmp_path / "spin"), store.objects.url)
        need(old, str(tmp_path / "spin"))
    if names == "damaged":  # its references are unknown
        (file,) = (path for path in everything(store) if len(path.name) == 64)
        damage(file, "cut")
    age(store)
    collect(store, Selection(older_than=0, flow="F", keep_last=1 if names == "resumed" else None))
    assert store.objects.exists(key)


def test_what_extensions_keep_stays_if_a_run_comes_to_need_it_meanwhile(store: Store) -> None:
    old = begin(store, "2026-1")
    key = keep(store, old)
    age(store)
    chosen = choose(store, ALL)
    garbage = find_garbage(store, set(chosen.doomed))
    finish(begin(store, "2026-2"), "start", x=[key])
    sweep(store, chosen, garbage)
    assert store.objects.exists(key)


def send(store: Store, path: Path, content: str = "x" * 3000) -> str:
    """Upload a file to the store before a run starts, and return its digest."""
    path.write_text(content)
    return str(send_file(store.objects, str(path))["sent"])


def test_a_file_that_was_sent_goes_when_nobody_used_it_for_long(store: Store, tmp_path: Path) -> None:
    old, used, named, young = (send(store, tmp_path / "f", letter * 3000) for letter in "abcd")
    begin(store, "2026-1", parameters={"data": {"file": "f", "digest": named, "size": 3000}})
    age(store, SENT_SECONDS + DAY)
    path = Path(store.objects.url.removeprefix("file://")) / "files" / young
    os.utime(path, (time.time() - SENT_SECONDS + DAY,) * 2)
    parameter = Parameter(name="data", type="file", where=Span("f.py", 1, 1))
    store_files(store.objects, [parameter], {"data": {"file": "f", "sent": used, "size": 3000}})
    collect(store, Selection())
    assert [store.objects.exists(f"files/{digest}") for digest in (old, used, named, young)] == [
        False,
        True,
        True,
        True,
    ]


def test_who_sends_a_file_that_is_there_keeps_it(store: Store, tmp_path: Path) -> None:
    digest = send(store, tmp_path / "f")
    age(store, SENT_SECONDS + DAY)
    garbage = find_garbage(store, ())
    assert list(garbage.beside.sent) == [digest]
    assert send(store, tmp_path / "f") == digest
    sweep(store, choose(store, Selection()), garbage)
    assert store.objects.exists(f"files/{digest}")


def test_an_empty_file_is_sent(store: Store, tmp_path: Path) -> None:
    assert store.objects.get(f"files/{send(store, tmp_path / 'f', '')}") == b""


def test_finding_changes_nothing(store: Store) -> None:
    finish(begin(store, "1"), "start", x=big("a"))
    age(store)
    before = everything(store)
    garbage = find_garbage(store, set(choose(store, ALL).doomed))
    assert list(garbage.blobs.values()) == [2018]
    assert everything(store) == before


def test_which_runs_go(store: Store) -> None:
    now = time.time()
    for number, days in enumerate((40, 35, 20, 1)):
        begin(store, str(number), created=now - days * DAY)
    begin(store, "0", flow="G", created=now - 40 * DAY)
    store.run("F", "0").add_tags(["keep", "good"])

    def gone(**options: Any) -> str:
        return " ".join(f"{flow}/{run}" for flow, run in sorted(choose(store, Selection(**options)).doomed))

    assert gone() == ""
    assert gone(older_than=30 * DAY) == "F/0 F/1 G/0"
    assert gone(older_than=30 * DAY, flow="F") == "F/0 F/1"
    assert gone(older_than=30 * DAY, keep_tags=frozenset({"keep"})) == "F/1 G/0"
    assert gone(keep_last=3) == "F/0"
    assert gone(keep_last=3, older_than=50 * DAY) == ""
    assert gone(keep_last=0) == "F/0 F/1 F/2 F/3 G/0"
    assert gone(tags=frozenset({"good", "keep"})) == "F/0"


def test_a_run_that_may_go_on_stays(store: Store) -> None:
    begin(store, "here", state="running", process=this_process())
    begin(store, "elsewhere", state="running", process={"host": "another", "pid": 1})
    # on a cluster, the status may be `failed` while other tasks of the run are still active
    begin(store, "on-the-cluster", state="failed", target="argo")
    begin(store, "killed", state="running", process={**this_process(), "started": "0"})
    chosen = choose(store, ALL)
    assert {run for _, run in chosen.doomed} == {"killed"}
    assert len(chosen.live) == 3


def test_what_a_run_has_resumed_stays_with_it(store: Store) -> None:
    now = time.time()
    begin(store, "1", created=now - 30 * DAY)
    begin(store, "2", created=now - 20 * DAY, origin="1")
    begin(store, "3", created=now - DAY, origin="2")
    begin(store, "4", created=now - 25 * DAY)
    chosen = choose(store, Selection(older_than=10 * DAY))
    assert {run for _, run in chosen.doomed} == {"4"}
    assert chosen.needed == {"F/1": "F/3", "F/2": "F/3"}
    assert {run for _, run in choose(store, Selection(older_than=0)).doomed} == {"1", "2", "3", "4"}


def test_what_spin_has_kept_needs_its_run(store: Store, tmp_path: Path) -> None:
    """Runs that a task of `spin` needs are kept: as long as the task exists, or 30 days if it is on another machine."""
    now = time.time()
    for number, more in enumerate([{}, {"origin": "0"}, {}, {}]):
        begin(store, str(number), created=now - 40 * DAY, **more)
    put_on(str(tmp_path / "here"), store.objects.url)
    need(store.run("F", "1"), str(tmp_path / "here"))
    need(store.run("F", "2"), str(tmp_path / "gone"))
    elsewhere = {"host": "another", "path": "/its/directory", "when": now - 29 * DAY}
    store.objects.put(f"{store.run('F', '3').prefix}/spun/x.json", json.dumps(elsewhere).encode())
    chosen = choose(store, ALL)
    assert {run for _, run in chosen.doomed} == {"2"}
    assert chosen.spun == {"F/1": str(tmp_path / "here"), "F/3": "another:/its/directory"}
    assert chosen.needed == {"F/0": "F/1"}
    old = json.dumps(elsewhere | {"when": now - 31 * DAY})
    store.objects.put(f"{store.run('F', '3').prefix}/spun/x.json", old.encode())
    assert collect(store) == {"F/2", "F/3"}
    with pytest.raises(NotFound, match="run F/2, which `spin` needs, has been deleted"):
        need(Store(LocalObjects(tmp_path / "store")).run("F", "2"), str(tmp_path / "here"))
    assert store.runs("F") == ["0", "1"]


def test_what_is_young_stays(store: Store) -> None:
    """The blobs of a running task are kept although no record names them yet, because they are young."""
    store_value(store.objects, big("a"))
    assert collect(store) == set()
    assert len(blobs(store)) == 1
    age(store)
    collect(store)
    assert blobs(store) == set()


def test_whatever_in_a_run_s_records_looks_like_a_digest_is_needed(store: Store) -> None:
    """A digest anywhere in a run's records keeps its blob, also in fields that only later versions have."""
    run = begin(
        store, "1", parameters={"data": {"file": "x", "digest": store.objects.create_blob([b"content"]), "size": 7}}
    )
    later = {"chunks": [{"digest": store.objects.create_blob([b"one"])}]}
    run.finish(done_record(run, "start", later=later))
    age(store)
    collect(store, Selection())
    assert len(blobs(store)) == 2


def test_what_killed_writers_left_goes(store: Store, tmp_path: Path) -> None:
    store.objects.put("tmp/1-old", b"half")
    age(store)
    store.objects.put("tmp/2-young", b"half")
    collect(store)
    assert store.objects.names("tmp") == ["2-young"]


def test_a_collection_that_was_killed_is_done_by_the_next(store: Store) -> None:
    """After a `flowc gc` was killed, the next one ignores the lease of the dead process, and deletes the run."""
    dead = {"until": time.time() + 1000, "process": {**this_process(), "started": "0"}}
    store.objects.put("gc/sweeps/1-abc", json.dumps(dead).encode())
    finish(begin(store, "1"), "start", x=big("a"))
    age(store)
    sweeps.wait(store.objects)
    assert collect(store) == {"F/1"}
    assert (store.objects.names("gc/sweeps"), blobs(store)) == ([], set())


# -- concurrent flows --------------------------------------------------------------------------------------------------


def test_a_value_that_is_stored_again_is_young_again(store: Store) -> None:
    ref = store_value(store.objects, big("a"))
    age(store)
    garbage = find_garbage(store, set())
    assert set(garbage.blobs) == {ref["digest"]}
    # simulate a running task that stores the value again, and will write its record later
    store_value(store.objects, big("a"))
    assert sweep(store, choose(store, Selection()), garbage).blobs == 0
    assert blobs(store) == {ref["digest"]}


def test_a_run_that_was_resumed_meanwhile_stays(store: Store) -> None:
    finish(begin(store, "1"), "start", x=big("a"))
    age(store)
    chosen = choose(store, ALL)
    garbage = find_garbage(store, set(chosen.doomed))
    begin(store, "2", state="running", origin="1", process=this_process())
    assert sweep(store, chosen, garbage) == (0, 0, 0)
    assert (store.runs("F"), len(blobs(store))) == (["1", "2"], 1)


def test_a_run_on_which_a_step_was_tried_meanwhile_stays(store: Store, tmp_path: Path) -> None:
    finish(begin(store, "1"), "start", x=big("a"))
    age(store)
    chosen = choose(store, ALL)
    garbage = find_garbage(store, set(chosen.doomed))
    put_on(str(tmp_path / "spun"), store.objects.url)
    need(store.run("F", "1"), str(tmp_path / "spun"))
    assert sweep(store, chosen, garbage) == (0, 0, 0)
    assert (store.runs("F"), len(blobs(store))) == (["1"], 1)


def test_a_writer_waits_for_a_sweep_and_looks_again(store: Store) -> None:
    """A writer that finds a blob which `flowc gc` may be deleting waits, and then stores the blob again."""
    ref = store_value(store.objects, big("a"))
    age(store)
    with sweeps.Sweep(store.objects):  # type: ignore[arg-type]
        writer = threading.Thread(target=store_value, args=(store.objects, big("a")))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
        store.objects.delete(blob_key(ref["digest"]))
    writer.join()
    assert load_value(store.objects, ref) == big("a")


class Turns:
    """Runs threads one at a time: before each operation on the store, a seed determines which thread continues."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._condition = threading.Condition()
        self._waiting: list[str] = []
        self._running: set[str] = set()
        self._turn = ""
        self._speeds: dict[str, float] = {}

    def run(self, **bodies: Callable[[], None]) -> None:
        faults: list[BaseException] = []

        def body(name: str) -> None:
            try:
                self.step(name)
                bodies[name]()
            except BaseException as error:
                faults.append(error)
            finally:
                with self._condition:
                    self._running.discard(name)
                    self._choose()

        self._running = set(bodies)
        self._speeds = {
            name: self._random.choice([1, 3, 9, 27]) for name in bodies
        }  # weights of the threads: one with a larger weight is chosen more often
        threads = [threading.Thread(target=body, args=(name,), name=name) for name in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        if faults:
            raise faults[0]

    def step(self, name: str) -> None:
        """Wait until it is this thread's turn."""
        with self._condition:
            self._waiting.append(name)
            self._choose()
            assert self._condition.wait_for(lambda: self._turn == name, timeout=60)
            self._turn = ""

    def _choose(self) -> None:
        if self._waiting and set(self._waiting) == self._running:
            self._turn = self._random.choices(self._waiting, [self._speeds[name] for name in self._waiting])[0]
            self._waiting.remove(self._turn)
            self._condition.notify_all()


class Interleaved(LocalObjects):
    """A store in a directory, whose operations run in an order that `turns` determines."""

    turns: Turns

    def _turn(self) -> None:
        self.turns.step(threading.current_thread().name)

    def __getattribute__(self, name: str) -> Any:
        # wait for this thread's turn: each operation on the store calls at least one of these methods
        if name in ("_path", "names", "listing", "_write", "exists"):
            self._turn()
        return super().__getattribute__(name)


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_interleavings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """While `flowc gc` runs, one flow stores an old value again and another resumes an old run: no object is lost."""
    monkeypatch.setattr(sweeps, "_POLL", 0)
    for seed in range(first, first + 50):
        plain = Store(LocalObjects(tmp_path / str(seed)))
        for number in range(2):
            finish(begin(plain, f"old-{number}", created=time.time() - 30 * DAY), "start", x=big(str(number)))
        age(plain)
        objects = Interleaved(tmp_path / str(seed))
        shared = Store(objects)
        objects.__dict__["turns"] = turns = Turns(seed)

        def stores_again(shared: Store = shared) -> None:
            run = begin(shared, "new", state="running", process=this_process())
            finish(run, "start", x=big("0"), y=big("1"))

        def resumes(shared: Store = shared) -> None:
            run = begin(shared, "resumed", state="running", origin="old-1", process=this_process())
            with suppress(NotFound):  # the old run may have been deleted; then nothing is reused
                run.hold("old-1")
                task: Any = shared.run("F", "old-1").task("start", "0")
                run.reuse(
                    {**task, "run": "resumed", "origin": {"run": "old-1", "step": "start", "path": "0", "attempt": 1}}
                )

        turns.run(gc=lambda shared=shared: collect(shared) and None, writer=stores_again, resumer=resumes)  # type: ignore[misc]
        for run in plain.runs("F"):
            for path in plain.run("F", run).attempts("start"):
                for ref in plain.run("F", run).task("start", path)["artifacts"].values():
                    assert len(load_value(plain.objects, ref)) == 2000, (seed, run)
        assert set(plain.runs("F")) >= {"new", "resumed"}


def test_random_interleavings_with_a_spun_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While `flowc gc` runs, spin either reports that the run was deleted, or stores results that can be read."""
    monkeypatch.setattr(sweeps, "_POLL", 0)
    kept: list[bool] = []
    for seed in range(60):
        plain = Store(LocalObjects(tmp_path / str(seed)))
        finish(begin(plain, "old", created=time.time() - 30 * DAY), "start", x=big("x"))
        age(plain)
        objects = Interleaved(tmp_path / str(seed))
        shared = Store(objects)
        objects.__dict__["turns"] = turns = Turns(seed)
        put_on(str(tmp_path / "spun"), plain.objects.url)

        def spins(shared: Store = shared, seed: int = seed, turns: Turns = turns) -> None:
            kept.append(False)
            for _ in range(random.Random(seed).randrange(60)):
                turns.step("spin")
            with suppress(NotFound, StoreError):
                need(shared.run("F", "old"), str(tmp_path / "spun"))
                kept[-1] = True

        turns.run(gc=lambda shared=shared: collect(shared) and None, spin=spins)  # type: ignore[misc]
        if kept[-1]:
            ref = plain.run("F", "old").task("start", "0")["artifacts"]["x"]
            assert load_value(plain.objects, ref) == big("x"), seed
        else:
            assert not plain.run("F", "old").exists(), seed
    assert {True, False} == set(kept)


def test_a_bucket(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """`flowc gc` keeps and deletes the same objects in a bucket; the bucket copies an old object onto itself to renew
    it."""
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        store = Store(RemoteObjects(f"{running.bucket('garbage')}/prefix"))
        finish(begin(store, "1"), "start", mine=big("a"), ours=big("b"))
        finish(begin(store, "2"), "start", ours=big("b"))
        monkeypatch.setattr("flowc_runtime.store.upkeep.collect.GRACE", 0.0)
        monkeypatch.setattr(sweeps, "REFRESH", 0.0)
        assert collect(store, Selection(keep_last=1)) == {"F/1"}
        assert (store.runs("F"), len(blobs(store))) == (["2"], 1)
        (digest,) = blobs(store)
        assert store.objects.refresh(blob_key(digest))
        assert not store.objects.refresh(blob_key("0" * 64))
        assert store.objects.names("tmp") == []
        assert collect(store) == {"F/2"}
        assert sorted(store.objects.names_below("flows")) == []
        assert blobs(store) == set()


# -- lost records ------------------------------------------------------------------------------------------------------


def lose(run: RunStore, name: str, *, aside: bool) -> None:
    """Delete a record of the run, or move it to `damaged/` as `fsck --repair` does."""
    objects: Any = run.objects
    key = f"{run.prefix}/{name}"
    if aside:
        objects.move(key, f"damaged/{key}")
    else:
        objects.delete(key)


@pytest.mark.parametrize("aside", [False, True])
def test_a_run_without_its_record_is_not_the_newest_and_keeps_all_of_its_flow(store: Store, aside: bool) -> None:
    runs = [begin(store, f"2026010{day}-000000") for day in range(1, 5)]
    for run in runs:
        finish(run, "start", x=big(run.id[-8]))
    other = begin(store, "1", flow="G")
    lose(runs[-1], "run.json", aside=aside)
    age(store)
    before = everything(store)
    for selection in (Selection(keep_last=1, flow="F"), Selection(older_than=0, flow="F")):
        chosen = choose(store, selection)
        assert chosen.doomed == {}
        assert list(chosen.unreadable) == [f"F/{runs[-1].id}"]
        garbage = find_garbage(store, set())
        assert list(garbage.unreadable) and not garbage.blobs
        assert collect(store, selection) == set()
    assert [path for path in everything(store) if "/gc" not in str(path)] == before
    # only `other` is deleted: it belongs to another flow than the run that has lost its record
    assert collect(store) == {f"G/{other.id}"}


@pytest.mark.parametrize("name", ["status.json", "ir.json", "tasks/start/0.json"])
def test_a_run_of_which_a_record_was_moved_aside_stays_with_what_it_needs(store: Store, name: str) -> None:
    origin = begin(store, "20260101-000000")
    run = begin(store, "20260102-000000", origin=origin.id)
    others = [begin(store, f"2026010{day}-000000") for day in (3, 4)]
    finish(run, "start", x=big("x"))
    lose(run, name, aside=True)
    age(store)
    chosen = choose(store, Selection(older_than=0))
    assert list(chosen.unreadable) == [f"F/{run.id}"]
    assert name in str(chosen.unreadable[f"F/{run.id}"])
    assert collect(store) == {f"F/{each.id}" for each in others}
    assert (origin.exists(), run.exists()) == (True, True)


def test_a_run_whose_status_cannot_be_read_is_not_the_newest(store: Store) -> None:
    old, run, newest = (begin(store, f"2026010{day}-000000") for day in (1, 2, 3))
    store.objects.put(f"{newest.prefix}/status.json", b"")
    age(store)
    assert collect(store, Selection(keep_last=1)) == {f"F/{old.id}"}
    assert run.exists()


def test_a_run_that_only_begins_counts_as_before(store: Store) -> None:
    run = store.run("F", "20260105-000000")
    store.objects.put(f"{run.prefix}/ir.json", b"{}")
    assert not run.exists()
    assert choose(store, Selection(older_than=0)).unreadable == {}
