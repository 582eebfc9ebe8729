"""A store in a directory: objects are bytes with a key."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.local import OVERLAP, LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote.asking import Asker
from flowc_runtime.store.backends.remote.bucket import RemoteObjects

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "store")


def test_nothing_is_made_before_the_first_write(local: LocalObjects, tmp_path: Path) -> None:
    assert local.names("") == []
    assert not (tmp_path / "store").exists()


def test_put_replaces_and_get_gives_the_bytes(local: LocalObjects) -> None:
    local.put("a/b", b"one")
    local.put("a/b", b"two\0")
    assert local.get("a/b") == b"two\0"


def test_what_is_not_there_is_not_found(local: LocalObjects) -> None:
    local.put("a/b", b"x")
    for key in ("c", "a", "a/b/c"):
        with pytest.raises(NotFound):
            local.get(key)
    with pytest.raises(NotFound):
        local.map("c")


def test_nothing_is_there_where_the_directory_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    objects = LocalObjects(tmp_path / "file" / "store")
    assert not objects.refresh("a/b")
    with pytest.raises(NotFound):
        objects.get("a/b")


def test_all_keys_below_a_prefix(local: LocalObjects) -> None:
    assert local.names_below("tags") == []
    for key in ("tags/1/a", "tags/1/b", "tags/2/a", "tags2/x"):
        local.create(key, [b""])
    assert local.names_below("tags") == ["1/a", "1/b", "2/a"]
    local.delete("tags/1/a")
    local.delete("tags/1/a")
    assert local.names_below("tags") == ["1/b", "2/a"]


def test_create_happens_once(local: LocalObjects) -> None:
    assert local.create("k", [b"first ", memoryview(b"half")])
    assert not local.create("k", [b"second"])
    assert local.get("k") == b"first half"


def test_of_many_creators_one_wins(local: LocalObjects) -> None:
    wins: list[int] = []
    barrier = threading.Barrier(8)

    def create(number: int) -> None:
        barrier.wait()
        if local.create("k", [str(number).encode() * 1000]):
            wins.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert local.get("k") == str(wins[0]).encode() * 1000


def test_nothing_temporary_stays_behind(local: LocalObjects) -> None:
    local.create("k", [b"x"])
    local.create("k", [b"y"])
    local.put("l", b"z")
    assert local.names("tmp") == []


def test_a_failed_write_leaves_nothing(local: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, parts: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flowc_runtime.store.backends.local.write_all", full)
    with pytest.raises(StoreError, match=r"cannot write to the store .*: No space"):
        local.create("k", [b"x"])
    assert local.names("tmp") == []
    assert not local.exists("k")


@pytest.mark.parametrize("size", [0, 1, OVERLAP + 1])
def test_a_blob_is_stored_once_under_its_digest(local: LocalObjects, size: int) -> None:
    parts = [b"x" * size, b"tail"]
    digest = local.create_blob(parts)
    assert digest == sha256(parts)
    inode = (local.root, local.names("blobs"))
    assert local.create_blob([b"".join(parts)]) == digest
    assert (local.root, local.names("blobs")) == inode
    assert local.get(blob_key(digest)) == b"".join(parts)


def test_a_mapping_is_private(local: LocalObjects) -> None:
    local.put("k", b"abc")
    view = local.map("k")
    view[0] = ord("X")
    assert bytes(view) == b"Xbc"
    assert local.get("k") == b"abc"


def test_an_empty_object_can_be_mapped(local: LocalObjects) -> None:
    local.put("k", b"")
    assert bytes(local.map("k")) == b""


def test_append_adds_to_the_end(local: LocalObjects) -> None:
    local.append("log", b"one ")
    local.append("log", b"two")
    assert local.get("log") == b"one two"
    assert [local.appended("log", start) for start in (0, 2, 7, 9)] == [b"one two", b"e two", b"", b""]
    with pytest.raises(NotFound):
        local.appended("nothing", 1)


def test_an_append_that_fails_leaves_what_was_there(local: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    local.append("log", b"one ")

    def fill(descriptor: int, parts: list[bytes]) -> None:
        os.write(descriptor, parts[0][:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("flowc_runtime.store.backends.local.write_all", fill)
    with pytest.raises(StoreError, match=r"cannot write to the store .*: No space left"):
        local.append("log", b"two")
    assert local.get("log") == b"one "


def old_object(local: LocalObjects) -> str:
    """Write an object that is old enough for `flowc gc` to delete it; return its path."""
    local.put("a", b"bytes")
    path = f"{local.root}/a"
    os.utime(path, (1, 1))
    return path


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def utime(path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("flowc_runtime.store.backends.local.os.utime", utime)


def test_an_old_object_of_another_user_is_replaced_by_a_young_one(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_object(local)
    refuse(monkeypatch, errno.EPERM)
    assert local.refresh("a", 5)
    assert os.stat(path).st_mtime > 1
    assert local.get("a") == b"bytes"
    assert local.names("tmp") == []


def test_an_old_object_of_a_read_only_store_cannot_be_refreshed(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_object(local)
    refuse(monkeypatch, errno.EROFS)
    with pytest.raises(StoreError, match=r"cannot write to the store .*: Read-only file system"):
        local.refresh("a")


def test_an_object_that_is_deleted_meanwhile_cannot_be_refreshed(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_object(local)
    refuse(monkeypatch, errno.ENOENT)
    assert not local.refresh("a")


def test_names_are_sorted_and_mark_what_holds_more(local: LocalObjects) -> None:
    for key in ("d/b", "d/a/c", "d/c"):
        local.put(key, b"")
    assert local.names("d") == ["a/", "b", "c"]


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd"])
def test_a_key_cannot_leave_the_root(local: LocalObjects, key: str) -> None:
    with pytest.raises(StoreError):
        local.put(key, b"")


def test_addresses(tmp_path: Path) -> None:
    assert open_objects(str(tmp_path)).url == open_objects(f"file://{tmp_path}").url == f"file://{tmp_path}"
    with pytest.raises(StoreError, match="ftp://x"):
        open_objects("ftp://x")


def test_a_row_of_chunks_is_read_from_anywhere() -> None:
    """A growing object in a bucket is a series of chunks, which can be read from any offset."""
    store = pytest.importorskip("obstore.store").MemoryStore()
    remote = RemoteObjects("s3://nobody", Asker("s3://nobody", lambda *_: store))
    for chunk in (b"one ", b"two ", b"three"):
        remote.append("log", chunk)
        remote.flush(now=True)
    whole = b"one two three"
    assert [remote.appended("log", start) for start in range(len(whole) + 2)] == [
        whole[start:] for start in range(len(whole) + 2)
    ]
    assert remote.appended("nothing") == b""
