"""Files that fail while a task reads them: because of a faulty disk, or because a program truncates them."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from disk_faults import Disk, build
from flowc_runtime.base.errors import StoreError
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values import files
from flowc_runtime.store.values.codecs import load_value

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.backends.objects import Objects
    from project import Project

ARRAY = """
    import glob, os
    import numpy
    from metaflow import FlowSpec, catch, step

    class Mapped(FlowSpec):
        @step
        def start(self):
            self.array = numpy.ones(1 << 20)
            self.next(self.middle)
{catch}
        @step
        def middle(self):
            array = self.array
            for blob in glob.glob(".flowc/blobs/*/*"):
                os.truncate(blob, 0)
            print(array.sum())
            self.next(self.end)

        @step
        def end(self):
            print("ended")
    """
INCLUDED = """
    from metaflow import FlowSpec, IncludeFile, step

    class Included(FlowSpec):
        data = IncludeFile("data", is_text={is_text})

        @step
        def start(self):
            print(len(self.data))
            self.next(self.end)

        @step
        def end(self):
            pass
    """
SIGBUS = (
    "the process was killed by SIGBUS (a mapped file could not be read: it was truncated, or its disk failed; check the "
    "disk, and the store with `flowc fsck`)"
)


def test_an_array_whose_file_is_truncated_ends_the_task_with_a_reason(project: Project) -> None:
    project.write("flow.py", ARRAY.format(catch=""))
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert f"error: step 'middle' failed: {SIGBUS}" in done.err
    record = project.latest().attempt("middle", "0", 1)
    assert record is not None
    assert record["exit"]["signal"] == "SIGBUS"
    assert SIGBUS in project.flowc("logs", f"Mapped/{project.latest().id}/middle").err


def test_it_can_be_caught(project: Project) -> None:
    project.write("flow.py", ARRAY.format(catch="\n        @catch(var='why')"))
    done = project.flowc("run", "flow.py")
    assert done.code == 0, done.err
    run = project.latest()
    assert SIGBUS in load_value(run.objects, run.task("middle", "0")["artifacts"]["why"]).exception


@pytest.mark.parametrize("is_text", [True, False])
def test_a_given_file_is_read_by_its_step_and_not_mapped(project: Project, tmp_path: Path, is_text: bool) -> None:
    """If the disk fails while a step reads its file, the step gets a Python exception and no SIGBUS."""
    project.write("flow.py", INCLUDED.format(is_text=is_text))
    project.write("data.bin", "x" * (1 << 20))
    project.run("flow.py", "--data", "data.bin")
    disk = Disk(project, build(tmp_path))
    disk.fail(("read", errno.EIO, "/blobs/"))
    done = project.flowc("run", "flow.py", "--data", "data.bin")
    assert done.code == 1
    assert f"in file://{project.root}/.flowc: {os.strerror(errno.EIO)}" in done.err


@pytest.mark.parametrize("size", [1000, 6 << 20])
def test_a_given_file_that_cannot_be_read_is_told(project: Project, size: int, tmp_path: Path) -> None:
    project.write("flow.py", INCLUDED.format(is_text=False))
    project.write("data.bin", "x" * size)
    disk = Disk(project, build(tmp_path))
    disk.fail(("pread64", errno.EIO, "/data.bin"))
    done = project.flowc("run", "flow.py", "--data", "data.bin")
    assert done.code == 1
    assert f"error: could not read file 'data.bin': {os.strerror(errno.EIO)}" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("size", [1000, 6 << 20])
def test_a_given_file_that_shrinks_while_it_is_stored_is_told(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "data.bin"
    given.write_bytes(b"x" * size)
    plain = files.sha256

    def truncate(parts: object) -> str:
        os.truncate(given, 0)
        return plain(parts)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "sha256", truncate)
    with pytest.raises(StoreError, match=r"could not read file '.*data\.bin': it became shorter while flowc read it"):
        files.store_file(LocalObjects(tmp_path / "store"), str(given))
    given.write_bytes(b"x" * size)
    with pytest.raises(StoreError, match="it became shorter while flowc read it"):
        files.send_file(LocalObjects(tmp_path / "store"), str(given))


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (9 << 20) + 1])
def test_given_files_of_any_size_are_stored(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    given = tmp_path / "data.bin"
    given.write_bytes(content)
    backends: list[Objects] = [LocalObjects(tmp_path / "store"), MemoryObjects()]
    for objects in backends:
        record = files.store_file(objects, str(given))
        assert (record["size"], objects.get(blob_key(record["digest"]))) == (size, content)
        assert files.read_file(objects, record, None) == content
    sent = files.send_file(backends[0], str(given))
    assert (sent["size"], backends[0].get(f"files/{sent['sent']}")) == (size, content)
    assert files.store_file(backends[0], str(given))["digest"] == sent["sent"]
