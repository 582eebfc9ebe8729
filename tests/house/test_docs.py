"""The documents are correct: commands print the quoted outputs, and all named files, commands and options exist.

A code block after `<!-- file: NAME -->` is written to an empty directory; a console block after `<!-- checked -->` is
run there, after the files before it. The blocks after `<!-- cell -->` are the cells of one notebook, and a block after
`<!-- output -->` is the output of the cell before it. In expected output a line `…` stands for any number of lines.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from documents import BLOCK, commands, matches, normal
from flowc.cli import COMMANDS, FLOW_COMMANDS, LazyGroup, context_of
from project import PACKAGES, ROOT
from tools.wheels import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "bench/*.md", "helm/**/*.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
FLOW = """
from metaflow import FlowSpec, step


class Small(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Small()
"""
# Options in documents that belong to other programs or to flows of the documents.
OTHERS = {
    "--server-side",
    "--only",
    "--append",
    "--build-arg",
    "--field-manager",
    "--learning-rate",
    "--notes",
    "--size",
}

GUIDE = ROOT / "docs" / "guide"
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")

# A program that executes the cells on its stdin and prints each cell's output; an exception is printed as its last
# line.
EXECUTE = """
import json, sys
import nbformat
from nbclient import NotebookClient

def shown(output):
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}\\n"
    return output.text if output.output_type == "stream" else output.data["text/plain"] + "\\n"

cells = [nbformat.v4.new_code_cell(cell) for cell in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
print(json.dumps(["".join(map(shown, cell.outputs)) for cell in notebook.cells]))
"""

# A small package `humanize`, which the guide's page about packages uses; the check needs no network.
HUMANIZE = """
def intcomma(number):
    return f"{number:,}"


def intword(number):
    return f"{number / 1e6:.1f} million"
"""


def relative(path: Path) -> str:
    """Return the name of a document for the id of a test."""
    return str(path.relative_to(ROOT))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return environment variables with an empty home directory, and with the tested `flowc` as the command."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "flowc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowc "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    write_wheel(tmp_path, "humanize", "4.9.0", {"humanize.py": HUMANIZE})
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        "LC_ALL": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_PYTHON_DOWNLOADS": "never",
    }


def shell(command: str, directory: Path, environment: dict[str, str]) -> list[str]:
    """Run a shell command; return the lines of its output, stdout and stderr mixed in order.

    `make` runs in the project's root directory.
    """
    where = ROOT if command.startswith("make ") else directory
    done = subprocess.run(
        ["sh", "-c", f"{command} 2>&1"],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if "<!-- checked -->" in path.read_text()], ids=relative
)
def test_quoted_output(document: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """The output of a command in a document equals its real output."""
    pytest.importorskip("hera")
    directory = tmp_path / "hello"
    directory.mkdir()
    found = 0
    for block in BLOCK.finditer(document.read_text()):
        if block["name"]:
            (directory / block["name"]).parent.mkdir(parents=True, exist_ok=True)
            (directory / block["name"]).write_text(block["text"])
        if block["kind"] != "checked":
            continue
        for command in commands(block["text"]):
            printed = [normal(line) for line in shell(command.line, directory, environment)]
            expected = [normal(line) for line in command.expected]
            assert matches(expected, printed), f"$ {command.line}\n" + "\n".join(printed)
            found += 1
    assert found, "no checked block was found: is the comment right before the fence?"


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if "<!-- cell -->" in path.read_text()], ids=relative)
def test_cells_of_a_notebook(document: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """The output of each notebook cell in a document equals its real output."""
    pytest.importorskip("nbclient")
    cells: list[str] = []
    expected: dict[int, list[str]] = {}
    for block in BLOCK.finditer(document.read_text()):
        if block["kind"] == "cell":
            cells.append(block["text"].rstrip())
        elif block["kind"] == "output":
            expected[len(cells) - 1] = [normal(line) for line in block["text"].splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE],
        cwd=tmp_path,
        env=environment,
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for number, output in enumerate(json.loads(done.stdout)):
        printed = [normal(line) for line in output.splitlines() if line]
        if number not in expected:
            assert printed == [], cells[number]
        elif "…" in expected[number]:
            assert matches(expected[number], printed), f"{cells[number]}\n{output}"
        else:  # the order of stdout and stderr is not fixed in a kernel
            assert sorted(printed) == sorted(expected[number]), cells[number]


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links(document: Path) -> None:
    """The links of a document lead to existing files and headings."""
    for link in LINK.finditer(re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)):
        target = (document.parent / link["file"]).resolve() if link["file"] else document
        assert target.exists(), f"{link[0]} leads nowhere"
        if link["heading"]:
            assert link["heading"] in headings(target), f"{link[0]} names no heading"


def headings(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub creates them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def options(command: click.Command) -> Iterator[str]:
    """Return the long options of a command and of its subcommands."""
    for parameter in command.params:
        yield from (option for option in [*parameter.opts, *parameter.secondary_opts] if option.startswith("--"))
    if isinstance(command, click.Group):
        context = context_of(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options(below)


def test_commands_side_by_side_exist() -> None:
    """Each command in the migration table exists in flowc, and also in a flow's file if the table says "the same"."""
    text = (ROOT / "docs" / "migrating.md").read_text()
    (table,) = re.findall(r"^\| Metaflow \| flowc \|\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[1:]]
    assert len(rows) > 10
    for theirs, ours in rows:
        for command in re.findall(r"`flowc (\w+)", ours):
            assert command in COMMANDS, ours
        if ours.startswith("the same"):
            words = re.sub(r"--with \w+", "", theirs.strip("`")).split()
            assert words[2] in FLOW_COMMANDS, theirs


def test_options_exist(tmp_path: Path, environment: dict[str, str]) -> None:
    """An option in a document belongs to a command of flowc, to another program, or to a flow of the document."""
    known = {*options(LazyGroup(COMMANDS, name="flowc")), *options(LazyGroup(FLOW_COMMANDS, name="flow.py")), "--help"}
    (tmp_path / "flow.py").write_text(FLOW)
    for command in ("run", "resume", "spin"):  # the options of these commands depend on the flow
        for line in (f"flowc {command} --help", f"python flow.py {command} --help"):
            known |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(shell(line, tmp_path, environment))))
    for target in ("argo", "stepfunctions"):  # the options of `compile` depend on the target
        lines = shell(f"flowc compile --target {target} --help", tmp_path, environment)
        known |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(lines)))
    # documents that also name options of other programs: Metaflow, earlier versions of flowc, and the benchmark
    others = {
        ROOT / "docs" / "metaflow.md",
        ROOT / "docs" / "migrating.md",
        ROOT / "CHANGELOG.md",
        ROOT / "bench" / "README.md",
    }
    unknown = {
        (relative(document), option)
        for document in DOCUMENTS
        if document not in others
        for option in re.findall(r"`(--[a-z][a-z-]+)", document.read_text())
        if option not in known | OTHERS
    }
    assert unknown == set()


@pytest.mark.parametrize(
    "page", [path for path in DOCUMENTS if path.parent == GUIDE and path.name != "index.md"], ids=relative
)
def test_a_page_of_the_guide_has_its_parts(page: Path) -> None:
    """A page of the guide starts with a file, ends with a mistake and its error, and links to the next page."""
    text = page.read_text()
    first, wrong = text.partition("\n## What goes wrong\n")[::2]
    kinds = [block["kind"] for block in BLOCK.finditer(first)]
    assert kinds[0] in ("file", "cell")
    assert {"checked", "output"} & {*kinds}
    shown = [block["text"] for block in BLOCK.finditer(wrong) if block["kind"] in ("checked", "output")]
    assert any(re.search(r"[Ee]rror|WARNING", output) for output in shown)
    last = page.name == "schedules.md"
    assert last or re.fullmatch(r"Next: \[.+\]\(\w+(-\w+)*\.md\)\.", text.splitlines()[-1])
    assert f"[{text.splitlines()[0].removeprefix('# ')}]({page.name})" in (GUIDE / "index.md").read_text()


def test_each_module_says_what_it_does() -> None:
    """Every module has a docstring, because `docs/architecture.md` describes only directories."""
    files = [path for parent in PACKAGES for path in (ROOT / parent).rglob("*.py") if "_vendor" not in path.parts]
    without = [
        path for path in files if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert [str(path.relative_to(ROOT)) for path in without] == []


def test_architecture_names_directories() -> None:
    """docs/architecture.md names only directories that exist, and names all our packages."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [re.findall(r"`([\w./]+)/`", line) for line in text.splitlines()]
    named = {name for row in rows for name in row}
    missing = [
        name for row in rows for name in row if not (ROOT / name).is_dir() and not any((ROOT / row[0]).rglob(name))
    ]
    assert missing == []  # a row starts with a directory's path; its other names may be relative to that directory
    packages = {
        f"{parent}/{path.name}"
        for parent in PACKAGES
        for path in (ROOT / parent).iterdir()
        if (path / "__init__.py").is_file()
    }
    assert {package for package in packages if not any(f"{name}/".startswith(f"{package}/") for name in named)} == set()


def test_changelog_has_this_version() -> None:
    """CHANGELOG.md has a section for the current version."""
    from flowc import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
