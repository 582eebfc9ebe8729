"""The option `--error-format`: errors in each format, from each command with this option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from flowc import reporting
from flowc.reporting.facts import Fact, facts_of
from flowc_ir import Span
from flowc_ir.diagnostic import Diagnostic

if TYPE_CHECKING:
    from project import Project

# The part of the SARIF schema that flowc uses; like the full schema, it refuses unknown properties and checks limits.
_MESSAGE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
}
_LOCATION = {
    "type": "object", "additionalProperties": False, "required": ["artifactLocation", "region"],
    "properties": {
        "artifactLocation": {
            "type": "object", "additionalProperties": False, "required": ["uri"],
            "properties": {"uri": {"type": "string", "format": "uri-reference", "pattern": r"^[!-~]+$"}},
        },
        "region": {
            "type": "object", "additionalProperties": False, "required": ["startLine"],
            "properties": {name: {"type": "integer", "minimum": 1}
                           for name in ("startLine", "startColumn", "endLine", "endColumn")},
        },
    },
}  # fmt: skip
_RESULT = {
    "type": "object", "additionalProperties": False, "required": ["message"],
    "properties": {
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": _MESSAGE,
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "locations": {"type": "array", "items": {
            "type": "object", "additionalProperties": False, "properties": {"physicalLocation": _LOCATION}}},
        "relatedLocations": {"type": "array", "uniqueItems": True, "items": {
            "type": "object", "additionalProperties": False,
            "properties": {"id": {"type": "integer", "minimum": -1}, "physicalLocation": _LOCATION, "message": _MESSAGE}}},
        "properties": {"type": "object"},
    },
}  # fmt: skip
SARIF = {
    "type": "object", "additionalProperties": False, "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
            "type": "object", "additionalProperties": False, "required": ["tool"],
            "properties": {
                "tool": {"type": "object", "additionalProperties": False, "required": ["driver"], "properties": {
                    "driver": {"type": "object", "additionalProperties": False, "required": ["name"], "properties": {
                        "name": {"type": "string"},
                        "version": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": {
                            "type": "object", "additionalProperties": False, "required": ["id"],
                            "properties": {"id": {"type": "string"}}}},
                    }}}},
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": _RESULT},
            }}},
    },
}  # fmt: skip

FAULTY = """
from metaflow import FlowSpec, schedule, step


@schedule(cron="0 4 * * *", timezone="a: b")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.edn)

    @step
    def end(self):
        pass
"""
ODD = """
from metaflow import FlowSpec, schedule, step


@schedule(cron="@every 90m")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Demo()
"""


def sarif(text: str) -> list[dict[str, Any]]:
    """Return the results in a SARIF document, which must match the schema."""
    document = json.loads(text)
    jsonschema.validate(document, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert "ruleId" not in result or rules[result["ruleIndex"]] == result["ruleId"]
    found: list[dict[str, Any]] = run["results"]
    return found


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """Return three diagnostics: with all fields, with only the required fields, and without a position."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    (tmp_path / "a,b: c.py").write_text("first = 1\nsecond = 'ü'  \n")
    found = [
        Diagnostic(code="duplicate-step", message="100%\r\nof it", span=Span("a,b: c.py", 2, 1), hint="x", note="y",
                   also=((Span("a,b: c.py", 1, 1, 5), "declared here"),)),
        Diagnostic(code="schedule-interval", message="m", span=Span("gone.py", 3, 7, 2), hint=None),
    ]  # fmt: skip
    return [*facts_of(found, tmp_path), Fact("no store", "make one")]


def test_json(facts: list[Fact]) -> None:
    assert [json.loads(line) for line in reporting.write(facts, "json").splitlines()] == [
        {
            "severity": "error", "code": "duplicate-step", "message": "100%\r\nof it", "hint": "x", "note": "y",
            "place": {"file": "a,b: c.py", "line": 2, "column": 1, "end_column": 13},
            "also": [{"file": "a,b: c.py", "line": 1, "column": 1, "end_column": 6, "label": "declared here"}],
        },
        {
            "severity": "warning", "code": "schedule-interval", "message": "m", "hint": None, "note": None,
            "place": {"file": "gone.py", "line": 3, "column": 7, "end_column": 9}, "also": [],
        },
        {
            "severity": "error", "code": None, "message": "no store", "hint": "make one", "note": None,
            "place": None, "also": [],
        },
    ]  # fmt: skip


def test_github(facts: list[Fact], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert reporting.write(facts, "github") == (
        "::error file=a%2Cb%3A c.py,line=2,endLine=2,col=1,endColumn=13,title=duplicate-step::100%25%0D%0Aof it"
        "%0Aa,b: c.py:1: declared here%0Ahint: x%0Anote: y\n"
        "::warning file=gone.py,line=3,endLine=3,col=7,endColumn=9,title=schedule-interval::m\n"
        "::error::no store%0Ahint: make one\n"
    )
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))
    assert f"::warning file={tmp_path.name}/gone.py," in reporting.write(facts, "github")


def test_sarif(facts: list[Fact], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full, warning, plain = sarif(reporting.write(facts, "sarif"))
    assert full["message"]["text"] == "100%\r\nof it\nhint: x\nnote: y"
    assert full["properties"] == {"hint": "x", "note": "y"}
    assert full["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%2Cb%3A%20c.py"},
        "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 13},
    }
    assert full["relatedLocations"][0]["message"]["text"] == "declared here"
    assert (warning["level"], warning["ruleId"]) == ("warning", "schedule-interval")
    assert (plain["level"], "ruleId" in plain, "locations" in plain) == ("error", False, False)
    monkeypatch.chdir("/")
    monkeypatch.setattr("os.getcwd", lambda: "/nowhere")
    full, *_ = sarif(reporting.write(facts, "sarif"))
    assert full["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == f"file://{tmp_path}/a%2Cb%3A%20c.py"


def test_no_faults_are_a_document_without_results() -> None:
    assert sarif(reporting.write([], "sarif")) == []
    assert reporting.write([], "json") == reporting.write([], "github") == ""


@pytest.mark.parametrize("command", [("check",), ("compile",), ("run", "--local")], ids=lambda words: words[0])
@pytest.mark.parametrize("before", [True, False], ids=["before FLOW", "behind FLOW"])
def test_commands_report_faults(project: Project, command: tuple[str, ...], before: bool) -> None:
    project.write("flow.py", FAULTY)
    option = ("--error-format", "json")
    done = project.flowc(*command, *(option if before else ()), "flow.py", *(() if before else option))
    assert done.code == 1
    out, empty = (done.out, done.err) if command == ("check",) else (done.err, done.out)
    found = [json.loads(line) for line in out.splitlines()]
    assert [(each["code"], each["place"]["line"]) for each in found] == [("bad-schedule", 4), ("unknown-step", 8)]
    assert found[0]["message"] == "time zone 'a: b' is not known"
    assert empty == ""


def test_check_prints_one_document(project: Project) -> None:
    project.write("flow.py", "print('on import')\n" + FAULTY)
    assert len(sarif(project.flowc("check", "--error-format", "sarif", "flow.py").out)) == 2
    project.write("flow.py", "print('on import')\n" + ODD)
    done = project.flowc("check", "--error-format", "sarif", "flow.py")
    assert [(each["level"], each["ruleId"]) for each in sarif(done.out)] == [("warning", "schedule-interval")]
    assert done.code == 0
    done = project.python("flow.py", "check", "--error-format", "sarif")
    assert len(sarif(done.out.removeprefix("on import\n"))) == 1
    project.write("flow.py", ODD.replace('@schedule(cron="@every 90m")', ""))
    assert sarif(project.flowc("check", "--error-format", "sarif", "flow.py").out) == []


def test_compile_reports_warnings_beside_the_manifests(project: Project) -> None:
    project.write("flow.py", ODD)
    done = project.flowc("compile", "--error-format", "github", "flow.py")
    assert "kind: WorkflowTemplate" in done.out
    assert "::warning file=flow.py,line=4,endLine=4,col=2,endColumn=29,title=schedule-interval::" in done.err


def test_an_error_without_a_place(project: Project) -> None:
    done = project.flowc("check", "--error-format", "json", "nowhere.py")
    (found,) = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, found["code"], found["place"]) == (2, None, None)
    assert found["message"] == "'nowhere.py' does not exist"


def test_a_variable_gives_the_format_and_usage_errors_stay_text(project: Project) -> None:
    project.write("flow.py", FAULTY)
    done = project.flowc("check", "flow.py", FLOWC_ERROR_FORMAT="github")
    assert done.out.startswith("::error file=flow.py,line=4,")
    done = project.flowc("check", "--error-format", "xml", "flow.py")
    assert done.code == 2
    assert done.err.startswith("Usage: ")


def test_a_parameter_of_that_name_is_the_flows(project: Project) -> None:
    project.write(
        "flow.py",
        FAULTY.replace(
            "    @step\n    def start", "    form = Parameter('error-format')\n    @step\n    def start"
        ).replace("schedule, step", "Parameter, schedule, step"),
    )
    done = project.flowc("run", "--error-format", "json", "flow.py", "--error-format", "pink")
    assert done.code == 1
    assert json.loads(done.err.splitlines()[0])["code"] == "bad-schedule"


def test_a_flows_own_file_takes_it_on_both_sides_of_the_command(project: Project) -> None:
    project.write("flow.py", f"{FAULTY}\n\nif __name__ == '__main__':\n    Demo()\n")
    for words in (("--error-format", "json", "run"), ("run", "--error-format", "json")):
        done = project.python("flow.py", *words)
        objects = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
        assert [each["code"] for each in objects] == ["bad-schedule", "unknown-step"]
