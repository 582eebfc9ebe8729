"""The code of a cluster run is in the store, and the client returns it."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.pod.code import pack
from gateway import gateway
from metaflow import Flow, default_metadata, default_namespace, metadata, namespace
from metaflow.client.core import MetaflowCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

FLOW = """
    from metaflow import FlowSpec, step
    from helpers.ours import answer

    class Far(FlowSpec):
        @step
        def start(self):
            print("at work")
            self.answer = answer()
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture(params=["directory", "bucket"])
def place(
    request: pytest.FixtureRequest, project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Return environment variables that set the store of the pods."""
    if request.param == "directory":
        yield {"FLOWC_STORE": f"file://{project.root}/.flowc"}
        return
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        yield s3.environment | {"FLOWC_STORE": s3.bucket("pods") + "/team"}


def test_what_pods_have_left(project: Project, place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads a cluster run like a local run, and also returns its code."""
    source = project.write("code/flow.py", FLOW)
    project.write("code/helpers/ours.py", "def answer():\n    return 42\n")
    (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
    environment = place | {
        "FLOWC_IR": str(project.root / "ir.json"),
        "FLOWC_CODE": str(project.root / "code"),
        "FLOWC_OUT": str(project.root / "out"),
    }
    orders = {step: f"task {step} --path 0 --retry 0" for step in ("start", "end")} | {
        "exit": "finish --status Succeeded"
    }
    for run_id in ("far-1", "far-2"):
        for name, order in orders.items():
            pod = environment | {"FLOWC_RUN": run_id, "FLOWC_POD": f"{run_id}-{name}"}
            done = project.python("-m", "flowc_runtime", *order.split(), **pod)
            assert done.code == 0, done.err
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    try:
        metadata(place["FLOWC_STORE"])
        namespace(None)
        run = Flow("Far").latest_run
        assert run is not None
        assert run.data is not None
        assert (run.successful, run.data.answer) == (True, 42)
        assert run.end_task is not None
        assert (run.status, run.finished, run.end_task.runtime_name) == ("succeeded", True, "argo-workflows")
        assert [task.id for task in run["end"].task.parent_tasks] == ["start-0"]
        assert run["start"].task.stdout == "at work\n"
        assert [one.id for one in Flow("Far").runs(status="succeeded", since="8w")] == ["far-2", "far-1"]
        assert [row["answer"] for row in Flow("Far").metrics()] == [42, 42]
        run.add_tags(["good", "better"])
        run.remove_tag("better")
        assert [list(one.user_tags) for one in Flow("Far").runs("good")] == [["good"]]
        assert run.end_task.metadata_dict["pod"] == "far-2-end"
        code = run.code
        assert isinstance(code, MetaflowCode)
        assert code.flowspec == source.read_text()
        assert sorted(code.tarball.getnames()) == ["flow.py", "helpers/ours.py"]
        assert (code.script_name, code.info["class"], code.info["script"]) == ("flow.py", "Far", "flow.py")
        with code.extract() as directory:
            assert sorted(os.listdir(directory)) == ["flow.py", "helpers"]
        assert code.path.startswith(f"{place['FLOWC_STORE']}/blobs/")
        # both runs have the same code, which the store keeps once
        assert {one.code.path for one in Flow("Far") if one.code} == {code.path}
        assert run["start"].task.code is not None
    finally:
        default_metadata()
        default_namespace()


def test_the_same_files_are_the_same_package(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file.py").write_text("1")
        (tmp_path / name / "a.py").write_text("2")
    os.utime(tmp_path / "one" / "a.py", (0, 0))
    (tmp_path / "one" / "__pycache__").mkdir()
    (tmp_path / "one" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert pack(str(tmp_path / "one")) == pack(str(tmp_path / "other"))


def test_a_volume_of_kubernetes(tmp_path: Path) -> None:
    """In a mounted ConfigMap, files are symbolic links into a hidden directory; the code is read nevertheless."""
    (tmp_path / "..2026" / "helpers").mkdir(parents=True)
    (tmp_path / "..2026" / "flow.py").write_text("1")
    (tmp_path / "..2026" / "helpers" / "ours.py").write_text("2")
    (tmp_path / "..data").symlink_to("..2026")
    for name in ("flow.py", "helpers"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    with tarfile.open(fileobj=io.BytesIO(pack(str(tmp_path)))) as archive:
        assert archive.getnames() == ["flow.py", "helpers/ours.py"]
