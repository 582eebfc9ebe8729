"""Files of any size as defaults of parameters on a cluster: in the manifest, beside the code, or in the store."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc.cli.running.sending import sender
from flowc.targets.argo.cluster.submission import Accepted, BadParameter, arguments_of
from flowc_ir import Parameter, Span, schema
from flowc_runtime.base.errors import NotFound
from flowc_runtime.pod.arguments import read
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.files import MAX_PACKED, read_file, store_files
from flowc_runtime.store.values.parameters import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow
    from project import Project

FLOW = """
    from metaflow import FlowSpec, IncludeFile, step

    class Big(FlowSpec):
        table = IncludeFile("table", default="big.csv")
        same = IncludeFile("same", default="same.csv", is_text=False)
        small = IncludeFile("small", default="small.csv")

        @step
        def start(self):
            print(len(self.table))
            self.next(self.end)

        @step
        def end(self):
            pass
    """
COMPILE = ("compile", "--target", "argo", "flow.py", "--image", "i")
CODE = "/flowc/code"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a directory outside /tmp, because flowc refuses volumes below /tmp."""
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield directory
    shutil.rmtree(directory)


def write(project: Project, size: int) -> bytes:
    project.write("flow.py", FLOW)
    content = b"1,2,3\n" * (size // 6)
    for name in ("big.csv", "same.csv"):
        (project.root / name).write_bytes(content)
    (project.root / "small.csv").write_text("1\n")
    return content


def compiled(text: str) -> tuple[dict[str, Any], dict[str, bytes], Flow]:
    """Return the WorkflowTemplate, the files of the code package by path, and the IR."""
    code, template = list(yaml.safe_load_all(text))[:2]
    data = {key: value.encode() for key, value in code["data"].items()}
    data |= {key: base64.b64decode(value) for key, value in code.get("binaryData", {}).items()}
    (volume,) = (volume for volume in template["spec"]["volumes"] if "configMap" in volume)
    files = {item["path"]: data[item["key"]] for item in volume["configMap"]["items"]}
    return template, files, schema.loads(files.pop("ir/ir.json"))


def as_a_pod_reads(template: dict[str, Any], flow: Flow, store: Store, code: Path) -> dict[str, Any]:
    """Return the parameter values that a pod reads in a run without arguments; files among them are stored."""
    given = json.dumps(template["spec"]["arguments"]["parameters"])
    return store_files(store.objects, flow.parameters, read(given, flow.parameters), str(code))


def test_a_large_file_travels_beside_the_code(project: Project) -> None:
    content = write(project, 200_000)
    done = project.flowc(*COMPILE)
    assert done.code == 0, done.err
    template, files, flow = compiled(done.out)
    digest = hashlib.sha256(content).hexdigest()
    assert {path: len(data) for path, data in files.items() if path != "code/flow.py"} == {
        f"code/.flowc-files/{digest}": len(content)  # two files with equal content are packaged once
    }
    assert {name: from_text(p.default or "").keys() for p in flow.parameters if (name := p.name)} == {
        "table": {"file", "packed"}, "same": {"file", "packed"}, "small": {"file", "content"},
    }  # fmt: skip
    pod = project.root / ".pod"
    (pod / "code" / ".flowc-files").mkdir(parents=True)
    for path, data in files.items():
        (pod / path).write_bytes(data)
    values = as_a_pod_reads(template, flow, project.store, pod / "code")
    assert values["table"] == {"file": "big.csv", "digest": digest, "size": len(content)}
    assert values["same"] == {"file": "same.csv", "digest": digest, "size": len(content)}
    assert read_file(project.store.objects, values["table"], "utf-8") == content.decode()
    assert read_file(project.store.objects, values["small"], "utf-8") == "1\n"
    assert project.flowc(*COMPILE).out == done.out


def test_a_huge_file_needs_a_store(project: Project) -> None:
    write(project, 2_000_000)
    done = project.flowc(*COMPILE)
    assert done.code == 1
    assert done.out == ""
    assert "error[bad-default]: the default of parameter 'table': file " in done.err
    assert "has 1,999,998 bytes, and there is room for 9" in done.err
    assert "name the store of the cluster's runs, --store URL or $FLOWC_CLUSTER_STORE, to send it there" in done.err
    done = project.flowc(*COMPILE, "--store", "file:///nowhere/at/all", "--store-claim", "claim")
    assert done.code == 1
    assert "the store file:///nowhere/at/all is a volume of the cluster, unreachable from here" in done.err


def test_a_huge_file_is_sent_to_the_store_that_is_named(project: Project, shared: Path) -> None:
    content = write(project, 2_000_000)
    options = ("--store", f"file://{shared}", "--store-claim", "claim")
    done = project.flowc(*COMPILE, *options)
    assert done.code == 0, done.err
    assert f"big.csv (1,999,998 bytes) is sent to file://{shared}\n" in done.err
    template, files, flow = compiled(done.out)
    assert set(files) == {"code/flow.py"}
    store, digest = Store.open(f"file://{shared}"), hashlib.sha256(content).hexdigest()
    assert store.objects.names("files") == [digest]
    values = as_a_pod_reads(template, flow, store, project.root)
    assert values["table"] == {"file": "big.csv", "digest": digest, "size": len(content)}
    assert read_file(store.objects, values["same"], None) == content
    store.objects.delete(f"files/{digest}")
    with pytest.raises(NotFound, match="which was sent to the store ahead of the run, is gone: deploy the flow again"):
        as_a_pod_reads(template, flow, store, project.root)


def test_nothing_is_sent_for_a_flow_that_cannot_be_compiled(project: Project, shared: Path) -> None:
    write(project, 2_000_000)
    project.write("flow.py", FLOW.replace("import FlowSpec", "import environment, FlowSpec").replace(
        "@step", '@environment(vars={"FLOWC_MINE": "1"})\n        @step', 1))  # fmt: skip
    for command in (COMPILE, ("deploy", *COMPILE[3:])):
        done = project.flowc(*command, "--store", f"file://{shared}", "--store-claim", "claim")
        assert done.code == 1
        assert "FLOWC_MINE" in done.err
        assert "is sent to" not in done.err
        assert not any(shared.iterdir())


def test_a_file_that_the_store_does_not_take_is_told_with_its_parameter(project: Project, shared: Path) -> None:
    write(project, 2_000_000)
    (shared / "tmp").write_text("no directory")
    done = project.flowc(*COMPILE, "--store", f"file://{shared}", "--store-claim", "claim")
    assert done.code == 1
    assert done.out == ""
    assert "error[bad-default]: the default of parameter 'table': " in done.err
    assert "--> flow.py:4:" in done.err


def test_nothing_is_sent_for_a_trigger_with_a_wrong_value(project: Project) -> None:
    def declared(name: str, kind: Any) -> Accepted:
        return Accepted(name, name, Parameter(name=name, type=kind, where=Span("flow.py", 1, 1)), required=True)

    sent: list[str] = []

    def send(path: str) -> dict[str, Any]:
        sent.append(path)
        return {}

    write(project, 200_000)
    table = ("table", str(project.root / "big.csv"))
    other = ("other", str(project.root / "none.csv"))
    for wrong in (other, ("n", "x")):
        known = [declared("table", "file"), declared(wrong[0], "int" if wrong[0] == "n" else "file")]
        with pytest.raises(BadParameter, match=f"parameter '{wrong[0]}': "):
            arguments_of(known, [table, wrong], send)
    assert sent == []
    arguments_of([declared("table", "file")], [table], send)
    assert sent == [table[1]]


def test_many_small_files_do_not_fill_the_arguments(project: Project) -> None:
    write(project, 60_000)
    done = project.flowc(*COMPILE)
    assert done.code == 0, done.err
    _, files, flow = compiled(done.out)
    kinds = [set(from_text(parameter.default or "")) - {"file"} for parameter in flow.parameters]
    assert kinds == [{"content"}, {"packed"}, {"content"}]
    assert len(files) == 2


def test_a_run_here_takes_any_size(project: Project) -> None:
    write(project, 3_000_000)
    done = project.flowc("run", "flow.py")
    assert done.code == 0, done.err
    assert "[start] 3000000" in done.out


def test_a_trigger_sends_what_is_too_large_for_an_argument(
    project: Project, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write(project, 200_000)
    declared = Parameter(name="table", type="file", where=Span("flow.py", 1, 1), encoding="utf-8")
    accepted = [Accepted("table", "table", declared, required=False)]
    given = [("table", str(project.root / "big.csv"))]
    with pytest.raises(BadParameter, match="has 199,998 bytes, and there is room for 65,536: the store file:///x"):
        arguments_of(accepted, given, sender("file:///x", MAX_PACKED))
    monkeypatch.setenv("FLOWC_STORE_CLAIM", "claim")
    # with `only_name`, as in `flowc diff`, no file is sent to the store
    named = sender(f"file://{shared}", 0, only_name=True)(given[0][1])
    assert named["sent"] == hashlib.sha256(content).hexdigest()
    assert list(shared.iterdir()) == []
    (argument,) = arguments_of(accepted, given, sender(f"file://{shared}", MAX_PACKED))
    store = Store.open(f"file://{shared}")
    values = store_files(store.objects, [declared], read(json.dumps([argument]), [declared]))
    assert read_file(store.objects, values["table"], "utf-8") == content.decode()
    (small,) = arguments_of(accepted, [("table", str(project.root / "small.csv"))], sender(None, MAX_PACKED))
    assert "content" in small["value"]
