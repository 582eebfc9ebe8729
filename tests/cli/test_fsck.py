"""`flowc fsck` reports damaged and lost objects, in a directory and in a bucket; `--repair` moves damaged ones away."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import flowc.cli
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import Damaged
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.layered import put_on
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.records.unreadable import RecordWarning
from flowc_runtime.store.upkeep.collect import Garbage, sweep
from flowc_runtime.store.upkeep.fsck import check_store, repair
from flowc_runtime.store.upkeep.selection import Chosen
from flowc_runtime.store.upkeep.spun import need
from flowc_runtime.store.values.codecs import load_value
from gateway import gateway
from metaflow import Flow, default_metadata, default_namespace, metadata, namespace
from project import done_record, run_record
from stores import STORES, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from gateway import Gateway
    from project import Project

BIG = "x" * 3000


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["directory", "bucket"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, s3: Gateway, monkeypatch: pytest.MonkeyPatch
) -> tuple[Store, Path]:
    """Return a store with a run of two tasks, and the directory of its objects."""
    if request.param == "directory":
        root = tmp_path / ".flowc"
        store = Store.open(str(root))
    else:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        name = f"fsck{os.urandom(4).hex()}"
        root = s3.directory / name
        store = Store.open(s3.bucket(name))
    fill(store)
    return store, root


def fill(store: Store) -> RunStore:
    from flowc_runtime.store.values.codecs import store_value

    ir = (STORES[-1] / "ir.json").read_text()
    run = store.run("F", "1")
    sent = store.objects.create_blob([b"a file"])
    parameters = {"data": {"file": "x", "digest": sent, "size": 6}}
    run.create(run_record(run, parameters=parameters), ir)
    refs = {"model": store_value(store.objects, BIG), "small": store_value(store.objects, 1)}
    run.finish(done_record(run, "start", artifacts=refs))
    parents = [{"step": "start", "path": "0", "count": None}]
    run.finish(done_record(run, "end", artifacts=refs, parents=parents))
    run.set_status({"state": "succeeded", "changed": 9.0})
    run.add_tags(["good", "y" * 300])
    return run


def test_what_is_wrong_is_no_matter_of_words(tmp_path: Path) -> None:
    """A run's id may contain the words of a message of `fsck`."""
    store = Store.open(str(tmp_path / ".flowc"))
    run = store.run("F", "1 is damaged: 2; restore it")
    run.create(run_record(run), (STORES[-1] / "ir.json").read_text())
    run.set_status({"state": "running", "changed": 1.0})
    store.objects.put(f"{run.prefix}/status.json", b"")
    (fault,) = check_store(store).faults
    assert (fault.kind, fault.why) == ("damaged-record", "it is empty")


def fsck(store: Store, *words: str) -> tuple[int, Any, str]:
    """Return the exit code, the findings, and stderr."""
    group = flowc.cli.make_group("flowc", flowc.cli.COMMANDS, "")
    done = CliRunner().invoke(group, ["fsck", "--json", "--store", store.objects.url, *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout), done.stderr


def faults(found: Any) -> dict[str, str]:
    """Return key -> kind of fault, for the objects in the findings."""
    return {fault["key"]: fault["kind"] for fault in found["faults"]}


def model(store: Store) -> str:
    return blob_key(store.run("F", "1").task("start", "0")["artifacts"]["model"]["digest"])


def test_a_whole_store(place: tuple[Store, Path]) -> None:
    store, _ = place
    code, found, err = fsck(store)
    assert (code, found["faults"], err) == (0, [], "")
    assert found["objects"] == len(store.objects.names_below("flows")) + len(store.objects.names_below("blobs"))
    assert found["bytes"] > 3000


@pytest.mark.parametrize("damage", ["empty", "flipped", "appended", "zeroed"])
def test_a_damaged_blob(place: tuple[Store, Path], damage: str) -> None:
    store, root = place
    key = model(store)
    data = store.objects.get(key)
    wrong = {"empty": b"", "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:], "appended": data + b"x",
             "zeroed": bytes(len(data))}[damage]  # fmt: skip
    store.objects.put(key, wrong)
    code, found, _ = fsck(store)
    assert (code, faults(found)) == (1, {key: "damaged-blob"})
    (fault,) = found["faults"]
    assert fault["touched"] == ["F/1/end/end-0/model", "F/1/start/start-0/model"]
    assert found["runs"] == ["F/1"]
    assert (root / key).read_bytes() == wrong  # without --repair, `fsck` changes nothing
    code, found, _ = fsck(store, "--repair")
    assert (code, found["faults"][0]["moved"]) == (1, f"damaged/{key}")
    assert store.objects.get(f"damaged/{key}") == wrong
    assert not store.objects.exists(key)
    code, found, _ = fsck(store)
    assert (code, faults(found), found["aside"]) == (1, {key: "lost-blob"}, 1)
    store.objects.create_blob([data])  # a run that stores this value writes the blob again
    assert fsck(store)[:1] == (0,)


def test_what_is_lost(place: tuple[Store, Path]) -> None:
    store, _ = place
    run = store.run("F", "1")
    key, sent = model(store), blob_key(store.run("F", "1").record()["parameters"]["data"]["digest"])
    first = f"{run.prefix}/tasks/start/0.json"
    for gone in (key, sent, first, f"{run.prefix}/ir.json"):
        store.objects.delete(gone)
    other = store.run("F", "2")
    other.create(run_record(other, origin="gone"), run_ir())
    code, found, _ = fsck(store, "--repair")
    assert code == 1
    assert faults(found) == {
        key: "lost-blob",
        sent: "lost-blob",
        first: "lost-record",
        f"{run.prefix}/ir.json": "lost-record",
        store.run("F", "gone").prefix: "lost-run",
    }
    touched = {fault["key"]: fault["touched"] for fault in found["faults"]}
    assert touched[key] == ["F/1/end/end-0/model"]
    assert touched[sent] == ["F/1/_parameters/_parameters-0/data"]
    assert touched[first] == ["F/1/end/end-0", "F/1/start/start-0"]
    assert touched[store.run("F", "gone").prefix] == ["F/2"]


def run_ir() -> str:
    return (STORES[-1] / "ir.json").read_text()


RECORDS: dict[str, Callable[[RunStore], str]] = {
    "run": lambda run: f"{run.prefix}/run.json",
    "ir": lambda run: f"{run.prefix}/ir.json",
    "status": lambda run: f"{run.prefix}/status.json",
    "attempt": lambda run: f"{run.prefix}/tasks/start/0.json",
    "tag": lambda run: f"flows/F/tags/1/{next(name for name in run.tag_names() if name.startswith('='))}",
    "lease": lambda _: "gc/sweeps/1-a",
    "entry": lambda _: "cache/a/b",
    "reads": lambda _: "cache/a/reads/b",
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_damaged_record(place: tuple[Store, Path], kind: str) -> None:
    store, _ = place
    key = RECORDS[kind](store.run("F", "1"))
    for wrong in (b"", b'{"runs": 3}', b"[" * 200_000):
        store.objects.put(key, wrong)
        code, found, err = fsck(store)
        assert (code, faults(found), err) == (1, {key: "damaged-record"}, "")
    fsck(store, "--repair")
    assert store.objects.get(f"damaged/{key}") == b"[" * 200_000
    assert not store.objects.exists(key)
    again = faults(fsck(store)[1])
    assert "damaged-record" not in again.values()
    # a second damaged object with this key does not replace the first one in `damaged/`, but gets the ending `.2`
    store.objects.put(key, b"")
    if kind not in ("lease", "entry", "reads"):
        assert fsck(store, "--repair")[1]["faults"][0]["moved"] == f"damaged/{key}.2"


def test_what_a_newer_flowc_wrote_is_left_where_it_is(place: tuple[Store, Path]) -> None:
    store, _ = place
    key = f"{store.run('F', '1').prefix}/status.json"
    store.objects.put(key, b'{"version": 99}')
    code, found, _ = fsck(store, "--repair")
    assert (code, faults(found)) == (1, {key: "newer-record"})
    assert store.objects.exists(key)


def test_an_artifact_in_a_record(place: tuple[Store, Path]) -> None:
    store, _ = place
    run = store.run("F", "1")
    key, record = f"{run.prefix}/tasks/start/0.json", run.task("start", "0")
    record["artifacts"]["small"]["data"] = record["artifacts"]["model"]["digest"]
    store.objects.put(key, json.dumps(record).encode())
    code, found, _ = fsck(store)
    assert (code, faults(found)) == (1, {key: "damaged-record"})
    assert found["faults"][0]["touched"] == ["F/1/start/start-0/small"]


def test_files_that_were_sent(place: tuple[Store, Path]) -> None:
    store, _ = place
    store.objects.put(f"files/{'a' * 64}", b"something else")
    code, found, _ = fsck(store, "--repair")
    assert (code, faults(found)) == (1, {f"files/{'a' * 64}": "damaged-blob"})
    assert store.objects.get(f"damaged/files/{'a' * 64}") == b"something else"


# -- a directory -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(LocalObjects(tmp_path / ".flowc"))
    fill(made)
    return made


def leave(store: Store, name: str, hours: float) -> Path:
    from pathlib import Path

    assert isinstance(store.objects, LocalObjects)
    path = Path(store.objects.root) / "tmp" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"part")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_leftovers(store: Store) -> None:
    """`fsck --repair` keeps temporary files for 24 hours, like `flowc gc`, since writing a huge blob may take long."""
    old, young = leave(store, "1-a", 24.1), leave(store, "1-b", 23.9)
    code, found, _ = fsck(store)
    assert (code, faults(found)) == (1, {"tmp/1-a": "leftover"})
    assert old.exists()
    code, found, _ = fsck(store, "--repair")
    assert found["faults"][0]["removed"]
    assert (old.exists(), young.exists()) == (False, True)
    assert fsck(store)[0] == 0


def test_what_is_left_over_to_one_is_left_over_to_the_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in (0.0, 3600.0, 100 * 3600.0):
        monkeypatch.setattr(sweeps, "GRACE", age)
        old, young = leave(store, "1-a", age / 3600 + 0.1), leave(store, "1-b", age / 3600 - 0.1)
        assert faults(fsck(store)[1]) == {"tmp/1-a": "leftover"}
        sweep(store, Chosen(), Garbage())
        assert (old.exists(), young.exists()) == (False, True)


def test_a_blob_is_read_once_and_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fsck` reads a blob only once, even if the blob is large and many tasks reference it."""
    import tracemalloc

    from flowc_runtime.store.backends import moving

    stream = moving.stream

    run = store.run("F", "1")
    digest = store.objects.create_blob([bytes(64 << 20)])
    ref: Any = {"digest": digest, "size": 64 << 20, "type": "bytes", "codec": "pickle5", "repr": "x"}
    for number in range(5):
        run.finish(done_record(run, "work", f"0.{number}", artifacts={"x": ref}))
    read: list[str] = []

    def counted(objects: Any, key: str) -> Iterator[bytes | memoryview]:
        read.append(key)
        return stream(objects, key)

    monkeypatch.setattr(moving, "stream", counted)
    tracemalloc.start()
    try:
        assert check_store(store).faults == []
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert read.count(blob_key(digest)) == 1


def test_what_was_written_anew_since_is_not_moved(store: Store) -> None:
    key = model(store)
    data = store.objects.get(key)
    store.objects.put(key, b"")
    found = check_store(store)
    store.objects.put(key, data)
    repair(store, found)
    assert store.objects.get(key) == data
    assert found.faults[0].moved is None


def test_what_is_deleted_beside_it_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If `flowc gc` deletes a run after `fsck` has read its records, `fsck` does not report lost blobs."""

    def delete(what: str, done: int | None, total: int | None) -> None:
        if done == len(store.objects.names_below("flows")):
            assert what == "reading the store, 0 MiB:"
            shutil.rmtree(store.objects.url.removeprefix("file://"))

    monkeypatch.setattr(ambient(), "report_progress", delete)
    assert check_store(store).faults == []


def test_no_store(tmp_path: Path) -> None:
    group = flowc.cli.make_group("flowc", flowc.cli.COMMANDS, "")
    done = CliRunner().invoke(group, ["fsck", "--store", str(tmp_path / "none")])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no store in file://{tmp_path}/none\nhint: give its place with --store\n"


def test_a_spun_step(store: Store, tmp_path: Path) -> None:
    """`fsck` finds the inputs of a task of `spin` in the original store, which the store of `spin` names."""
    root = tmp_path / "spin"
    put_on(str(root), store.objects.url)
    need(store.run("F", "1"), str(root))
    above = Store.open(str(root))
    run = above.run("F", "2")
    run.create(run_record(run, spun_from="1/end/0"), run_ir())
    run.finish(done_record(run, "end", parents=[{"step": "start", "path": "0", "count": None}],
                           artifacts=store.run("F", "1").task("start", "0")["artifacts"]))  # fmt: skip
    assert fsck(above)[1]["faults"] == []


@pytest.mark.parametrize("golden", STORES, ids=lambda path: path.name)
def test_stores_of_every_version(project: Project, golden: Path) -> None:
    opened(golden, project)
    for directory in (".flowc", ".flowc_spin"):
        done = project.flowc("fsck", "--store", directory)
        assert (done.code, done.err) == (0, ""), done.out
        assert done.out.endswith(": no problems found\n")


def test_what_people_are_told(store: Store) -> None:
    key = model(store)
    store.objects.put(key, b"")
    leave(store, "1-a", 50.1)
    group = flowc.cli.make_group("flowc", flowc.cli.COMMANDS, "")
    done = CliRunner().invoke(group, ["fsck", "--repair", "--store", store.objects.url])
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        f"damaged blob {key}, 0 bytes: it is empty; moved to damaged/{key}",
        "  F/1/end/end-0/model",
        "  F/1/start/start-0/model",
        "leftover tmp/1-a, 4 bytes: a writer left it 50 hours ago; removed",
        "affected runs: F/1",
    ]
    assert lines[5].endswith(": 1 damaged blob, 1 leftover")
    with pytest.raises(Damaged, match="was moved to damaged/blobs/"):
        load_value(store.objects, store.run("F", "1").task("start", "0")["artifacts"]["model"])


# -- readers of damaged stores continue (every kind of damage: test_unreadable.py) -------------------------------------


@pytest.mark.filterwarnings("always::flowc_runtime.store.records.unreadable.RecordWarning")
def test_lists_go_on(place: tuple[Store, Path], recwarn: pytest.WarningsRecorder) -> None:
    store, _ = place
    for number in range(2, 5):
        run = store.run("F", str(number))
        run.create(run_record(run, created=float(number)), run_ir())
    store.objects.put(f"{store.run('F', '3').prefix}/run.json", b"")
    store.objects.put("flows/F/runs/notes.txt", b"x")
    group = flowc.cli.make_group("flowc", flowc.cli.COMMANDS, "")
    done = CliRunner().invoke(group, ["runs", "--json", "--store", store.objects.url])
    assert done.exit_code == 0, done.stderr
    assert [row["pathspec"] for row in json.loads(done.stdout)] == ["F/4", "F/3", "F/2", "F/1"]
    assert "flows/F/runs/3/run.json" in done.stderr
    metadata(store.objects.url)
    namespace(None)
    try:
        assert [run.id for run in Flow("F")] == ["4", "2", "1"]
    finally:
        default_metadata()
        default_namespace()
    assert any(warning.category is RecordWarning for warning in recwarn)


def test_a_lease_that_cannot_be_read_counts_by_its_age(place: tuple[Store, Path]) -> None:
    store, root = place
    store.objects.put("gc/sweeps/1-a", b"[")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        then = time.time() - sweeps.LEASE - 61
        os.utime(root / "gc/sweeps/1-a", (then, then))

    sweeps.wait(store.objects, sleep)
    assert waited


# -- lost objects ------------------------------------------------------------------------------------------------------


def test_a_run_that_has_lost_its_record(place: tuple[Store, Path]) -> None:
    """All objects of the run are moved to `damaged/`; no blobs are deleted until the moved objects are deleted."""
    store, _ = place
    run = store.run("F", "1")
    number = len(store.objects.names_below(run.prefix)) - 1
    store.objects.delete(f"{run.prefix}/run.json")
    code, found, _ = fsck(store)
    assert (code, faults(found)) == (1, {f"{run.prefix}/run.json": "lost-record"})
    assert found["faults"][0]["why"] == f"run F/1 has no record: its {number} objects are left"
    found = fsck(store, "--repair")[1]
    assert found["faults"][0]["moved"] == f"damaged/{run.prefix}"
    assert store.objects.names_below("flows") == []
    assert store.runs("F") == []
    assert len(store.objects.names_below("damaged")) == number + 2  # 2: the run's tags are moved, too
    code, found, _ = fsck(store)
    assert (code, found["aside"]) == (0, number + 2)
    assert f"damaged/{run.prefix}/status.json" in found["moved_before"]


def test_a_run_whose_record_is_aside_stays_until_that_is_deleted(place: tuple[Store, Path]) -> None:
    store, _ = place
    key = f"{store.run('F', '1').prefix}/run.json"
    store.objects.put(key, b"{")
    for _ in range(2):
        fsck(store, "--repair")
        assert len(store.objects.names_below("flows")) > 4
    store.objects.delete(f"damaged/{key}")
    assert fsck(store, "--repair")[1]["faults"][0]["moved"] == f"damaged/{store.run('F', '1').prefix}"
    assert store.objects.names_below("flows") == []


@pytest.mark.parametrize("name", ["run.json", "ir.json", "status.json", "tasks/start/0.json"])
def test_what_was_moved_aside_is_lost_and_named(place: tuple[Store, Path], name: str) -> None:
    store, _ = place
    key = f"{store.run('F', '1').prefix}/{name}"
    store.objects.put(key, b"")
    fsck(store, "--repair")
    code, found, _ = fsck(store)
    assert (code, faults(found)) == (1, {key: "lost-record"})
    assert found["faults"][0]["why"] == f"it was moved before, to damaged/{key}"
    assert found["moved_before"] == [f"damaged/{key}"]


def test_a_blob_that_a_reader_has_moved_aside(store: Store) -> None:
    key = model(store)
    data = store.objects.get(key)
    store.objects.put(key, data[:-1])
    with pytest.raises(Damaged):
        load_value(store.objects, store.run("F", "1").task("start", "0")["artifacts"]["model"])
    (fault,) = fsck(store)[1]["faults"]
    assert (fault["key"], fault["why"]) == (key, f"it was moved before, to damaged/{key}")


def test_a_directory_in_place_of_a_record(store: Store) -> None:
    from pathlib import Path

    root, run = Path(store.objects.url.removeprefix("file://")), store.run("F", "1")
    for name in ("run.json", "ir.json"):
        path = root / run.prefix / name
        path.unlink()
        path.mkdir()
    assert set(faults(fsck(store)[1]).values()) == {"lost-record"}
    assert len(faults(fsck(store, "--repair")[1])) == 2
    assert store.runs("F") == []


@pytest.mark.parametrize(
    "gone", ["tasks/work/0.1.json", "tasks/work/0.0.json", "tasks/join/0.json", "tasks/end/0.json"]
)
@pytest.mark.parametrize("log", [False, True])
def test_a_run_that_has_succeeded_has_all_of_its_tasks(project: Project, gone: str, log: bool) -> None:
    opened(STORES[-1], project)
    run = project.store.run("Kept", project.store.runs("Kept")[0])
    path = project.root / ".flowc" / run.prefix / gone
    path.unlink()
    if log:
        shutil.rmtree(project.root / ".flowc" / run.prefix / "logs")
    code, found, _ = fsck(project.store)
    assert (code, faults(found)) == (1, {f"{run.prefix}/{gone}": "lost-record"})
