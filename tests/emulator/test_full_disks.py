"""A full, failing or read-only disk under the store gives a one-line error and the documented exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from disk_faults import Disk, build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Finished, Project

FLOW = """
    import os
    from metaflow import FlowSpec, card, step

    class Full(FlowSpec):
        @card
        @step
        def start(self):
            self.block = os.urandom(int(os.environ.get("BYTES", "5000")))
            print("the start")
            self.next(self.end)

        @step
        def end(self):
            print("the end", len(self.block))

    if __name__ == "__main__":
        Full()
    """
NUMBERS = [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT]


def name(number: int) -> str:
    return errno.errorcode[number]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def full(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def tells(done: Finished, what: str, code: int = 1) -> None:
    """Assert that the program prints one error line that ends in `what`, and no traceback, and has the exit code."""
    lines = done.err.splitlines()
    assert done.code == code, done.err
    assert not any(line.startswith("Traceback") for line in lines), done.err
    assert any(line.startswith("error: ") and line.rstrip(";").endswith(what) for line in lines), done.err


# -- writing -----------------------------------------------------------------------------------------------------------

WRITTEN = {
    "blob": ("link", "/blobs/"),
    "ir": ("link", "/ir.json"),
    "run": ("link", "/run.json"),
    "beginning": ("link", "/start/0-1.begin.json"),
    "record": ("link", "/start/0.json"),
    "last record": ("link", "/end/0.json"),
    "log": ("write", "/logs/start/"),
    "last log": ("write", "/logs/end/"),
    "temporary": ("write", "/.flowc/tmp/"),
    "tag": ("link", "/tags/"),
}


@pytest.mark.parametrize("number", NUMBERS, ids=name)
@pytest.mark.parametrize("what", WRITTEN)
def test_a_run_whose_store_cannot_be_written(full: Project, library: Path, what: str, number: int) -> None:
    disk = Disk(full, library)
    call, part = WRITTEN[what]
    disk.fail((call, number, part))
    done = full.python("flow.py", "run", "--tag", "mine")
    tells(done, f"cannot write to the store file://{full.root}/.flowc: {os.strerror(number)}")
    disk.well()
    assert (
        full.python("flow.py", "resume" if full.store.has_runs("Full") and full.latest().exists() else "run").code == 0
    )


@pytest.mark.parametrize("number", NUMBERS, ids=name)
def test_a_card_that_cannot_be_written_fails_no_task(full: Project, library: Path, number: int) -> None:
    Disk(full, library).fail(("rename", number, "/cards/"))
    done = full.python("flow.py", "run")
    assert done.code == 0, done.err
    assert os.strerror(number) in done.err
    assert not any(line.startswith("Traceback") for line in done.err.splitlines()), done.err


@pytest.mark.parametrize("number", NUMBERS, ids=name)
def test_commands_that_cannot_delete(full: Project, library: Path, number: int) -> None:
    full.run("flow.py")
    assert full.flowc("tag", "add", "Full/latest", "mine").code == 0
    Disk(full, library).fail(("rename", number, "/tmp/"), ("unlink", number, "/tags/"))
    where = f"in file://{full.root}/.flowc: {os.strerror(number)}"
    tells(full.flowc("tag", "remove", "Full/latest", "mine"), where)


# -- reading -----------------------------------------------------------------------------------------------------------

# Lists and `flowc gc` warn about an unreadable record and continue; `show` prints the known facts and fails.
READERS = {
    "runs": (["runs"], "run.json"),
    "show": (["show", "Full/latest"], "run.json"),
    "logs": (["logs", "Full/latest"], "/logs/"),
    "sizes": (["logs", "Full/latest", "--sizes"], "/logs/"),
    "dump": (["dump", "Full/latest/start"], "/tasks/"),
    "tag": (["tag", "list", "Full/latest"], "run.json"),
    "gc": (["gc"], "/tasks/"),
}


@pytest.mark.parametrize("what", READERS)
def test_a_file_that_cannot_be_read(full: Project, library: Path, what: str) -> None:
    full.run("flow.py")
    words, part = READERS[what]
    Disk(full, library).fail(("read", errno.EIO, part))
    done = full.flowc(*words)
    problem = f"in file://{full.root}/.flowc: {os.strerror(errno.EIO)}"
    if what in ("runs", "show", "tag", "gc"):
        assert done.code == (1 if what == "show" else 0)
        assert any(line.startswith("warning: cannot read ") and problem in line for line in done.err.splitlines())
        assert "Traceback" not in done.err
    else:
        tells(done, problem)


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "Full/latest"], ["logs", "Full/latest"], ["gc"]], ids=lambda words: words[0]
)
def test_a_directory_that_cannot_be_read(full: Project, library: Path, words: list[str]) -> None:
    full.run("flow.py")
    Disk(full, library).fail(("opendir", errno.EIO, ".flowc/flows/Full"))
    tells(full.flowc(*words), f"in file://{full.root}/.flowc: {os.strerror(errno.EIO)}")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.EIO], ids=name)
@pytest.mark.parametrize("part", ["/blobs/", "run.json"])
def test_repair_leaves_what_cannot_be_read_now(full: Project, library: Path, part: str, number: int) -> None:
    """`fsck --repair` moves an object only if the disk reports a read error, since other errors may be temporary."""
    full.run("flow.py")
    before = {path for path in (full.root / ".flowc").rglob("*") if path.is_file()}
    disk = Disk(full, library)
    disk.fail(("read", number, part))
    done = full.flowc("fsck", "--repair")
    assert done.code == 1, done.err
    assert os.strerror(number) in done.out
    disk.well()
    if number == errno.EIO:
        assert (full.root / ".flowc/damaged").exists()
    else:
        assert "unreadable file " in done.out
        assert {path for path in (full.root / ".flowc").rglob("*") if path.is_file()} == before
        assert full.flowc("fsck").code == 0


def test_nothing_is_garbage_that_could_not_be_looked_at(full: Project, library: Path) -> None:
    """`flowc gc` deletes no blob if a directory of records cannot be listed, since the records may name any blob."""
    run = full.run("flow.py")
    for path in (full.root / ".flowc").rglob("*"):
        os.utime(path, (0, 0))
    Disk(full, library).fail(("opendir", errno.EIO, f"{run.id}/tasks"))
    tells(full.flowc("gc", "--delete"), f"in file://{full.root}/.flowc: {os.strerror(errno.EIO)}")
    assert full.artifacts(run, "start")["block"]


# -- a disk that is really full, and one that can only be read ---------------------------------------------------------


@contextlib.contextmanager
def mounted(directory: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("to mount a small file system needs root and Linux")
    directory.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "flowc", directory], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.parametrize("mode", ["run", "task", "none"])
def test_a_full_disk(full: Project, mode: str) -> None:
    with mounted(full.root / ".flowc", "2m"):
        done = full.python("flow.py", "run", "--durability", mode, BYTES="5000000")
        tells(done, f"cannot write to the store file://{full.root}/.flowc: {os.strerror(errno.ENOSPC)}")
        assert full.latest().status()["state"] == "failed"
        assert os.listdir(full.root / ".flowc" / "tmp") == [], "what did not fit is gone"
        done = full.python("flow.py", "resume", "--durability", mode)
        assert (done.code, "[end] the end 5000" in done.out) == (0, True), done.err


def test_a_disk_without_room_for_any_file(full: Project) -> None:
    with mounted(full.root / ".flowc", "64k") as store:
        with contextlib.suppress(OSError), (store / "rest").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        done = full.python("flow.py", "run")
        tells(done, f"cannot write to the store file://{store}: {os.strerror(errno.ENOSPC)}")


READ_ONLY = {
    "runs": ["runs"],
    "show": ["show", "Full/latest"],
    "logs": ["logs", "Full/latest"],
    "dump": ["dump", "Full/latest/start"],
    "artifact": ["artifact", "Full/block"],
    "tag list": ["tag", "list", "Full/latest"],
    "card": ["card", "list", "Full/latest/start"],
    "gc": ["gc"],
    "spin": ["spin", "flow.py", "end"],
}
WRITING = {
    "run": ["run", "flow.py"],
    "resume": ["resume", "flow.py"],
    "tag add": ["tag", "add", "Full/latest", "yours"],
    "tag remove": ["tag", "remove", "Full/latest", "mine"],
    "gc --delete": ["gc", "--keep-last", "1", "--delete"],
}


def test_a_store_that_can_only_be_read(full: Project) -> None:
    with mounted(full.root / ".flowc", "20m") as store:
        full.run("flow.py", "--tag", "mine")
        full.run("flow.py", "--tag", "mine")
        for path in store.rglob("*"):
            # make all files old: flowc would set the time of an old file to now when it uses the file again
            os.utime(path, (0, 0))
        subprocess.run(["mount", "-o", "remount,ro", store], check=True)
        for words in READ_ONLY.values():
            done = full.flowc(*words)
            assert (done.code, "Traceback" in done.err) == (0, False), (words, done.err)
        for words in WRITING.values():
            tells(full.flowc(*words), os.strerror(errno.EROFS))
