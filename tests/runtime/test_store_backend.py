"""`StoreBackend`, the base class of stores from packages: six operations, here implemented with a database."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from every_kind.flowc_every_kind.stores import SqliteStore
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import AddressError, Damaged, NotFound, StoreError
from flowc_runtime.store.backends import chunks
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.sweeps import REFRESH
from flowc_runtime.store.values.codecs import load_value, store_value
from flowc_runtime.store_plugins import StoreBackend

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(f"sqlite://{tmp_path}")


def age(store: SqliteStore, key: str, seconds: float) -> None:
    with store._database() as database:
        database.execute("UPDATE objects SET changed = changed - ? WHERE key = ?", [seconds, key])


def test_a_class_without_all_six_operations_is_refused() -> None:
    class Half(StoreBackend):
        def get(self, key: str) -> bytes:
            return b""

    with pytest.raises(TypeError, match=r"create.*delete.*find.*listing.*put"):
        Half("half://x")  # type: ignore[abstract]


def test_names_are_sorted_and_mark_what_holds_more(store: SqliteStore) -> None:
    for key in ("a/2", "a/1/x", "a/1/y/z", "ab/1", "b"):
        store.put(key, b"")
    assert (store.names("a"), store.names("")) == (["1/", "2"], ["a/", "ab/", "b"])
    assert store.names_below("a") == ["1/x", "1/y/z", "2"]
    assert store.names("c") == store.names_below("c") == []


def test_of_many_creators_one_wins(store: SqliteStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.create("k", [b"%d" % number]), range(8)))
    assert sum(won) == 1
    assert store.get("k") == b"%d" % won.index(True)


def test_a_value_is_stored_once_and_comes_back_writable(store: SqliteStore) -> None:
    array = np.arange(10_000.0)
    ref = store_value(store, {"array": array})
    assert store_value(store, {"array": array}) == ref
    back = load_value(store, ref)["array"]
    np.testing.assert_array_equal(back, array)
    back += 1


def test_a_blob_that_was_cut_off_is_replaced_by_its_next_writer(store: SqliteStore) -> None:
    key = blob_key(sha256([b"whole"]))
    store.put(key, b"who")
    assert store.create_blob([b"who", b"le"]) == sha256([b"whole"])
    assert store.get(key) == b"whole"


def test_a_damaged_blob_is_told_and_moved_aside(store: SqliteStore) -> None:
    digest = store.create_blob([b"whole"])
    store.put(blob_key(digest), b"other")
    for read in (store.read_blob, store.map_blob):
        with pytest.raises(Damaged, match=r"was damaged|is damaged"):
            read(digest, 5)
    assert store.names("damaged/blobs/" + digest[:2]) == [digest]
    with pytest.raises(NotFound, match="no k in sqlite://"):
        store.read_blob("0" * 64, key="k")


def test_an_old_blob_that_is_stored_again_becomes_young(store: SqliteStore) -> None:
    digest = store.create_blob([b"bytes"])
    age(store, blob_key(digest), 2 * REFRESH)
    assert store.create_blob([b"bytes"]) == digest
    found = store.find(blob_key(digest))
    assert found is not None
    assert time.time() - found.changed < 60
    assert not store.refresh(blob_key(digest), 6)
    assert not store.refresh("nothing")


def test_a_store_that_contradicts_itself_is_an_error(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "create", lambda key, parts: False)
    monkeypatch.setattr("flowc_runtime.store.backends.backend._PAUSES", (0.0, 0.0))
    with pytest.raises(StoreError, match="reports that it exists, and that it does not"):
        store.create_blob([b"bytes"])


def test_what_is_appended_is_read_from_anywhere(store: SqliteStore) -> None:
    for data in (b"one ", b"two ", b"three"):
        store.append("log", data)
        assert store.flush(now=True) is None
    whole = b"one two three"
    assert [store.appended("log", start) for start in range(15)] == [whole[start:] for start in range(15)]
    assert list(store.pieces("log", 1, 2)) == [b"ne", b" ", b"tw", b"o ", b"th", b"re", b"e"]
    store.append("log", b"x" * chunks.FLUSH_BYTES)
    assert len(store.appended("log")) == len(whole) + chunks.FLUSH_BYTES
    store.append("log", b"later")
    due = store.flush()
    assert due is not None
    assert 0 < due <= chunks.FLUSH_SECONDS


def test_objects_are_moved_and_deleted(store: SqliteStore) -> None:
    for key in ("a/1", "a/2", "a/last", "b"):
        store.put(key, key.encode())
    store.move("a/1", "c/1")
    assert (store.get("c/1"), store.exists("a/1"), store.exists("c/1", 3)) == (b"a/1", False, True)
    store.delete_below("a", last=["last"])
    assert store.names_below("") == ["b", "c/1"]
    with pytest.raises(NotFound):
        store.move("a/1", "d")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(os.path.dirname(__file__) + "/../every_kind")


@pytest.mark.usefixtures("installed", "fresh_imports")
def test_an_address_with_the_scheme_of_a_package_opens_its_store(tmp_path: Path) -> None:
    found = open_objects(f"sqlite://{tmp_path}/")
    assert (type(found).__name__, found.url) == ("SqliteStore", f"sqlite://{tmp_path}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("sqlit:///x", "did you mean 'sqlite://'?"),
        ("ftp://x", "there are file://, s3://, gs://, az://, sqlite://"),
    ],
)
def test_an_unknown_scheme_lists_those_of_packages(url: str, hint: str) -> None:
    with pytest.raises(AddressError) as error:
        open_objects(url)
    scheme = url.partition(":")[0]
    message = f"cannot open the store {url}: no installed package has a store for {scheme}://; {hint}"
    assert str(error.value) == message


@pytest.mark.parametrize("value", ["os:sep", "collections:Counter", "nowhere:Store"])
def test_a_package_whose_store_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    place = tmp_path / "broken-1.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (place / "entry_points.txt").write_text(f"[flowc.stores]\nbroken = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AddressError, match="cannot open the store broken://x: the store 'broken' of the distribution"):
        open_objects("broken://x")
