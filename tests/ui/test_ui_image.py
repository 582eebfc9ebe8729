"""`ui.Dockerfile`: its context is enough to build flowc with the page, and its command is one that flowc has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from image import lay_out
from project import ROOT
from tools.parsed_command import parsed_parameters

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = ROOT / "ui.Dockerfile"


def test_the_context_is_enough_for_the_wheel(tmp_path: Path) -> None:
    ignored = (ROOT / "ui.Dockerfile.dockerignore").read_text("utf-8").split()
    lay_out(tmp_path, [line[1:] for line in ignored if line.startswith("!")])
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = ROOT / "compiler" / "flowc" / "ui"
    files = {path for path in ours.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT / "compiler")) for path in files} <= names


def test_the_extras_exist() -> None:
    (extras,) = re.findall(r'"/source\[([\w,]+)\]"', DOCKERFILE.read_text("utf-8"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "ui" in extras.split(",")
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_both_images_have_the_same_base() -> None:
    base = r"^ARG BASE=(\S+)$"
    of_pods = re.findall(base, (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert re.findall(base, DOCKERFILE.read_text("utf-8"), re.MULTILINE) == of_pods


def test_the_command() -> None:
    (command,) = re.findall(r"^CMD (.*)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    program, name, *arguments = json.loads(command)
    assert (program, name) == ("flowc", "ui")
    given = parsed_parameters(name, arguments)
    assert (given["host"], given["port"], given["allow_actions"]) == ("0.0.0.0", 8325, False)
    assert "USER 1000:1000" in DOCKERFILE.read_text("utf-8")
