"""Versions of stored objects: each field has a version, and each kind of object of a newer flowc is refused."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc.targets.argo.cluster.errors import ClusterError
from flowc.targets.argo.cluster.resource_kinds import TEMPLATE
from flowc.targets.argo.cluster.submission import flow_of
from flowc.targets.argo.cluster.targets import find_deployed, find_run, find_target
from flowc_ir import IR_VERSION, json_text, schema
from flowc_ir.generated import writer
from flowc_ir.model import Branch, Catch, End, Flow, Foreach, Gang, Packages, Switch
from flowc_ir.policies import Plugin
from flowc_ir.versions import CACHE, FORMATS, IR, MANIFESTS, RECORDS, Format, FormatVersion, NewerError, SchemaError
from flowc_runtime.base.errors import FormatError, StoreError
from flowc_runtime.run import caching, first_cache
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.records.record_types import (
    RECORD_VERSION,
    AttemptRecord,
    BeginRecord,
    CardRecord,
    LeaseRecord,
    RunRecord,
    SpinRecord,
    StatusRecord,
)
from flowc_runtime.store.records.unreadable import RecordWarning
from flowc_runtime.store.upkeep.spun import needed_by
from flowc_runtime.store.values.files import FileRecord
from metaflow.plugins.cards._store import read_data
from stores import STORES, opened
from tools.fields import fields_of, lines
from tools.ir_shape.generate import generated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from project import Project

HERE = Path(__file__).parents[1]
SNAPSHOTS = HERE / "formats"
TYPES: dict[str, tuple[type, ...]] = {
    IR.name: (Flow,),
    RECORDS.name: (
        RunRecord, StatusRecord, BeginRecord, AttemptRecord, SpinRecord, LeaseRecord, CardRecord, FileRecord,
    ),
    CACHE.name: (caching.CacheEntry, caching.ReadsEntry),
}  # fmt: skip
each_format = pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name.replace(" ", "-"))


# -- every field is in the table of versions ---------------------------------------------------------------------------


def fields_now(format: Format) -> dict[str, str]:
    if format is MANIFESTS:
        return dict.fromkeys(_marks_of_manifests(), "")
    return fields_of(TYPES[format.name])


def _marks_of_manifests() -> set[str]:
    """Return the names of flowc's own labels and annotations in the golden manifests, without labels that users set."""
    found: set[str] = set()
    for path in [*(HERE / "golden").glob("*/argo.yaml"), *(HERE / "targets/argo/golden").glob("*.yaml")]:
        for manifest in yaml.safe_load_all(path.read_text()):
            found |= _marks(manifest)
    return {mark for mark in found if re.search(r" (flowc\.dev|app\.kubernetes\.io|workflows\.argoproj\.io)/", mark)}


def _marks(value: Any) -> set[str]:
    if isinstance(value, list):
        return {mark for inner in value for mark in _marks(inner)}
    if not isinstance(value, dict):
        return set()
    own = {f"{kind} {name}" for kind in ("label", "annotation") for name in value.get(f"{kind}s") or {}}
    return own | {mark for inner in value.values() for mark in _marks(inner)}


def snapshot(format: Format, number: int) -> Path:
    return SNAPSHOTS / f"{format.name.replace(' ', '-')}-{number}.txt"


def listed(format: Format, number: int) -> dict[str, str]:
    """Return the fields of a version: those of the oldest version, and the additions and removals up to this version."""
    oldest, *others = format.versions
    text = snapshot(format, oldest.number).read_text()
    found = dict(_parsed(line) for line in text.splitlines())
    for version in others:
        if version.number <= number:
            found |= dict(map(_parsed, version.adds))
            for name in version.drops:
                del found[name]
    return found


def _parsed(line: str) -> tuple[str, str]:
    name, _, kind = line.partition(": ")
    return name, kind


def difference(format: Format, now: Mapping[str, str]) -> str:
    """Return what to change in the table of versions; empty if the table lists the current fields."""
    known = listed(format, format.current)
    added = [lines({name: kind}).strip() for name, kind in now.items() if known.get(name) != kind]
    dropped = sorted(known.keys() - now.keys())
    if not added and not dropped:
        return ""
    last = format.versions[-1]
    step = f"add Version(number={last.number + 1}, …) to" if last.released else f"list it in version {last.number} of"
    return f"{step} the format '{format.name}' in flowc_ir/versions.py: adds={added}, drops={dropped}"


@each_format
def test_every_field_is_listed(format: Format) -> None:
    assert difference(format, fields_now(format)) == ""


@each_format
def test_a_field_that_no_version_lists_is_found(format: Format) -> None:
    now = fields_now(format)
    gone = min(now)
    assert "adds=['Node.extra: int'], drops=[]" in difference(format, {**now, "Node.extra": "int"})
    assert f"adds=[], drops=['{gone}']" in difference(format, {name: now[name] for name in now if name != gone})
    assert f"adds=['{gone}: other']" in difference(format, {**now, gone: "other"})
    released = replace(format, versions=(*format.versions[:-1], replace(format.versions[-1], released=True)))
    assert f"add Version(number={format.current + 1}, …)" in difference(released, {**now, "Node.extra": "int"})


def test_a_field_of_a_type_is_found_however_deep() -> None:
    @dataclass(frozen=True)
    class Inner:
        ours: tuple[str, ...] = ()

    outer = make_dataclass("Outer", [("inner", Inner), ("maybe", "int | None", field(default=None))])
    assert fields_of([outer]) == {"Inner.ours": "list[str]", "Outer.inner": "Inner", "Outer.maybe": "int | null"}


@each_format
def test_a_released_version_stays_as_it_is(format: Format, request: pytest.FixtureRequest) -> None:
    for version in format.versions:
        path = snapshot(format, version.number)
        assert version.released or not path.exists()
        if version.released:
            if request.config.getoption("--update-golden") and not path.exists():
                path.write_text(lines(listed(format, version.number)))
            assert path.read_text() == lines(listed(format, version.number))


def test_what_is_released_is_marked() -> None:
    """A release marks all versions with `released=True`; `pytest --update-golden` stores snapshots of their fields."""
    headings = re.findall(r"^## .*", (HERE.parent / "CHANGELOG.md").read_text(), re.MULTILINE)
    for format in FORMATS:
        numbers = [version.number for version in format.versions]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        unreleased = [version.number for version in format.versions if not version.released]
        assert unreleased == [] or (unreleased == numbers[-1:] and "Unreleased" in headings[0])


def test_one_number_for_each_format() -> None:
    assert (IR.current, RECORDS.current) == (IR_VERSION, RECORD_VERSION)


# -- reading -----------------------------------------------------------------------------------------------------------

DEMO = Format(
    name="demo",
    key="version",
    versions=(
        FormatVersion(number=1),
        FormatVersion(number=2, upgrade=lambda kind, data: {**data, "name": data["title"]}),
        FormatVersion(number=3, upgrade=lambda kind, data: {**data, "kind": kind, "name": data["name"].upper()}),
    ),
    unnumbered=frozenset({"old"}),
)


@pytest.mark.parametrize(("format", "number"), [(RECORDS, 1), (RECORDS, 2), (CACHE, 2), (CACHE, 3), (RECORDS, None)])
def test_a_dict_of_a_user_s_is_none_of_our_numbers_in_what_is_older_than_these(
    format: Format, number: int | None
) -> None:
    """In objects of new versions, a dict with the key `$float` stands for a float; in older ones, it is a user's
    dict."""
    data = json.dumps({"x": {"$float": "NaN"}} | ({} if number is None else {format.key: number})).encode()
    old = number in (None, format.versions[0].number)
    assert repr(format.parse(data)["x"]) == ("{'$float': 'NaN'}" if old else "nan")


def test_nor_is_it_in_the_texts_of_an_older_ir() -> None:
    text = (STORES[0] / "ir.json").read_text()
    data = json.loads(text)
    old = '{"a":{"$float":"NaN"},"b":NaN}'
    data["parameters"][0] |= {"type": "json", "default": old}
    data["with_decorators"] = {"card": old}
    data["nodes"][0]["environment"] = {"value": old}
    flow = schema.loads(json.dumps(data))
    assert flow.parameters[0].default is not None
    for read in (flow.parameters[0].default, flow.with_decorators[0][1]):
        assert repr(json_text.loads(read)) == "{'a': {'$float': 'NaN'}, 'b': nan}"
    assert flow.nodes[0].environment == (("value", old),)
    assert schema.loads(schema.dumps(flow)) == flow


def test_older_versions_are_upgraded_one_after_the_other() -> None:
    assert DEMO.read("x", {"version": 1, "title": "a"}) == {"version": 3, "title": "a", "name": "A", "kind": "x"}
    assert DEMO.read("old", {"title": "a"})["name"] == "A"
    assert DEMO.read("x", {"version": 2, "name": "a"}) == {"version": 3, "name": "A", "kind": "x"}
    assert DEMO.read("x", {"version": 3, "name": "a"}) == {"version": 3, "name": "a"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "an object, not list"),
        ({"title": "a"}, "'version' is missing: the version of its format, such as 3"),
        ({"version": "3"}, "'version' is '3', not the version of its format, such as 3"),
        ({"version": True}, "'version' is True, not the version of its format, such as 3"),
        ({"version": 1.0}, "'version' is 1.0, not the version of its format, such as 3"),
        ({"version": 0}, "'version' is 0, not the version of its format, such as 3"),
        ({"version": -1}, "'version' is -1, not the version of its format, such as 3"),
        ({"version": 4}, "written by a newer flowc (demo of version 4; this flowc reads up to 3): upgrade flowc, "
                         "`pip install -U flowc`"),
    ],
)  # fmt: skip
def test_what_is_no_version_is_refused(data: Any, message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        DEMO.read("x", data)
    assert str(caught.value) == message
    assert isinstance(caught.value, NewerError) == ("newer" in message)


# -- a newer flowc wrote it --------------------------------------------------------------------------------------------


def newer(format: Format) -> str:
    return (
        f"written by a newer flowc ({format.name} of version {format.current + 1}; this flowc reads up to "
        f"{format.current}): upgrade flowc, `pip install -U flowc`"
    )


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.fixture
def kept(project: Project) -> Kept:
    return Kept(project)


class Kept:
    """A copy of the golden store of the newest version in a user's directory."""

    def __init__(self, project: Project) -> None:
        opened(STORES[-1], project)
        self.project = project
        self.run = project.store.run("Kept", project.store.runs("Kept")[0])
        self.name = f"Kept/{self.run.id}"
        self.root = project.root / ".flowc"
        self.directory = self.root / self.run.prefix

    def fails(self, *command: str) -> str:
        """Run a command, which must exit with 1 and without a traceback; return its error."""
        done = self.project.flowc(*command)
        assert (done.code, done.out) == (1, "")
        assert "Traceback" not in done.err
        return done.err


COMMANDS: dict[str, tuple[str, ...]] = {
    "runs": ("runs",),
    "show": ("show", "{}"),
    "logs": ("logs", "{}"),
    "dump": ("dump", "{}/start/0"),
    "tag": ("tag", "list", "{}"),
    "gc": ("gc",),
    "resume": ("resume", "kept.py", "--origin-run-id", "{run}"),
    "spin": ("spin", "kept.py", "{run}/work/0.0"),
    "debug": ("debug", "{}/start/0"),
    "card": ("card", "list", "{}/end/0"),
    "artifact": ("artifact", "Kept/answer"),
}


def words(kept: Kept, command: str) -> list[str]:
    return [word.replace("{}", kept.name).replace("{run}", kept.run.id) for word in COMMANDS[command]]


@pytest.mark.parametrize("command", ["resume", "spin", "debug"])
def test_a_run(kept: Kept, command: str) -> None:
    change(kept.directory / "run.json", version=RECORDS.current + 1)
    assert kept.fails(*words(kept, command)) == f"error: run {kept.name} was {newer(RECORDS)}\n"


@pytest.mark.parametrize(("command", "told"), [("runs", "unreadable"), ("gc", "is kept"), ("tag", ""), ("show", "")])
def test_a_run_among_others(kept: Kept, command: str, told: str) -> None:
    change(kept.directory / "run.json", version=RECORDS.current + 1)
    done = kept.project.flowc(*words(kept, command))
    assert (done.code, told in done.out) == (1 if command == "show" else 0, True), done
    assert f"warning: run {kept.name} was {newer(RECORDS)}\n" in done.err


def test_a_run_that_the_client_meets(kept: Kept) -> None:
    change(kept.directory / "run.json", version=RECORDS.current + 1)
    kept.project.write("look.py", "from metaflow import Flow, namespace; namespace(None); print([*Flow('Kept')])")
    done = kept.project.python("look.py", PYTHONWARNINGS="default")
    others = [f"Run('Kept/{run}')" for run in reversed(kept.project.store.runs("Kept")) if run != kept.run.id]
    assert (done.code, done.out) == (0, f"[{', '.join(others)}]\n"), done.err
    assert f"RecordWarning: run {kept.name} was {newer(RECORDS)}\n" in done.err


@pytest.mark.parametrize(("command", "code"), [("runs", 0), ("show", 1)])
def test_a_status_among_others(kept: Kept, command: str, code: int) -> None:
    change(kept.directory / "status.json", version=RECORDS.current + 1)
    done = kept.project.flowc(*words(kept, command))
    assert (done.code, "unreadable" in done.out) == (code, True)
    assert done.err == f"warning: run {kept.name} was {newer(RECORDS)}\n"


@pytest.mark.parametrize("command", ["resume"])
def test_a_status(kept: Kept, command: str) -> None:
    change(kept.directory / "status.json", version=RECORDS.current + 1)
    assert kept.fails(*words(kept, command)) == f"error: run {kept.name} was {newer(RECORDS)}\n"


@pytest.mark.parametrize("command", ["logs", "show"])
def test_the_ir_among_others(kept: Kept, command: str) -> None:
    """If a run's graph cannot be read, the steps are sorted by name."""
    change(kept.directory / "ir.json", flowc=IR.current + 1, unheard_of=[1])
    done = kept.project.flowc(*words(kept, command))
    assert done.code == 0
    assert done.err.count(f"warning: run {kept.name} was {newer(IR)}\n") == 1


@pytest.mark.parametrize("command", ["resume", "debug"])
def test_the_ir(kept: Kept, command: str) -> None:
    change(kept.directory / "ir.json", flowc=IR.current + 1, unheard_of=[1])
    assert kept.fails(*words(kept, command)) == f"error: run {kept.name} was {newer(IR)}\n"


@pytest.mark.parametrize("command", ["dump", "debug"])
def test_an_attempt(kept: Kept, command: str) -> None:
    change(kept.directory / "tasks/start/0.json", version=RECORDS.current + 1)
    assert kept.fails(*words(kept, command)) == f"error: task {kept.name}/start/start-0 was {newer(RECORDS)}\n"


def test_an_attempt_among_others(kept: Kept) -> None:
    change(kept.directory / "tasks/start/0.json", version=RECORDS.current + 1)
    done = kept.project.flowc(*words(kept, "artifact"))
    assert done.code == 0
    assert done.err == f"warning: task {kept.name}/start/start-0 was {newer(RECORDS)}\n"


def test_the_beginning_of_an_attempt(kept: Kept) -> None:
    change(kept.directory / "tasks/start/0-1.begin.json", version=RECORDS.current + 1)
    with pytest.raises(FormatError) as caught:
        kept.run.beginning("start", "0", 1)
    assert str(caught.value) == f"task {kept.name}/start/start-0 was {newer(RECORDS)}"


def test_an_artifact(kept: Kept) -> None:
    path = kept.directory / "tasks/start/0.json"
    record = json.loads(path.read_text())
    record["artifacts"]["items"]["codec"] = "pickle9"
    path.write_text(json.dumps(record))
    done = kept.project.flowc("dump", f"{kept.name}/start/0", "--include", "items")
    assert "Traceback" not in done.err
    assert (
        "an artifact of type list was written by a newer flowc (codec 'pickle9'; this flowc reads 'pickle5', "
        "'pickle5+buffers', 'plugin', 'pickle5+batch'): upgrade flowc, `pip install -U flowc`"
    ) in done.out + done.err


@pytest.mark.parametrize("kind", ["entry", "reads"])
def test_a_cache_entry(kept: Kept, kind: str) -> None:
    """A cache entry of a newer flowc stays unchanged, and the task runs."""
    kept.project.run("kept.py", "--cache")
    paths = [
        path
        for path in (kept.root / "cache").rglob("*")
        if path.is_file() and (path.parent.name == "reads") == (kind == "reads")
    ]
    before = {}
    for path in paths:
        change(path, version=CACHE.current + 1)
        before[path] = path.read_bytes()
    done = kept.project.flowc("run", "kept.py")
    assert done.code == 0, done.err
    assert (
        f"flowc: the cache entry of a task of step 'costly' was {newer(CACHE)}; the task is run\n"
        in done.out + done.err
    )
    assert "cached" not in kept.project.latest().task("costly", "0")
    assert {path: path.read_bytes() for path in paths} == before


def test_what_spin_needs(kept: Kept) -> None:
    (path,) = (kept.directory / "spun").iterdir()
    change(path, version=RECORDS.current + 1)
    with pytest.raises(FormatError) as caught:
        needed_by(kept.run)
    assert str(caught.value) == f"spun/{path.name} of run {kept.name} was {newer(RECORDS)}"


def test_the_lease_of_a_collection(kept: Kept) -> None:
    path = kept.root / "gc/sweeps/1-a"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": RECORDS.current + 1}))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        then = time.time() - sweeps.LEASE - 61
        os.utime(path, (then, then))

    sweeps.wait(kept.run.objects, wait)
    assert waited  # the lease has expired, so its owner cannot be deleting any more


def test_what_a_card_is_told(kept: Kept) -> None:
    (path,) = (kept.directory / "cards/end/0-1").glob("*.data.json")
    change(path, version=RECORDS.current + 1)
    key = path.relative_to(kept.root).as_posix().replace(".data.json", ".html")
    with pytest.warns(RecordWarning, match=f"^the card {re.escape(key)} was {re.escape(newer(RECORDS))}$"):
        assert read_data(kept.run.objects, key) is None


def test_the_ir_of_a_pod(kept: Kept) -> None:
    path = kept.project.root / "ir.json"
    path.write_text(kept.run.ir())
    change(path, flowc=IR.current + 1)
    done = kept.project.python(
        "-m", "flowc_runtime", "task", "start", "--path", "0", "--retry", "0",
        FLOWC_IR=str(path), FLOWC_STORE=str(kept.root), FLOWC_RUN="pod",
    )  # fmt: skip
    assert (done.code, done.out) == (79, "")
    assert done.err == f"flowc: the IR {path} was {newer(IR)} in the image\n"


class Cluster:
    """A simulated cluster that returns the objects of one WorkflowTemplate and changes nothing."""

    namespace = "default"

    def __init__(self, manifests: list[Any]) -> None:
        self.objects = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}

    def find(self, kind: Any, name: str) -> Any:
        return self.objects.get((kind.name, name))


def deployed(version: str | None) -> tuple[Any, Any]:
    manifests = list(yaml.safe_load_all((STORES[-1] / "manifests.yaml").read_text()))
    template = next(manifest for manifest in manifests if manifest["kind"] == TEMPLATE.name)
    if version is None:
        del template["metadata"]["annotations"][MANIFESTS.key]
    else:
        template["metadata"]["annotations"][MANIFESTS.key] = version
    return Cluster([*manifests, {**template, "kind": "Workflow"}]), template


@pytest.mark.parametrize("find", [find_deployed, find_run, find_target])
def test_a_manifest(find: Callable[[Any, str], Any]) -> None:
    cluster, template = deployed(str(MANIFESTS.current + 1))
    name = template["metadata"]["name"]
    with pytest.raises(ClusterError) as caught:
        find(cluster, name)
    kind = "workflowtemplate" if find is find_deployed else "workflow"
    assert caught.value.message == f"{kind} {name} was {newer(MANIFESTS)}"


@pytest.mark.parametrize("version", [None, "1", str(MANIFESTS.current)])
def test_a_manifest_that_is_older(version: str | None) -> None:
    cluster, template = deployed(version)
    found = find_deployed(cluster, template["metadata"]["name"])
    assert found is not None
    assert found.template == template


def test_a_manifest_whose_version_is_none() -> None:
    cluster, template = deployed("new")
    name = template["metadata"]["name"]
    with pytest.raises(
        ClusterError, match=f"workflowtemplate {name} has a wrong annotation: 'flowc.dev/version' is 'new'"
    ):
        find_deployed(cluster, name)


def test_the_ir_beside_a_template() -> None:
    cluster, template = deployed(str(MANIFESTS.current))
    assert flow_of(cluster, template) is not None
    (code,) = (item for item in cluster.objects.values() if item["kind"] == "ConfigMap")
    code["data"]["ir.json"] = code["data"]["ir.json"].replace(f'"flowc":{IR.current}', f'"flowc":{IR.current + 1}')
    with pytest.raises(ClusterError) as caught:
        flow_of(cluster, template)
    assert caught.value.message == f"configmap {code['metadata']['name']} was {newer(IR)}"


# -- damaged -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2", True, None, [2]], ids=repr)
def test_a_record_without_a_version_is_damaged(kept: Kept, version: Any) -> None:
    change(kept.directory / "run.json", version=version)
    place = f"{kept.run.prefix}/run.json in {kept.run.objects.url}"
    wrong = "is missing:" if version is None else f"is {version!r}, not"
    for command in ("show", "runs"):
        assert kept.project.flowc(*words(kept, command)).err == (
            f"warning: {place} (run {kept.name}) is damaged: 'version' {wrong} the version of its format, such as "
            f"{RECORDS.current}; restore it from a copy, or list what is lost: flowc fsck\n"
        )


def test_an_ir_without_a_version_is_damaged(kept: Kept) -> None:
    change(kept.directory / "ir.json", flowc="2")
    with pytest.raises(
        StoreError, match=r"ir\.json in file://\S+ \(run Kept/\S+\) is damaged: 'flowc' is '2', not the version"
    ):
        kept.run.executes()


# -- a key of the cache does not depend on the version -----------------------------------------------------------------


def test_a_field_with_a_default_leaves_the_keys_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = make_dataclass(
        "Packages",
        [("python", "str | None", field(default=None)), ("pypi", "Pairs", field(default=())), ("conda", "Pairs", field(default=())),
         ("disabled", "bool", field(default=False)), ("added", "int", field(default=0))],
        frozen=True,
    )  # fmt: skip
    before, after = Packages(python="3.11", pypi=(("six", ""),)), wider("3.11", (("six", ""),))
    assert repr(before) != repr(after)
    key = identity(before)
    made: dict[str, Any] = {}
    exec(generated(wider)["writer.py"], made)
    monkeypatch.setattr(writer, "write_packages", made["write_packages"])
    assert identity(after) == key
    assert identity(wider("3.11", added=1)) not in (key, identity(wider("3.11")))


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({}, {}),
        ({"next": End()}, {2: "End()"}),
        ({"next": Branch(targets=("a", "b"))}, {2: "Branch(targets=('a', 'b'))"}),
        ({"next": Foreach(over="x", body="b")}, {2: "Foreach(over='x', body='b')"}),
        ({"next": Gang(body="b")}, {2: "Gang(body='b')"}),
        ({"next": Switch(condition="c", arms=(("x", "a"), (1, "b")))},
         {2: "Switch(condition='c', arms=(('x', 'a'), (1, 'b')))"}),
        ({"environment": (("A", "b"),)}, {0: "(('A', 'b'),)"}),
        ({"packages": Packages(python="3.11", pypi=(("six", ""),))},
         {1: "Packages(python='3.11', pypi=(('six', ''),), conda=(), disabled=False)"}),
        ({"catch": Catch(var="e")}, {3: "Catch(var='e', print_exception=True)"}),
        ({"plugins": (Plugin(name="a"),)},
         {4: "(Plugin(name='a', attributes='{}', options='{}', written=True),)"}),
        ({"plugins": (Plugin(name="a"), Plugin(name="b", written=False))},
         {4: "(Plugin(name='a', attributes='{}', options='{}', written=True), "
             "Plugin(name='b', attributes='{}', options='{}', written=False))"}),
    ],
    ids=str,
)  # fmt: skip
def test_keys_of_the_first_release_are_found(fields: dict[str, Any], texts: dict[int, str]) -> None:
    """Cache keys of the first release are digests of these texts, so the texts must never change.

    The texts are the `repr` of nodes.
    """
    flow = schema.loads((STORES[0] / "ir.json").read_text())
    node = replace(flow.by_id()["costly"], **fields)
    expected = ["()", "None", "Goto(target='end')", "None", "()", "()"]
    for index, text in texts.items():
        expected[index] = text
    configs = [["settings", '{"rate":2}']]
    assert first_cache.identity(flow, node) == [
        2,
        "Kept",
        "costly",
        node.cache,
        list(sys.version_info[:2]),
        configs,
        expected,
    ]


def identity(packages: Any) -> Any:
    """Return the cache key of a step that has these packages."""
    flow = schema.loads((STORES[-1] / "ir.json").read_text())
    node = replace(flow.by_id()["costly"], packages=packages)
    situation = object.__new__(caching.Situation)
    situation._job = SimpleNamespace(node=node, graph=SimpleNamespace(flow=flow))  # type: ignore[assignment]
    return situation._identity()
