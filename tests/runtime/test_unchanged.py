"""What a step has only read is known to be what it was; what it has changed is not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from flowc_runtime import unchanged
from flowc_runtime.codecs import store_value
from flowc_runtime.memory import MemoryObjects
from flowc_runtime.objects import LocalObjects
from flowc_runtime.state import STATE, TaskState
from flowc_runtime.unchanged import SMALL, Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(eq=False)
class Node:
    """Has the hash of its identity, which is another one in every process and for every copy."""

    name: str


class Holder:
    """Its state has the name of an attribute as a value too."""

    def __init__(self) -> None:
        self.column = "column"
        self.rows = {"column": ["".join(["col", "umn"])]}


class Once:
    """Can be pickled only as often as `left` says."""

    left = 1

    def __reduce__(self) -> tuple[type[Once], tuple[()]]:
        if not Once.left:
            raise TypeError("no more")
        Once.left -= 1
        return Once, ()


WHOLE = np.arange(60_000.0).reshape(300, 200)
TIMES = pd.date_range("2024", periods=6)
FRAME = pd.DataFrame(
    {"a": [1, 2, None, 4, 5, 6], "b": list("xyzxyz"), "n": pd.array([1, 2, None, 4, 5, 6], dtype="Int64"), "t": TIMES},
    index=TIMES,
)


def wide(number: int) -> pd.DataFrame:
    frame = pd.DataFrame({"key": [f"k{index % 90}" for index in range(number)]})
    frame["value"] = np.arange(number)
    return frame


VALUES: dict[str, tuple[Callable[[], Any], Callable[[Any], object], Callable[[Any], object]]] = {
    "view": (lambda: np.arange(30.0)[::2], np.sum, lambda array: array.__setitem__(0, 7.0)),
    "large view": (lambda: WHOLE[:, 1:], np.sum, lambda array: array.__setitem__((0, 0), 7.0)),
    "reversed": (lambda: np.arange(10)[::-1], np.sum, lambda array: array.__setitem__(0, 7)),
    "Fortran": (lambda: np.asfortranarray(np.ones((10, 3)))[::2], np.sum, lambda array: array.__setitem__(0, 7.0)),
    "array of objects": (
        lambda: np.array([{"a"}, None, "x"], dtype=object)[::-1],
        str,
        lambda array: array[2].add("b"),
    ),
    "set of identities": (lambda: {Node(f"n{index}") for index in range(60)}, len, lambda nodes: nodes.pop()),
    "equal texts": (Holder, lambda holder: holder.rows["column"], lambda holder: holder.rows["column"].append(1)),
    "frame": (
        lambda: FRAME,
        lambda frame: (repr(frame), frame.loc[frame.index[0]], frame.resample("D").size(), frame.values),
        lambda frame: frame.__setitem__("more", 1),
    ),
    "rows of a frame": (
        lambda: wide(50)[::2],
        lambda frame: frame.describe(),
        lambda frame: frame.__setitem__("value", 0),
    ),
    "large frame": (
        lambda: wide(60_000)[::2],
        lambda frame: (frame.groupby("key").sum(), repr(frame)),
        lambda frame: frame.__setitem__("value", 0),
    ),
    "sparse": (
        lambda: scipy.sparse.random(20, 20, 0.3, format="csr", rng=1),
        lambda matrix: (matrix.sum(), matrix.max(), matrix.has_canonical_format),
        lambda matrix: matrix.data.__setitem__(0, 9.0),
    ),
    "function": (lambda: {"f": lambda x: x + 1}, lambda value: value["f"](1), lambda value: value.clear()),
    "large list": (
        lambda: [Node(f"n{index}") for index in range(SMALL // 20)],
        lambda nodes: [node.name for node in nodes],
        lambda nodes: setattr(nodes[-1], "name", "other"),
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_what_was_only_read_is_unchanged_and_what_was_changed_is_not(tmp_path: Path, kind: str) -> None:
    objects = LocalObjects(tmp_path)
    make, read, change = VALUES[kind]
    ref = store_value(objects, make())
    origin = Origin(objects, ref)
    read(origin.value)
    assert origin.changed(origin.value) is None
    change(origin.value)
    encoded = origin.changed(origin.value)
    assert encoded is not None
    assert encoded.digest != ref["digest"]


@pytest.mark.parametrize("kind", sorted(VALUES.keys() - {"set of identities"}))
def test_so_it_is_with_what_is_too_large_to_be_encoded_as_it_is_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "SMALL", 0)
    test_what_was_only_read_is_unchanged_and_what_was_changed_is_not(tmp_path, kind)


def test_a_change_that_was_taken_back_is_none(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    origin = Origin(objects, store_value(objects, {"a": [1, 2], "b": np.arange(5)[::2]}))
    origin.value["a"].append(3)
    assert origin.changed(origin.value) is not None
    origin.value["a"].pop()
    assert origin.changed(origin.value) is None


KEYS = st.text(max_size=3)
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sets(st.text(max_size=2)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(TREES.filter(lambda tree: isinstance(tree, list | dict)), st.integers(0, 2))
def test_a_tree_is_changed_exactly_if_its_values_are(tree: Any, eager: int) -> None:
    objects = MemoryObjects()
    ref = store_value(objects, tree)
    origin = Origin(objects, ref, changes=bool(eager))
    assert origin.changed(origin.value) is None
    if isinstance(origin.value, list):
        origin.value.append("more")
    else:
        origin.value["a longer key"] = 1
    assert origin.changed(origin.value) is not None


SETS = """
import sys
from pathlib import Path
from flowc_runtime.codecs import store_value
from flowc_runtime.objects import LocalObjects
from flowc_runtime.unchanged import Origin
import flowc_runtime.unchanged, json
flowc_runtime.unchanged.SMALL = int(sys.argv[2])
objects = LocalObjects(Path(sys.argv[1]))
if len(sys.argv) < 4:
    print(json.dumps(store_value(objects, {f"s{i}" for i in range(50)})))
else:
    origin = Origin(objects, json.loads(sys.argv[3]))
    unchanged = origin.changed(origin.value) is None
    origin.value.add("more")
    print(unchanged, origin.changed(origin.value) is None)
"""


@pytest.mark.parametrize("small", ["0", "100000"])
def test_a_set_is_unchanged_in_a_process_with_another_order(tmp_path: Path, small: str) -> None:
    def run(seed: str, *arguments: str) -> str:
        command = [sys.executable, "-c", SETS, str(tmp_path), small, *arguments]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    ref = run("1")
    assert run("2", ref) == "True False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc/self/smaps")
def test_a_large_array_that_was_only_read_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = LocalObjects(tmp_path)
    origin = Origin(objects, store_value(objects, [np.arange(100_000.0), np.arange(50_000.0)]))
    origin.value[0].sum()

    def fail(*_: object) -> NoReturn:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr("flowc_runtime.codecs.sha256", fail)
        assert origin.changed(origin.value) is None
    origin.value[1][40_000] = 7
    assert origin.changed(origin.value) is not None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc/self/smaps")
def test_another_object_or_more_of_it_is_changed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    origin = Origin(objects, store_value(objects, np.arange(100_000.0)))
    assert origin.changed(np.arange(100_000.0)) is not None
    origin = Origin(objects, store_value(objects, [np.arange(100_000.0)]))
    origin.value.append("more")
    assert origin.changed(origin.value) is not None


def test_where_nobody_tells_what_was_written_to_arrays_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "_is_written", lambda view: None)
    objects = LocalObjects(tmp_path)
    origin = Origin(objects, store_value(objects, [np.arange(100_000.0), {"a", "b"}]))
    assert origin.changed(origin.value) is None
    origin.value[0][99_999] = 7
    assert origin.changed(origin.value) is not None


def test_immutable_builtins_are_not_pickled_again() -> None:
    objects = MemoryObjects()
    for value in (1, "text", b"bytes" * 1000, None, 2.5):
        origin = Origin(objects, store_value(objects, value))
        assert origin.changed(origin.value) is None


def test_a_value_whose_blob_is_gone_is_stored_anew(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    ref = store_value(objects, [np.arange(3000)[::2].reshape(-1, 3)[:, 1:]])
    origin = Origin(objects, ref, changes=False)
    (blob,) = (tmp_path / "blobs").rglob(ref["digest"])
    blob.unlink()
    assert origin.changed(origin.value) is not None


def test_what_cannot_be_pickled_again_can_be_read_and_fails_where_it_is_stored() -> None:
    objects = MemoryObjects()
    Once.left = 1
    state = TaskState(objects, {"x": store_value(objects, Once())})
    flow = type("Holder", (), {})()
    assert state.load(flow, "x")
    with pytest.raises(Exception, match="cannot be pickled"):
        state.store(flow)


def test_the_values_of_inputs_are_not_encoded_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryObjects()
    state = TaskState(objects, {"x": store_value(objects, [1])}, read_only=True)
    monkeypatch.setattr(unchanged, "Encoded", None)
    flow = type("Holder", (), {STATE: state})()
    assert state.load(flow, "x")
