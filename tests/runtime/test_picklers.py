"""The setting `pickler` selects how artifacts are written; each artifact records its pickler for readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from flowc_runtime.base.ambient import ambient, apart
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.values import picklers
from flowc_runtime.store.values.codecs import BUFFERS, PLAIN, PLUGIN, Encoded, load_value, store_value
from flowc_runtime.store.values.unchanged import Mappings, ValueOrigin
from plugin_package import install
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

BEGIN = b"chosen\n"

CLASS = """
    from metaflow import FlowSpec, catch, step

    class Point:
        def __init__(self, x):
            self.x = x

    class Kept(FlowSpec):
        @step
        def start(self):
            self.table, self.point, self.items = {"b": 1, "a": [1.5, None]}, Point(3), [1, 2]
            self.next(self.each, foreach="items")

        @catch(var="why")
        @step
        def each(self):
            self.doubled = self.input * 2
            if self.input == 2:
                raise ValueError("two")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs, include=["table", "point"])
            self.failed = [str(each.why) for each in inputs if each.why]
            self.next(self.end)

        @step
        def end(self):
            self.seen = (self.table["a"], self.point.x)
            self.big = "x" * 5000
    """

PIPELINE = """
    from flowc.pipeline import Map, Pipeline, PythonTask, pickled

    class Model:
        def __init__(self, size):
            self.size = size

    def load():
        return [1, "a", {"k": 2}], Model(4)

    def use(model, item):
        return Model(model.size + len(str(item)))

    flow = Pipeline(name="flow", steps=[
        PythonTask(name="load", function=load, returns=["items", pickled("model")]),
        Map(name="m", iterate_on="items", iterate_as="item", branch=Pipeline(steps=[
            PythonTask(name="use", function=use, returns=[pickled("fitted")])])),
        PythonTask(name="sizes", function="flow.sizes", returns=["sizes"]),
    ])

    def sizes(fitted):
        return [each.size for each in fitted]
    """


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("chosen"))


@pytest.fixture
def team(project: Project, plugins: Path) -> Project:
    project.environment["PYTHONPATH"] += f"{os.pathsep}{plugins}"
    project.write("kept.py", CLASS)
    project.write("flow.py", PIPELINE)
    return project


@pytest.fixture
def chosen(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process import the plugins; restore the process's state after the test."""
    monkeypatch.syspath_prepend(str(plugins))
    picklers._find.cache_clear()
    picklers.plugin.cache_clear()
    with apart():
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "chosen_plugins"]:
        del sys.modules[name]
    picklers._find.cache_clear()
    picklers.plugin.cache_clear()


def written_by(run: RunStore, step: str, path: str = "0") -> dict[str, str]:
    """Return artifact name -> name of the pickler, for the artifacts of a task."""
    refs = run.task(step, path)["artifacts"]
    return {name: ref.get("pickler", {}).get("name", "pickle") for name, ref in refs.items()}


def artifacts(team: Project, run: RunStore, step: str, path: str = "0") -> Any:
    """Return a task's artifacts as read by the client, in a process without the setting `pickler`."""
    code = (
        "import json, metaflow\n"
        f"task = metaflow.Task('{run.flow}/{run.id}/{step}/{step}-{path}', _namespace_check=False)\n"
        "print(json.dumps({one.id: one.data for one in task}, default=lambda value: vars(value)))"
    )
    done = team.python("-c", code)
    assert done.code == 0, done.err
    return json.loads(done.out)


# -- one value ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 5, "text", [1, {"a": (2.5, b"x")}], np.arange(20), np.arange(100_000.0)])
def test_cloudpickle_gives_plain_values_the_digest_that_pickle_gives(value: object) -> None:
    plain, cloud = Encoded(value), Encoded(value, pickler="cloudpickle")
    assert plain.digest == cloud.digest
    assert (plain.codec, plain.pickler) == (cloud.codec, None)
    assert cloud.pickler == {"name": "cloudpickle", "distribution": "cloudpickle"}
    assert cloud.codec == (BUFFERS if isinstance(value, np.ndarray) and value.nbytes > 1 << 16 else PLAIN)


def test_a_reference_says_that_cloudpickle_had_to_help() -> None:
    objects = MemoryObjects()
    assert "pickler" not in store_value(objects, [1])
    assert store_value(objects, lambda: 1)["pickler"] == {"name": "cloudpickle", "distribution": "cloudpickle"}


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("value", [{"a": [1, 2]}, {f"s{at}" for at in range(500)}, "x" * 5000])
def test_a_plugin_writes_and_reads(value: object) -> None:
    objects = MemoryObjects()
    ambient().pickler = "backwards"
    ref = store_value(objects, value)
    ambient().pickler = "pickle"
    assert ref["codec"] == PLUGIN
    assert ref["pickler"] == {"name": "backwards", "distribution": "chosen-plugins"}
    assert load_value(objects, ref) == value
    assert Encoded(value, pickler="backwards").parts[0].startswith(BEGIN)  # type: ignore[union-attr]


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("now", ["pickle", "backwards", "cloudpickle"])
@pytest.mark.parametrize("then", ["pickle", "backwards", "cloudpickle"])
def test_an_unchanged_value_keeps_its_digest_whatever_the_setting_is(then: str, now: str) -> None:
    objects = MemoryObjects()
    ambient().pickler = then
    refs = [store_value(objects, value) for value in ({f"s{at}" for at in range(60)}, [[1], "x" * 9000])]
    ambient().pickler = now
    a_set, a_list = (ValueOrigin(objects, ref) for ref in refs)
    # the pickler of the setting may store the items of a set in another order, so flowc compares what both pickles
    # contain
    left = a_set.left(a_set.value, Mappings())
    assert left is None or a_set.reads_as(left.encoded)
    # the same pickler gives equal bytes, so no second comparison is necessary
    assert a_list.left(a_list.value, Mappings()) is None
    origin = ValueOrigin(objects, refs[1])
    origin.value.append(2)
    left = origin.left(origin.value, Mappings())
    assert left is not None
    assert not origin.reads_as(left.encoded)
    assert (left.encoded.pickler or {"name": "pickle"})["name"] == now


@pytest.mark.usefixtures("chosen")
def test_a_plugin_must_return_bytes() -> None:
    with pytest.raises(
        ArtifactError, match="a value of type list cannot be pickled by text: TypeError: it returned a str"
    ):
        Encoded([1], pickler="text")


def test_an_artifact_of_a_missing_plugin_names_the_command_that_installs_it() -> None:
    ref: Any = {
        "digest": "0" * 64, "size": 3, "type": "Model", "codec": PLUGIN, "repr": "", "data": "YWJj",
        "pickler": {"name": "lost", "distribution": "lost-picklers"},
    }  # fmt: skip
    objects = MemoryObjects()
    ref["digest"] = objects.create_blob([b"abc"])
    with pytest.raises(ArtifactError) as raised:
        load_value(objects, ref)
    assert str(raised.value) == (
        "cannot restore an artifact of type Model: it was written by the pickler 'lost', which is not installed: "
        "pip install lost-picklers"
    )


def test_without_cloudpickle(project: Project) -> None:
    """The package cloudpickle is needed only by the setting `cloudpickle` and to read values that it wrote."""
    code = """
        import sys
        from flowc_runtime.base.ambient import ambient
        from flowc_runtime.base.errors import ArtifactError
        from flowc_runtime.store.backends.memory import MemoryObjects
        from flowc_runtime.store.values.codecs import load_value, store_value

        objects = MemoryObjects()
        ref = store_value(objects, lambda: 1)
        for name in [name for name in sys.modules if name.partition(".")[0] == "cloudpickle"]:
            sys.modules[name] = None
        from flowc_runtime.store.values import picklers
        picklers._cloud_class.cache_clear()
        print(load_value(objects, store_value(objects, [1])))
        for call in (lambda: load_value(objects, ref), lambda: store_value(objects, [1])):
            try:
                call()
            except ArtifactError as error:
                print(error)
            ambient().pickler = "cloudpickle"
        """
    project.write("check.py", code)
    done = project.python("check.py")
    assert done.out == (
        "[1]\ncannot restore an artifact of type function: the pickler 'cloudpickle' is not installed: "
        "pip install cloudpickle\nthe pickler 'cloudpickle' is not installed: pip install cloudpickle\n"
    ), done.err


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pickler", ["cloudpickle", "backwards"])
def test_a_flow_class(team: Project, pickler: str) -> None:
    plain = team.run("kept.py")
    team.write("flowc.toml", f'pickler = "{pickler}"\n')
    first, second = team.run("kept.py"), team.run("kept.py")
    team.write("flowc.toml", "")
    assert set(written_by(first, "end").values()) == {pickler}
    # flowc pickles the stored failure itself, so that every reader can read it
    assert written_by(first, "each", "0.1")["why"] == "pickle"
    assert set(written_by(plain, "end").values()) == {"pickle"}
    assert artifacts(team, first, "end") == artifacts(team, plain, "end")
    digests = [
        {name: ref["digest"] for name, ref in run.task("end", "0")["artifacts"].items()} for run in (first, second)
    ]
    assert digests[0] == digests[1]
    assert team.flowc("fsck").code == 0


@pytest.mark.parametrize("pickler", ["cloudpickle", "backwards"])
def test_a_pipeline(team: Project, pickler: str) -> None:
    run = team.run("flow.py:flow", FLOWC_PICKLER=pickler)
    assert written_by(run, "load")["model"] == pickler
    assert artifacts(team, run, "sizes")["sizes"] == [5, 5, 12]


def test_a_resumed_run_keeps_what_it_did_not_change(team: Project) -> None:
    """Reused values of the first run keep their pickler and digest; steps that run again use the new setting."""
    team.write("kept.py", CLASS.replace('self.big = "x" * 5000', "self.big = open('stop').read()"))
    assert team.flowc("run", "kept.py", FLOWC_PICKLER="backwards").code == 1
    before = team.latest()
    team.write("stop", "x" * 5000)
    assert team.flowc("resume", "kept.py").code == 0
    after = team.latest()
    assert written_by(after, "end") == {
        "big": "pickle", "failed": "backwards", "point": "backwards", "seen": "pickle", "table": "backwards",
    }  # fmt: skip
    for name in ("point", "table"):
        assert (
            after.task("end", "0")["artifacts"][name]["digest"] == before.task("join", "0")["artifacts"][name]["digest"]
        )
    assert artifacts(team, after, "end")["point"] == {"x": 3}


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("bakwards", "there is no pickler 'bakwards'", "did you mean 'backwards'?"),
        ("nothing-like-it", "there is no pickler 'nothing-like-it'",
         "install the package that provides it; the picklers are pickle, cloudpickle, backwards, text"),
    ],
)  # fmt: skip
def test_an_unknown_pickler_is_told_before_the_run(team: Project, name: str, message: str, hint: str) -> None:
    for words in (["run", "--local"], ["compile"], ["compile", "--target", "stepfunctions"]):
        done = team.flowc(*words, "kept.py", FLOWC_PICKLER=name)
        assert done.code == 2
        assert f"FLOWC_PICKLER: {message}" in done.err
        assert hint in done.err
    assert team.store.flows() == []


def test_a_reader_without_the_package(team: Project, plugins: Path) -> None:
    run = team.run("kept.py", FLOWC_PICKLER="backwards")
    team.environment["PYTHONPATH"] = team.environment["PYTHONPATH"].removesuffix(f"{os.pathsep}{plugins}")
    done = team.flowc("dump", f"Kept/{run.id}/end/0", "--include", "seen")
    assert (
        "it was written by the pickler 'backwards', which is not installed: pip install chosen-plugins"
        in done.out + done.err
    )
    assert team.flowc("show", f"Kept/{run.id}").code == 0
    assert team.flowc("fsck").code == 0


def test_the_artifact_s_line_as_json(team: Project) -> None:
    team.run("kept.py", FLOWC_PICKLER="backwards")
    (row,) = json.loads(team.flowc("artifact", "Kept/seen", "--json").out)
    assert row["pickler"] == {"name": "backwards", "distribution": "chosen-plugins"}


def test_pods_get_the_setting_in_their_manifest(team: Project) -> None:
    team.write("flowc.toml", 'pickler = "backwards"\n')
    local = team.run("flow.py:flow")
    run = played(team, "flow.py:flow")
    assert written_by(run, "load") == written_by(local, "load")
    assert artifacts_of(run) == artifacts_of(local)
    team.write("flowc.toml", "")
    assert "FLOWC_PICKLER" not in team.flowc("compile", "flow.py:flow").out
    aws = team.flowc("compile", "--target", "stepfunctions", "kept.py", FLOWC_PICKLER="backwards")
    assert '"FLOWC_PICKLER"' in aws.out


def artifacts_of(run: RunStore) -> dict[str, str]:
    """Return artifact name -> digest, for the last step."""
    return {name: ref["digest"] for name, ref in run.task("sizes", "0")["artifacts"].items()}


def test_plain_runs_do_not_import_the_picklers(team: Project) -> None:
    code = "import sys, flowc_runtime.store.values.codecs as codecs; codecs.Encoded([1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=team.environment, capture_output=True, text=True, check=True
    )
    assert "flowc_runtime.store.values.picklers" not in done.stdout.split()
    assert "importlib.metadata" not in done.stdout.split()
