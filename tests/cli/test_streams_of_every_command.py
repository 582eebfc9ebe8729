"""Every command, if stdout is full, closed or never read: the right exit code, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc.cli import COMMANDS
from project import Finished, Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

FLOW = """
    from metaflow import FlowSpec, card, step

    class Said(FlowSpec):
        @card(type="blank")
        @step
        def start(self):
            print("line", "x" * 70_000)
            self.value = 1
            self.next(self.end)

        @step
        def end(self):
            print("the end")
    """
FULL = "No space left on device"
# Commands that run tasks continue if their output fails, unless stdout is a pipe that is no longer read.
GO_ON = {"run", "resume", "spin", "retry"}
WORDS = {
    "run": "run --local flow.py", "resume": "resume flow.py end", "spin": "spin flow.py end", "retry": "retry flow.py",
    "check": "check flow.py", "ir": "ir flow.py", "compile": "compile flow.py", "deploy": "deploy flow.py",
    "diff": "diff flow.py", "trigger": "trigger Said", "status": "status", "suspend": "suspend Said",
    "unsuspend": "unsuspend Said", "terminate": "terminate Said/1", "delete": "delete Said --yes", "runs": "runs",
    "tag": "tag list Said/latest", "show": "show Said/latest", "metrics": "metrics Said/latest", "logs": "logs Said/latest", "dump": "dump Said/latest/start",
    "artifact": "artifact Said/value", "gc": "gc", "fsck": "fsck", "debug": "debug Said/latest/end", "config": "config",
    "completion": "completion bash", "card": "card list Said/latest/start", "doctor": "doctor",
    "stop": "stop Said/latest", "ui": "ui --no-open --host 203.0.113.1",
}  # fmt: skip
MORE = {
    "runs --json": "runs --json", "logs --follow": "logs Said/latest --follow", "logs --json": "logs Said/latest --json",
    "fsck --json": "fsck --json", "show --json": "show Said/latest --json", "gc --json": "gc --json", "--help": "--help",
    "--version": "--version", "ir --json": "ir flow.py --json", "dump --json": "dump Said/latest/start --json",
}  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("said"))
    project.write("flow.py", FLOW)
    project.run("flow.py")
    return project


def test_every_command_is_here() -> None:
    assert WORDS.keys() == COMMANDS.keys()


def full(project: Project, words: list[str]) -> Finished:
    with open("/dev/full", "w") as stdout:
        return with_stdout(project, words, stdout)


def closed(project: Project, words: list[str]) -> Finished:
    shell = ["bash", "-c", 'exec "$@" >&-', "bash", sys.executable]
    done = subprocess.run(
        [*shell, "-m", "flowc", *words], cwd=project.root, env=project.environment, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return Finished(done.returncode, "", done.stderr)


def unread(project: Project, words: list[str]) -> Finished:
    """Run a command with a stdout that no process reads, as in `flowc … | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:
        return with_stdout(project, words, stdout)


def with_stdout(project: Project, words: list[str], stdout: IO[str]) -> Finished:
    done = subprocess.run(
        [sys.executable, "-m", "flowc", *words], cwd=project.root, env=project.environment, stdin=subprocess.DEVNULL,
        stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return Finished(done.returncode, "", done.stderr)


@pytest.mark.parametrize("how", [full, closed, unread], ids=lambda how: how.__name__)
@pytest.mark.parametrize("name", [*WORDS, *MORE])
def test_it_ends_as_it_should(said: Project, name: str, how: Callable[[Project, list[str]], Finished]) -> None:
    words = (WORDS | MORE)[name].split()
    plain = said.flowc(*words)
    done = how(said, words)
    assert "Traceback" not in done.err
    assert "Broken" not in done.err
    assert "Exception ignored" not in done.err
    if not plain.out or how is closed or (name in GO_ON and how is full):
        assert done.code == plain.code, done.err
    elif name not in GO_ON:
        assert done.code == (plain.code or 1), done.err
        told = [line for line in done.err.splitlines() if FULL in line]
        assert told == ([f"error: cannot write the output: {FULL}"] if how is full else [])
