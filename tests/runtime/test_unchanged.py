"""A value that a step only reads keeps its digest; a changed value does not."""

from __future__ import annotations

import copyreg
import ctypes
import mmap
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc_runtime.base.errors import StepTimeout
from flowc_runtime.run.state import TaskState
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.values.codecs import PAGE, load_value, store_value
from flowc_runtime.store.values.unchanged import LARGE, Mappings, ValueOrigin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc_runtime.store.backends.objects import Objects


@dataclass(eq=False)
class Node:
    """An object that is hashed by its identity, so that a copy has another hash."""

    name: str


class Holder:
    """An object whose state contains a string twice: as the name of an attribute and as a value."""

    def __init__(self) -> None:
        self.column = "column"
        self.rows = {"column": ["".join(["col", "umn"])]}


class Once:
    """An object that can be pickled `left` times; then pickling fails."""

    left = 1

    def __reduce__(self) -> tuple[type[Once], tuple[()]]:
        if not Once.left:
            raise TypeError("no more")
        Once.left -= 1
        return Once, ()


WHOLE = np.arange(60_000.0).reshape(300, 200)


def times() -> Any:
    """Return a DataFrame with arrays that keep results of earlier computations in a cache."""
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024", periods=6)
    numbers = pandas.array([1, 2, None, 4, 5, 6], dtype="Int64")
    return pandas.DataFrame({"a": [1, 2, None, 4, 5, 6], "b": list("xyzxyz"), "n": numbers, "t": index}, index=index)


def wide(number: int) -> Any:
    """Return a DataFrame with a column of strings and a column of numbers."""
    frame = pytest.importorskip("pandas").DataFrame({"key": [f"k{index % 90}" for index in range(number)]})
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
    "equal texts": (Holder, lambda holder: holder.rows["column"], lambda holder: holder.rows["column"].append(1)),
    "frame": (
        times,
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
        lambda: pytest.importorskip("scipy.sparse").random(20, 20, 0.3, format="csr", rng=1),
        lambda matrix: (matrix.sum(), matrix.max(), matrix.has_canonical_format),
        lambda matrix: matrix.data.__setitem__(0, 9.0),
    ),
    "function": (lambda: {"f": lambda x: x + 1}, lambda value: value["f"](1), lambda value: value.clear()),
    "large list": (
        lambda: [Node(f"n{index}") for index in range(15_000)],
        lambda nodes: [node.name for node in nodes],
        lambda nodes: setattr(nodes[-1], "name", "other"),
    ),
}


def changed(origin: ValueOrigin, value: Any) -> bool:
    """Return whether the value would be stored again at the end of a step."""
    left = origin.left(value, Mappings())
    return left is not None and (left.certain or not origin.reads_as(left.encoded))


@pytest.mark.parametrize("kind", VALUES)
def test_what_was_only_read_is_unchanged_and_what_was_changed_is_not(tmp_path: Path, kind: str) -> None:
    objects = LocalObjects(tmp_path)
    make, read, change = VALUES[kind]
    ref = store_value(objects, make())
    origin = ValueOrigin(objects, ref)
    read(origin.value)
    assert not changed(origin, origin.value)
    change(origin.value)
    left = origin.left(origin.value, Mappings())
    assert left is not None
    assert left.encoded.digest != ref["digest"]
    assert left.certain or not origin.reads_as(left.encoded)


def test_a_set_in_the_order_of_addresses_is_stored_anew(tmp_path: Path) -> None:
    """The set is stored again: its order depends on addresses, so unpickling it gives another order."""
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, {Node(f"n{index}") for index in range(60)}))
    assert changed(origin, origin.value)


def test_a_change_that_was_taken_back_is_none(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, {"a": [1, 2], "b": np.arange(5)[::2]}))
    origin.value["a"].append(3)
    assert changed(origin, origin.value)
    origin.value["a"].pop()
    assert not changed(origin, origin.value)


KEYS = st.text(max_size=3)
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sets(st.text(max_size=2)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(TREES.filter(lambda tree: isinstance(tree, list | dict)))
def test_a_tree_is_changed_exactly_if_its_values_are(tree: Any) -> None:
    objects = MemoryObjects()
    ref = store_value(objects, tree)
    origin = ValueOrigin(objects, ref)
    assert not changed(origin, origin.value)
    if isinstance(origin.value, list):
        origin.value.append("more")
    else:
        origin.value["a longer key"] = 1
    assert changed(origin, origin.value)


SETS = """
import json, sys
from pathlib import Path
from flowc_runtime.store.values.codecs import store_value
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.values.unchanged import LARGE, Mappings, ValueOrigin
objects = LocalObjects(Path(sys.argv[1]))
if len(sys.argv) < 3:
    print(json.dumps(store_value(objects, {f"s{i}" for i in range(50)})))
else:
    origin = ValueOrigin(objects, json.loads(sys.argv[2]))
    left = origin.left(origin.value, Mappings())
    unchanged = origin.reads_as(left.encoded)
    origin.value.add("more")
    print(left.certain, unchanged, origin.reads_as(origin.left(origin.value, Mappings()).encoded))
"""


def test_a_set_is_unchanged_in_a_process_with_another_order(tmp_path: Path) -> None:
    def run(seed: str, *arguments: str) -> str:
        command = [sys.executable, "-c", SETS, str(tmp_path), *arguments]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    ref = run("1")
    assert run("2", ref) == "False True False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc/self/smaps")
def test_a_large_array_that_was_only_read_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, [np.arange(100_000.0), np.arange(50_000.0)]))
    origin.value[0].sum()

    def fail(*_: object) -> NoReturn:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr("flowc_runtime.store.values.codecs.sha256", fail)
        assert not changed(origin, origin.value)
    origin.value[1][40_000] = 7
    assert changed(origin, origin.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc/self/smaps")
def test_another_object_or_more_of_it_is_changed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, np.arange(100_000.0)))
    assert changed(origin, np.arange(100_000.0))
    origin = ValueOrigin(objects, store_value(objects, [np.arange(100_000.0)]))
    origin.value.append("more")
    assert changed(origin, origin.value)


def test_where_nobody_tells_what_was_written_to_arrays_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mappings, "written", lambda self, views: None)
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, [np.arange(100_000.0), {"a", "b"}]))
    assert not changed(origin, origin.value)
    origin.value[0][99_999] = 7
    assert changed(origin, origin.value)


def test_immutable_builtins_are_not_pickled_again() -> None:
    objects = MemoryObjects()
    for value in (1, "text", b"bytes" * 1000, None, 2.5):
        origin = ValueOrigin(objects, store_value(objects, value))
        assert not changed(origin, origin.value)


def test_a_value_whose_blob_is_gone_is_stored_anew(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    ref = store_value(objects, [np.arange(3000)[::2].reshape(-1, 3)[:, 1:]])
    origin = ValueOrigin(objects, ref)
    (blob,) = (tmp_path / "blobs").rglob(ref["digest"])
    blob.unlink()
    assert changed(origin, origin.value)


def test_what_cannot_be_pickled_again_can_be_read_and_fails_where_it_is_stored() -> None:
    objects = MemoryObjects()
    Once.left = 1
    state = TaskState(objects, {"x": store_value(objects, Once())})
    flow = type("Holder", (), {})()
    assert state.load(flow, "x")
    with pytest.raises(Exception, match="cannot be pickled"):
        state.store(flow)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc/self/smaps")
def test_writes_are_seen_in_every_part_of_a_mapping(tmp_path: Path) -> None:
    """Changes are noticed in all parts of a mapping, which the kernel splits if a library calls madvise or mlock."""
    objects = LocalObjects(tmp_path)
    origin = ValueOrigin(objects, store_value(objects, np.zeros(1_000_000)))
    libc = ctypes.CDLL(None, use_errno=True)
    place = ctypes.c_void_p(-(-origin.value.ctypes.data // PAGE) * PAGE)
    assert libc.madvise(place, ctypes.c_size_t(4 * PAGE), mmap.MADV_DONTFORK) == 0
    assert not changed(origin, origin.value)
    origin.value[500_000] = 42
    assert changed(origin, origin.value)


class Pooled:
    """A singleton: unpickling returns the process's only object, with the unpickled state."""

    only: Pooled | None = None
    value = 0

    def __new__(cls) -> Pooled:
        cls.only = cls.only or super().__new__(cls)
        return cls.only


class Asked:
    """An object that counts the calls of `__getstate__`, and returns the same state each time."""

    def __init__(self) -> None:
        self.items = [1]
        self.times = 0

    def __getstate__(self) -> dict[str, Any]:
        self.times += 1
        self.kept = self.__dict__.get("kept", list(self.items))
        return {"items": self.kept, "times": 0}


def task(objects: Objects, **artifacts: Any) -> tuple[TaskState, Any]:
    """Return (state, flow object) of a task that has read these values as artifacts."""
    state = TaskState(objects, {name: store_value(objects, value) for name, value in artifacts.items()})
    flow = type("Holder", (), {})()
    for name in artifacts:
        assert state.load(flow, name)
    return state, flow


def test_what_two_artifacts_share_is_encoded_before_any_is_read_again() -> None:
    objects = MemoryObjects()
    pooled = Pooled()
    pooled.value = 1
    words = {"".join(["w", str(number)]) for number in range(50)}
    state, flow = task(objects, first=[pooled, words], second=[pooled, words])
    pooled.value = 7
    refs = state.store(flow)
    pooled.value = 0
    assert load_value(objects, refs["first"])[0].value == 7
    pooled.value = 0
    assert load_value(objects, refs["second"])[0].value == 7


def test_the_objects_of_a_step_are_not_asked_for_their_state_before_it_ends() -> None:
    objects = MemoryObjects()
    state, flow = task(objects, asked=Asked())
    assert flow.asked.times == 0
    flow.asked.items.append(2)
    assert load_value(objects, state.store(flow)["asked"]).items == [1, 2]


def test_a_timeout_while_a_value_is_encoded_is_one() -> None:
    class Late:
        def __reduce__(self) -> NoReturn:
            raise StepTimeout

    with pytest.raises(StepTimeout):
        store_value(MemoryObjects(), Late())


class Slow:
    """An object whose unpickling waits until four threads are unpickling a `Slow` at the same time."""

    barrier = threading.Barrier(4)

    def __init__(self) -> None:
        self.items: list[int] = []

    def __setstate__(self, state: dict[str, Any]) -> None:
        Slow.barrier.wait(60)
        self.__dict__.update(state)


def test_threads_that_read_an_artifact_first_at_once_have_one_value() -> None:
    objects = MemoryObjects()
    state = TaskState(objects, {"x": store_value(objects, Slow())})
    flow = type("Holder", (), {})()

    def work(number: int) -> None:
        assert state.load(flow, "x")
        flow.__dict__["x"].items.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(flow.__dict__["x"].items) == [0, 1, 2, 3]
    Slow.barrier = threading.Barrier(1)
    kept = load_value(objects, state.store(flow)["x"])
    assert sorted(kept.items) == [0, 1, 2, 3]


def test_what_a_program_registers_for_a_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def reduce(array: np.ndarray[Any, Any]) -> tuple[Callable[[str], str], tuple[str]]:
        return str, (f"{array.size} numbers",)

    monkeypatch.setitem(copyreg.dispatch_table, np.ndarray, reduce)  # like `copyreg.pickle(np.ndarray, reduce)`
    objects = MemoryObjects()
    assert load_value(objects, store_value(objects, np.arange(3))) == "3 numbers"


class Reads(LocalObjects):
    """A store that counts how often a blob is read."""

    count = 0

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        self.count += 1
        return super().read_blob(digest, size, key=key, once=once)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        self.count += 1
        return super().map_blob(digest, size, key=key)


@pytest.mark.parametrize("array", [None, np.zeros(LARGE // 8 + 1)])
@pytest.mark.parametrize(("stored", "left", "reads"), [(1, 1, True), (1, LARGE, False), (LARGE, 1, False)])
def test_a_large_value_that_has_changed_is_not_read_again(
    array: Any, stored: int, left: int, reads: bool, tmp_path: Path
) -> None:
    """A large value is not read again for the comparison, since memory would hold it twice.

    Arrays do not count as large, because they are mapped.
    """
    objects = Reads(tmp_path)
    value = {"text": "x" * max(stored, 1000), "array": array}
    state, flow = task(objects, x=value)
    read, before = flow.__dict__["x"], objects.count
    read["text"] = "y" * max(left, 1000)
    ref = state.store(flow)["x"]
    assert (objects.count > before) is reads
    assert load_value(objects, ref)["text"] == read["text"]
