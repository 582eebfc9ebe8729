"""A library to preload (`disk_faults.c`): the order of the calls that reach a disk, and disks that fail or are slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from project import Project

SOURCE = Path(__file__).with_name("disk_faults.c")


class Call(NamedTuple):
    """A call of a process, and the path of what it is about: below the store, the key."""

    name: str
    path: str


def build(directory: Path) -> Path:
    """Compile the library, or skip the test."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("to inject faults of the disk needs a C compiler, `cc`, and Linux")
    library = directory / "disk_faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class Disk:
    """What a project's programs do to the disk; `fail` and `slow` are rules for those that start from here on."""

    def __init__(self, project: Project, library: Path) -> None:
        self._root = project.root
        self._log = project.root / "disk.log"
        self._environment = project.environment
        self._environment |= {"LD_PRELOAD": str(library), "FAULTS_LOG": str(self._log)}

    def fail(self, *rules: tuple[str, int, str]) -> None:
        """Make calls fail: the call, the number of its error, and a part of its path."""
        self._environment["FAULTS_FAIL"] = ",".join(f"{call}:{number}:{part}" for call, number, part in rules)

    def slow(self, call: str, seconds: float) -> None:
        """Make each call of this name wait."""
        self._environment["FAULTS_SLOW"] = f"{call}:{seconds}"

    def well(self) -> None:
        """Neither failing nor slow."""
        self._environment.pop("FAULTS_FAIL", None)
        self._environment.pop("FAULTS_SLOW", None)

    def forget(self) -> None:
        """Forget the calls so far."""
        self._log.unlink(missing_ok=True)

    def calls(self) -> list[Call]:
        """The calls so far on the store, in their order."""
        store = f"{self._root}/.flowc"
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        found = [Call(*line.split(" ", 1)) for line in text.splitlines()]
        return [Call(name, os.path.relpath(path, store)) for name, path in found if path.startswith(store)]
