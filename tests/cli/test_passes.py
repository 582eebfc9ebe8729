"""`flowc ir --print-after` and `--verify-each`: the IR between the compiler's passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, IncludeFile, Parameter, step

    class ReadFlow(FlowSpec):
        data = IncludeFile("data", default="data.csv")
        seed = Parameter("seed", type=int, default=lambda: 42)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        ReadFlow()
"""
STAGES = ("resolve_defaults", "check_schedule", "drop_packages", "pack_files")


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("data.csv", "a,b")
    return project


def documents(text: str) -> list[dict[str, object]]:
    found, rest, decoder = [], text.strip(), json.JSONDecoder()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def test_the_ir_after_a_pass(flow: Project) -> None:
    done = flow.flowc("ir", "flow.py", "--text", "--print-after=resolve_defaults")
    assert done.code == 0, done.err
    assert 'parameter data: file = "data.csv"' in done.out
    assert "parameter seed: int = 42" in done.out
    done = flow.flowc("ir", "flow.py", "--text", "--print-after", "pack_files")
    assert done.code == 0, done.err
    assert 'parameter data: file = {"file":"data.csv","content":' in done.out
    assert "parameter seed: int = 42" in done.out


def test_after_several_passes_it_is_printed_in_their_order(flow: Project) -> None:
    done = flow.flowc("ir", "flow.py", "--print-after=pack_files", "--print-after=resolve_defaults")
    assert done.code == 0, done.err
    first, last = documents(done.out)
    assert first["parameters"][0]["default"] == '"data.csv"'  # type: ignore[index]
    assert "content" in last["parameters"][0]["default"]  # type: ignore[index]


def test_without_it_the_ir_is_that_of_the_front_end(flow: Project) -> None:
    plain, verified = flow.flowc("ir", "flow.py"), flow.flowc("ir", "flow.py", "--verify-each")
    assert (verified.code, verified.out) == (0, plain.out)
    assert plain.err == ""
    assert verified.err == "".join(f"after {stage}: no faults\n" for stage in STAGES)


@pytest.mark.parametrize(
    ("name", "hint"), [("pack_fils", "did you mean 'pack_files'?"), ("x", f"the passes are {', '.join(STAGES)}")]
)
def test_an_unknown_pass_is_a_usage_error(flow: Project, name: str, hint: str) -> None:
    done = flow.flowc("ir", "flow.py", f"--print-after={name}")
    assert done.code == 2
    assert f"there is no pass '{name}'; {hint}" in done.err


def test_the_schema_has_no_passes(flow: Project) -> None:
    done = flow.flowc("ir", "--schema", "--verify-each")
    assert done.code == 2
    assert "--schema prints the schema of all flows" in done.err


def test_faults_of_a_pass_are_reported(flow: Project) -> None:
    (flow.root / "data.csv").unlink()
    done = flow.flowc("ir", "flow.py", "--print-after=pack_files")
    assert (done.code, done.out) == (1, "")
    assert "error[bad-default]: the default of parameter 'data': " in done.err
