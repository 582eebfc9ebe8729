"""A library for LD_PRELOAD (`disk_faults.c`), which records disk calls, and simulates faulty and slow disks."""

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
    """A disk call and the path of its file; for a file in the store, `path` is the key."""

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
    """The disk calls of a project's programs; `fail` and `slow` apply to programs that start later."""

    def __init__(self, project: Project, library: Path) -> None:
        self._root = project.root
        self._log = project.root / "disk.log"
        self._environment = project.environment
        self._environment |= {"LD_PRELOAD": str(library), "FAULTS_LOG": str(self._log)}

    def fail(self, *rules: tuple[str, int, str]) -> None:
        """Let calls fail: each rule is the name of the call, the error number, and a part of the file's path."""
        self._environment["FAULTS_FAIL"] = ",".join(f"{call}:{number}:{part}" for call, number, part in rules)

    def slow(self, call: str, seconds: float) -> None:
        """Let each call with this name take longer by this time."""
        self._environment["FAULTS_SLOW"] = f"{call}:{seconds}"

    def well(self) -> None:
        """Remove all rules."""
        self._environment.pop("FAULTS_FAIL", None)
        self._environment.pop("FAULTS_SLOW", None)

    def forget(self) -> None:
        """Delete the recorded calls."""
        self._log.unlink(missing_ok=True)

    def calls(self) -> list[Call]:
        """Return the recorded calls for files of the store, in order."""
        store = f"{self._root}/.flowc"
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        found = [Call(*line.split(" ", 1)) for line in text.splitlines()]
        return [Call(name, os.path.relpath(path, store)) for name, path in found if path.startswith(store)]
