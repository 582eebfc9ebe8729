"""`--target`: flowc's own targets, targets of installed packages, and the commands of their deployments."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc.cli import COMMANDS
from flowc.targets.table import BUILTIN, default_deployment, default_target, find_target
from project import ROOT
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project

FLOW = two_steps("Made", imports="FlowSpec, schedule, step", decorators='@schedule(cron="0 0 31 2 *")', guard=False)
STEPS = """
    import click

    from flowc.targets import BackendError, Deployment, Target

    click.echo("the package is imported", err=True)


    def lower(analysis, package, settings):
        return [settings.get("mark", "-") + " " + node.id for node in analysis.flow.nodes]


    def check(analysis, settings, faults):
        if settings.get("mark") == "x":
            faults.add("no-mark", analysis.flow.where, "an x marks nothing", hint="choose another mark")


    TARGET = Target(
        name="steps",
        about="Print the names of the steps of FLOW.",
        settings=dict,
        lower=lower,
        emit=lambda lines: "".join(f"{line}\\n" for line in lines),
        check=check,
        options=lambda: [click.Option(["--mark"], help="What stands before each name.")],
        what_next=lambda path, settings: f"cat {path}",
        deployment=Deployment(
            system="nothing", operations="steps_target.operations:OPERATIONS",
            commands={"status": ("steps_target.status", "Tell of it."), "approve": ("steps_target.status", "Approve.")},
        ),
    )
    """
STATUS = """
    import click


    @click.command("status", help="Tell of it.")
    @click.argument("name", required=False)
    def status_command(name):
        click.echo(f"all is well with {name}")


    @click.command("approve")
    @click.argument("name")
    def approve_command(name):
        click.echo(f"{name} is approved")
    """


OPERATIONS = """
    import click

    from flowc.targets import Operations


    def list_runs(place, flow, limit, as_json):
        click.echo(f"{limit} runs of {flow} in {place['room']}, {'as JSON' if as_json else 'as text'}")


    def resume(find, found, given, options):
        from flowc.cli.options.common import open_store

        resumption = find(open_store(options["store_url"]), found, options)
        click.echo(f"resumes {found.flow.name}/{resumption.origin.id} at {resumption.step}, {dict(given)}")
        return 5


    OPERATIONS = Operations(place=[click.Option(["--room"], default="the hall")], list_runs=list_runs, resume=resume)
    """


def install(project: Project, name: str, entries: dict[str, str], modules: dict[str, str]) -> None:
    """Install a distribution of this name into a directory of the project, in the form that pip creates."""
    source = project.root / "sources" / name
    for module, text in modules.items():
        path = source / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    points = "\n".join(f'{key} = "{value}"' for key, value in entries.items())
    packages = ", ".join(f'"{each}"' for each in sorted({module.partition("/")[0] for module in modules}))
    (source / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\nname = "{name}"\n'
        f'version = "1"\n\n[project.entry-points."flowc.targets"]\n{points}\n\n'
        f"[tool.hatch.build.targets.wheel]\npackages = [{packages}]\n"
    )
    site = project.root / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    where = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site), str(source)]
    subprocess.run([*pip, *where], check=True, capture_output=True)
    project.environment["PYTHONPATH"] = f"{site}:{project.environment['PYTHONPATH']}".replace(
        f"{site}:{site}:", f"{site}:"
    )


@pytest.fixture
def made(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


@pytest.fixture
def with_steps(made: Project) -> Project:
    modules = {
        "steps_target/__init__.py": STEPS, "steps_target/status.py": STATUS, "steps_target/operations.py": OPERATIONS,
    }  # fmt: skip
    install(made, "flowc-steps", {"steps": "steps_target:TARGET"}, modules)
    return made


def test_the_command_line_names_no_target() -> None:
    """The command line contains no target's name: the target itself provides its help, options and commands."""
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "compiler/flowc/cli").rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "argo" in line.lower()
    ]
    assert named == []


def test_the_deployment_of_a_built_in_target_is_its_own() -> None:
    """The table of built-in targets names the module with each target's commands, so `--help` loads no other module."""
    assert default_deployment() is default_target().deployment
    assert [*COMMANDS].index("deploy") == [*COMMANDS].index("compile") + 1
    assert set(default_deployment().commands) < set(COMMANDS)
    assert next(iter(BUILTIN)) == default_target().name
    assert all(find_target(name).name == name for name in BUILTIN)


def test_a_package_brings_a_target(with_steps: Project) -> None:
    done = with_steps.flowc("compile", "flow.py", "--target", "steps")
    assert (done.code, done.out) == (0, "- start\n- end\n"), done.err
    done = with_steps.flowc("compile", "flow.py", "--target=steps", "--mark", "*", "-o", "out.txt")
    assert done.code == 0, done.err
    assert (with_steps.root / "out.txt").read_text() == "* start\n* end\n"
    assert (
        done.err == "the package is imported\nout.txt: 14 bytes; cat out.txt\n"
    )  # compiling prints no warning, because the flow has no schedule
    done = with_steps.flowc("compile", "flow.py", "--target", "steps", "--mark", "x")
    assert done.code == 1
    assert "an x marks nothing" in done.err


def test_the_help_is_the_target_s(with_steps: Project) -> None:
    own = with_steps.flowc("compile", "--help").out
    assert f"--target [{'|'.join(BUILTIN)}|steps]" in own
    assert "--image" in own
    its = with_steps.flowc("compile", "--target", "steps", "--help").out
    assert "Print the names of the steps of FLOW." in its
    assert "--mark" in its
    assert "--image" not in its
    done = with_steps.flowc("compile", "flow.py", "--mark", "*")
    assert (done.code, "No such option '--mark'" in done.err) == (2, True)


def test_a_package_is_imported_when_its_target_is_named(with_steps: Project) -> None:
    for words in (
        ["--help"],
        ["compile", "--help"],
        ["compile", "flow.py"],
        ["compile", "flow.py", "--target", "argo"],
    ):
        done = with_steps.flowc(*words)
        assert done.code == 0, done.err
        assert "the package is imported\n" not in done.err


def test_a_deployment_brings_commands(with_steps: Project) -> None:
    done = with_steps.flowc("status", "--target", "steps", "Made")
    assert (done.code, done.out) == (0, "all is well with Made\n")
    done = with_steps.flowc("approve", "Made", "--target=steps")
    assert (done.code, done.out) == (0, "Made is approved\n")
    done = with_steps.flowc("deploy", "flow.py", "--target", "steps")
    assert done.code == 1
    assert done.err == (
        "the package is imported\nerror: the target 'steps' has no command 'deploy'\nhint: commands of its deployment: status, approve\n"
    )
    done = with_steps.flowc("approve", "Made")
    assert (done.code, "No such command 'approve'" in done.err) == (2, True)
    assert f"--target [{'|'.join(BUILTIN)}|steps]" in with_steps.flowc("status", "--help").out


def test_a_deployment_lists_its_runs(with_steps: Project) -> None:
    done = with_steps.flowc("runs", "Made", "--cluster", "--target", "steps", "--room", "the attic", "--limit", "3")
    assert (done.code, done.out) == (0, "3 runs of Made in the attic, as text\n"), done.err
    done = with_steps.flowc("runs", "--target=steps", "--cluster", "--json")
    assert (done.code, done.out) == (0, "20 runs of None in the hall, as JSON\n"), done.err
    own, its = (with_steps.flowc("runs", *words, "--help").out for words in ((), ("--target", "steps")))
    assert ("--room" in own, "--namespace" in own) == (False, True)
    assert ("--room" in its, "--namespace" in its) == (True, False)
    assert "No such option '--namespace'" in with_steps.flowc("runs", "--target", "steps", "--namespace", "n").err
    install(with_steps, "flowc-bare", {"bare": "bare:TARGET"}, {"bare/__init__.py": STEPS.replace(
        'name="steps"', 'name="bare"').replace("deployment=Deployment(", "deployment=None and Deployment(")})  # fmt: skip
    done = with_steps.flowc("runs", "--cluster", "--target", "bare")
    assert done.code == 1
    assert "error: the target 'bare' has no deployment: flows are only compiled for it\n" in done.err


def test_a_deployment_resumes_runs(with_steps: Project) -> None:
    assert with_steps.flowc("run", "flow.py").code == 0
    done = with_steps.flowc("resume", "flow.py", "end", "--target", "steps")
    assert (done.code, done.out) == (5, f"resumes Made/{with_steps.latest().id} at end, {{}}\n"), done.err
    done = with_steps.flowc("resume", "flow.py", "--target", "steps", "--origin-run-id", "no")
    assert done.code == 1
    assert "error: flow 'Made' has no run 'no'" in done.err


def test_doctor_tells_of_installed_targets(with_steps: Project) -> None:
    assert "ok  the target 'steps', from an installed package" in with_steps.flowc("doctor").out
    install(with_steps, "flowc-more", {"argo": "steps_target:TARGET"}, {"more/__init__.py": ""})
    done = with_steps.flowc("doctor")
    assert done.code == 1
    assert "BAD  two targets are called 'argo': flowc's own, and one of the distribution 'flowc-more'" in done.out


def test_two_of_one_name(with_steps: Project) -> None:
    install(with_steps, "flowc-more", {"steps": "more:TARGET", "argo": "more:TARGET"}, {"more/__init__.py": ""})
    done = with_steps.flowc("compile", "flow.py", "--target", "steps")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0].startswith("error: two targets are called 'steps': one of the distribution 'flowc-")
    assert done.err.splitlines()[1] == "hint: uninstall one of the distributions"
    done = with_steps.flowc("compile", "flow.py", "--target", "argo")
    assert done.code == 1
    assert done.err.splitlines()[0] == (
        "error: two targets are called 'argo': flowc's own, and one of the distribution 'flowc-more'"
    )


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import nowhere_at_all", "cannot be loaded from broken:TARGET: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("1 / 0", "cannot be loaded from broken:TARGET: ZeroDivisionError: division by zero"),
        ("", "cannot be loaded from broken:TARGET: AttributeError: module 'broken' has no attribute 'TARGET'"),
        ("TARGET = 'steps'", "broken:TARGET is a str, not a flowc.targets.Target"),
        ("from flowc.targets import Target\nTARGET = Target(name='other', about='', settings=dict, lower=None, emit=None)",
         "calls itself 'other'"),
    ],
)  # fmt: skip
def test_one_that_is_broken(made: Project, module: str, message: str) -> None:
    install(made, "flowc-broken", {"broken": "broken:TARGET"}, {"broken/__init__.py": module})
    done = made.flowc("compile", "flow.py", "--target", "broken")
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0].startswith("error: the target 'broken' of the distribution 'flowc-broken'")
    assert lines[0].endswith(message)
    assert len(lines) == 2
    assert lines[1].startswith("hint: ")
    assert made.flowc("compile", "flow.py").code == 0


def test_the_document_s_target(project: Project) -> None:
    """The package of 60 lines in docs/targets.md works and prints the documented output."""
    text = (ROOT / "docs/targets.md").read_text()
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL))
    assert len(blocks["python"].splitlines()) <= 60
    points = dict(re.findall(r'^(\w+) = "(\w+:TARGET)"$', blocks["toml"], re.MULTILINE))
    install(project, "flowc-outline", points, {"flowc_outline.py": blocks["python"]})
    project.write("flow.py", FLOW.replace("Made(FlowSpec):", "Train(FlowSpec):").replace(
        "def start(self):", 'def start(self):\n            """Read the data."""'))  # fmt: skip
    line, out = blocks["console"].split("\n", 1)
    done = project.flowc(*shlex.split(line.removeprefix("$ flowc ")))
    assert (done.code, done.out) == (0, out), done.err
    done = project.flowc("compile", "flow.py", "--target", "outline", "--bullet", "x")
    assert done.code == 2
    assert "setting bullet: -, * or +, not 'x'" in done.err
    project.write("flow.py", FLOW.replace("def start(self):", 'def start(self):\n            """A `b`."""'))
    done = project.flowc("compile", "flow.py", "--target", "outline")
    assert done.code == 1
    assert "error[backtick]: step 'start' has a backtick in its text\n  --> flow.py:" in done.err


@pytest.mark.parametrize("command", ["compile", "resume", "runs", "status"])
def test_one_that_there_is_not(made: Project, command: str) -> None:
    done = made.flowc(command, "flow.py", "--target", "airflow")
    assert done.code != 0
    assert "'airflow'" in done.err
    assert "argo" in done.err
    assert Path(made.root / "flow.py").exists()
