"""The conversion of artifacts' values to bytes and back."""

from __future__ import annotations

import base64
import io
import os
import pickle
import resource
import struct
import sys
import threading
import tracemalloc
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import ArtifactError, Damaged, NotFound
from flowc_runtime.store.backends.local import OVERLAP, LocalObjects
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values import codecs
from flowc_runtime.store.values.codecs import (
    BUFFERS,
    INLINE_LIMIT,
    LARGE_PICKLE,
    Encoded,
    load_value,
    small_ref,
    store_value,
)
from flowc_runtime.store.values.descriptions import short_repr, type_name


class SmallText(str):
    __slots__ = ()


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=2000),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    encoded = Encoded(value)
    assert pickle.loads(encoded.stream) == value


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary())
def test_the_reference_of_a_small_value_is_the_one_of_any_value(value: Any) -> None:
    ref = store_value(MemoryObjects(), value)
    assert small_ref(value) == (ref if ref["size"] <= INLINE_LIMIT else None)


@pytest.mark.parametrize("value", [
    "x" * INLINE_LIMIT, b"x" * INLINE_LIMIT, 1 << (8 * INLINE_LIMIT), (), [1], {"a": 1}, True.__class__, SmallText("a"),
])  # fmt: skip
def test_other_values_have_no_small_reference(value: Any) -> None:
    assert small_ref(value) is None


def test_a_large_number_has_a_short_description() -> None:
    for number in (2**128 - 1, -(2**128) + 1, 2**128, -(2**128), 10**400):
        assert short_repr(number) == (repr(number) if len(repr(number)) <= 40 else short_repr(number))
        assert len(short_repr(number)) <= 40
    assert small_ref(10**400) == store_value(MemoryObjects(), 10**400)


def test_a_small_value_stands_in_the_record(local: LocalObjects) -> None:
    ref = store_value(local, {"a": 1})
    assert "data" in ref
    assert local.names("") == []
    assert load_value(local, ref) == {"a": 1}


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_limit_of_a_small_value(local: LocalObjects, extra: int) -> None:
    overhead = len(pickle.dumps(b"x" * 300, protocol=5)) - 300
    ref = store_value(local, b"x" * (INLINE_LIMIT - overhead + extra))
    assert ref["size"] == INLINE_LIMIT + extra
    assert ("data" in ref) == (extra <= 0)
    assert load_value(local, ref) == b"x" * (INLINE_LIMIT - overhead + extra)


def test_the_same_value_is_stored_once(local: LocalObjects) -> None:
    first, second = store_value(local, "x" * 10_000), store_value(local, "x" * 10_000)
    assert first == second
    assert local.names(f"blobs/{first['digest'][:2]}") == [first["digest"]]


def test_an_array_lies_out_of_band_aligned_and_comes_back_writable(local: LocalObjects) -> None:
    value = {"a": np.arange(100_000.0), "b": np.ones((300, 300), order="F"), "small": np.arange(3)}
    ref = store_value(local, value)
    assert ref["codec"] == BUFFERS
    back = load_value(local, ref)
    for name, array in value.items():
        np.testing.assert_array_equal(back[name], array)
    assert back["a"].ctypes.data % codecs.PAGE == 0
    back["a"] += 1  # the assignment changes this process's copy, not the blob
    np.testing.assert_array_equal(load_value(local, ref)["a"], value["a"])


def test_a_mapped_array_costs_nothing_until_it_is_touched(local: LocalObjects) -> None:
    ref = store_value(local, np.ones(8 << 20))  # the array has 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    array = load_value(local, ref)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert array.nbytes == 64 << 20
    assert faults < 1000  # the array has 16,384 pages


@pytest.mark.parametrize("size", [LARGE_PICKLE - 20, LARGE_PICKLE, OVERLAP - 9, OVERLAP - 8, OVERLAP + 1])
def test_large_bytes_come_back(local: LocalObjects, size: int) -> None:
    value = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    ref = store_value(local, value)
    assert load_value(local, ref) == load_value(local, ref) == value
    assert load_value(MemoryObjects(local), ref) == value


@pytest.mark.parametrize("at", [0, 5, 100, -1])
def test_damaged_large_bytes_are_not_returned(local: LocalObjects, at: int) -> None:
    ref = store_value(local, b"x" * OVERLAP)
    path = Path(local.root, blob_key(ref["digest"]))
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(Damaged, match="is damaged"):
        load_value(local, ref)
    assert Path(local.root, "damaged", blob_key(ref["digest"])).exists()


def test_other_pickles_are_not_read_as_bytes() -> None:
    texts = [pickle.dumps(value, 5) for value in ("x" * 300_000, bytearray(300_000), [b"x" * 300_000], b"")]
    texts += [pickle.dumps(b"x" * 300_000, protocol) for protocol in (3, 4)]
    texts += [pickle.dumps(b"x" * 300_000, 5)[:-1] + b"x", pickle.dumps(b"x" * 300_000, 5) + b"."]
    assert [codecs._plain_bytes(io.BytesIO(text), len(text)) for text in texts] == [None] * len(texts)
    huge = b"\x80\x05\x8e" + (5 << 32).to_bytes(8, "little")
    assert codecs._plain_bytes(io.BytesIO(huge), (5 << 32) + len(huge) + 2) is None
    long = b"\x80\x05\x8e" + (3).to_bytes(8, "little") + b"abc\x94."
    assert codecs._plain_bytes(io.BytesIO(long), len(long)) == b"abc"


def test_a_blob_that_is_replaced_while_it_is_read_is_read_again(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of the two opened files may be a damaged blob, and the second the blob that replaces it."""
    ref = store_value(local, b"x" * OVERLAP)
    answers = [False, True]
    monkeypatch.setattr(os.path, "sameopenfile", lambda *files: answers.pop(0))
    assert load_value(local, ref) == b"x" * OVERLAP
    assert answers == []


def test_a_large_pickle_is_read_without_a_second_copy_in_memory(local: LocalObjects) -> None:
    ref = store_value(local, {"data": bytes(32 << 20)})
    assert ref["codec"] == codecs.PLAIN
    tracemalloc.start()
    try:
        value = load_value(local, ref)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(value["data"]) == 32 << 20
    assert peak < 1.1 * (32 << 20)


def test_the_class_of_a_large_pickle_is_searched(local: LocalObjects) -> None:
    class Gone:
        def __init__(self, text: str) -> None:
            self.text = text

    found = Gone
    Gone.__qualname__ = "Gone"
    module = types.ModuleType("gone_module")
    module.Gone = Gone  # type: ignore[attr-defined]
    Gone.__module__ = module.__name__
    sys.modules[module.__name__] = module
    try:
        ref = store_value(local, Gone("x" * codecs.LARGE_PICKLE))
    finally:
        del sys.modules[module.__name__]
    back = load_value(local, ref, lambda module, name: found if (module, name) == ("gone_module", "Gone") else None)
    assert back.text == "x" * codecs.LARGE_PICKLE


def test_a_lambda_is_kept(local: LocalObjects) -> None:
    offset = 40
    function = load_value(local, store_value(local, lambda x: x + offset))
    assert function(2) == 42


def test_a_large_array_beside_a_lambda_is_stored_once() -> None:
    encoded = Encoded([np.ones(100_000), lambda: 1])
    assert [buffer.nbytes for buffer in encoded.buffers] == [800_000]


def test_a_large_view_lies_out_of_band_too(local: LocalObjects) -> None:
    whole = np.arange(200_000.0).reshape(1000, 200)
    for view in (whole[::2], whole[:, 1:], whole[::-1], whole.T[1:]):
        ref = store_value(local, view)
        assert ref["codec"] == BUFFERS
        back = load_value(local, ref)
        np.testing.assert_array_equal(back, view)
        assert store_value(local, back)["digest"] == ref["digest"]


def test_a_large_view_lies_out_of_band_beside_what_only_cloudpickle_takes(local: LocalObjects) -> None:
    ref = store_value(local, [np.arange(200_000.0).reshape(1000, 200)[:, 1:], lambda: 1])
    assert ref["codec"] == BUFFERS
    assert load_value(local, ref)[1]() == 1


@pytest.mark.parametrize("value", [(x for x in [1]), threading.Lock(), {"inner": threading.Lock()}])
def test_what_cannot_be_pickled_is_refused_by_type(local: LocalObjects, value: Any) -> None:
    with pytest.raises(ArtifactError, match=f"type {type_name(type(value))} cannot be pickled"):
        store_value(local, value)
    assert local.names("blobs") == []


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"inner": [value]}])
def test_what_would_come_back_as_something_else_is_refused(local: LocalObjects, wrap: Any) -> None:
    with open(__file__, encoding="utf-8") as file, pytest.raises(ArtifactError, match="store its path or its content"):
        store_value(local, wrap(file))
    with pytest.raises(ArtifactError, match=r"a memoryview cannot be stored: store bytes"):
        store_value(local, wrap(memoryview(b"abc")))
    assert local.names("blobs") == []


def test_nesting_too_deep_is_refused(local: LocalObjects) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ArtifactError, match="nested too deeply"):
        store_value(local, value)
    while value:  # a loop frees level by level, because freeing all levels at once would exceed the stack
        value = value[0]


def test_a_value_whose_class_is_gone_is_an_error_that_says_so(local: LocalObjects) -> None:
    ref = store_value(local, OrderedDict(a=1))
    data = b"\x80\x05cnowhere\nThing\n."
    ref["data"], ref["digest"] = base64.b64encode(data).decode(), sha256([data])
    with pytest.raises(ArtifactError, match="nowhere"):
        load_value(local, ref)


def test_a_missing_or_damaged_blob_is_an_error(local: LocalObjects, tmp_path: Path) -> None:
    ref = store_value(local, np.arange(100_000.0))
    blob = tmp_path / blob_key(ref["digest"])
    blob.write_bytes(blob.read_bytes()[:-8] + b"damaged!")
    with pytest.raises(Damaged, match="is damaged"):
        load_value(local, ref)
    (tmp_path / f"damaged/{blob_key(ref['digest'])}").unlink()
    with pytest.raises(NotFound):
        load_value(local, ref)


@pytest.mark.parametrize(
    ("data", "found"),
    [("no base64!", "text that is not base64"), (base64.b64encode(b"other").decode(), "5 bytes with sha256 ")],
)
def test_a_damaged_value_in_a_record_is_an_error(local: LocalObjects, data: str, found: str) -> None:
    ref = store_value(local, 7)
    ref["data"] = data
    with pytest.raises(Damaged, match=f"type int is damaged in its record: expected .*, found {found}"):
        load_value(local, ref)


@pytest.mark.parametrize(
    "end",
    [
        b"",
        struct.pack("<Q", 1),
        struct.pack("<Q", 0) + codecs.MAGIC,
        struct.pack("<Q", 1 << 20) + codecs.MAGIC,
        struct.pack("<Q", (1 << 64) - 1) + codecs.MAGIC,
    ],
    ids=["nothing", "no-magic", "no-buffers", "too-many-buffers", "largest-count"],
)
@pytest.mark.parametrize("size", [0, 5000])
def test_a_blob_without_its_table_of_buffers_is_an_error(local: LocalObjects, size: int, end: bytes) -> None:
    ref = store_value(local, np.arange(100_000.0))
    blob = bytes(size) + end
    ref["digest"], ref["size"] = local.create_blob([blob]), len(blob)
    with pytest.raises(ArtifactError, match=r"is damaged: it does not end with the table of its buffers"):
        load_value(local, ref)


class _Loud:
    def __repr__(self) -> str:
        raise AssertionError("the user's repr was called")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        ("text", "'text'"),
        ([1, 2, 3], "[1, 2, 3]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, ...]"),
        (np.ones((2, 3)), "<numpy.ndarray 2×3 float64>"),
        (OrderedDict(a=1), "<collections.OrderedDict>"),
        ([_Loud()], "<list of 1>"),
    ],
)
def test_the_short_repr(value: Any, expected: str) -> None:
    assert short_repr(value) == expected


def test_the_short_repr_of_a_list_that_holds_itself() -> None:
    value: list[Any] = []
    value.append(value)
    assert short_repr(value)
