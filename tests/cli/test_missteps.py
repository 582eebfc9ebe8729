"""Typical mistakes of new users: each has its own message with the correct command."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from flowc.cli import context_of, flowc_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

CLASS = """
from metaflow import FlowSpec, Parameter, step

class Good(FlowSpec):
    n = Parameter("n", default=3, help="How many.")
    learning_rate = Parameter("learning-rate", default=0.1)
    dry = Parameter("dry", is_flag=True)

    @step
    def start(self):
        self.seen = self.n
        self.next(self.end)

    @step
    def end(self):
        pass
"""
MAIN = """
if __name__ == "__main__":
    Good()
"""


@pytest.fixture
def good(project: Project) -> Project:
    project.write("good.py", CLASS + MAIN)
    return project


# -- the guard ---------------------------------------------------------------------------------------------------------


def test_a_flow_that_is_called_when_it_is_imported(project: Project) -> None:
    project.write("flow.py", CLASS + "\nGood()\n")
    project.write("inner.py", CLASS + "\ndef main():\n    Good()\n\nmain()\n")
    for file in ("flow.py", "inner.py"):
        for command in (["check"], ["run", "--n", "4"], ["compile"]):
            done = project.flowc(command[0], file, *command[1:])
            assert done.code == 1
            assert done.err.startswith("error[unguarded-flow]: the flow is started when its file is imported: Good()")
            assert 'hint: put it under the guard: `if __name__ == "__main__":`' in done.err
    project.write("other.py", "import flow\n" + CLASS + MAIN)
    assert "RuntimeError: Good() is called when its file is imported" in project.flowc("check", "other.py").err


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_without_the_guard_a_flow_runs_by_itself(project: Project, start: str) -> None:
    """In a task, the file's code runs only up to the line that calls the flow, as under Metaflow."""
    project.write("flow.py", CLASS + "\nGood()\n1 / 0\n")
    done = project.python("flow.py", "run", "--n", "4", "--start", start)
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "end")["seen"] == 4


def test_a_flow_that_is_never_called(project: Project) -> None:
    project.write("flow.py", CLASS)
    for words in (["run"], ["--quiet", "run", "--n", "3"]):
        done = project.python("flow.py", *words)
        assert done.err.splitlines()[0] == (
            "warning: flow.py defines the flow 'Good' and never calls it: nothing has been done"
        )
        assert done.err.endswith("`Good()`; or type: flowc run flow.py\n")
    # without arguments, there is no warning, because a program may run the file only to get the flow's class
    assert project.python("flow.py").err == ""
    project.write("broken.py", CLASS + "\n1 / 0\n")
    assert "warning" not in project.python("broken.py", "run").err
    project.write("good.py", CLASS + MAIN)
    for words in (["run"], ["run", "--start", "fresh"], ["show"], ["run", "--help"]):
        assert "never calls" not in project.python("good.py", *words).err


# -- which flow --------------------------------------------------------------------------------------------------------


def test_a_file_with_two_flows(project: Project) -> None:
    project.write("two.py", CLASS + "\nclass Other(Good):\n    pass\n\nclass Third(Good):\n    pass\n")
    done = project.flowc("run", "two.py")
    assert done.code == 1
    assert "two.py defines several flows: 'Other' and 'Third'" in done.err
    assert "hint: name one: two.py:Other or two.py:Third\n" in done.err
    assert project.flowc("run", "two.py:Third").code == 0


def test_a_flow_in_a_package(project: Project) -> None:
    """A relative import cannot work in a file that the command names by its path; the hint names the file's module."""
    for package in ("outer", "outer/inner"):
        project.write(f"{package}/__init__.py", "")
        project.write(f"{package}/helper.py", "X = 1\n")
        project.write(f"{package}/flow.py", "from . import helper\n" + CLASS + MAIN)
    for path, module in (("outer/flow.py", "outer.flow"), ("outer/inner/flow.py", "outer.inner.flow")):
        done = project.flowc("check", path)
        assert done.code == 1
        assert (
            f"hint: a file that is given by its path belongs to no package; name the module instead of the path: {module}\n"
            in done.err
        )
        assert project.flowc("check", module).code == 0
        assert project.python("-m", module, "run").code == 0
    inside = "import os, sys; os.chdir('outer/inner'); os.execv(sys.executable, [sys.executable, '-m', 'flowc', 'check', 'flow.py'])"
    done = project.python("-c", inside)
    assert f"instead of the path, in the directory {project.root}: outer.inner.flow\n" in done.err
    for words in ("outer", "outer.inner", "outer/inner"):
        done = project.flowc("run", words)
        assert done.code == 2
        assert f"hint: name a module: {words.replace('/', '.')}.flow\n" in done.err


# -- files that are not flows ------------------------------------------------------------------------------------------


def test_a_runner_of_a_notebook(project: Project) -> None:
    """A Runner of a notebook file raises an error; without a check, Python would run the notebook's JSON."""
    project.write("book.ipynb", '{"cells": [], "metadata": {"x": null}, "nbformat": 4}')
    for kind in ("Runner", "Deployer"):
        done = project.python("-c", f"from metaflow import {kind}; {kind}('book.ipynb', show_output=False)")
        assert done.code == 1
        assert "book.ipynb' is a notebook, not a Python file: a notebook is not a flow by itself" in done.err


# -- words in the wrong place ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n", "3", "run"], "'--n' is a parameter of the flow: put it after run, as in python good.py run --n 3"),
        (["--n=3", "run", "--quiet"], "put it after run, as in python good.py run --quiet --n=3"),
        (["--n", "3"], "put it after run, as in python good.py run --n 3"),
        (["--learning_rate", "1", "resume"], "after resume, as in python good.py resume --learning_rate 1"),
        (["--dry", "--quiet", "run"], "put it after run, as in python good.py --quiet run --dry"),
        (["--max-workers", "3", "run"], "'--max-workers' is an option of the command: put it after run, as in"),
        (["--max-wrkers", "3", "run"], "No such option '--max-wrkers'. Did you mean '--max-workers', after run?"),
        (["--learning-rat", "3", "run"], "Did you mean '--learning-rate', after run?"),
        (["--quite", "run"], "No such option '--quite'. Did you mean '--quiet'?"),
        (["--nonsense", "run"], "No such option '--nonsense'.\n"),
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["runs"], "No such command 'runs' of a flow's file. It is a command of flowc: flowc runs Good\n"),
        (["runs", "--json"], "It is a command of flowc: flowc runs Good --json\n"),
        (["artifact"], "It is a command of flowc: flowc artifact Good/NAME\n"),
        (["artifact", "seen"], "It is a command of flowc: flowc artifact Good/seen\n"),
        (["artefact", "Good/seen"], "It is a command of flowc: flowc artifact Good/seen\n"),
        (["ir"], "It is a command of flowc: flowc ir good.py\n"),
        (["compile", "-o", "x y"], "It is a command of flowc: flowc compile good.py -o 'x y'\n"),
        (["debug", "latest/start/0"], "It is a command of flowc: flowc debug Good/latest/start/0\n"),
        (["debug"], "It is a command of flowc: flowc debug Good/RUN/STEP[/TASK]\n"),
        (["gc", "--delete"], "It is a command of flowc: flowc gc Good --delete\n"),
        (["fsck"], "It is a command of flowc: flowc fsck\n"),
        (["config", "store"], "It is a command of flowc: flowc config store\n"),
        (["status", "x"], "It is a command of flowc: flowc status x\n"),
        (["retry"], "No such command 'retry'. Did you mean: python good.py resume\n"),
        (["latest"], "'latest' is not a command. A command comes first: flowc show Good/latest\n"),
        (["Good/latest/start"], "A command comes first: flowc show Good/latest/start\n"),
        (["tag", "latest"], "'latest' is not a command. A command comes first: python good.py tag list latest\n"),
        (["tag", "latest", "add", "x"], "comes first: python good.py tag add --run-id latest x\n"),
        (["card", "latest/start"], "A command comes first: python good.py card list latest/start\n"),
        (["card", "latest/start", "view"], "A command comes first: python good.py card view latest/start\n"),
        (["run", "n=3"], "Got unexpected extra argument (n=3). A parameter is an option: --n 3"),
        (["run", "learning_rate=3"], "A parameter is an option: --learning-rate 3"),
        (["run", "n", "3"], "Got unexpected extra arguments (n 3). A parameter is an option: --n VALUE"),
        (["run", "dry"], "A parameter is an option: --dry\n"),
        (["run", "3"], "Got unexpected extra argument (3). Parameters are options, such as --n"),
        (["run", "-n", "3"], "No such option '-n'. Did you mean '--n'?"),
        (["run", "--max-workrs", "3"], "'--max-workers'"),
    ],
)
def test_words_of_a_flows_own_file(good: Project, words: list[str], message: str) -> None:
    done = good.python("good.py", *words)
    assert (done.code, message in done.err) == (2, True), done.err
    assert not (good.root / ".flowc").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--n", "3", "run", "good.py"],
            "No such option '--n' before the command. Put options after it: flowc run good.py --n 3",
        ),
        (["-n", "3", "run", "good.py"], "Put options after it: flowc run good.py -n 3"),
        (["--with", "retry", "run", "good.py"], "Put options after it: flowc run good.py --with retry"),
        (["--with=retry", "retry", "good.py"], "Put options after it: flowc retry good.py --with=retry"),
        (["--versoin"], "No such option '--versoin'. Did you mean '--version'?"),
        (
            ["good.py", "run", "--n", "3"],
            "'good.py' is not a command. The command comes first: flowc run good.py --n 3",
        ),
        (["good.py"], "The command comes first: flowc run good.py\n"),
        (["good.py:Good", "check"], "The command comes first: flowc check good.py:Good\n"),
        (["good", "run"], "The command comes first: flowc run good\n"),
        (["rnu", "good.py"], "No such command 'rnu'. Did you mean 'run'?"),
        (["nonsense"], "No such command 'nonsense'.\n"),
        (["help"], "No such command 'help'. Did you mean 'flowc --help'?"),
        (["version"], "No such command 'version'. Did you mean 'flowc --version'?"),
        (["list"], "No such command 'list'. Did you mean 'runs'?"),
        (
            ["output-raw"],
            "No such command 'output-raw'. The command line of a flow's file has it: python FLOW.py output-raw\n",
        ),
        (["step", "x"], "No such command 'step'. Instead: it is how Metaflow runs a task: python FLOW.py run starts"),
        (["argo-workflows", "status"], "No such command 'argo-workflows'. Instead: flowc status NAME\n"),
        (["Good/latest"], "'Good/latest' is not a command. A command comes first: flowc show Good/latest\n"),
        (["Good/20261120-093838-300ptl/start"], "comes first: flowc show Good/20261120-093838-300ptl/start\n"),
        (["tag", "Good/latest"], "'Good/latest' is not a command. A command comes first: flowc tag list Good/latest\n"),
        (["tag", "Good/latest", "mine"], "A command comes first: flowc tag add Good/latest mine\n"),
        (["tag", "Good/good-x7k2v"], "A command comes first: flowc tag list Good/good-x7k2v\n"),
        (["tag", "rm", "Good/latest"], "No such command 'rm'. Did you mean 'remove'?"),
        (["run", "good.py", "-help"], "No such option '-help'. Did you mean '--help'?"),
        (["run", "good.py", "-learning-rate", "3"], "'-learning-rate'. Did you mean '--learning-rate'?"),
        (["tag", "Good/latest", "add", "x y"], "A command comes first: flowc tag add Good/latest 'x y'\n"),
        (["tag", "Good/20261120-093838-300ptl"], "comes first: flowc tag list Good/20261120-093838-300ptl\n"),
        (["tag", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["card", "Good/latest/start"], "A command comes first: flowc card list Good/latest/start\n"),
        (["card", "Good/latest/start", "get"], "A command comes first: flowc card get Good/latest/start\n"),
        (["hlep"], "No such command 'hlep'. Did you mean 'flowc --help'?"),
        (["run", "good.py", "--tag", ""], "Error: a tag cannot be empty\n"),
        (["run", "good.py", "n=3"], "A parameter is an option: --n 3"),
        (["resume", "good.py", "start", "n=3"], "A parameter is an option: --n 3"),
    ],
)
def test_words_of_flowc(good: Project, words: list[str], message: str) -> None:
    done = good.flowc(*words)
    assert (done.code, message in done.err) == (2, True), done.err


def test_words_about_runs(good: Project) -> None:
    good.run("good.py")
    told = {
        ("show", "Good"): (
            2,
            "not a pathspec: 'Good'; give FLOW/RUN, optionally with more parts, such as Good/latest\n",
        ),
        ("dump", "Good"): (2, "give FLOW/RUN/STEP, optionally with more parts, such as Good/latest/STEP\n"),
        ("dump", "Good/latest"): (2, "such as Good/latest/STEP\n"),
        ("show", "latest"): (2, "optionally with more parts, such as Good/latest\n"),
        ("dump", "latest/start"): (2, "optionally with more parts, such as Good/latest/start\n"),
        ("debug", "latest/start/0"): (1, "hint: a flow's name comes first: Good/latest/start/0\n"),
        ("dump", "Godo/latest/start"): (1, "hint: did you mean 'Good'?\n"),
        ("show", "Godo"): (2, "not a pathspec: 'Godo'; give FLOW/RUN, optionally with more parts\n"),
        ("show", "Good/last"): (1, "error: flow 'Good' has no run 'last'\nhint: did you mean 'latest'?\n"),
        ("runs", "Godo"): (1, "hint: did you mean 'Good'?\n"),
        ("runs", "Good/latest"): (1, "hint: a flow's name is needed: Good; flowc show Good/latest shows one run\n"),
        ("gc", "zzz"): (1, "hint: flows: Good\n"),
        ("artifact", "Godo/x"): (1, "hint: did you mean 'Good'?\n"),
        ("spin", "good.py", "strat"): (1, "hint: did you mean 'start'?\n"),
        ("resume", "good.py", "strat"): (1, "hint: did you mean 'start'?\n"),
        ("logs", "Good/latest/strat", "--follow"): (1, "hint: did you mean 'start'?\n"),
    }
    for words, (code, message) in told.items():
        done = good.flowc(*words)
        assert (done.code, message in done.err) == (code, True), (words, done.err)


def test_without_a_command(good: Project) -> None:
    done = good.python("good.py")
    assert (done.code, done.out) == (0, "Good: 2 steps, no faults\n")
    assert "'good.py run' runs the flow on this machine." in done.err


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("retry(times=3)", "did you mean 'retry:times=3'?"),
        ("@retry(times=3)", "did you mean 'retry:times=3'?"),
        ("retry times=3", "write ':' between the decorator's name and its arguments; did you mean 'retry:times=3'?"),
        ("retry,times=3", "did you mean 'retry:times=3'?"),
        ("retry=3", "did you mean 'retry:times=3'?"),
        ("retry()", "did you mean 'retry'?"),
        ("@retry", "the name is written without '@'; did you mean 'retry'?"),
        ("retry:3", "'3' has no value; write argument=value, as in retry:times=3"),
        ("retry:times:3", "write argument=value, as in retry:times=3"),
        ("retry:times", "write argument=value, as in retry:times=VALUE"),
        ("cahe", "there is no step decorator 'cahe'; did you mean 'cache'?"),
        ("nope", "there are batch, cache, card, catch, conda,"),
        ("no.such.thing", "cannot import the decorator no.such.thing: ModuleNotFoundError"),
        ("", "the decorator's name is missing; write NAME or NAME:ARGUMENT=VALUE"),
        ("3x", "'3x' is not a decorator's name"),
    ],
)
def test_with(good: Project, spec: str, message: str) -> None:
    done = good.flowc("check", "good.py", "--with", spec)
    assert (done.code, message in done.err, "Traceback" in done.err) == (2, True, False), done.err
    done = good.python("good.py", "--with", spec, "run")
    assert (done.code, message in done.err) == (1, True), done.err


# -- the store ---------------------------------------------------------------------------------------------------------


def test_git_leaves_the_store_alone(good: Project) -> None:
    good.run("good.py")
    ignored = good.root / ".flowc" / ".gitignore"
    assert ignored.read_text() == "*\n"
    subprocess.run(["git", "init", "--quiet", str(good.root)], check=True)
    shown = subprocess.run(
        ["git", "-C", str(good.root), "status", "--porcelain"], check=True, capture_output=True, text=True
    )
    assert ".flowc" not in shown.stdout
    ignored.write_text("tmp/\n")  # the user's own .gitignore
    good.run("good.py")
    assert ignored.read_text() == "tmp/\n"
    ignored.unlink()
    good.run("good.py")
    assert not ignored.exists()
    assert good.flowc("runs").out.count("succeeded") == 3


def test_git_and_other_directories(good: Project) -> None:
    good.run("good.py")
    assert good.flowc("spin", "good.py", "start", "--persist").code == 0
    assert (good.root / ".flowc_spin" / ".gitignore").read_text() == "*\n"
    assert good.flowc("run", "good.py", "--store", "kept/runs").code == 0
    # a directory that the user has chosen gets no .gitignore
    assert not list((good.root / "kept").rglob(".gitignore"))


def test_not_found_names_the_store(good: Project) -> None:
    ask = "from metaflow import Flow, Run; Flow('Bad')"
    place = f"{good.root}/.flowc"
    assert (
        f"Flow('Bad') does not exist in the store {place}, a directory that does not exist\n"
        in good.python("-c", ask).err
    )
    good.run("good.py")
    assert f"MetaflowNotFound: Flow('Bad') does not exist in the store {place}\n" in good.python("-c", ask).err
    for kind, spec in (
        ("Run", "Good/7"),
        ("Step", "Good/7/start"),
        ("Task", "Good/7/start/1"),
        ("DataArtifact", "Good/7/start/1/x"),
    ):
        done = good.python("-c", f"import metaflow; metaflow.{kind}({spec!r})")
        assert f"does not exist in the store {place}\n" in done.err


# -- the help of run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["-m", "flowc", "run", "good.py", "--help"], ["good.py", "run", "--help"]])
def test_the_flows_parameters_come_first(good: Project, words: list[str]) -> None:
    done = good.python(*words)
    assert done.code == 0
    titles = [line for line in done.out.splitlines() if line.endswith(("Options:", "compatibility:", "flow:"))]
    assert titles == ["Parameters of the flow:", "Options:", "Options of Metaflow, for compatibility:"]
    parameters, options = done.out.partition("Parameters of the flow:\n")[2].split("\nOptions:\n")
    options, metaflow = options.split("\nOptions of Metaflow, for compatibility:\n")
    assert parameters.split()[:6] == ["--n", "INTEGER", "How", "many.", "[default:", "3]"]
    assert all(name in parameters for name in ("--learning-rate FLOAT", "--dry"))
    assert all(
        f"  {name}" in options
        for name in ("--max-workers", "--params-file", "--with", "--tag", "--store", "-h, --help")
    )
    assert all(f"  {name}" in metaflow for name in ("--max-num-splits", "--namespace"))


def test_the_help_without_a_flow(good: Project) -> None:
    done = good.flowc("run", "--help")
    assert "Parameters of the flow" not in done.out
    assert "\nOptions:\n" in done.out
    good.write("plain.py", re.sub(r"Parameter\(.*\)", "3", CLASS) + MAIN)
    assert "Parameters of the flow" not in good.flowc("run", "plain.py", "--help").out


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["retry", "-h"], "Usage: flowc retry [OPTIONS] [FLOW] [STEP]\n"),
        (["resume", "-h"], "Usage: flowc resume [OPTIONS] FLOW [STEP]\n"),
        (["check", "-h"], "Usage: flowc check [OPTIONS] FLOW\n"),
        (["ir", "-h"], "Usage: flowc ir [OPTIONS] FLOW\n"),
    ],
)
def test_the_usage_of_a_command_that_takes_a_flow(project: Project, words: list[str], usage: str) -> None:
    done = project.flowc(*words)
    assert done.code == 0, done.err
    assert done.out.startswith(usage)
    assert not re.search(r"^  \[?(FLOW|STEP)\b", done.out, re.MULTILINE)  # arguments are not listed among the options


def test_the_help_of_retry_is_its_own(project: Project) -> None:
    text = " ".join(project.flowc("retry", "-h").out.split())
    assert "Resume your newest failed run, of FLOW or of any flow, that was not resumed yet." in text
    assert "--origin-run-id RUN Resume this run [default: your newest failed run]." in text


@pytest.mark.parametrize("command", ["check", "run", "resume", "spin", "show", "deploy"])
def test_the_help_in_a_flow_s_own_file_asks_for_no_flow(good: Project, command: str) -> None:
    done = good.python("good.py", command, "--help")
    assert done.code == 0, done.err
    assert f"Usage: python good.py {command} [OPTIONS]" in done.out
    assert not re.search(r"\bFLOW\b", re.sub("`[^`]*`", "", done.out))


def paths_of(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each command of a group, with subcommands, without hidden commands."""
    context = context_of(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from paths_of(command, *before, name)


@pytest.mark.parametrize("words", [(), *paths_of(flowc_group())])
def test_a_short_option_for_help(words: tuple[str, ...]) -> None:
    short, long = (
        CliRunner().invoke(flowc_group(), [*words, option], catch_exceptions=False) for option in ("-h", "--help")
    )
    assert (short.exit_code, short.output) == (long.exit_code, long.output)
    assert (long.exit_code, "Usage: " in long.output) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "flowc", "run", "good.py", "{}"],
        ["-m", "flowc", "run", "{}", "good.py"],
        ["-m", "flowc", "resume", "good.py", "start", "{}"],
        ["good.py", "{}"],
        ["good.py", "run", "{}"],
        ["good.py", "{}", "run"],
        ["good.py", "{}", "dump"],
        ["good.py", "spin", "start", "{}"],
    ],
)
def test_a_short_option_for_the_help_of_a_flow(good: Project, words: list[str]) -> None:
    short, long = (good.python(*(word.format(option) for word in words)) for option in ("-h", "--help"))
    assert (short.code, short.out) == (0, long.out), short.err


def test_the_short_option_for_help_is_no_parameter(good: Project) -> None:
    """If `--help` is a parameter of the flow, `-h` is still the help."""
    good.write("helped.py", (CLASS + MAIN).replace('"dry"', '"help"'))
    done = good.flowc("run", "helped.py", "-h")
    assert (done.code, done.out) == (0, good.flowc("run", "--help", "helped.py").out)
    assert good.flowc("run", "helped.py", "--help").code == 0


# -- runs --------------------------------------------------------------------------------------------------------------


def test_a_run_instead_of_a_file(good: Project) -> None:
    good.write("pkg/__init__.py", "")
    good.write("pkg/inner.py", CLASS.replace("Good", "Inner") + MAIN.replace("Good", "Inner"))
    for flow, code in (("Good", "good.py"), ("Inner", "pkg.inner")):
        done = good.flowc("run", code)
        assert done.code == 0, done.err
        run = good.store.runs(flow)[-1]
        for words, hint in (
            (
                ["resume", f"{flow}/latest"],
                f"name the flow's file: flowc resume {code} --origin-run-id {run}",
            ),  # `latest` must be the first case: the commands of later cases start newer runs
            (["resume", f"{flow}/{run}"], f"name the flow's file: flowc resume {code} --origin-run-id {run}"),
            (["resume", f"{flow}/{run}/end"], f"name the flow's file: flowc resume {code} end --origin-run-id {run}"),
            (["resume", flow], f"name its file: flowc resume {code}"),
            (["spin", f"{flow}/{run}/end"], f"name the flow's file: flowc spin {code} {run}/end"),
            (["run", flow], f"name its file: flowc run {code}"),
        ):
            done = good.flowc(*words)
            assert done.code == 2
            assert done.err.endswith(f"\nhint: {hint}\n"), done.err
            line = hint.partition("flowc ")[2].split()
            assert good.flowc(*line).code == 0  # the line works unchanged
        done = good.flowc("resume", code, run)
        assert (
            done.err
            == f"error: flow '{flow}' has no step '{run}'\nhint: '{run}' is a run: give it by --origin-run-id {run}\n"
        )
    assert "there is no directory 'Nope'" in good.flowc("resume", "Nope/1").err


def test_a_spin_that_fails_says_where_its_log_is(good: Project) -> None:
    good.run("good.py")
    good.write("good.py", CLASS.replace("        pass", "        print('before it broke')\n        1 / 0") + MAIN)
    for words, program in (
        (["-m", "flowc", "spin", "good.py", "end"], "flowc spin good.py end"),
        (["good.py", "spin", "end"], "python good.py spin end"),
    ):
        done = good.python(*words)
        assert done.code == 1
        assert done.err.splitlines()[-1] == f"log: not kept; to keep it: {program} --persist"
    done = good.flowc("spin", "good.py", "end", "--persist")
    line = done.err.splitlines()[-1]
    assert line.startswith("log: flowc logs Good/")
    assert good.flowc(*line.split()[2:]).out.splitlines()[0].endswith("before it broke")
    good.write("good.py", CLASS + MAIN)
    assert "log:" not in good.flowc("spin", "good.py", "end").err
