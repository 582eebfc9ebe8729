"""Temporary directories: the directory of a killed process is removed when another process creates one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flowc_runtime.process.scratch import ScratchDirectory, remove_left

HOLDER = """
import sys
from flowc_runtime.process.scratch import ScratchDirectory
print(ScratchDirectory("test").name, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def holder() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that holds a temporary directory; return the process and the directory."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_block_removes_its_directory(place: Path) -> None:
    with ScratchDirectory("test") as name:
        Path(name, "file").write_text("x")
        assert Path(name).parent == place
        assert Path(name).name.startswith("flowc-tmp-test-")
    assert [*place.iterdir()] == []


def test_the_directory_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(place: Path) -> None:
    living, kept = holder()
    killed, left = holder()
    with living, killed:
        (left / "file").write_text("x")
        killed.kill()
        killed.wait()
        (place / "flowc-other").mkdir()
        with ScratchDirectory("test"):
            assert not left.exists()
            assert kept.exists()
        living.kill()
        living.wait()
    remove_left()
    assert [path.name for path in place.iterdir()] == ["flowc-other"]


def test_a_fork_keeps_the_directory(place: Path) -> None:
    reading, writing = os.pipe()
    made = ScratchDirectory("test")
    if (fork := os.fork()) == 0:
        os.close(writing)
        os.read(reading, 1)  # `read` returns when the parent closes the pipe
        os._exit(0)
    os.close(made._lock)  # simulate the end of this process, at which the operating system closes the file
    remove_left()
    assert Path(made.name).exists()
    os.close(writing)
    os.waitpid(fork, 0)
    remove_left()
    assert [*place.iterdir()] == []


def test_a_directory_that_is_removed_before_it_is_locked_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    mkdir = os.mkdir

    def mkdir_and_remove_the_first(path: str, mode: int) -> None:
        mkdir(path, mode)
        made.append(path)
        if len(made) == 1:
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", mkdir_and_remove_the_first)
    with ScratchDirectory("test") as name:
        assert name == made[1]
        assert Path(name).is_dir()
    assert [*place.iterdir()] == []


def test_a_block_removes_directories_in_its_directory(place: Path) -> None:
    with ScratchDirectory("test") as name:
        Path(name, "a", "b").mkdir(parents=True)
        Path(name, "a", "b", "file").write_text("x")
    assert [*place.iterdir()] == []


def test_only_the_user_can_read_the_directory() -> None:
    with ScratchDirectory("test") as name:
        assert stat.S_IMODE(os.stat(name).st_mode) == 0o700


TEMPORARY = """
import sys
from flowc_runtime.process.scratch import temporary_directory
assert "tempfile" not in sys.modules
found = temporary_directory()
imported = "tempfile" in sys.modules
import tempfile
print(found == tempfile.gettempdir(), imported)
"""


@pytest.mark.parametrize("variables", [
    {},
    {"TMPDIR": "here"},
    {"TMPDIR": "missing", "TEMP": "here"},
    {"TMPDIR": "file", "TEMP": "missing", "TMP": "missing"},
])  # fmt: skip
def test_the_directory_is_the_one_of_tempfile(place: Path, variables: dict[str, str]) -> None:
    (place / "here").mkdir()
    (place / "file").write_text("")
    environment = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TEMP", "TMP")}
    done = subprocess.run(
        [sys.executable, "-c", TEMPORARY], env={**environment, **variables}, cwd=place,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False"]


def test_a_program_chooses_the_directory_by_the_module_tempfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chosen").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "chosen"))
    with ScratchDirectory("test") as name:
        assert Path(name).parent == tmp_path / "chosen"
