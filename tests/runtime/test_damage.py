"""Damaged blobs are reported, moved to `damaged/`, and stored again: every kind of reader and of damage."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from damage import DAMAGES, damage
from flowc_ir.late.digest import sha256
from flowc_ir.model import Parameter, Span
from flowc_runtime.base.errors import ArtifactError, Damaged, NotFound
from flowc_runtime.store.backends.by_address import open_directory
from flowc_runtime.store.backends.external import external_file
from flowc_runtime.store.backends.layered import put_on
from flowc_runtime.store.backends.local import OVERLAP, LocalObjects
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.values import files
from flowc_runtime.store.values.codecs import LARGE_PICKLE, load_value, store_value
from flowc_runtime.store.values.sources import read_sources, store_sources
from gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_runtime.store.backends.objects import Objects
    from project import Project


DATA = bytes(range(256)) * 2000
KINDS = pytest.mark.parametrize("kind", DAMAGES)


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "store")


def file_of(objects: LocalObjects, digest: str) -> Path:
    return Path(objects.root, blob_key(digest))


def aside_of(objects: LocalObjects, digest: str) -> Path:
    return Path(objects.root, "damaged", blob_key(digest))


# Each of these functions stores an object, and returns its digest and a function that reads it.


def _blob(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    digest = objects.create_blob([DATA])
    return digest, lambda: objects.read_blob(digest)


def _mapped(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    digest = objects.create_blob([DATA])
    return digest, lambda: bytes(objects.map_blob(digest))


def _text(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    ref = store_value(objects, "hello world " * 1000)
    return ref["digest"], lambda: load_value(objects, ref)


def _opened(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    digest = objects.create_blob([DATA])
    return digest, lambda: content(objects, digest)


def content(objects: Objects, digest: str) -> bytes:
    with objects.open_blob(digest) as file:
        return file.read()


def _large_text(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    ref = store_value(objects, "x" * LARGE_PICKLE)
    return ref["digest"], lambda: load_value(objects, ref)


def _array(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    ref = store_value(objects, np.arange(100_000.0))
    return ref["digest"], lambda: load_value(objects, ref).tolist()


def _sources(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    record: Any = {"sources": store_sources(objects, [("flow.py", DATA[:128] * 9)])}
    return record["sources"]["digest"], lambda: read_sources(objects, record)


def _package(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    from flowc_runtime.pod.code import store_package

    directory = Path(objects.root).parent / "code"
    directory.mkdir(exist_ok=True)
    directory.joinpath("flow.py").write_bytes(os.urandom(2000).hex().encode())
    record: Any = {"package": store_package(objects, str(directory))}
    return record["package"]["digest"], lambda: read_sources(objects, record)


def _included(objects: LocalObjects) -> tuple[str, Callable[[], Any]]:
    file = Path(objects.root).parent / "data.bin"
    file.write_bytes(DATA)
    record = files.store_file(objects, str(file))
    return record["digest"], lambda: files.read_file(objects, record, None)


READERS = {
    each.__name__.strip("_"): each
    for each in (_blob, _mapped, _opened, _text, _large_text, _array, _sources, _package, _included)
}


@KINDS
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_tells_damage_and_moves_it_aside(local: LocalObjects, reader: str, kind: str) -> None:
    digest, read = READERS[reader](local)
    good, whole = file_of(local, digest).read_bytes(), read()
    damage(file_of(local, digest), kind)
    with pytest.raises(Damaged) as told:
        read()
    found = sha256([DAMAGES[kind](good)])
    for part in (
        blob_key(digest),
        local.url,
        f"sha256 {digest[:12]}",
        f"sha256 {found[:12]}",
        f"damaged/{blob_key(digest)}",
    ):
        assert part in str(told.value)
    assert "flowc fsck" in str(told.value)
    assert "\n" not in str(told.value)
    assert aside_of(local, digest).read_bytes() == DAMAGES[kind](good)
    with pytest.raises(Damaged, match=f"was damaged and was moved to damaged/{blob_key(digest)}"):
        read()
    assert local.create_blob([good]) == digest  # the blob is missing now, so this call stores it again
    assert read() == whole


@KINDS
def test_what_was_hashed_before_is_hashed_again_once_it_has_changed(
    local: LocalObjects, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ref = store_value(local, np.arange(100_000.0))
    for _ in range(3):
        load_value(local, ref)
    damage(file_of(local, ref["digest"]), kind)
    with pytest.raises(Damaged):
        load_value(local, ref)


@KINDS
def test_an_artifact_in_a_record_is_checked(local: LocalObjects, kind: str) -> None:
    ref = store_value(local, [1, 2, "three"])
    ref["data"] = base64.b64encode(DAMAGES[kind](base64.b64decode(ref["data"]))).decode()
    with pytest.raises(Damaged, match=rf"an artifact of type list is damaged in its record.*{ref['digest'][:12]}"):
        load_value(local, ref)
    ref["data"] = "*" + ref["data"][1:]
    with pytest.raises(Damaged, match="not base64"):
        load_value(local, ref)


@KINDS
@pytest.mark.parametrize("empty_before", [True, False])
def test_a_file_that_was_sent_is_checked_and_sent_anew(
    local: LocalObjects, kind: str, tmp_path: Path, *, empty_before: bool
) -> None:
    (tmp_path / "data.bin").write_bytes(DATA)
    sent = Path(local.root, "files", sha256([DATA]))
    if empty_before:
        sent.parent.mkdir(parents=True)
        sent.touch()
    value = files.send_file(local, str(tmp_path / "data.bin"))
    assert sent.read_bytes() == DATA
    damage(sent, kind)
    parameter = Parameter(name="data", type="file", where=Span(file="flow.py", line=1, column=1))
    with pytest.raises(Damaged, match="files/"):
        files.store_files(local, [parameter], {"data": value})
    files.send_file(local, str(tmp_path / "data.bin"))
    stored = files.store_files(local, [parameter], {"data": value})
    assert files.read_file(local, stored["data"], None) == DATA


@KINDS
def test_a_file_in_the_code_package_is_checked(local: LocalObjects, kind: str, tmp_path: Path) -> None:
    digest = sha256([DATA])
    packed = tmp_path / files.PACKED_DIRECTORY / digest
    packed.parent.mkdir()
    packed.write_bytes(DATA)
    parameter = Parameter(name="data", type="file", where=Span(file="flow.py", line=1, column=1))
    value = {"data": {"file": "data.bin", "packed": digest}}
    assert files.store_files(local, [parameter], value, str(tmp_path))["data"]["digest"] == digest
    damage(packed, kind)
    with pytest.raises(Damaged, match=r"file 'data.bin' is damaged in the code package"):
        files.store_files(local, [parameter], value, str(tmp_path))


@KINDS
def test_an_external_file_is_checked(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(DATA)
    external = external_file(file)
    damage(file, kind)
    with pytest.raises(ArtifactError, match="has changed since it was recorded"):
        external.read_bytes()


def test_the_content_of_an_external_file_is_checked_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(DATA)
    external = external_file(file)
    status = file.stat()
    damage(file, "flipped")
    # the modification time stays the same, as when a faulty disk flips a bit
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setenv("FLOWC_VERIFY", "always")
    with pytest.raises(ArtifactError, match="its content differs"):
        external.read_bytes()


# -- deduplication -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1000, OVERLAP + 1], ids=["empty", "small", "large"])
@pytest.mark.parametrize("kind", ["appended", "cut", "empty"])
def test_a_blob_of_the_wrong_size_is_stored_anew(local: LocalObjects, size: int, kind: str) -> None:
    data = os.urandom(size) if size else b""
    digest = local.create_blob([data])
    file_of(local, digest).write_bytes(DAMAGES[kind](data))
    assert local.create_blob([data]) == digest
    assert file_of(local, digest).read_bytes() == data
    assert local.names("tmp") == []


@pytest.mark.parametrize("kind", ["appended", "cut", "empty"])
def test_sources_of_the_wrong_size_are_stored_anew(local: LocalObjects, kind: str) -> None:
    record: Any = {"sources": store_sources(local, [("flow.py", b"x = 1\n")])}
    damage(file_of(local, record["sources"]["digest"]), kind)
    store_sources(local, [("flow.py", b"x = 1\n")])
    assert read_sources(local, record) == {"flow.py": "x = 1\n"}


def test_size_is_part_of_the_question_whether_there_is_an_object(local: LocalObjects) -> None:
    digest = local.create_blob([b"abc"])
    memory = MemoryObjects(local)
    for objects in (local, memory):
        for ask in (objects.exists, objects.refresh):
            assert [ask(blob_key(digest), size) for size in (None, 3, 2)] == [True, True, False]
            assert not ask("blobs/none", 3)


# -- objects that cannot be moved, and stores based on other stores ----------------------------------------------------


def test_a_store_that_is_only_read_is_told_in_the_same_line(public_project: Project) -> None:
    local = LocalObjects(public_project.root / "store")
    digest = local.create_blob([DATA])
    damage(file_of(local, digest), "flipped")
    directories = [Path(local.root), file_of(local, digest).parent]
    for directory in directories:
        directory.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        with pytest.raises(Damaged, match=r"is damaged: .*; it could not be moved aside \(cannot .*: .*\): "):
            local.read_blob(digest)
    finally:
        if user == 0:
            os.seteuid(user)
        for directory in directories:
            directory.chmod(0o755)
    assert file_of(local, digest).exists()


def test_a_store_whose_place_for_it_is_taken_is_told_in_the_same_line(local: LocalObjects) -> None:
    digest = local.create_blob([DATA])
    damage(file_of(local, digest), "flipped")
    Path(local.root, "damaged").touch()
    with pytest.raises(Damaged, match=r"it could not be moved aside \(cannot "):
        local.read_blob(digest)
    assert file_of(local, digest).exists()


class _Late(LocalObjects):
    """A store in which another process changes a blob just before the blob is moved aside."""

    before: Callable[[], None]

    def move(self, key: str, to: str) -> None:
        if to.startswith("damaged/"):
            self.before()
        super().move(key, to)


def test_what_was_stored_anew_meanwhile_stays(tmp_path: Path) -> None:
    late = _Late(tmp_path / "store")
    digest = late.create_blob([DATA])
    damage(file_of(late, digest), "flipped")

    def anew() -> None:
        file_of(late, digest).unlink()
        LocalObjects(late.root).create_blob([DATA])

    late.before = anew
    with pytest.raises(Damaged, match="the object in the store is correct now"):
        late.read_blob(digest)
    assert late.read_blob(digest) == DATA
    assert not aside_of(late, digest).exists()


def test_what_another_reader_has_moved_is_told_as_well(tmp_path: Path) -> None:
    late = _Late(tmp_path / "store")
    digest = late.create_blob([DATA])
    damage(file_of(late, digest), "flipped")
    late.before = lambda: file_of(late, digest).unlink()
    with pytest.raises(Damaged, match="another reader has moved it aside"):
        late.read_blob(digest)


@KINDS
def test_damage_below_another_store_is_moved_aside_there(local: LocalObjects, tmp_path: Path, kind: str) -> None:
    put_on(str(tmp_path / "spin"), local.url)
    for above in (open_directory(str(tmp_path / "spin")), MemoryObjects(local)):
        digest = local.create_blob([DATA])
        assert above.read_blob(digest) == bytes(above.map_blob(digest)) == content(above, digest) == DATA
        for read in (above.read_blob, above.map_blob, above.open_blob):
            damage(file_of(local, digest), kind)
            with pytest.raises(Damaged, match=f"it has been moved to damaged/{blob_key(digest)}"):
                read(digest)
            assert aside_of(local, digest).exists()
            local.create_blob([DATA])
        # `above` is a store on top of `local`; a blob that `above` itself has is read from `above`
        above.create_blob([DATA[1:]])
        assert above.read_blob(sha256([DATA[1:]])) == bytes(above.map_blob(sha256([DATA[1:]]))) == DATA[1:]
        assert content(above, sha256([DATA[1:]])) == DATA[1:]
        with pytest.raises(NotFound):
            above.read_blob("0" * 64)


def test_memory_does_not_trust_a_cut_blob_below(local: LocalObjects) -> None:
    memory = MemoryObjects(local)
    digest = local.create_blob([DATA])
    damage(file_of(local, digest), "cut")
    assert memory.create_blob([DATA]) == digest
    assert memory.read_blob(digest) == DATA


# -- a bucket ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        running.bucket("bucket")
        yield running.environment, running.directory / "bucket"


@pytest.fixture
def remote(bucket: tuple[dict[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteObjects]:
    for name, value in bucket[0].items():
        monkeypatch.setenv(name, value)
    yield RemoteObjects("s3://bucket/p")
    shutil.rmtree(bucket[1] / "p", ignore_errors=True)


@KINDS
@pytest.mark.parametrize("reader", ["map_blob", "read_blob", "open_blob"])
def test_damage_in_a_bucket_is_told_and_moved_aside(
    remote: RemoteObjects, bucket: tuple[dict[str, str], Path], kind: str, reader: str
) -> None:
    digest = remote.create_blob([DATA])
    function: Any = getattr(remote, reader)

    def read(digest: str, size: int | None = None) -> Any:
        if reader != "open_blob":
            return function(digest, size)
        with function(digest, size) as file:
            return file.read()

    assert bytes(read(digest, len(DATA))) == DATA
    damage(bucket[1] / "p" / blob_key(digest), kind)
    with pytest.raises(
        Damaged, match=rf"{blob_key(digest)} in s3://bucket/p is damaged: expected 512,000 bytes with sha256"
    ):
        read(digest, len(DATA))
    assert not remote.exists(blob_key(digest))
    assert remote.get(f"damaged/{blob_key(digest)}") == DAMAGES[kind](DATA)
    with pytest.raises(Damaged, match="was damaged and was moved"):
        read(digest)
    assert remote.create_blob([DATA]) == digest
    assert bytes(read(digest)) == DATA


@pytest.mark.parametrize("kind", ["appended", "cut", "empty"])
@pytest.mark.parametrize("large", [True, False])
def test_a_blob_of_the_wrong_size_in_a_bucket_is_stored_anew(
    remote: RemoteObjects, bucket: tuple[dict[str, str], Path], kind: str, *, large: bool
) -> None:
    data = DATA * 40 if large else DATA
    digest = remote.create_blob([data])
    damage(bucket[1] / "p" / blob_key(digest), kind)
    assert remote.create_blob([data]) == digest
    assert bytes(remote.map_blob(digest)) == data


class _Wrong(RemoteObjects):
    """A store whose first answers each have one changed byte; `wrong` contains the positions of these bytes."""

    wrong: list[int]

    def get(self, key: str) -> bytes:
        data = super().get(key)
        if not self.wrong:
            return data
        at = self.wrong.pop()
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_bytes_that_come_wrong_from_a_bucket_are_asked_for_again(remote: RemoteObjects) -> None:
    wrong = _Wrong(remote.url)
    digest = remote.create_blob([DATA])
    wrong.wrong = [5]
    assert wrong.read_blob(digest) == DATA
    for places, told in (
        ([5, 6], "each time with different bytes"),
        ([5, 5], "the object in the store is correct now"),
    ):
        wrong.wrong = places
        with pytest.raises(Damaged, match=rf"{told}.*check the network"):
            wrong.read_blob(digest)
        assert remote.read_blob(digest) == DATA  # the blob in the store is intact
        assert not remote.exists(f"damaged/{blob_key(digest)}")
