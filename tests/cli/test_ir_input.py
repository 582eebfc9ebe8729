"""The IR as an input, as in `flowc run ir.json`; the code is in a directory or an archive beside the IR."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from flowc.frontends.ir.archives import ArchiveError, UnsafeArchiveError, read_archive
from flowc.frontends.ir.json_places import span_of, steps_of
from kubeconfig import KUBECONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLOW = """
    from metaflow import Config, FlowSpec, Parameter, retry, schedule, step

    import helper

    @schedule(cron="0 6 * * *")
    class Demo(FlowSpec):
        \"\"\"A flow of which the IR is written.\"\"\"
        n = Parameter("n", default=lambda: 3, type=int)
        code = Parameter("code", default="c")
        settings = Config("settings", default_value={"factor": 2})

        @step
        def start(self):
            self.items = list(range(self.n))
            self.next(self.work, foreach="items")

        @retry(times=1)
        @step
        def work(self):
            self.x = helper.times(self.input, self.settings.factor)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(each.x for each in inputs)
            self.next(self.end)

        @step
        def end(self):
            print("total", self.total, self.code)

    if __name__ == "__main__":
        Demo()
    """
PLACE = ("--store", "s3://bucket/prefix")


def write_ir(project: Project, flow: str = "flow.py", name: str = "ir.json", *words: str) -> Path:
    done = project.flowc("ir", flow, *words)
    assert done.code == 0, done.err
    return project.write(name, done.out)


@pytest.fixture
def demo(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("helper.py", "def times(x, y):\n    return x * y\n")
    write_ir(project)
    return project


@pytest.fixture
def apart(demo: Project) -> Project:
    """Create a directory with the IR of a flow, and another directory with the flow's code."""
    (demo.root / "src").mkdir()
    for name in ("flow.py", "helper.py"):
        (demo.root / name).rename(demo.root / "src" / name)
    return demo


def ran(project: Project, *words: str) -> RunStore:
    return project.run(*words)


def told(run: RunStore) -> dict[str, Any]:
    """Return the records of a run, without values that differ between runs: times, processes, ids."""
    record: dict[str, Any] = dict(run.record())
    tasks = {
        (step, path): [
            {
                key: value
                for key, value in dict(found).items()
                if key in ("outcome", "code", "parents", "artifacts", "fanout")
            }
            for number in numbers
            if (found := run.attempt(step, path, number)) is not None
        ]
        for step in run.steps()
        for path, numbers in run.attempts(step).items()
    }
    own = ("run", "created", "process")
    return {
        "record": {key: value for key, value in record.items() if key not in own},
        "tasks": tasks,
        "flow": run.executes(),
    }


def test_manifests_and_records_are_those_of_the_flow(demo: Project) -> None:
    first = demo.flowc("compile", "flow.py", *PLACE)
    again = demo.flowc("compile", "ir.json", *PLACE)
    assert (again.code, again.err) == (0, first.err)
    assert again.out == first.out
    assert demo.flowc("ir", "ir.json").out == (demo.root / "ir.json").read_text()
    assert demo.flowc("check", "ir.json").out == demo.flowc("check", "flow.py").out
    assert told(ran(demo, "flow.py", "--n", "4")) == told(ran(demo, "ir.json", "--n", "4"))


class Recorder(BaseHTTPRequestHandler):
    """A simulated Kubernetes API that has no objects, and returns each applied object."""

    applied: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        named = not self.path.partition("?")[0].endswith("s")
        missing = {"kind": "Status", "reason": "NotFound", "details": {}}
        self._answer(404, missing) if named else self._answer(200, {"items": [], "metadata": {}})

    def do_PATCH(self) -> None:
        manifest = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "dryRun" not in self.path:
            self.applied.append(manifest)
        self._answer(200, manifest)

    def _answer(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def test_deploying_applies_the_manifests_of_the_flow(demo: Project) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        demo.write("kubeconfig", dedent(KUBECONFIG).replace("127.0.0.1:1", f"127.0.0.1:{server.server_port}"))
        applied = []
        for file in ("flow.py", "ir.json"):
            Recorder.applied = []
            done = demo.flowc("deploy", file, *PLACE, "--kubeconfig", "kubeconfig")
            assert done.code == 0, done.err
            applied.append(Recorder.applied)
        server.shutdown()
    assert [manifest["kind"] for manifest in applied[0]] == ["ConfigMap", "WorkflowTemplate", "CronWorkflow"]
    assert applied[1] == applied[0]


def test_a_module_of_a_package(project: Project) -> None:
    project.write("pkg/__init__.py", "")
    project.write("pkg/flows.py", FLOW.replace("import helper", "from pkg import helper"))
    project.write("pkg/helper.py", "def times(x, y):\n    return x * y\n")
    write_ir(project, "pkg.flows")
    first = project.flowc("compile", "pkg.flows", *PLACE)
    assert first.code == 0, first.err
    assert project.flowc("compile", "ir.json", *PLACE).out == first.out
    assert told(ran(project, "pkg.flows")) == told(ran(project, "ir.json"))


def test_files_that_travel_belong_to_the_code(demo: Project) -> None:
    demo.write("query.sql", "select 1\n")
    write_ir(demo, "flow.py", "with.json", "--package-suffixes", ".sql")
    first = demo.flowc("compile", "flow.py", *PLACE, "--package-suffixes", ".sql")
    assert "select 1" in first.out
    assert demo.flowc("compile", "with.json", *PLACE, "--package-suffixes", ".sql").out == first.out
    assert "succeeded" in demo.flowc("run", "with.json", "--package-suffixes", ".sql").err
    done = demo.flowc("compile", "with.json", *PLACE)
    assert done.code == 1
    assert "error[code-differs]" in done.err


def tar(project: Project) -> str:
    with tarfile.open(project.root / "code.tgz", "w:gz") as archive:
        archive.add(project.root / "src", ".")
    return "code.tgz"


def zipped(project: Project) -> str:
    with zipfile.ZipFile(project.root / "code.zip", "w") as archive:
        for path in sorted((project.root / "src").iterdir()):
            archive.write(path, path.name)
        archive.writestr("README.md", "what is no code does not count")
    return "code.zip"


@pytest.mark.parametrize("place", [lambda _: "src", tar, zipped], ids=["directory", "tar", "zip"])
def test_the_code_is_elsewhere(apart: Project, place: Callable[[Project], str]) -> None:
    code = place(apart)
    done = apart.flowc("compile", "ir.json", "--code", code, *PLACE)
    assert done.code == 0, done.err
    assert done.out == apart.flowc("compile", "src/flow.py", *PLACE).out
    # After FLOW, `--code` is a parameter of the flow, as every other option is.
    run = ran(apart, "--code", code, "ir.json", "--code", "mine")
    assert run.record()["parameters"]["code"] == "mine"
    assert told(run)["tasks"] == told(ran(apart, "src/flow.py", "--code", "mine"))["tasks"]
    done = apart.flowc("run", "--start", "fresh", "--code", code, "ir.json")
    assert done.code == 0, done.err
    done = apart.flowc("resume", "--code", code, "ir.json", "end")
    assert done.code == 0, done.err


def test_the_ir_that_a_run_has_left(apart: Project) -> None:
    """The IR that a run has stored can be run again, with the code of that run."""
    run = ran(apart, "src/flow.py")
    (stored,) = (apart.root / ".flowc").rglob("ir.json")
    done = apart.flowc("run", "--code", tar(apart), str(stored))
    assert done.code == 0, done.err
    assert run.id in str(stored)
    assert apart.latest().executes() == run.executes()


def test_the_line_that_resumes_names_the_code(apart: Project) -> None:
    source = (apart.root / "src/flow.py").read_text().replace('print("total"', 'raise ValueError("total"')
    (apart.root / "src/flow.py").write_text(source)
    apart.write("src/query.sql", "select 1\n")
    write_ir(apart, "src/flow.py", "ir.json", "--package-suffixes", ".sql")
    done = apart.flowc("run", "--code", "src", "--package-suffixes", ".sql", "ir.json")
    assert done.code == 1
    line = next(line for line in done.err.splitlines() if line.startswith("resume: "))
    assert line.startswith("resume: flowc resume --package-suffixes .sql --code src ir.json --origin-run-id ")
    again = apart.flowc(*line.removeprefix("resume: flowc ").split())
    assert "reused" in again.err or "1 task" in again.err, again.err


def fails(done: Finished, code: int, *messages: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    for message in messages:
        assert message in done.err


def test_code_that_has_changed(demo: Project) -> None:
    digest = json.loads((demo.root / "ir.json").read_text())["code"]["digest"]
    demo.write("helper.py", "def times(x, y):\n    return x + y\n")
    for command in ("run", "compile", "check", "ir"):
        fails(demo.flowc(command, "ir.json"), 1, "error[code-differs]", digest[:19], "--> ir.json:")
    assert not demo.store.runs("Demo")


def test_what_the_verifier_finds_is_shown_in_the_ir(demo: Project) -> None:
    ir = json.loads((demo.root / "ir.json").read_text())
    ir["nodes"][1]["timeout"] = {"seconds": 0}
    ir["nodes"][2]["run"] = {"method": "no name"}
    demo.write("ir.json", json.dumps(ir, indent=1))
    lines = demo.root.joinpath("ir.json").read_text().splitlines()
    at = next(number for number, line in enumerate(lines, 1) if '"no name"' in line)
    seconds = next(number for number, line in enumerate(lines, 1) if '"seconds": 0' in line)
    fails(
        demo.flowc("compile", "ir.json"), 1, "error[bad-action]: step 'join' runs the method 'no name'",
        f"--> ir.json:{at - 1}:", "note: in nodes[2].run of step 'join'",
        "error[bad-policy]: flow.nodes[1].timeout.seconds: at least 1, not 0", "note: in nodes[1].timeout.seconds of step 'work'",
        f"--> ir.json:{seconds}:",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compile", "ir.json", "--with", "retry"], "'ir.json' is an IR, which --with cannot change"),
        (["run", "--with", "retry", "ir.json"], "'ir.json' is an IR, which --with cannot change"),
        (["run", "--config-value", "settings", "{}", "ir.json"], "which --config and --config-value cannot change"),
        (["compile", "ir.json", "--branch", "b"], "which --branch and --production cannot change"),
        (["compile", "ir.json", "--code", "nowhere"], "--code: 'nowhere' does not exist"),
        (["compile", "flow.py", "--code", "."], "'flow.py' is not an IR, so --code has no meaning"),
        (["run", "--code", ".", "flow.py"], "'flow.py' is not an IR, so --code has no meaning"),
        (["check", "ir.json:Other"], "'ir.json' is the IR of Demo, not of Other"),
        (["check", "nothing.json"], "'nothing.json' does not exist"),
    ],
)
def test_what_an_ir_cannot_be_given(demo: Project, words: list[str], message: str) -> None:
    fails(demo.flowc(*words), 2, message, "hint: ")


def test_code_of_a_python_file_is_refused_before_the_file_is_imported(project: Project) -> None:
    project.write("flow.py", "open('imported', 'w').close()\n" + dedent(FLOW).replace('"code"', '"other"'))
    project.write("helper.py", "")
    fails(project.flowc("run", "--code", ".", "flow.py"), 2, "'flow.py' is not an IR, so --code has no meaning")
    assert not (project.root / "imported").exists()
    # After FLOW, `--code` may be a parameter of the flow, and flowc learns the parameters by importing the file.
    fails(project.flowc("run", "flow.py", "--code", "."), 2, "--code names the code of an IR", "Usage: ")


def test_a_flows_own_file_has_no_code_option(demo: Project) -> None:
    assert "--code" not in demo.python("flow.py", "check", "--help").out
    assert "--code" in demo.flowc("check", "--help").out
    fails(demo.python("flow.py", "check", "--code", "."), 2, "No such option", "--code")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, "error[missing-code]: the flow's file flow.py is not beside ir.json"),
        ("empty", "error[missing-code]: the flow's file flow.py is not in empty"),
        ("ir.json", "error[bad-archive]: the code ir.json is neither a directory nor an archive"),
    ],
)
def test_code_that_is_not_there(apart: Project, code: str | None, error: str) -> None:
    (apart.root / "empty").mkdir()
    fails(apart.flowc("check", "ir.json", *(["--code", code] if code else [])), 1, error)


# -- archives ----------------------------------------------------------------------------------------------------------


def tar_with(path: Path, name: str, **attributes: Any) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        for key, value in attributes.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b""))
    return path


@pytest.mark.parametrize("name", ["../flow.py", "/etc/flow.py", "a/../../flow.py", "a//flow.py", "a\\..\\flow.py"])
def test_unsafe_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeArchiveError, match="leads out of the archive"):
        read_archive(tar_with(tmp_path / "code.tgz", name))
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr(name, "")
    with pytest.raises(UnsafeArchiveError, match="leads out of the archive"):
        read_archive(tmp_path / "code.zip")


@pytest.mark.parametrize(
    ("kind", "what"), [(tarfile.SYMTYPE, "a link"), (tarfile.LNKTYPE, "a link"), (tarfile.CHRTYPE, "a device")]
)
def test_unsafe_kinds(tmp_path: Path, kind: bytes, what: str) -> None:
    with pytest.raises(UnsafeArchiveError, match=f"'flow.py' is {what}"):
        read_archive(tar_with(tmp_path / "code.tgz", "flow.py", type=kind, linkname="/etc/passwd"))


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        info = zipfile.ZipInfo("flow.py")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="is a link"):
        read_archive(tmp_path / "code.zip")


def test_damaged_archives(tmp_path: Path) -> None:
    whole = tar_with(tmp_path / "code.tgz", "flow.py", mode=0o644).read_bytes()
    cut = tmp_path / "cut.tgz"
    for content in (whole[: len(whole) // 2], b"", b"no archive", whole[:20] + b"\0\0\0\0" + whole[24:]):
        cut.write_bytes(content)
        with pytest.raises(ArchiveError):
            read_archive(cut)


# -- places ------------------------------------------------------------------------------------------------------------


def test_places_in_json() -> None:
    text = '{\n "a": [{"b": 1}, {"c": "x\\"}", "d":\n  null}],\n "e": 2}'
    assert steps_of("flow.a[1].d") == ["a", 1, "d"]
    assert str(span_of("f", text, ["a", 1, "d"])) == "f:3:3"
    assert str(span_of("f", text, ["a", 0, "b"])) == "f:2:14"
    assert str(span_of("f", text, ["e"])) == "f:4:7"
    # the list `a` has no item 7, so `span_of` returns the position of the list
    assert str(span_of("f", text, ["a", 7, "b"])) == "f:2:7"
    assert str(span_of("f", text, [])) == "f:1:1"
    assert span_of("f", text, ["e"]).width == 1
