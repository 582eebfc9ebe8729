"""Commands that read runs: each can print JSON, and has an exit code and a message for a missing object."""

from __future__ import annotations

import json
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest

from flowc.cli import COMMANDS, FLOW_COMMANDS

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, card, current, retry, step

    class Point:
        pass

    class Read(FlowSpec):
        n = Parameter("n", default=3)

        @card(type="blank")
        @retry(times=1, minutes_between_retries=0)
        @step
        def start(self):
            '''Begins.'''
            print("attempt", current.retry_count)
            assert current.retry_count
            self.items = [1, {"a": None}]
            self.pair, self.point, self.long, self._hidden = (1, 2), Point(), "x" * 2000, True
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Read()
    """

# Each command that reads, with arguments that name existing objects.
READING = {
    "runs": ["runs Read"],
    "tag": ["tag list Read/latest"],
    "show": ["show Read/latest", "show Read/latest/start", "show Read/latest/start/0"],
    "metrics": ["metrics Read", "metrics Read/latest"],
    "logs": ["logs Read/latest", "logs Read/latest/start --follow", "logs Read/latest --merge"],
    "dump": ["dump Read/latest/start", "dump Read/latest/end/0"],
    "artifact": ["artifact Read/items"],
    "card": ["card list Read/latest/start"],
    "gc": ["gc Read --keep-last 1"],
    "fsck": ["fsck"],
    "doctor": ["doctor"],
    "config": ["config", "config start"],
}
ELSEWHERE = {"status", "ui"}  # `status` reads a cluster: test_cluster_commands.py; `ui` serves a page: tests/ui
OF_FLOW = {
    "show": ["show"],
    "dump": ["dump latest/start", "dump latest/end/0"],
    "logs": ["logs latest/start", "logs latest/start/0 --attempt 0"],
    "card": ["card list", "card list latest/start"],
    "tag": ["tag list", "tag list --my-runs"],
    "output-raw": ["output-raw"],
}
NOT_READING = {
    *("run", "resume", "retry", "spin", "debug", "check", "ir", "compile", "deploy", "diff", "trigger", "suspend"),
    *("unsuspend", "terminate", "delete", "completion", "output-dot", "version", "help", "stop"),
}


def test_every_command_that_reads_is_here() -> None:
    assert READING.keys() == COMMANDS.keys() - NOT_READING - ELSEWHERE
    assert OF_FLOW.keys() == FLOW_COMMANDS.keys() - NOT_READING


@pytest.fixture
def ran(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.run("flow.py")
    return project


def objects(text: str) -> list[Any]:
    """Return the printed JSON: one value, or one per line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def test_json(ran: Project) -> None:
    for words in [words for command in READING.values() for words in command]:
        done = ran.flowc(*words.split(), "--json")
        assert (done.code, bool(objects(done.out))) == (0, True), f"{words}: {done}"
    for words in [words for command in OF_FLOW.values() for words in command]:
        done = ran.python("flow.py", "--quiet", *words.split(), "--json")
        assert (done.code, done.err, bool(objects(done.out))) == (0, "", True), f"{words}: {done}"


MISSING = [
    "runs Raed", "tag list Read/7", "tag list Raed/latest", "tag add Read/7 x", "tag remove Read/7 x",
    "tag replace Read/7 --add x --remove y", "show Read/7", "show Read/latest/strat", "show Read/latest/start/7",
    "logs Read/7", "logs Read/latest/strat", "logs Read/latest/start/7", "logs Read/latest --attempt 7",
    "logs Read/latest/start/7 --follow", "logs Read/latest/start --attempt 7 --follow", "logs Read/latest/strat --follow",
    "logs scrub Read/latest/strat", "logs scrub Read/latest/start --attempt 7",
    "dump Read/7/start", "dump Read/latest/strat", "dump Read/latest/start/7", "dump Read/latest/start --include itmes",
    "dump Read/latest/start --include _hidden", "dump Read/latest/start --file no/where", "artifact Raed/items",
    "artifact Read/itmes", "artifact Read/items@0000", "card list Read/latest/strat", "card list Read/latest/end",
    "card view Read/latest/end", "card get Read/latest/strat", "gc Raed", "debug Read/latest/strat", "retry Raed",
    "card server Read/7",
]  # fmt: skip
MISSING_OF_FLOW = [
    "dump latest/start/7", "dump latest", "dump latest//7", "logs latest/strat", "tag add x", "tag remove x",
    "dump latest/start --file no/where", "logs latest/start/7", "logs 7/start", "logs latest/strat --attempt 0",
    "logs scrub latest/start/7", "tag list --run-id 7", "tag add x --run-id 7", "tag remove x --run-id 7",
    "card list latest/strat", "card get latest/end", "card view 7/start", "spin strat", "resume --origin-run-id 7",
    "card server --run-id 7",
]  # fmt: skip


LEFT_OUT_OF_FLOW = [
    "dump 7/start", "dump latest/strat", "dump latest/start --include itmes", "dump latest/start --include _hidden",
    "logs latest/start --attempt 7", "logs latest/start/start-0 --attempt 7",
]  # fmt: skip


def test_what_commands_of_a_flow_s_file_leave_out(ran: Project) -> None:
    """Missing objects give exit code 0 and an empty stdout, as under Metaflow; stderr names them."""
    for words in LEFT_OUT_OF_FLOW:
        quiet, loud = (ran.python("flow.py", *option, *words.split()) for option in (["--quiet"], []))
        assert quiet == (0, "", ""), words
        assert (loud.code, loud.out) == (0, ""), words
        assert re.search(r"has no tasks|no task has an artifact|it has no attempt 7", loud.err), words
    done = ran.python("flow.py", "--quiet", "dump", "latest/start", "--include", "items,itmes", "--max-value-size", "0")
    assert (done.code, done.out[:6], done.out.count("\n"), done.err) == (0, "items ", 1, ""), done
    done = ran.python("flow.py", "dump", "latest/strat", "--file", "nothing.pickle")
    assert (done.code, pickle.loads((ran.root / "nothing.pickle").read_bytes())) == (0, {})


def test_what_there_is_not(ran: Project) -> None:
    """Missing objects give exit code 1, an empty stdout, and a line on stderr that names them, perhaps with a hint."""
    for words in MISSING:
        done = ran.flowc(*words.split())
        *before, error, hint = [*done.err.splitlines(), *([] if "hint: " in done.err else [""])]
        assert (done.code, done.out, error[:7]) == (1, "", "error: "), f"{words}: {done}"
        assert hint == "" or hint.startswith("hint: "), f"{words}: {done}"
        assert not before or words.endswith("--follow"), f"{words}: {done}"
    for words in MISSING_OF_FLOW:
        done = ran.python("flow.py", "--quiet", *words.split())
        said = done.err.splitlines()
        assert (done.code, done.out, [line[:6] for line in said]) == (1, "", ["error:", "hint: "][: len(said)]), words


def test_the_values_of_a_dump(ran: Project) -> None:
    """Values are printed if JSON can represent them; other values are described."""
    (task,) = json.loads(ran.flowc("dump", "Read/latest/start", "--json").out)
    assert (task["step"], task["path"], task["outcome"]) == ("start", "0", "ok")
    artifacts = task["artifacts"]
    assert {name for name in artifacts if "value" in artifacts[name]} == {"items"}
    assert artifacts["items"]["value"] == [1, {"a": None}]
    assert (artifacts["point"]["type"], artifacts["pair"]["repr"]) == ("flow.Point", "(1, 2)")
    assert "_hidden" not in artifacts
    chosen = ran.flowc("dump", "Read/latest/start", "--json", "--include", "long,_hidden", "--private",
                       "--max-value-size", "9999")  # fmt: skip
    (task,) = json.loads(chosen.out)
    assert {name: ref["value"] for name, ref in task["artifacts"].items()} == {"_hidden": True, "long": "x" * 2000}
    (own,) = json.loads(ran.python("flow.py", "dump", "latest/end", "--json").out)
    # `n` is a parameter, so it has no digest
    assert (own["artifacts"]["n"]["value"], "digest" in own["artifacts"]["n"]) == (3, False)
    assert len(own["artifacts"]["items"]["digest"]) == 64


def test_a_dump_to_a_file(ran: Project) -> None:
    done = ran.flowc("dump", "Read/latest/start/0", "--include", "items,pair", "--file", "values.pickle")
    assert (done.code, done.out) == (0, "")
    values = {"items": [1, {"a": None}], "pair": (1, 2)}
    assert pickle.loads((ran.root / "values.pickle").read_bytes()) == {f"{ran.latest().id}/start/start-0": values}


def test_the_lines_of_a_flow_s_logs(ran: Project) -> None:
    """Lines of both streams are sorted by time; attempts count from 0, as in all commands of a flow's own file."""
    lines = objects(ran.python("flow.py", "logs", "latest/start", "--json", "--attempt", "0").out)
    assert [(line["step"], line["path"], line["attempt"]) for line in lines[:1]] == [("start", "0", 0)]
    assert (lines[0]["stream"], lines[0]["text"]) == ("stdout", "attempt 0")
    assert (lines[-1]["stream"], lines[-1]["text"]) == ("stderr", "AssertionError")
    (only,) = objects(ran.python("flow.py", "logs", "latest/start", "--json", "--stdout").out)
    assert (only["attempt"], only["text"]) == (1, "attempt 1")


def test_the_steps_of_a_flow(ran: Project) -> None:
    told = json.loads(ran.python("flow.py", "show", "--json").out)
    assert (told["flow"], [step["step"] for step in told["steps"]]) == ("Read", ["start", "end"])
    start = told["steps"][0]
    assert (start["doc"], sorted(start["decorators"]), start["next"]) == ("Begins.", ["card", "retry"], ["end"])
