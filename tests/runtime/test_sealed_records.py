"""Records contain a digest of their text: a reader gets the text as written, or an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.base.errors import RecordError
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records.store import Store
from project import done_record, run_record

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

RECORDS = ("run.json", "status.json", "tasks/start/0-1.begin.json", "tasks/start/0.json")


@pytest.fixture
def run(tmp_path: Path) -> RunStore:
    run = Store(LocalObjects(tmp_path / "store")).run("F", "1")
    run.create(run_record(run, parameters={"n": 12, "text": "grüße \udcff", "digest": "mine"}), "{}")
    run.set_status({"state": "succeeded", "changed": 1.0, "tasks": 1})
    run.begin("start", "0", 1, {"version": 2, "began": 5.0, "process": {"pid": 7}})
    run.finish(done_record(run, "start", began=1000.0, metadata=[{"name": "n", "value": "v", "type": "t"}]))
    return run


def read(run: RunStore) -> list[Any]:
    return [run.record(), run.status(), run.beginning("start", "0", 1), run.task("start", "0")]


@pytest.mark.parametrize("name", RECORDS)
def test_no_bit_of_a_record_changes_unnoticed(run: RunStore, name: str, tmp_path: Path) -> None:
    """If any bit of a record is changed, reading raises an error or returns the original fields."""
    file = tmp_path / "store/flows/F/runs/1" / name
    good, expected, noticed = file.read_bytes(), read(run), 0
    for at in range(len(good)):
        for bit in (1, 4):
            file.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
            try:
                found = read(run)
            except RecordError:
                noticed += 1
            else:
                # A changed bit in the name of the field `digest` is not noticed, but all other fields are as written.
                assert all(one.items() >= other.items() for one, other in zip(found, expected, strict=True)), (at, bit)
    assert noticed > len(good)


def test_what_changed_is_named_with_the_way_out(run: RunStore, tmp_path: Path) -> None:
    file = tmp_path / "store/flows/F/runs/1/tasks/start/0.json"
    file.write_bytes(file.read_bytes().replace(b"1000.0", b"1008.0"))
    with pytest.raises(RecordError, match=r"tasks/start/0\.json in .* is damaged: its text does not match its digest"):
        run.task("start", "0")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_record_that_a_person_has_edited_or_an_older_flowc_wrote_is_read(
    run: RunStore, tmp_path: Path, indent: int | None
) -> None:
    file = tmp_path / "store/flows/F/runs/1/run.json"
    record = json.loads(file.read_text(encoding="utf-8", errors="surrogatepass"))
    assert len(record.pop("digest")) == 64
    record["user"] = "another"
    file.write_text(json.dumps(record, indent=indent))
    assert run.record()["user"] == "another"
    assert "digest" not in run.record()


def test_fsck_finds_a_record_of_another_content(project: Project) -> None:
    project.write(
        "flow.py",
        "from metaflow import *\nclass F(FlowSpec):\n @step\n def start(self): self.next(self.end)\n @step\n def end(self): pass\n",
    )
    run = project.run("flow.py")
    file = project.root / f".flowc/flows/F/runs/{run.id}/tasks/end/0.json"
    text = file.read_text()
    began = json.loads(text)["began"]
    file.write_text(text.replace(f'"began":{began}', f'"began":{began + 1}'))
    done = project.flowc("fsck")
    assert done.code == 1
    assert "its text does not match its digest" in done.out
