"""Batches: a task with many small artifacts stores them in one blob, and every reader finds them there."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from damage import damage
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values import batches
from flowc_runtime.store.values.batches import CODEC, FULL, LARGEST, LEAST, Batches
from flowc_runtime.store.values.codecs import INLINE_LIMIT, load_value, store_value
from flowc_runtime.store.values.descriptions import without_previews

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.record_types import ArtifactRef
    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, current, step

    class Many(FlowSpec):
        count = Parameter("count", default=10)

        @step
        def start(self):
            for number in range(self.count):
                setattr(self, f"text{number}", f"{number:04d}" * 500)
            self.small, self.large = 1, "x" * 100_000
            self.next(self.middle)

        @step
        def middle(self):
            self.text0 = self.text0 + "!"
            self.next(self.end)

        @step
        def end(self):
            self.sizes = [len(getattr(self, f"text{number}")) for number in range(self.count)]
            print(self.sizes)

    if __name__ == "__main__":
        Many()
    """


@pytest.fixture
def many(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def refs_of(run: RunStore, step: str) -> dict[str, ArtifactRef]:
    return run.task(step, "0")["artifacts"]


def blobs(project: Project) -> list[Path]:
    return [path for path in (project.root / ".flowc" / "blobs").rglob("*") if path.is_file()]


def batch_of(project: Project, run: RunStore) -> Path:
    return project.root / ".flowc" / blob_key(refs_of(run, "start")["text1"]["batch"]["digest"])


def test_many_small_artifacts_are_one_blob(many: Project) -> None:
    run = many.run("flow.py")
    refs = refs_of(run, "start")
    batched = {name: ref for name, ref in refs.items() if "batch" in ref}
    assert {*batched} == {f"text{number}" for number in range(10)}
    assert {ref["codec"] for ref in batched.values()} == {CODEC}
    assert len({ref["batch"]["digest"] for ref in batched.values()}) == 1
    content = batch_of(many, run).read_bytes()
    for ref in batched.values():
        assert ref["batch"]["size"] == len(content) == sum(each["size"] for each in batched.values())
        offset = ref["batch"]["offset"]
        assert sha256(content[offset : offset + ref["size"]]).hexdigest() == ref["digest"]
    # The two other blobs are `large`, and the text that the second step changed.
    assert ("data" in refs["small"], "batch" in refs["large"]) == (True, False)
    inherited = without_previews(refs)
    assert [refs_of(run, "end")[f"text{number}"] for number in range(1, 10)] == [
        inherited[f"text{n}"] for n in range(1, 10)
    ]
    assert "batch" not in refs_of(run, "middle")["text0"]
    known = {batch_of(many, run).name, refs["large"]["digest"], refs_of(run, "middle")["text0"]["digest"]}
    assert known <= {path.name for path in blobs(many)}
    assert len(refs_of(run, "end")) == len(refs) + 1


def test_few_small_artifacts_have_blobs_of_their_own(many: Project) -> None:
    refs = refs_of(many.run("flow.py", "--count", str(LEAST - 1)), "start")
    assert [name for name, ref in refs.items() if "batch" in ref] == []
    assert {refs[f"text{number}"]["digest"] for number in range(LEAST - 1)} <= {path.name for path in blobs(many)}


def test_every_reader_finds_the_artifacts(many: Project) -> None:
    many.run("flow.py")
    many.write("client.py", """
        from metaflow import Flow, namespace
        namespace(None)
        task = Flow("Many").latest_run["start"].task
        print([task[f"text{number}"].data == f"{number:04d}" * 500 for number in range(10)], task["text3"].size)
        """)  # fmt: skip
    done = many.python("client.py")
    assert done.out.strip() == f"{[True] * 10} 2018", done.err
    dumped = many.flowc("dump", "Many/latest/start", "--json", "--max-value-size", "3000")
    assert "00050005" in dumped.out
    assert json.loads(dumped.out)
    assert many.flowc("fsck").code == 0


@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_damaged_batch_is_reported_and_made_anew(many: Project, kind: str) -> None:
    run = many.run("flow.py")
    damage(batch_of(many, run), kind)
    found = many.flowc("fsck")
    assert found.code == 1
    assert f"Many/{run.id}/end/end-0/text1\n" in found.out
    assert found.out.count("damaged blob blobs/") == 1
    many.flowc("fsck", "--repair")
    again = many.flowc("resume", "--local", "flow.py", "end", "--origin-run-id", run.id)
    assert again.code == 0, again.err
    assert "start" in again.err
    assert refs_of(many.latest(), "start")["text1"]["batch"]["digest"] == batch_of(many, run).name
    assert many.flowc("fsck").code == 0


def test_a_missing_batch_is_found_before_a_resume(many: Project) -> None:
    run = many.run("flow.py")
    batch_of(many, run).unlink()
    again = many.flowc("resume", "--local", "flow.py", "end", "--origin-run-id", run.id)
    assert again.code == 0, again.err
    assert batch_of(many, many.latest()).exists()


def test_garbage_collection_keeps_the_batches_of_runs(many: Project) -> None:
    first, second = many.run("flow.py"), many.run("flow.py", "--count", "12")
    assert batch_of(many, first) != batch_of(many, second)
    old, new = batch_of(many, first), batch_of(many, second)
    for path in (old, new):
        os.utime(path, (0, 0))  # young blobs are kept, because a run may be about to use them
    assert many.flowc("gc", "--keep-last", "1", "--delete").code == 0
    assert (old.exists(), new.exists()) == (False, True)
    assert many.flowc("fsck").code == 0


def test_cached_tasks_refer_to_the_batch(many: Project) -> None:
    first = many.run("flow.py", "--cache")
    second = many.run("flow.py", "--cache")
    assert batch_of(many, first) == batch_of(many, second)
    assert second.task("start", "0")["cached"]
    batch_of(many, first).unlink()
    third = many.run("flow.py", "--cache")  # the cache entry is not used, because its blob is missing
    assert "cached" not in third.task("start", "0")
    assert batch_of(many, third).exists()


# -- without a run


def filled(objects: MemoryObjects, values: list[object]) -> list[ArtifactRef]:
    collected = Batches()
    refs = [store_value(objects, value, batches=collected) for value in values]
    collected.store(objects)
    return refs


def test_equal_values_of_a_task_share_their_bytes() -> None:
    objects = MemoryObjects()
    values: list[object] = [f"{number % LEAST}" * 1000 for number in range(2 * LEAST)]
    refs = filled(objects, values)
    assert [load_value(objects, ref) for ref in refs] == values
    assert {ref["batch"]["size"] for ref in refs} == {LEAST * refs[0]["size"]}


def test_a_full_batch_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FULL", 5000)
    objects = MemoryObjects()
    values: list[object] = [f"{number:02d}" * 1000 for number in range(10)]
    refs = filled(objects, values)
    assert [load_value(objects, ref) for ref in refs] == values
    assert len({ref["batch"]["digest"] for ref in refs}) == 4  # each batch ends after the artifact that fills it
    assert FULL > LARGEST


@pytest.mark.parametrize("value", ["x" * (LARGEST + 1), b"x" * (INLINE_LIMIT - 50)])
def test_large_and_tiny_values_are_not_batched(value: object) -> None:
    refs = filled(MemoryObjects(), [*(f"{number}" * 1000 for number in range(LEAST)), value])
    assert ["batch" in ref for ref in refs] == [True] * LEAST + [False]


def test_a_wrong_offset_is_an_error() -> None:
    objects = MemoryObjects()
    refs = filled(objects, [f"{number}" * 1000 for number in range(LEAST)])
    refs[3]["batch"]["offset"] += 1
    with pytest.raises(ArtifactError, match="does not match its batch"):
        load_value(objects, refs[3])
    refs[2]["batch"]["offset"] = 1 << 40
    with pytest.raises(ArtifactError, match="does not match its batch"):
        load_value(objects, refs[2])


def test_a_damaged_batch_is_not_returned() -> None:
    objects = MemoryObjects()
    refs = filled(objects, [f"other {number}" * 1000 for number in range(LEAST)])
    objects._objects[blob_key(refs[0]["batch"]["digest"])] = b"damaged"
    with pytest.raises(ArtifactError, match="does not match its batch"):
        load_value(objects, refs[0])
