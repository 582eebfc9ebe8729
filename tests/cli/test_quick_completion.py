"""Completion from the table of commands and options: the table is up to date, and the answers are those of click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.cli import flowc_group
from flowc.cli.commands.shells import SHELLS
from flowc.completion.command_table import ARGUMENTS, GROUPS, OPTIONS
from flowc.completion.quick import answer
from flowc.completion.stored_names import StoredNames
from flowc_runtime.store.backends.layered import BELOW
from flowc_runtime.store.records.store import Store
from project import Project
from tools import completion_table

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
    from metaflow import FlowSpec, step

    class Typed(FlowSpec):
        @step
        def start(self):
            self.number = 1
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a flow and two runs, one with tags."""
    project = Project(tmp_path_factory.mktemp("typed"))
    project.write("flow.py", FLOW)
    project.run("flow.py", "--tag", "team:blue", "--tag", "owner=ann")
    project.run("flow.py")
    return project.root


@pytest.fixture(autouse=True)
def place(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(typed)
    monkeypatch.setenv("HOME", str(typed))


def lines() -> list[str]:
    """Return unfinished command lines, which end after a command, an option or an argument, or inside one."""
    found = ["flowc ", "flowc r", "flowc -", "flowc zzz", "flowc runs --flow"]
    for path in GROUPS:
        found += [f"flowc {path} ".replace("  ", " "), f"flowc {path} -".replace("  ", " ")]
    for path in ARGUMENTS:
        found += [f"flowc {path}{rest}" for rest in (" ", " f", " T", " Typed/", " Typed/latest/", " -", " --s")]
        found += [f"flowc {path} Typed/latest{rest}" for rest in (" ", " t", "/s", "/end/", "/end/0", " --")]
        for names, _, _, _ in OPTIONS[path]:
            found += [f"flowc {path} {names[-1]}{rest}" for rest in (" ", " --", "=", "=t", " x ", " x --")]
    return found


def of_click(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the answer of click to the request in the environment."""
    complete = SHELLS[shell.partition("_")[0]](flowc_group(), {}, "flowc", "_FLOWC_COMPLETE")
    text = complete.complete()
    capsys.readouterr()
    return f"{text}\n" if text else ""


def test_the_table_is_up_to_date() -> None:
    assert completion_table.text() == completion_table.PATH.read_text("utf-8"), "run `make generate`"


@pytest.mark.parametrize("shell", ["bash_complete", "zsh_complete", "fish_complete"])
def test_the_answers_are_those_of_click(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick, different = 0, []
    for line in lines() if shell == "bash_complete" else lines()[::7]:
        word = "" if line.endswith(" ") else line.split()[-1]
        for name, value in {"COMP_LINE": line, "COMP_WORDS": line, "COMP_CWORD": word}.items():
            monkeypatch.setenv(name, value)
        if (text := answer(shell)) is not None:
            quick += 1
            if text != (expected := of_click(shell, monkeypatch, capsys)):
                different.append((line, text, expected))
    assert different == []
    assert quick > 0.7 * len(lines()) / (1 if shell == "bash_complete" else 7)


@pytest.mark.parametrize(
    "line",
    [
        "flowc run flow.py --",  # the flow's parameters
        "flowc run flow.py:",
        "flowc --configuration-file x ru",
        "flowc show 'Typed/",
        "flowc show Typed\\/",
        "flowc show --store elsewhere Typ",
        "flowc deploy --target stepfunctions --",
        "flowc compile --target stepfunctions --",
        "flowc check --flow ",
        "flowc unknown --",
        "flowc run --unknown ",
        "flowc show Typé",
    ],
)
def test_what_click_must_answer(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert answer("bash_complete") is None


def test_the_scripts_of_shells_are_made_by_click() -> None:
    assert answer("bash_source") is None


@pytest.mark.parametrize("line", ["flowc ru", "flowc run --", "flowc show Typed/latest/", "flowc runs Ty"])
def test_neither_click_nor_a_command_is_imported(project: Project, line: str) -> None:
    code = (
        "import sys\nfrom flowc.__main__ import main\nmain()\n"
        "print(*(each for each in sys.modules if each.startswith(('click', 'flowc.cli'))), file=sys.stderr)"
    )
    done = project.python("-c", code, COMP_LINE=line, _FLOWC_COMPLETE="bash_complete")
    assert (done.code, done.err.strip()) == (0, "")


@pytest.mark.parametrize(
    "run", ["argo-abc12", "20260101-000000", "20260101-000000-000aaaaaa", "20260101-000000-000aa.b", "x%2Fy"]
)
def test_runs_with_other_ids_are_in_the_order_of_the_store(run: str, tmp_path: Path) -> None:
    for each in ("20260101-000000-100abc", "20250101-000000-200abc", run):
        (tmp_path / "flows" / "Typed" / "runs" / each / "tasks" / "end").mkdir(parents=True)
    names, store = StoredNames(str(tmp_path)), Store.open(str(tmp_path))
    assert names.flows() == store.flows() == ["Typed"]
    assert names.runs("Typed") == store.runs("Typed")
    assert [names.steps("Typed", each) for each in store.runs("Typed")] == [["end"]] * 3


def test_the_names_in_a_store_on_top_of_another(tmp_path: Path) -> None:
    """Quick completion finds the flows and runs of both stores, as the code of the store does."""

    (tmp_path / "lower" / "flows" / "Lower" / "runs").mkdir(parents=True)
    (tmp_path / "upper" / "flows" / "Upper" / "runs").mkdir(parents=True)
    (tmp_path / "upper" / BELOW).write_text(str(tmp_path / "lower"))
    store = Store.open(str(tmp_path / "upper"))
    assert StoredNames(str(tmp_path / "upper")).flows() == store.flows()
