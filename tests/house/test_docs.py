"""The documents tell the truth: what they quote is what the programs print, and what they name exists.

A code block after `<!-- file: NAME -->` is written to an empty directory; a console block after `<!-- checked -->` is
run there, after the files before it. In expected output a line `…` stands for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "bench/*.md", "helm/**/*.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^<!-- (file: (?P<name>\S+)|checked) -->\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")

# What differs from run to run, from machine to machine and from version to version.
VARIABLE = (
    (re.compile(r"\b\d{8}-\d{6}-[a-z0-9]+\b"), "RUN"),
    (re.compile(r"\bfile:///\S*/\.flowc\b"), "STORE"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?\b"), "WHEN"),
    (re.compile(r"\b\d+ workers\b"), "N workers"),
    (re.compile(r"\b\d+\.\d+ s\b"), "TIME"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in TIME"),
    (re.compile(r"\b[\d,]+ bytes\b"), "SIZE"),
    (re.compile(r"^read [\d,]+ objects\b"), "read N objects"),
    (re.compile(r"-code-[0-9a-f]{10}\b"), "-code-DIGEST"),
)


class Command(NamedTuple):
    """A command of a document, and the lines that it is said to print."""

    line: str
    expected: list[str]


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block."""
    for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *expected = chunk.splitlines()
        yield Command(line, expected)


def normal(line: str) -> str:
    """The line with what varies replaced by its name."""
    for pattern, name in VARIABLE:
        line = pattern.sub(name, line)
    return line.rstrip()


def matches(expected: list[str], printed: list[str]) -> bool:
    """Whether the lines are the same, where `…` is any number of lines."""
    if not expected:
        return not printed
    if expected[0] == "…":
        return any(matches(expected[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and printed[0] == expected[0] and matches(expected[1:], printed[1:])


def relative(path: Path) -> str:
    """The name of a document in a test's id."""
    return str(path.relative_to(ROOT))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, where `flowc` is this one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "flowc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowc "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        "LC_ALL": "C.UTF-8",
    }


def shell(command: str, directory: Path, environment: dict[str, str]) -> list[str]:
    """What a command prints, stdout and stderr in their order. `make` runs in the project's directory."""
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
    """What a document says that a command prints is what it prints."""
    pytest.importorskip("hera")
    directory = tmp_path / "hello"
    directory.mkdir()
    found = 0
    for block in BLOCK.finditer(document.read_text()):
        if block["name"]:
            (directory / block["name"]).parent.mkdir(parents=True, exist_ok=True)
            (directory / block["name"]).write_text(block["text"])
            continue
        for command in commands(block["text"]):
            printed = [normal(line) for line in shell(command.line, directory, environment)]
            expected = [normal(line) for line in command.expected]
            assert matches(expected, printed), f"$ {command.line}\n" + "\n".join(printed)
            found += 1
    assert found, "no checked block was found: is the comment right before the fence?"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links(document: Path) -> None:
    """What a document links to exists, down to the heading."""
    for link in LINK.finditer(re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)):
        target = (document.parent / link["file"]).resolve() if link["file"] else document
        assert target.exists(), f"{link[0]} leads nowhere"
        if link["heading"]:
            assert link["heading"] in headings(target), f"{link[0]} names no heading"


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("package", ["runtime_image/flowc_runtime", "compiler/flowc", "emulator/flowc_emulator"])
def test_architecture_names_each_module(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    (table,) = re.findall(rf"^\| subject \| modules of `{package.rpartition('/')[2]}` \|\n(.*?)\n\n", text, re.M | re.S)
    named = re.findall(r"`(\w+)`", table)
    in_rooms = package != "compiler/flowc"  # whose directories have rows of their own
    files = (ROOT / package).glob("**/*.py" if in_rooms else "*.py")
    assert sorted(named) == sorted(path.stem for path in files if path.stem != "__init__")


def test_architecture_names_directories() -> None:
    """Each directory that it names exists, and each package of ours is named."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([\w./]+)/`", text))
    assert not {name for name in named if not (ROOT / name).is_dir()}
    packages = {
        f"{parent}/{path.name}"
        for parent in PACKAGES
        for path in (ROOT / parent).iterdir()
        if (path / "__init__.py").is_file()
    }
    assert {package for package in packages if not any(f"{name}/".startswith(f"{package}/") for name in named)} == set()


def test_changelog_has_this_version() -> None:
    """The version that is being made has a section."""
    from flowc import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
