"""An unreadable record does not prevent the reading of other objects: all kinds of records, damage and commands."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import flowc.cli
from flowc.cli.rendering.card_server import ServedCards
from flowc_runtime.base.errors import DamagedRecord, FormatError, LostRecord, RecordError
from flowc_runtime.base.index import Graph
from flowc_runtime.run.reuse import Reuse
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.records.unreadable import RecordWarning
from metaflow import Flow, Metaflow, Run, default_metadata, default_namespace, metadata, namespace
from stores import STORES, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no JSON": lambda _: b"\xff<html>",
    "another shape": lambda _: b'{"runs": 3}',
    "nested": lambda _: b"[" * 200_000,
    "newer": lambda data: json.dumps(json.loads(data) | {"version": 99, "flowc": 99}).encode(),
}
# Kind of record -> the path of the record, in a run, that the tests damage.
KINDS = {
    "run": "run.json",
    "ir": "ir.json",
    "status": "status.json",
    "attempt": "tasks/work/0.1.json",
    "first": "tasks/start/0.json",
    "beginning": "tasks/work/0.1-1.begin.json",
    "spin": "spun/*.json",
    "card": "cards/end/0-1/*.data.json",
}
READERS: dict[str, tuple[str, ...]] = {
    "runs": ("runs", "--json"),
    "runs of a tag": ("runs", "Kept", "--status", "succeeded", "--json"),
    "show a run": ("show", "{}"),
    "show a step": ("show", "{}/work"),
    "show a task": ("show", "{}/work/0.0"),
    "show another run": ("show", "{other}"),
    "logs": ("logs", "{}"),
    "logs merged": ("logs", "{}", "--merge"),
    "sizes of logs": ("logs", "{}", "--sizes", "--json"),
    "dump": ("dump", "{}/work"),
    "artifact": ("artifact", "Kept/answer", "--json"),
    "tags": ("tag", "list", "{}"),
    "tag another run": ("tag", "add", "{other}", "x"),
    "cards": ("card", "list", "{}"),
    "gc": ("gc", "--older-than", "1s", "--json"),
    "fsck": ("fsck", "--json"),
}
# Commands that show the unreadable object itself: they continue, print a line, and exit with 1.
ABOUT_IT = {
    ("show a run", "run"), ("show a run", "status"), ("fsck", "run"), ("fsck", "status"), ("fsck", "ir"),
    ("fsck", "attempt"), ("fsck", "first"), ("fsck", "beginning"), ("fsck", "spin"), ("fsck", "card"),
    ("cards", "run"),
}  # fmt: skip


@pytest.fixture
def kept(project: Project) -> Iterator[Kept]:
    opened(STORES[-1], project)
    metadata(str(project.root))
    namespace(None)
    yield Kept(project)
    default_metadata()
    default_namespace()


class Kept:
    """A store with three runs; the tests damage the first run."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = project.root / ".flowc"
        first, *others = project.store.runs("Kept")
        self.run: RunStore = project.store.run("Kept", first)
        self.others = others

    def damage(self, kind: str, damage: str) -> str:
        """Damage the record of this kind in the first run, and return the record's key."""
        (path,) = (self.root / self.run.prefix).glob(KINDS[kind])
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        return path.relative_to(self.root).as_posix()

    def flowc(self, *words: str) -> Any:
        names = {"{}": f"Kept/{self.run.id}", "{other}": f"Kept/{self.others[0]}"}
        for name, value in names.items():
            words = tuple(word.replace(name, value) for word in words)
        group = flowc.cli.make_group("flowc", flowc.cli.COMMANDS, "")
        return CliRunner().invoke(group, [*words, "--store", str(self.root)])


def names_it(text: str, kept: Kept, key: str, damage: str) -> bool:
    """Return whether the text names the damaged run, and also the damaged record. For the damage `newer`, the text must
    contain the reason instead of the record."""
    return kept.run.id in text and ("was written by a newer flowc" if damage == "newer" else key) in text


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_goes_on(kept: Kept, kind: str, damage: str) -> None:
    key = kept.damage(kind, damage)
    for reader, words in READERS.items():
        done = kept.flowc(*words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (reader, done.exception)
        # only the output of `logs` contains a traceback: the one that the step printed
        assert ("Traceback" in done.stderr) == (reader in ("logs", "logs merged"))
        about = (reader, kind) in ABOUT_IT
        assert done.exit_code == about, (reader, done.stderr)
        if about:
            assert names_it(done.stderr + done.stdout, kept, key, damage), (reader, done.stderr)
        for line in done.stderr.splitlines():
            if "damaged" in line or "newer" in line:
                assert names_it(line, kept, key, damage), (reader, line)
        if reader == "runs":
            rows = {row["pathspec"]: row["state"] for row in json.loads(done.stdout)}
            assert len(rows) == 3
            assert (rows.pop(f"Kept/{kept.run.id}") == "unreadable") == (kind in ("run", "status"))
            assert "unreadable" not in rows.values()
        if (reader, kind) in {("runs", "run"), ("runs", "status"), ("show a step", "attempt"), ("gc", "run"),
                              ("logs", "ir"), ("dump", "attempt"), ("artifact", "attempt"), ("tags", "run")}:  # fmt: skip
            assert names_it(done.stderr, kept, key, damage), reader


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("always::flowc_runtime.store.records.unreadable.RecordWarning")
def test_the_client_goes_on(kept: Kept, kind: str, damage: str, recwarn: pytest.WarningsRecorder) -> None:
    kept.damage(kind, damage)
    names = [run.id for run in Flow("Kept")]
    assert names == [run for run in [*reversed(kept.others), kept.run.id] if kind != "run" or run != kept.run.id]
    assert [flow.id for flow in Metaflow()] == ["Kept"]
    assert len(list(Flow("Kept").runs(status=["succeeded", "failed"]))) == (2 if kind in ("run", "status") else 3)
    assert Flow("Kept").latest_successful_run == Run(f"Kept/{kept.others[-1]}")
    assert len(Flow("Kept").metrics()) == (2 if kind in ("run", "status", "ir") else 3)
    versions = [version["pathspec"].split("/")[1] for version in Flow("Kept").artifact_versions("answer")]
    assert versions == names
    Flow("Kept")._repr_html_()
    if kind != "run":
        run = Run(f"Kept/{kept.run.id}")
        assert {step.id for step in run} == {*kept.run.steps()}
        assert [task.id for task in run["work"]] == ["work-0.2", "work-0.1", "work-0.0"]
        run["work"]._repr_html_()
        if kind != "ir":
            assert run["work"]["0.0"].data.large
    told = [str(warning.message) for warning in recwarn if warning.category is RecordWarning]
    assert all(kept.run.id in line for line in told)
    assert bool(told) == (kind not in ("beginning", "spin", "card"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::flowc_runtime.store.records.unreadable.RecordWarning")
def test_the_card_server_goes_on(kept: Kept, kind: str, damage: str) -> None:
    kept.damage(kind, damage)
    shown = ServedCards(kept.project.store, "Kept", None, None, 30, 5)
    assert shown.cards()["run"] == f"Kept/{kept.others[-1]}"
    tagged = shown._replace(tag="first").run()
    assert (tagged is not None and tagged.id == kept.run.id) == (kind != "run")
    cards = shown._replace(run_id=kept.run.id).cards()
    assert [card["task"] for card in cards["cards"]] == ["end-0"]
    assert (cards["state"] == "unreadable") == (kind == "status")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RecordError("cannot read run.json: Permission denied"), "its record cannot be read"),
        (DamagedRecord("run.json is damaged"), "its record is damaged"),
        (LostRecord("run.json was moved aside"), "its record is gone"),
        (FormatError("run Kept/1 was written by a newer flowc"), "its record is from a newer flowc"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_list_says_why_a_record_cannot_be_read(
    kept: Kept, error: RecordError, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(self: RunStore) -> None:
        raise error

    monkeypatch.setattr(type(kept.run), "record", record)
    done = kept.flowc("runs", "--json")
    assert [(row["state"], row["why"]) for row in json.loads(done.stdout)] == [("unreadable", why)] * 3


def test_a_damaged_tag_leaves_the_others(kept: Kept) -> None:
    long = "x" * 300
    kept.run.add_tags([long, "short"])
    (path,) = (kept.root / "flows/Kept/tags" / kept.run.id).glob("=*")
    path.write_bytes(b"")
    for command in (("tag", "list", "{}"), ("runs", "--tag", "short", "--json")):
        done = kept.flowc(*command)
        assert done.exit_code == 0
        assert "short" in done.stdout
        assert path.name in done.stderr
        assert kept.run.id in done.stderr


def test_files_of_others_are_no_flows_runs_and_tasks(kept: Kept) -> None:
    for place in ("flows", "flows/Kept/runs", f"{kept.run.prefix}/tasks", f"{kept.run.prefix}/tasks/work"):
        for name in (".DS_Store", "notes.txt", "0-1.json~", "copy of 0.json"):
            (kept.root / place / name).write_text("x")
    assert kept.project.store.flows() == ["Kept"]
    assert kept.project.store.runs("Kept") == [kept.run.id, *kept.others]
    assert kept.run.attempts("work") == {"0.0": [1], "0.1": [1, 2], "0.2": [1]}
    assert kept.run.done("work") == set(kept.run.paths("work")) == {"0.0", "0.1", "0.2"}
    assert json.loads(kept.flowc("fsck", "--json").stdout)["counts"] == {"unknown-file": 12}


# -- resume ------------------------------------------------------------------------------------------------------------


def test_the_newest_run_is_taken_of_those_that_can_be_read(kept: Kept) -> None:
    newest = kept.project.store.run("Kept", kept.others[-1])
    (kept.root / newest.prefix / "run.json").write_bytes(b"")
    done = kept.project.flowc("resume", "kept.py", USER=newest_user(kept))
    assert done.code == 0, done.err
    assert f"{newest.prefix}/run.json" in done.err
    assert kept.project.latest().record().get("origin") == kept.others[0]


@pytest.mark.parametrize(
    "words",
    [
        ("kept.py", "tag", "list", "--all"),
        ("-m", "flowc", "spin", "kept.py", "work"),
        ("-m", "flowc", "retry", "Kept"),
        ("-m", "flowc", "completion", "bash"),
    ],
    ids=lambda words: words[-1],
)
def test_other_commands_take_those_that_can_be_read(kept: Kept, words: tuple[str, ...]) -> None:
    newest = kept.project.store.run("Kept", kept.others[-1])
    (kept.root / newest.prefix / "run.json").write_bytes(b'{"runs": 3}')
    done = kept.project.python(*words, USER=newest_user(kept))
    assert done.code == 0, done.err
    assert (f"{newest.prefix}/run.json in " in done.err) == ("completion" not in words)


def newest_user(kept: Kept) -> str:
    return kept.project.store.run("Kept", kept.others[0]).record()["user"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_task_whose_record_cannot_be_read_runs_again(kept: Kept, damage: str) -> None:
    key = kept.damage("attempt", damage)
    reuse = Reuse(kept.run, Graph(kept.run.executes()), kept.run.record()["parameters"])
    assert reuse.find("work", "0.0") is not None
    assert reuse.find("work", "0.1") is None
    assert names_it(reuse.reasons["work"], kept, key, damage)


# -- gc ----------------------------------------------------------------------------------------------------------------


def old(kept: Kept) -> None:
    then = time.time() - 3 * 86400
    for path in [*kept.root.rglob("*")]:
        os.utime(path, (then, then))


def blobs(kept: Kept) -> set[str]:
    return {path.name for path in (kept.root / "blobs").rglob("*") if path.is_file()}


GARBAGE = b"nobody needs this"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["run", "ir", "attempt", "first"])
def test_nothing_goes_that_such_a_record_may_need(kept: Kept, kind: str, damage: str) -> None:
    digest = kept.run.objects.create_blob([GARBAGE])
    key = kept.damage(kind, damage)
    old(kept)
    before = blobs(kept)
    done = kept.flowc("gc", "--delete")
    assert done.exit_code == 0
    assert "all unreferenced blobs are kept, because a record cannot be read and may reference them: 1," in done.stdout
    assert names_it(done.stderr, kept, key, damage)
    assert blobs(kept) == before
    record = (kept.root / key).read_bytes()
    assert kept.flowc("fsck", "--repair").exit_code == 1
    if damage != "newer":  # the record is in `damaged/`, and a user may restore it from a copy
        assert (kept.root / "damaged" / key).read_bytes() == record
        assert not (kept.root / key).exists()
        old(kept)
        assert (
            "all unreferenced blobs are kept, because a record cannot be read and may reference them: 1,"
            in kept.flowc("gc", "--delete").stdout
        )
        assert blobs(kept) == before
        (kept.root / "damaged" / key).unlink()
        if kind == "run":  # all blobs are kept, because the missing record may have named any of them
            assert "run.json" in kept.flowc("gc", "--delete").stderr
            assert "hint: restore the record of the run from a copy" in kept.flowc("fsck").stderr
            assert f"run Kept/{kept.run.id} has no record" in kept.flowc("fsck", "--repair").stdout
            assert "all unreferenced blobs are kept" in kept.flowc("gc", "--delete").stdout
            assert {path.name for path in (kept.root / "damaged" / kept.run.prefix).iterdir()} >= {"ir.json", "tasks"}
            shutil.rmtree(kept.root / "damaged/flows")
            assert kept.flowc("fsck").exit_code == 0
            assert f"Kept/{kept.run.id}" not in kept.flowc("runs").stdout
        left = blobs(kept)
        done = kept.flowc("gc", "--delete")
        assert f"deleted 0 runs and {len(left - blobs(kept))} blob" in done.stdout
        assert "blobs are kept" not in done.stdout + done.stderr
        assert not kept.project.store.objects.exists(blob_key(digest))


@pytest.mark.parametrize("kind", ["status", "beginning", "spin", "card"])
def test_what_names_no_blob_keeps_none(kept: Kept, kind: str) -> None:
    needed = blobs(kept)
    kept.run.objects.create_blob([GARBAGE])
    kept.damage(kind, "empty")
    old(kept)
    assert "deleted 0 runs and 1 blob," in kept.flowc("gc", "--delete").stdout
    assert blobs(kept) == needed


def test_a_run_whose_record_cannot_be_read_may_have_resumed_any(kept: Kept) -> None:
    kept.damage("run", "empty")
    old(kept)
    done = kept.flowc("gc", "--older-than", "1s", "--delete")
    assert "deleted 0 runs" in done.stdout
    for other in kept.others:
        assert (
            f"Kept/{other} is kept: Kept/{kept.run.id}, whose record cannot be read, may have resumed it" in done.stdout
        )
    assert f"Kept/{kept.run.id} is kept: its records cannot be read" in done.stdout


@pytest.mark.parametrize("kind", ["status", "spin"])
def test_a_run_that_may_go_on_or_be_needed_stays(kept: Kept, kind: str) -> None:
    kept.damage(kind, "empty")
    old(kept)
    done = kept.flowc("gc", "--older-than", "1s", "--delete")
    assert f"Kept/{kept.run.id} is kept: its records cannot be read" in done.stdout
    assert kept.project.store.runs("Kept") == [kept.run.id]


def test_a_keep_tag_that_cannot_be_read_keeps(kept: Kept) -> None:
    tag = "k" * 300
    kept.run.add_tags([tag])
    (path,) = (kept.root / "flows/Kept/tags" / kept.run.id).glob("=*")
    path.write_bytes(b"")
    (directory,) = (kept.root / kept.run.prefix).glob("spun")
    for needs in directory.iterdir():
        needs.unlink()
    old(kept)
    done = kept.flowc("gc", "--older-than", "1s", "--keep-tag", tag, "--delete")
    assert f"deleted {len(kept.others)} runs and " in done.stdout
    assert kept.project.store.runs("Kept") == [kept.run.id]


def test_records_of_a_run_that_were_moved_aside_are_one_warning(kept: Kept) -> None:
    """A warning covers all moved records of one run; a moved record of another run has its own warning."""
    for kind in ("run", "ir", "attempt", "first"):
        kept.damage(kind, "empty")
    other = kept.project.store.run("Kept", kept.others[0])
    lone = kept.root / other.prefix / "tasks/end/0.json"
    lone.write_bytes(b"")
    assert kept.flowc("fsck", "--repair").exit_code == 1
    for name in ("start", "join"):
        (kept.root / other.prefix / f"tasks/{name}/0.json").write_bytes(b"")
    for words in ((), ("--delete",), ("--older-than", "1s"), ("--json",)):
        warnings = [line for line in kept.flowc("gc", *words).stderr.splitlines() if line.startswith("warning: ")]
        (together,) = [line for line in warnings if kept.run.id in line]
        where = f"file://{kept.root} were moved to damaged/{kept.run.prefix}; restore them"
        assert together.startswith(f"warning: 4 records of run Kept/{kept.run.id} in {where}")
        assert len(warnings) == 4
        (alone,) = [line for line in warnings if "was moved to damaged/" in line]
        assert f"{other.prefix}/tasks/end/0.json" in alone and f"(task Kept/{other.id}/end/end-0)" in alone


# -- what tasks read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["entry", "reads"])
@pytest.mark.parametrize("damage", ["empty", "another shape", "nested"])
def test_a_cached_step_runs_where_its_entry_cannot_be_read(kept: Kept, kind: str, damage: str) -> None:
    first = kept.project.run("kept.py", "--cache")
    del first
    damaged: list[Path] = []
    for path in (kept.root / "cache").rglob("*"):
        if path.is_file() and (path.parent.name == "reads") == (kind == "reads"):
            path.write_bytes(DAMAGES[damage](path.read_bytes()))
            damaged.append(path)
    assert damaged
    done = kept.project.flowc("run", "kept.py", "--cache")
    assert done.code == 0, done.err
    told = {line.partition(" in file://")[0].rpartition(" ")[2] for line in (done.out + done.err).splitlines()
            if " is damaged: " in line}  # fmt: skip
    assert told == {path.relative_to(kept.root).as_posix() for path in damaged}
    assert "cached" not in kept.project.latest().task("costly", "0")


# -- missing records ---------------------------------------------------------------------------------------------------


def lose(kept: Kept, run: RunStore, kind: str, *, aside: bool) -> str:
    """Remove a record, as `fsck --repair` or a person may do; return the record's key."""
    (path,) = (kept.root / run.prefix).glob(KINDS[kind])
    key = path.relative_to(kept.root).as_posix()
    if aside:
        path.write_bytes(b"")
        assert kept.flowc("fsck", "--repair").exit_code == 1
        assert ((kept.root / "damaged" / key).read_bytes(), path.exists()) == (b"", False)
    else:
        path.unlink()
    return key


LOST = [("run", True), ("run", False), ("ir", True), ("ir", False), ("status", True), ("attempt", True)]


@pytest.mark.parametrize(("kind", "aside"), LOST)
def test_readers_go_on_without_a_record_that_is_gone(kept: Kept, kind: str, aside: bool) -> None:
    key = lose(kept, kept.run, kind, aside=aside)
    for reader, words in READERS.items():
        done = kept.flowc(*words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (reader, done.exception)
        assert "has no run" not in done.stderr
        about = (reader, kind) in ABOUT_IT
        assert done.exit_code == about, (reader, done.stderr)
        if about:
            assert key in done.stderr + done.stdout, (reader, done.stderr)
        if reader == "runs":
            rows = {row["pathspec"]: row["state"] for row in json.loads(done.stdout)}
            assert (rows.pop(f"Kept/{kept.run.id}") == "unreadable") == (kind in ("run", "status"))
        if (reader, kind) in {("runs", "run"), ("runs", "status"), ("show a run", "run"), ("show a run", "status"),
                              ("show a run", "ir"), ("logs", "ir"), ("gc", "run"), ("tags", "run"),
                              ("show a step", "attempt"), ("dump", "attempt")}:  # fmt: skip
            assert key in done.stderr, (reader, done.stderr)
    done = kept.flowc("tag", "add", "{}", "x")
    assert (done.exit_code, key in done.stderr) == ((1, True) if kind == "run" else (0, False))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [*((kind, damage) for kind in ("run", "ir") for damage in ("empty", "aside", "gone")),
     ("status", "empty"), ("status", "aside")],
)  # fmt: skip
def test_resume_takes_the_next_run(kept: Kept, kind: str, damage: str) -> None:
    newest = kept.project.store.run("Kept", kept.others[-1])
    user = newest_user(kept)
    if damage == "empty":
        key = f"{newest.prefix}/{KINDS[kind]}"
        (kept.root / key).write_bytes(b"")
    else:
        key = lose(kept, newest, kind, aside=damage == "aside")
    done = kept.project.flowc("resume", "kept.py", USER=user)
    assert done.code == 0, done.err
    assert f"note: run Kept/{newest.id} cannot be resumed: {key} in " in done.err
    assert kept.project.latest().record().get("origin") == kept.others[0]


@pytest.mark.parametrize("damage", [*DAMAGES, "aside"])
def test_a_task_whose_record_cannot_be_read_is_not_counted(kept: Kept, damage: str) -> None:
    key = lose(kept, kept.run, "attempt", aside=True) if damage == "aside" else kept.damage("attempt", damage)
    done = kept.flowc("show", "{}", "--json")
    (work,) = [row for row in json.loads(done.stdout)["steps"] if row["step"] == "work"]
    assert (work["done"], work["total"]) == (2, 3)
    assert names_it(done.stderr, kept, key, damage)


def test_runs_that_cannot_be_read_are_a_status_of_their_own(kept: Kept) -> None:
    for run, kind in zip([kept.run.id, *kept.others], ("run", "status", "none"), strict=True):
        if kind != "none":
            (kept.root / kept.project.store.run("Kept", run).prefix / KINDS[kind]).write_bytes(b"")
    for words, expected in ((("--status", "unreadable"), [kept.others[0], kept.run.id]),
                            (("Kept", "--status", "unreadable", "--status", "succeeded"),
                             [*reversed(kept.others), kept.run.id]),
                            (("--status", "unreadable", "--tag", "none"), [])):  # fmt: skip
        done = kept.flowc("runs", *words, "--json")
        assert done.exit_code == 0, done.stderr
        names = [row["pathspec"].partition("/")[2] for row in json.loads(done.stdout)]
        assert names == expected
