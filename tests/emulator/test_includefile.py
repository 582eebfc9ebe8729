"""Files passed to a run: text and bytes, defaults, parsers, refusals. Each test runs a program and checks its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowc_ir.schema import loads
from flowc_runtime.store.values.files import seen_values
from gateway import gateway
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from project import Project

FLOW = """
import json
from metaflow import FlowSpec, IncludeFile, step

class FileFlow(FlowSpec):
    data = IncludeFile("data", {arguments})

    @step
    def start(self):
        self.seen = self.data
        self.next(self.end)

    @step
    def end(self):
        assert self.data == self.seen

if __name__ == "__main__":
    FileFlow()
"""


def seen(project: Project, arguments: str, *words: str) -> Any:
    """Run a flow whose IncludeFile has these arguments, and return the value that its start step sees."""
    project.write("flow.py", FLOW.format(arguments=arguments))
    return project.artifacts(project.run("flow.py", *words), "start")["seen"]


def test_text_and_bytes(project: Project) -> None:
    (project.root / "text.txt").write_bytes("hällo\r\nworld".encode())
    (project.root / "latin.txt").write_bytes("hällo".encode("latin-1"))
    (project.root / "empty.txt").touch()
    assert seen(project, 'default="text.txt"') == "hällo\nworld"
    assert seen(project, 'default="text.txt", is_text=False') == "hällo\r\nworld".encode()
    assert seen(project, 'default="latin.txt", encoding="latin-1"') == "hällo"
    assert seen(project, 'default="text.txt"', "--data", "empty.txt") == ""
    assert seen(project, "") is None


def test_a_default_is_a_path_or_a_function(project: Project) -> None:
    """A relative default is searched for in the working directory, then beside the flow."""
    project.write("a.txt", "a")
    project.write("sub/b.txt", "b")
    assert seen(project, 'default=lambda context: context.parameter_name[1] + ".txt"') == "a"
    project.write("sub/flow.py", FLOW.format(arguments='default="b.txt"'))
    assert project.artifacts(project.run("sub/flow.py"), "start")["seen"] == "b"


def test_a_parser(project: Project) -> None:
    project.write("data.json", '{"a": [1, 2]}')
    assert seen(project, 'default="data.json", parser=json.loads') == {"a": [1, 2]}
    assert seen(project, 'default="data.json", parser="json.loads"') == {"a": [1, 2]}
    assert seen(project, 'default="data.json", is_text=False, parser=len') == 13


def test_the_content_is_stored_once_and_not_in_the_record(project: Project) -> None:
    text = "line\n" * 100_000
    project.write("large.txt", text)
    project.write("same.txt", text)
    run = project.latest() if seen(project, 'default="large.txt"') == text else None
    assert run is not None
    recorded = run.record()["parameters"]["data"]
    assert recorded["file"] == "large.txt"
    assert recorded["size"] == len(text)
    assert seen(project, 'default="large.txt"', "--data", "same.txt") == text
    assert project.latest().record()["parameters"]["data"]["digest"] == recorded["digest"]
    blob = project.root / ".flowc" / "blobs" / recorded["digest"][:2] / recorded["digest"]
    assert blob.read_text() == text


def test_a_run_keeps_the_content_that_the_file_had(project: Project) -> None:
    project.write("data.txt", "before")
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, IncludeFile, step

        class ChangingFlow(FlowSpec):
            data = IncludeFile("data", default="data.txt")

            @step
            def start(self):
                with open("data.txt", "w") as file:
                    file.write("after")
                self.next(self.a, self.b)

            @step
            def a(self):
                self.seen = self.data
                self.next(self.join)

            @step
            def b(self):
                self.seen = self.data
                self.next(self.join)

            @step
            def join(self, inputs):
                self.seen = [inputs.a.seen, inputs.b.seen, inputs.a.data, self.data]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert project.artifacts(project.run("flow.py"), "join")["seen"] == ["before"] * 4


@pytest.mark.parametrize(
    ("arguments", "words", "message"),
    [
        ("", ["--data", "no.txt"], "Invalid value for '--data': could not open file 'no.txt' for reading"),
        ("", ["--data", "sub"], "could not open file 'sub' for reading: Is a directory"),
        ('default="no.txt"', [], "could not open file 'no.txt' for reading"),
        ("", ["--data", "bytes.bin"], "file 'bytes.bin' is not text in utf-8"),
        ("required=True", [], "Missing option '--data'"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    project: Project, arguments: str, words: list[str], message: str
) -> None:
    project.write("flow.py", FLOW.format(arguments=arguments))
    (project.root / "sub").mkdir()
    (project.root / "bytes.bin").write_bytes(b"\xff\xfe\xfd")
    done = project.flowc("run", "flow.py", *words)
    assert done.code == 2
    assert message in done.err
    assert not project.store.flows()


def test_the_environment_and_a_file_of_parameters_name_a_file(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments='default="no.txt"'))
    project.write("a.txt", "a")
    project.write("b.txt", "b")
    project.write("run.json", '{"data": "b.txt"}')
    run = project.run("flow.py", METAFLOW_RUN_DATA="a.txt")
    assert project.artifacts(run, "start")["seen"] == "a"
    run = project.run("flow.py", "--params-file", "run.json", METAFLOW_RUN_DATA="a.txt")
    assert project.artifacts(run, "start")["seen"] == "b"


def test_a_remote_store_gets_the_content(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The process that sends the requests to the bucket reads a parameter's file itself, and stores its content."""
    pytest.importorskip("obstore")
    project.write("data.txt", "far away")
    project.write("flow.py", FLOW.format(arguments='default="data.txt"'))
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        url = s3.bucket("files")
        done = project.flowc("run", "flow.py", "--store", url, **s3.environment)
        assert done.code == 0, done.err
        dump = project.flowc("dump", "FileFlow/latest/start", "--store", url, **s3.environment)
    assert "far away" in dump.out


def test_what_a_run_was_given_is_known_without_its_code(project: Project) -> None:
    """Commands and the client show parameters by their attribute names, without importing the flow's code."""
    project.write("data.txt", "text")
    project.write(
        "flow.py",
        """
        from metaflow import Config, FlowSpec, IncludeFile, Parameter, step

        class GivenFlow(FlowSpec):
            data = IncludeFile("the-data", default="data.txt")
            depths = Parameter("depths", type=int, multiple=True, default=[1])
            rate = Parameter("learning-rate", default=0.5)
            config = Config("the-config", default_value={"a": 1})

            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py")
    assert seen_values(run.objects, loads(run.ir()), run.record()["parameters"]) == {
        "data": "text", "depths": (1,), "rate": 0.5, "config": {"a": 1},
    }  # fmt: skip


# -- on a cluster ------------------------------------------------------------------------------------------------------


def test_a_pod_gets_the_content_of_a_default(project: Project) -> None:
    project.write("data.txt", "{{workflow.name}} $(HOME) ü\n")
    project.write("flow.py", FLOW.format(arguments='default="data.txt"'))
    run = played(project, "flow.py")
    assert project.artifacts(run, "start")["seen"] == "{{workflow.name}} $(HOME) ü\n"
    assert run.record()["parameters"]["data"]["file"] == "data.txt"


def test_what_is_typed_at_submission_is_the_content(project: Project) -> None:
    project.write("flow.py", FLOW.format(arguments=""))
    assert project.artifacts(played(project, "flow.py", data="typed"), "start")["seen"] == "typed"


def test_a_file_that_has_no_room_beside_the_code_needs_a_store(project: Project) -> None:
    project.write("data.txt", "x" * (1 << 21))
    project.write("flow.py", FLOW.format(arguments='default="data.txt"'))
    done = project.flowc("compile", "flow.py")
    assert done.code == 1
    assert "error[bad-default]" in done.err
    assert "file 'data.txt' has 2,097,152 bytes, and there is room for " in done.err
    assert "name the store of the cluster's runs, --store URL or $FLOWC_CLUSTER_STORE" in done.err
