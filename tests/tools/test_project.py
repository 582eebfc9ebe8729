"""The environment of tests: a user's directory, and the signals that started programs react to."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from project import ROOT, Project, has_ended

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_what_a_test_leaves_running_is_ended(tmp_path: Path) -> None:
    with closing(Project(tmp_path)) as project:
        process = project.start("-c", "import signal; signal.pause()")
        assert not has_ended(process.pid)
    assert process.returncode == -signal.SIGKILL


def test_a_program_is_killed_where_a_test_fails_before_its_end(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(AssertionError), project.start("-c", "import signal; signal.pause()") as process:
        raise AssertionError
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "prefix", [("nohup",), ("sh", "-c", 'trap "" INT; exec "$@"', "sh")], ids=["nohup", "background"]
)
def test_programs_can_be_interrupted_wherever_the_tests_run(project: Project, prefix: Sequence[str]) -> None:
    """Programs can be interrupted although nohup ignores SIGHUP, and shells ignore SIGINT for background jobs."""
    project.write(
        "conftest.py",
        f"""
        import importlib.util, signal, sys

        sys.path.append({str(ROOT / "tests")!r})
        spec = importlib.util.spec_from_file_location("tested", {str(ROOT / "tests/conftest.py")!r})
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        ignored = [name for name in ("SIGINT", "SIGHUP") if signal.getsignal(signal.Signals[name]) is signal.SIG_IGN]
        sys.exit(f"ignored: {{ignored}}")
        """,
    )
    done = project.python(
        "-c",
        f"import subprocess, sys; sys.exit(subprocess.run({[*prefix]!r} + [sys.executable, 'conftest.py']).returncode)",
    )
    assert done.err.splitlines()[-1] == "ignored: []"
