"""The golden stores of all versions: runs are read and resumed, blobs are collected, cached tasks are reused."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc.targets.argo.cluster.submission import accepted, flow_of
from flowc.targets.argo.cluster.targets import find_deployed
from flowc_ir import schema
from flowc_ir.versions import CACHE, FORMATS, IR, MANIFESTS, RECORDS
from flowc_runtime.base.index import Graph
from flowc_runtime.run.reuse import Reuse
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records import sealed
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from ir.test_versions import Cluster, _marks, fields_now, listed
from stores import STORES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

each_store = pytest.mark.parametrize("place", STORES, ids=lambda place: place.name)
LARGE = bytes(range(256)) * 8
# The end of an object's name in a run -> the TypedDict with its fields.
KINDS = {
    "run.json": "RunRecord",
    "status.json": "StatusRecord",
    ".begin.json": "BeginRecord",
    ".data.json": "CardRecord",
    "spun": "SpinRecord",
    "tasks": "AttemptRecord",
}


@pytest.fixture
def kept(project: Project, place: Path) -> Project:
    opened(place, project)
    return project


def runs_of(kept: Project) -> tuple[str, str, str]:
    """Return the ids of the successful run, the failed run, and the run that resumed the failed one."""
    first, failed, resumed = kept.store.runs("Kept")
    return first, failed, resumed


# -- the existing stores -----------------------------------------------------------------------------------------------


def objects_of(place: Path) -> Iterator[tuple[str, Any]]:
    for root in ("store", "spin"):
        for path in sorted((place / root).rglob("*")):
            if path.is_file() and (path.suffix == ".json" or path.relative_to(place / root).parts[0] == "cache"):
                yield path.relative_to(place / root).as_posix(), json.loads(path.read_text(encoding="utf-8"))


def versions_in(place: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {format.name: set() for format in FORMATS}
    for name, value in objects_of(place):
        format = CACHE if name.startswith("cache/") else IR if name.endswith("ir.json") else RECORDS
        if name.endswith("reused.json") or format.key not in value:
            continue
        found[format.name].add(value[format.key])
    found[IR.name].add(json.loads((place / "ir.json").read_text())[IR.key])
    for manifest in yaml.safe_load_all((place / "manifests.yaml").read_text()):
        found[MANIFESTS.name].add(int((manifest["metadata"].get("annotations") or {}).get(MANIFESTS.key, 1)))
    return found


def test_there_is_a_store_for_every_version() -> None:
    assert [place.name for place in STORES] == [f"v{number}" for number in range(1, len(STORES) + 1)]
    found = [versions_in(place) for place in STORES]
    for format in FORMATS:
        each = [one[format.name] for one in found]
        assert all(len(numbers) == 1 for numbers in each), "a store is written by one flowc"
        assert set.union(*each) == {version.number for version in format.versions}
    assert all(one != other for one, other in itertools.pairwise(found)), "two stores of the same versions"


@each_store
def test_it_says_nothing_of_the_machine_that_made_it(place: Path) -> None:
    for name, value in objects_of(place):
        process = value.get("process", {})
        assert (process.get("host", "example"), process.get("pid", 1)) == ("example", 1), name
        assert value.get("user", "somebody") == "somebody", name
    assert sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) < 120_000


def test_the_newest_has_every_field_listed(project: Project) -> None:
    """Every field of the stored objects is in the table of versions, also in objects of the current version."""
    opened(STORES[-1], project)
    run = project.run("kept.py", "--cache")
    done = project.python("kept.py", "spin", f"{run.id}/work/0.1", "--persist")
    assert done.code == 0, done.err
    known = listed(RECORDS, RECORDS.current) | listed(CACHE, CACHE.current)
    checked = set[str]()
    for place in (STORES[-1], project.root):
        root = place / ("store" if place is STORES[-1] else ".flowc")
        for path in (path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            if (kind := _kind(name)) is None:
                continue
            checked.add(kind)
            value = json.loads(path.read_text(encoding="utf-8"))
            assert (
                value["version"] == (CACHE if name.startswith("cache/") else RECORDS).current or place is not STORES[-1]
            )
            assert {f"{kind}.{field}" for field in value if field != sealed.FIELD} <= known.keys(), name
    assert checked == {*KINDS.values(), "CacheEntry", "ReadsEntry"}


def _kind(name: str) -> str | None:
    if name.startswith("cache/"):
        return "ReadsEntry" if "/reads/" in name else "CacheEntry"
    if not name.endswith(".json") or name.endswith(("/ir.json", "/reused.json")):
        return None
    return next(kind for mark, kind in KINDS.items() if name.endswith(mark) or f"/{mark}/" in name)


# -- programs that read a store ----------------------------------------------------------------------------------------


CLIENT = """
    import json
    from metaflow import Flow, namespace
    from metaflow.cards import get_cards

    namespace(None)

    def told(run):
        works = sorted(run["work"], key=lambda task: task.index)
        return {
            "id": run.id, "successful": run.successful, "finished": run.finished, "tags": sorted(run.user_tags),
            "user": [tag for tag in run.system_tags if tag.startswith("user:")],
            "origin": run.origin_run_id if hasattr(run, "origin_run_id") else None,
            "steps": sorted(step.id for step in run), "squares": [task.data.square for task in works],
            "attempts": [task.current_attempt for task in works],
            "lines": [task.stdout.splitlines()[-1] for task in works],
            "rounds": [task.data.rounds for task in run["turn"]],
            "large": len(run["start"].task.data.large), "caught": str(run["risky"].task.data.failure),
            "answer": run["costly"].task.data.answer, "size": run["start"].task.data.size,
            "unit": run["start"].task.data.unit, "rate": run["start"].task.data.settings["rate"],
        }

    runs = sorted(Flow("Kept"), key=lambda run: run.created_at)
    cards = get_cards(runs[0]["end"].task)
    print(json.dumps({"runs": [told(run) for run in runs], "card": cards[0].get(), "data": cards[0].get_data()}))
"""


@each_store
def test_the_client(kept: Project) -> None:
    kept.write("look.py", CLIENT)
    done = kept.python("look.py")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [run["id"] for run in told["runs"]] == list(runs_of(kept))
    assert [run["successful"] for run in told["runs"]] == [True, False, True]
    assert [run["finished"] for run in told["runs"]] == [True, False, True]
    assert told["runs"][0]["tags"] == ["a tag/with a slash", "first"]
    for run in told["runs"]:
        assert run["user"] == ["user:somebody"]
        assert run["steps"] == sorted(["start", "work", "join", "turn", "risky", "costly", "end"])
        assert run["squares"] == [0, 2, 8]
        assert run["lines"] == ["item 0", "item 1", "item 2"]
        assert sorted(run["rounds"]) == [1, 2]
        assert (run["large"], run["answer"], run["size"], run["unit"], run["rate"]) == (2048, 2058, 3, "m", 2)
        assert "caught" in run["caught"]
    assert told["runs"][0]["attempts"] == [0, 1, 0]
    assert "<p>The answer is 2058.</p>" in told["card"]
    assert told["data"].keys() == {"reload_token", "data", "created_on"}


@each_store
def test_the_commands(kept: Project) -> None:
    first, failed, resumed = runs_of(kept)

    def says(*command: str) -> str:
        done = kept.flowc(*command)
        assert done.code == 0, done.err
        return done.out

    rows = json.loads(says("runs", "--json"))
    assert [(row["pathspec"], row["state"]) for row in rows] == [
        (f"Kept/{resumed}", "succeeded"), (f"Kept/{failed}", "failed"), (f"Kept/{first}", "succeeded"),
    ]  # fmt: skip
    assert rows[1]["why"] == "end/0: the run fails"
    assert json.loads(says("show", f"Kept/{resumed}", "--json"))["origin"] == failed
    assert "the first attempt fails" in says("show", f"Kept/{first}/work/0.1")
    logs = kept.flowc("logs", f"Kept/{first}/work/0.1")
    assert logs.out == "item 1\nitem 1\n"
    assert "ValueError: the first attempt fails" in logs.err
    assert says("logs", f"Kept/{resumed}/work/0.2") == "item 2\n"
    assert "square: int, 5 bytes = 2" in " ".join(says("dump", f"Kept/{first}/work/0.1").split())
    tags = json.loads(says("tag", "list", f"Kept/{first}", "--json"))
    assert tags["tags"] == ["a tag/with a slash", "first"]
    says("tag", "remove", f"Kept/{first}", "first")
    assert kept.store.run("Kept", first).user_tags() == {"a tag/with a slash"}
    assert "<p>The answer is 2058.</p>" in says("card", "get", f"Kept/{first}/end/0")
    assert len(json.loads(says("artifact", "Kept/large", "--json"))) == 3


@each_store
def test_values(kept: Project) -> None:
    first, _, _ = runs_of(kept)
    run = kept.store.run("Kept", first)
    assert kept.artifacts(run, "start")["large"] == LARGE
    assert run.record()["project"]["project_name"] == "kept"
    attempt = run.attempt("work", "0.1", 1)
    assert attempt is not None
    assert attempt["error"]["message"] == "the first attempt fails"
    assert run.beginning("work", "0.1", 2) is not None


@each_store
def test_resume(kept: Project) -> None:
    """The copied record of a reused task has the current version."""
    _, failed, _ = runs_of(kept)
    done = kept.python("kept.py", "resume", "--origin-run-id", failed)
    assert done.code == 0, done.err
    run = kept.latest()
    assert run.status()["state"] == "succeeded"
    for step, path in (("start", "0"), ("work", "0.1"), ("risky", "0"), ("costly", "0")):
        text = run.objects.get(f"{run.prefix}/tasks/{step}/{path}.json")
        record = json.loads(text)
        assert record["origin"]["run"] == failed
        assert record["version"] == RECORDS.current
    assert "origin" not in run.task("end", "0")
    assert kept.artifacts(run, "end")["answer"] == 2058


@each_store
def test_resume_where_records_are_read_many_at_once(kept: Project) -> None:
    """The store returns several records per request, as a bucket does."""
    _, failed, _ = runs_of(kept)
    run = RunStore(Many(str(kept.root / ".flowc")), "Kept", failed)
    reuse = Reuse(run, Graph(run.executes()), run.record()["parameters"])
    record = reuse.find("work", "0.1")
    assert record is not None
    assert (record["version"], record["attempt"]) == (RECORDS.current, 2)
    path = kept.root / ".flowc" / run.prefix / "tasks/join/0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": RECORDS.current + 1}))
    assert reuse.find("join", "0") is None
    assert f"task Kept/{failed}/join/join-0 was written by a newer flowc" in reuse.reasons["join"]


class Many(LocalObjects):
    """A store in a directory that can return several objects per request."""

    def get_many(self, keys: list[str]) -> list[bytes]:
        return [self.get(key) for key in keys]


@each_store
def test_a_cached_step(kept: Project, place: Path) -> None:
    """Only the version of Python that created the store finds its cache entries: the version is in the key."""
    first, _, _ = runs_of(kept)
    made_by = next(tag for tag in kept.store.run("Kept", first).system_tags() if tag.startswith("python_version:"))
    run = kept.run("kept.py")
    cached = run.task("costly", "0").get("cached")
    if made_by.startswith(f"python_version:{sys.version_info[0]}.{sys.version_info[1]}."):
        assert cached == {"run": first, "step": "costly", "path": "0", "attempt": 1}
    else:
        assert cached is None
    assert kept.artifacts(run, "costly")["answer"] == 2058


@each_store
def test_a_dry_collection(kept: Project) -> None:
    first, failed, resumed = runs_of(kept)
    done = kept.flowc("gc", "Kept", "--keep-last", "1", "--dry-run", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["pathspec"] for row in found["runs"]] == [f"Kept/{first}"]
    assert found["needed"] == {f"Kept/{failed}": f"Kept/{resumed}"}


@each_store
def test_what_spin_has_kept(kept: Project) -> None:
    store = Store.open(str(kept.root / ".flowc_spin"))
    (id,) = store.runs("Kept")
    first, _, _ = runs_of(kept)
    run = store.run("Kept", id)
    assert run.record()["spun_from"] == f"{first}/work/0.2"
    artifacts = run.task("work", "0.2")["artifacts"]
    assert load_value(run.objects, artifacts["square"]) == 8
    # read from the original run's store, on which the store of `spin` is based
    assert load_value(run.objects, artifacts["large"]) == LARGE
    done = kept.python("kept.py", "spin", f"{first}/work/0.1")
    assert done.code == 0, done.err


@each_store
def test_the_ir(place: Path) -> None:
    """The IR in a store of an earlier version is read as the same flow as the IR in the newest store."""
    flow = schema.loads((place / "ir.json").read_text())
    assert flow == schema.loads((STORES[-1] / "ir.json").read_text())
    assert schema.loads(schema.dumps(flow)) == flow


@each_store
def test_the_manifests(place: Path) -> None:
    manifests = list(yaml.safe_load_all((place / "manifests.yaml").read_text()))
    (number,) = versions_in(place)[MANIFESTS.name]
    known = listed(MANIFESTS, number).keys()
    marks = {mark for manifest in manifests for mark in _marks(manifest)}
    assert {mark for mark in marks if "/" in mark} <= known
    assert (f"annotation {MANIFESTS.key}" in marks) == (number > 1)
    cluster: Any = Cluster(manifests)
    name = next(manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "WorkflowTemplate")
    found = find_deployed(cluster, name)
    assert found is not None
    assert found.template is not None
    flow = flow_of(cluster, found.template)
    assert flow is not None
    assert [parameter.name for parameter in accepted(found.template, flow)] == ["size"]
    assert fields_now(MANIFESTS).keys() >= {"label flowc.dev/flow"}
