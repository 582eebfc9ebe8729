"""Completion in a real shell on a terminal, with the tab key."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest

from flowc.cli import flowc_group
from tools import apt

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, step

    class Typed(FlowSpec):
        @step
        def start(self):
            self.items = "ab"
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """
# fish needs a terminal that controls the session; otherwise it ends immediately.
ENTER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
STARTS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUPS = {
    "bash": 'PS1="ready>"; eval "$(flowc completion bash)"; bind "set enable-bracketed-paste off"\n',
    "zsh": 'PS1="ready>"; autoload -U compinit; compinit -u; eval "$(flowc completion zsh)"\n',
    "fish": "function fish_prompt; echo -n 'ready>'; end; flowc completion fish | source\n",
}


@pytest.fixture
def typed(project: Project) -> Project:
    """Return a directory with a flow, two runs with tags, and `flowc` on the PATH."""
    project.write("flow.py", FLOW)
    project.write("flags.txt", "not a flow")
    project.run("flow.py", "--run-id-file", "id", "--tag", "team:blue", "--tag", "owner=ann")
    program = project.write("bin/flowc", f'#!/bin/sh\nexec {sys.executable} -m flowc "$@"\n')
    program.chmod(0o755)
    project.environment["PATH"] = f"{project.root}/bin:{project.environment['PATH']}"
    project.environment["TERM"] = "dumb"
    return project


class Shell:
    """A shell on its own terminal."""

    def __init__(self, project: Project, name: str) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENTER, *STARTS[name]], cwd=project.root, env=project.environment,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._type(SETUPS[name] + "echo re''ally\n")
        self._read("really\r\n")

    def complete(self, line: str) -> str:
        """Type a line and the Tab key, and return the completed line, which the shell prints by `echo`.

        A further character is typed after Tab, because zsh adds a blank and removes it again if no character follows.
        """
        self._type(f"{line}\tX\x01echo '<\x05>'\n")
        return self._read("X>\r\n").rpartition("\n<")[2].rpartition("X>")[0]

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read(self, end: str) -> str:
        """Return the shell's output up to and including the text `end`."""
        seen = ""
        while end not in seen or seen.rstrip().endswith("'"):
            assert select.select([self._terminal], [], [], 60)[0], f"the shell is silent after {seen!r}"
            seen += os.read(self._terminal, 1 << 16).decode()
        return seen[: seen.index(end) + len(end)]

    def end(self) -> None:
        """Close the terminal."""
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_tab_key(typed: Project, name: str) -> None:
    if apt.program(name) is None:
        pytest.skip(f"NOT TESTED: completion in {name}, which is not installed")
    run = typed.latest().id
    typed.write("written.py", WRITTEN)
    shell = Shell(typed, name)
    try:
        assert shell.complete("flowc comple") == "flowc completion "
        assert shell.complete("flowc logs --foll") == "flowc logs --follow "
        assert shell.complete("flowc check fl") == "flowc check flow.py "
        assert shell.complete("flowc run --max-w") == "flowc run --max-workers "
        assert shell.complete("flowc runs Ty").startswith("flowc runs Typed")
        assert shell.complete("flowc logs Ty") == "flowc logs Typed/"
        assert shell.complete(f"flowc show Typed/{run[:4]}").startswith(f"flowc show Typed/{run}")
        assert shell.complete("flowc dump Typed/latest/wo").startswith("flowc dump Typed/latest/work")
        assert shell.complete("flowc debug Typed/latest/work/").startswith("flowc debug Typed/latest/work/work-0.")
        assert shell.complete("flowc runs --tag team:b").startswith("flowc runs --tag team:blue")
        assert shell.complete("flowc runs --tag=own").startswith("flowc runs --tag=owner=ann")
        assert shell.complete("flowc run written.py --al") == "flowc run written.py --alpha "
        assert shell.complete("flowc run written.py --mode fa") == "flowc run written.py --mode fast "
        assert shell.complete("flowc resume written.py mid").startswith("flowc resume written.py middle")
        assert shell.complete("flowc tag remove Typed/latest te").startswith("flowc tag remove Typed/latest team:blue")
    finally:
        shell.end()


def answers(project: Project, line: str) -> list[str]:
    done = project.flowc(COMP_LINE=line, _FLOWC_COMPLETE="bash_complete")
    assert done.code == 0, done.err
    return [answer.partition(",")[2] for answer in done.out.splitlines() if answer]


def test_what_is_offered(typed: Project) -> None:
    run = typed.latest().id
    assert {"run", "logs", "show", "completion"} <= set(answers(typed, "flowc "))
    assert answers(typed, "flowc logs ") == ["scrub", "show", "Typed/"]
    assert answers(typed, "flowc logs Typed/") == ["Typed/latest", f"Typed/{run}"]
    assert answers(typed, "flowc dump Typed/latest/work/") == [
        "Typed/latest/work/work-0.0", "Typed/latest/work/work-0.1",
    ]  # fmt: skip
    assert answers(typed, "flowc dump Typed/latest/work/0.") == ["Typed/latest/work/0.0", "Typed/latest/work/0.1"]
    assert answers(typed, "flowc dump Typed/latest/work/w") == answers(typed, "flowc dump Typed/latest/work/")
    assert answers(typed, "flowc run ") == ["bin/", "flow.py"]
    typed.write("pipeline.yaml", "steps: [{stub: a}]")
    assert answers(typed, "flowc run ") == ["bin/", "flow.py", "pipeline.yaml"]
    assert answers(typed, "flowc resume flow.py --orig") == ["--origin-run-id"]
    assert answers(typed, "flowc completion ") == ["bash", "zsh", "fish"]
    assert answers(typed, "flowc runs --tag ") == ["owner=ann", "team:blue"]
    assert answers(typed, "flowc runs --status f") == ["failed"]
    assert answers(typed, f"flowc show Typed/{run} --diff ") == [".", "Typed/"]
    assert answers(typed, "flowc show Typed/latest --diff Ty") == ["Typed/"]
    assert answers(typed, "flowc show Typed/1 --diff ") == [".", "latest", run, "Typed/"]
    assert answers(typed, f"flowc show --diff {run[:3]}") == []
    assert answers(typed, f"flowc show Typed/1 --diff {run[:3]}") == [run]
    assert answers(typed, "flowc show Typed/1 --diff Typed/") == ["Typed/latest", f"Typed/{run}"]
    assert answers(typed, f"flowc show Typed/1 --diff Typed/{run}/") == []
    assert answers(typed, "flowc artifact T") == ["Typed/"]
    assert answers(typed, "flowc artifact Typed/") == ["Typed/items"]
    assert answers(typed, "flowc card server T") == ["Typed"]
    assert answers(typed, "flowc card server Typed/l") == ["Typed/latest"]
    assert answers(typed, "flowc retry T") == ["Typed"]
    assert answers(typed, "flowc retry f") == ["flow.py"]


# -- completion after a flow -------------------------------------------------------------------------------------------

WRITTEN = """
    import pathlib

    import metaflow
    from metaflow import FlowSpec, IncludeFile, Parameter, step

    pathlib.Path("imported").touch()
    1 / 0

    class Base(FlowSpec):
        alpha = Parameter("alpha", default=1.0, help="The first.")

    class Written(Base):
        mode = Parameter("mode", choices=["fast", "slow"])
        learning_rate: float = metaflow.Parameter("learning-rate", default=0.1)
        dry = Parameter("dry", is_flag=True)
        sure = Parameter(name="sure", default=False)
        data = IncludeFile("data")
        given = Parameter(NAME)
        max_workers = Parameter("max-workers")

        @step
        def start(self):
            self.next(self.middle)

        @metaflow.step
        def middle(self):
            self.next(self.end)

        @step(end=True)
        def end(self):
            pass

        def helper(self):
            pass

    class Another(FlowSpec):
        beta = Parameter("beta")

        @step
        def only(self):
            pass

    if __name__ == "__main__":
        Written()
    """


def test_a_flows_own_parameters(typed: Project) -> None:
    """Completion parses the file and does not import it: importing this file would fail and create another file."""
    typed.write("written.py", WRITTEN)
    ours = answers(typed, "flowc run flow.py --")
    parameters = ["--alpha", "--mode", "--learning-rate", "--dry", "--sure", "--data"]
    assert answers(typed, "flowc run written.py --") == [*parameters, *ours]
    assert answers(typed, "flowc resume written.py --al") == ["--alpha"]
    assert answers(typed, "flowc spin written.py start --al") == ["--alpha"]
    assert answers(typed, "flowc run written.py:Another --be") == ["--beta"]
    assert answers(typed, "flowc run --flow Another written.py --be") == ["--beta"]
    # FLOW can also be a module name: `written` instead of `written.py`
    assert answers(typed, "flowc run written --le") == ["--learning-rate"]
    assert answers(typed, "flowc run --max-workers 3 written.py --dry --alpha 2 --mod") == ["--mode"]
    assert answers(typed, "flowc run written.py --mode ") == ["fast", "slow"]
    assert answers(typed, "flowc run written.py --mode=f") == ["fast"]
    assert answers(typed, "flowc run written.py --sure ") == ["true", "false"]
    assert not (typed.root / "imported").exists()


def test_a_flows_classes_steps_and_runs(typed: Project) -> None:
    typed.write("written.py", WRITTEN)
    run = typed.latest().id
    assert answers(typed, "flowc run written.py:") == ["Written", "Another"]
    for command in ("run", "check", "compile"):
        assert answers(typed, f"flowc {command} written.py --flow ") == ["Written", "Another"]
    assert answers(typed, "flowc resume written.py ") == ["start", "middle", "end"]
    assert answers(typed, "flowc spin written.py m") == ["middle"]
    assert answers(typed, "flowc run written.py ") == []
    assert answers(typed, "flowc spin flow.py latest/w") == ["latest/work"]
    assert answers(typed, f"flowc spin flow.py {run[:5]}") == [f"{run}/"]
    assert answers(typed, "flowc resume flow.py --origin-run-id ") == [run]
    assert not (typed.root / "imported").exists()


BASE = """
    from metaflow import FlowSpec, Parameter, step

    class Base(FlowSpec):
        count = Parameter("count", default=3)

        @step
        def start(self):
            self.next(self.last)

        @step(end=True)
        def last(self):
            pass
    """
INHERITED = """
    from base import Base
    from metaflow import step

    class Inherited(Base):
        @step
        def start(self):
            self.next(self.last)
    """


def test_what_only_the_newest_run_knows(typed: Project) -> None:
    """If a flow derives from a class in another file, parameters and steps come from the flow that a run recorded."""
    typed.write("base.py", BASE)
    typed.write("inherited.py", INHERITED)
    assert answers(typed, "flowc run inherited.py --cou") == []
    assert typed.flowc("run", "inherited.py").code == 0
    assert answers(typed, "flowc run inherited.py --cou") == ["--count"]
    assert answers(typed, "flowc resume inherited.py ") == ["start", "last"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def (",
        "x = 1",
        "class A(A):\n    pass",
        "\0",
        "class A(B):\n  x = Parameter()\nclass B(A):\n  @step\n  def s(self): 0",
    ],
)
def test_a_file_that_says_nothing(typed: Project, text: str) -> None:
    typed.write("odd.py", text)
    assert answers(typed, "flowc run odd.py --store") == ["--store"]
    assert answers(typed, "flowc run odd.py:") in ([], ["A", "B"], ["B", "A"])
    assert answers(typed, "flowc resume gone.py ") == []


@pytest.mark.parametrize(
    "line",
    [
        "flowc logs Nope/",
        "flowc logs Typed/no/",
        "flowc dump Typed/latest/nope/",
        "flowc check no/",
        "flowc artifact Nope/",
    ],
)
def test_what_does_not_exist_has_no_answer(typed: Project, line: str) -> None:
    assert answers(typed, line) == []


def test_a_store_that_cannot_be_read_has_no_answer(typed: Project) -> None:
    typed.environment["FLOWC_STORE"] = "nowhere://at/all"
    assert answers(typed, "flowc show Ty") == []


def test_the_script_of_a_shell_that_is_not_known(typed: Project) -> None:
    done = typed.flowc("completion", "tcsh")
    assert done.code == 2
    assert "'bash', 'zsh', 'fish'" in done.err


def test_completion_leaves_the_commands_unchanged() -> None:
    """The commands are shared by all callers in a process, such as tests."""
    group = flowc_group()
    with group.make_context("flowc", ["run"], resilient_parsing=True) as context:
        prepared = group.get_command(context, "run")
        command = import_module("flowc.cli.commands.flows.run").run_command
    assert prepared is not None
    assert len(prepared.params) > 20
    assert [param.name for param in command.params] == ["words"]
    assert command.params[0].type is click.UNPROCESSED
