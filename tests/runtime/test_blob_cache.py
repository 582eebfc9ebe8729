"""The cache of a bucket's blobs on this machine, and downloads in ranges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults import Faults, between
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends import marks
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote import blob_cache, downloads
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

DATA = os.urandom(3 << 20)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faults, dict[str, str]]]:
    with gateway(tmp_path_factory.mktemp("s3")) as s3, between(s3.environment["AWS_ENDPOINT_URL"]) as faults:
        s3.bucket("team")
        yield faults, {**s3.environment, "AWS_ENDPOINT_URL": faults.url, "FLOWC_BLOB_CACHE": "yes"}


@pytest.fixture
def place(counter: tuple[Faults, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in counter[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    counter[0].log.clear()
    return tmp_path / "cache" / "flowc" / "blobs"


def downloaded(counter: tuple[Faults, dict[str, str]]) -> int:
    """Return the number of requests that read a blob since the last call."""
    count = sum(request.method == "GET" and "blobs/" in request.target for request, _ in counter[0].log)
    counter[0].log.clear()
    return count


def read(objects: RemoteObjects, digest: str, how: str) -> bytes:
    if how == "map":
        return bytes(objects.map_blob(digest, len(DATA)))
    if how == "open":
        with objects.open_blob(digest, len(DATA)) as file:
            return file.read()
    return objects.read_blob(digest, len(DATA), once=how == "once")


@pytest.mark.parametrize("how", ["map", "open", "read", "once"])
def test_what_was_stored_here_is_not_downloaded(counter: tuple[Faults, dict[str, str]], place: Path, how: str) -> None:
    digest = RemoteObjects("s3://team/p").create_blob([DATA[: 1 << 20], DATA[1 << 20 :]])
    assert [path.name for path in place.iterdir()] == [digest]
    assert place.stat().st_mode & 0o077 == 0
    downloaded(counter)
    assert read(RemoteObjects("s3://team/p"), digest, how) == DATA
    assert downloaded(counter) == 0
    (place / digest).unlink()
    assert read(RemoteObjects("s3://team/p"), digest, how) == DATA
    assert downloaded(counter) > 0


def test_what_was_loaded_is_kept(counter: tuple[Faults, dict[str, str]], place: Path) -> None:
    digest = RemoteObjects("s3://team/p").create_blob([DATA])
    (place / digest).unlink()
    view = RemoteObjects("s3://team/p").map_blob(digest, len(DATA))
    view[0] = view[0] ^ 1  # this changes the memory of this process only, not the file in the cache
    downloaded(counter)
    assert read(RemoteObjects("s3://team/p"), digest, "map") == DATA
    assert downloaded(counter) == 0


@pytest.mark.parametrize("change", ["bytes", "size"])
def test_a_damaged_file_is_not_used(counter: tuple[Faults, dict[str, str]], place: Path, change: str) -> None:
    digest = RemoteObjects("s3://team/p").create_blob([DATA])
    # this first read checks the digest, and records with a mark that the file was checked
    assert read(RemoteObjects("s3://team/p"), digest, "map") == DATA
    (place / digest).write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]) if change == "bytes" else DATA[:-1])
    assert read(RemoteObjects("s3://team/p"), digest, "map") == DATA
    assert (place / digest).read_bytes() == DATA


@pytest.mark.parametrize("why", ["switched off", "always", "pod", "writable by others"])
def test_without_the_cache(
    counter: tuple[Faults, dict[str, str]], place: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    place.mkdir(parents=True)
    if why == "writable by others":
        place.chmod(0o777)
    else:
        name, value = {
            "switched off": ("FLOWC_BLOB_CACHE", "no"), "always": (marks.VARIABLE, "always"), "pod": (blob_cache.POD, "p"),
        }[why]  # fmt: skip
        monkeypatch.setenv(name, value)
    digest = RemoteObjects("s3://team/p").create_blob([DATA])
    assert read(RemoteObjects("s3://team/p"), digest, "map") == DATA
    assert list(place.iterdir()) == []


def test_the_oldest_files_make_space(place: Path) -> None:
    place.mkdir(parents=True, mode=0o700)
    cache = blob_cache.BlobCache(str(place), 10 << 20)
    for number in range(4):
        data = bytes([number]) * (3 << 20)
        os.utime(place / cache.add([data], len(data)), (number, number))
    names = {path.name for path in place.iterdir()}
    assert names == {sha256([bytes([number]) * (3 << 20)]) for number in (1, 2, 3)}
    assert cache.add([bytes(6 << 20)], 6 << 20) == sha256([bytes(6 << 20)])
    # a blob of more than half of the cache's size is not kept in the cache
    assert {path.name for path in place.iterdir()} == names
    old = place / "1-abc.partial"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    file = cache.begin(1 << 20)
    assert file is not None
    file.close()
    assert not old.exists()


@pytest.mark.parametrize("size", [0, 1, downloads.RANGE, downloads.RANGE + 1, 5 * downloads.RANGE + 7])
@pytest.mark.parametrize("known", [True, False])
def test_objects_of_any_size(place: Path, size: int, known: bool) -> None:
    data = (DATA * 20)[:size]
    objects = RemoteObjects("s3://team/p")
    digest = objects.create_blob([data])
    for path in place.iterdir():
        path.unlink()
    with objects.open_blob(digest, size if known else None) as file:
        assert file.read() == data
    assert bytes(objects.map(blob_key(digest))) == data
    with pytest.raises(NotFound):
        objects.map_blob("0" * 64, 9 << 20)


def test_a_range_that_is_lost_is_asked_for_again(counter: tuple[Faults, dict[str, str]], place: Path) -> None:
    data = (DATA * 20)[: 4 * downloads.RANGE]
    objects = RemoteObjects("s3://team/p")
    digest = objects.create_blob([data])
    (place / digest).unlink()
    counter[0].begin("cut", lambda request: request.method == "GET", times=1)
    assert bytes(objects.map_blob(digest, len(data))) == data
    assert len(counter[0].spoiled) == 1


def test_a_full_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = RemoteObjects("s3://team/p")
    with monkeypatch.context() as full:
        full.setattr(blob_cache, "write_all", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        digest = objects.create_blob([DATA])
    assert list(place.iterdir()) == []
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StoreError, match="to a local file: No space left on device"):
            objects.map_blob(digest)
    assert list(place.iterdir()) == []
    assert read(objects, digest, "map") == DATA


FLOW = """
    import numpy
    from metaflow import FlowSpec, step

    class Passes(FlowSpec):
        @step
        def start(self):
            self.data = numpy.arange(1_000_000.0)
            self.next(self.end)

        @step
        def end(self):
            print("sum", self.data.sum())
    """


def test_a_step_does_not_download_what_the_last_one_stored(
    counter: tuple[Faults, dict[str, str]], place: Path, project: Project
) -> None:
    project.write("flow.py", FLOW)
    environment = {**counter[1], "XDG_CACHE_HOME": str(place.parent.parent)}
    done = project.flowc("run", "--local", "flow.py", "--store", "s3://team/flow", **environment)
    assert done.code == 0, done.err
    assert "sum 499999500000.0" in done.out
    assert downloaded(counter) == 0
