"""With more tasks, the process that runs a flow needs no more memory or descriptors, and leaves no more files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

COUNTS = ("descriptors", "children", "temporary files", "unfinished objects")
CHANCE = 5  # tolerance: when a task takes the counts, the supervisor may still have descriptors to close
# in kB: the supervisor's memory may grow by KB after the first sample, and by KB_A_TASK more for each task
KB, KB_A_TASK = 2_048, 0.5

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the counts come from /proc")


@pytest.mark.parametrize("start", ["fork", "fresh"])
@pytest.mark.parametrize("tasks", [60, pytest.param(2_000, marks=pytest.mark.slow)])
def test_a_run_leaves_no_descriptors_processes_memory_and_files(project: Project, tasks: int, start: str) -> None:
    shutil.copy(ROOT / "bench" / "flows" / "soak.py", project.root)
    temporary = project.root / "temporary"
    temporary.mkdir()
    options = ("--max-workers", "1", "--start", start)  # one task at a time takes the counts
    done = project.python("soak.py", "run", "--width", str(tasks), *options, timeout=1200, TMPDIR=str(temporary))
    assert done.code == 0, done.err[-2000:]
    samples = json.loads((project.root / "samples.json").read_text())
    assert len(samples) == 20
    for name in COUNTS:
        assert abs(samples[-1][name] - samples[0][name]) <= CHANCE, name
    assert samples[-1]["kB"] - samples[0]["kB"] < KB + KB_A_TASK * tasks
    assert list(temporary.iterdir()) == []
    assert list((project.root / ".flowc" / "tmp").iterdir()) == []
    assert marked(project.root) == []
    assert files(project.root / ".flowc" / "flows", "square") == 2 * tasks


def marked(directory: Path) -> list[int]:
    """Return the processes whose working directory is this directory."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/cwd") == str(directory):
                found.append(int(name))
        except OSError:  # the process has ended, or belongs to another user
            continue
    return found


def files(directory: Path, step: str) -> int:
    """Return the number of files of a step's tasks: records, logs and cards."""
    return sum(path.is_file() and step in path.parts for path in directory.rglob("*"))
