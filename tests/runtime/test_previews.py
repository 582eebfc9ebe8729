"""Previews of artifacts: what a task stores about the values that its record's `repr` does not show as a whole."""

from __future__ import annotations

import base64
import datetime
import io
import json
import struct
import sys
import zlib
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy
import pandas
import polars
import pytest
from PIL import Image

from flowc_runtime.base.ambient import ambient, apart
from flowc_runtime.base.errors import StepTimeout
from flowc_runtime.run.previews.arrays import MOST
from flowc_runtime.run.previews.making import LARGEST, preview_of
from flowc_runtime.run.state import TaskState
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.values.descriptions import without_previews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project


OWN = f"<{__name__}.Loud>"


class Loud:
    """A user's class, none of whose texts may be asked for."""

    def __repr__(self) -> str:
        raise AssertionError("a method of the user was called")

    __str__ = __float__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __deepcopy__(self, memo: object) -> str:
        return repr(self)


def preview(value: object) -> Any:
    """Return the preview of a value, which must fit into a record."""
    found = preview_of(value)
    if found is not None:
        assert len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) <= LARGEST
    return found


def stored(**values: object) -> dict[str, Any]:
    """Return the references that a task stores for these artifacts."""
    return TaskState(MemoryObjects(), {}).store(SimpleNamespace(**values))


# -- which values have previews ----------------------------------------------------------------------------------------

SMALL: list[object] = [
    1, 10**39, -2.5, True, None, "short", "x" * 78, b"bytes", 1j, [1, 2, 3], {"a": [1, "b"]}, (1, (2,)), {1, 2}, [], {},
    frozenset({3}), SimpleNamespace(a=1), datetime.date(2026, 1, 1), print,
]  # fmt: skip


@pytest.mark.parametrize("value", SMALL, ids=repr)
def test_a_value_that_its_line_shows_has_no_preview(value: object) -> None:
    assert "preview" not in stored(value=value)["value"]


@pytest.mark.parametrize(
    "value",
    ["y" * 100, list(range(20)), {"a": list(range(20))}, [Loud()], numpy.zeros(3), pandas.DataFrame({"a": [1]})],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_its_line_does_not_show_has_a_preview(value: object) -> None:
    refs = stored(value=value)
    assert refs["value"]["preview"] == preview(value)
    assert "preview" not in without_previews(refs)["value"]
    assert "preview" in refs["value"]  # the other references are unchanged


def test_the_digest_does_not_depend_on_the_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pandas.DataFrame({"a": [1, 2]})
    before = stored(value=table)["value"]
    monkeypatch.setattr("flowc_runtime.run.previews.making.preview_of", lambda value: None)
    assert stored(value=table)["value"] == without_previews({"value": before})["value"]


# -- texts and builtin values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("char", ["a", "ä", "\U0001f600", "\x00", '"', "\ud800"])
def test_a_long_text_is_cut(char: str) -> None:
    found = preview(char * 5000)
    assert found["cut"]
    assert found["text"].startswith((char * 50).encode("utf-8", "replace").decode())
    assert len(found["text"]) > 100


def test_a_text_that_fits_is_whole() -> None:
    assert preview("a" * 500) == {"kind": "text", "text": "a" * 500, "cut": False}


def test_builtin_values_become_json() -> None:
    found = preview({"a": [1.5, None, True, float("nan")], 3: (1, 2), "own": Loud(), "b": b"12", "s": {7}})
    assert json.loads(found["text"]) == {
        "a": [1.5, None, True, "NaN"], "3": [1, 2], "own": OWN, "b": "<bytes of 2>", "s": [7],
    }  # fmt: skip
    assert not found["cut"]
    assert preview(list(range(10_000_000)))["cut"]


def test_deep_and_circular_values_end() -> None:
    value: list[Any] = []
    value.append(value)
    assert preview(value)["text"] == '[[[[[["<list of 1>"]]]]]]'
    assert "<int>" in preview([1 << 100_000])["text"]


# -- arrays ------------------------------------------------------------------------------------------------------------


def test_an_array_has_a_histogram() -> None:
    found = preview(numpy.array([[0, 1, 2, 16], [0, 0, 0, 16]]))
    assert (found["shape"], found["dtype"]) == ([2, 4], "int64")
    assert (found["least"], found["most"]) == (0.0, 16.0)
    assert found["counts"] == [4, 1, 1, *[0] * 12, 2]
    assert "sampled" not in found
    assert "missing" not in found


def test_numbers_that_are_not_finite_are_counted() -> None:
    found = preview(numpy.array([numpy.nan, numpy.inf, 1.0, 2.0]))
    assert (found["missing"], found["least"], found["most"], sum(found["counts"])) == (2, 1.0, 2.0, 2)
    found = preview(numpy.array([numpy.nan]))
    assert found == {"kind": "array", "shape": [1], "dtype": "float64", "missing": 1}


@pytest.mark.parametrize("warnings", ["error"])
def test_extreme_numbers(warnings: str) -> None:
    with numpy.errstate(all="raise"):
        assert preview(numpy.array([-1.7e308, 1.7e308]))["counts"] == [1, *[0] * 14, 1]
        assert preview(numpy.array([5e-324, 5e-324, 5e-324]))["counts"][0] == 3
        assert sum(preview(numpy.array([0, 2**64 - 1], dtype="uint64"))["counts"]) == 2
        assert preview(numpy.array([7.0]))["counts"][0] == 1


def test_a_large_array_is_sampled() -> None:
    # 8 TB: reading all of it would take hours
    found = preview(numpy.broadcast_to(numpy.float64(3), (10**6, 10**6)))
    assert (found["shape"], found["least"]) == ([10**6, 10**6], 3.0)
    assert MOST / 4 <= found["sampled"] <= MOST


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (numpy.array(["a"]), "<U1"), (numpy.array([1j]), "complex128"), (numpy.array([Loud()]), "object"),
        (numpy.zeros((0, 3)), "float64"), (numpy.array(["2026-01-01"], "M8[D]"), "datetime64[D]"),
    ],
    ids=["text", "complex", "object", "empty", "times"],
)  # fmt: skip
def test_an_array_without_numbers_has_no_histogram(value: Any, dtype: str) -> None:
    assert preview(value) == {"kind": "array", "shape": [*value.shape], "dtype": dtype}


def test_a_number_of_numpy_is_a_text() -> None:
    assert preview(numpy.float32(0.5)) == {"kind": "text", "text": "0.5", "cut": False}


def test_a_subclass_of_the_user_has_no_preview() -> None:
    class Mine(numpy.ndarray[Any, Any]):
        def __array_finalize__(self, other: object) -> None:
            assert other is None or not hasattr(self, "counted"), "called"

    Mine.__module__ = "numpy.mine"
    assert preview(numpy.zeros(3).view(Mine)) is None


class Tensor:
    """A tensor with the methods of torch that are needed."""

    layout = "strided"

    def __init__(self, array: Any, device: str = "cpu") -> None:
        self._array, self.shape = array, array.shape
        self.device = SimpleNamespace(type=device)
        self.dtype = SimpleNamespace(is_complex=False)

    def __getitem__(self, key: Any) -> Tensor:
        return Tensor(self._array[key], self.device.type)

    def detach(self) -> Tensor:
        return self

    def to(self, dtype: Any) -> Tensor:
        assert self.device.type == "cpu", "copied from a GPU"
        return Tensor(self._array.astype(dtype))

    def numpy(self) -> Any:
        return self._array


def test_tensors_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    vars(torch).update(Tensor=Tensor, nn=SimpleNamespace(Parameter=None), strided="strided", float64="float64")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(Tensor, "__module__", "torch")
    found = preview(Tensor(numpy.arange(32)))
    assert (found["shape"], found["counts"]) == ([32], [2] * 16)
    assert "counts" not in preview(Tensor(numpy.arange(32), "cuda"))


# -- tables ------------------------------------------------------------------------------------------------------------


def test_the_head_of_a_table_of_pandas() -> None:
    table = pandas.DataFrame({
        "n": range(1000), "x": [0.123456789] * 1000, "s": ["t" * 100] * 1000, "o": [Loud()] * 1000,
        "t": pandas.date_range("2026-01-01", periods=1000),
    })  # fmt: skip
    found = preview(table)
    assert (found["shape"], found["columns"]) == ([1000, 5], ["n", "x", "s", "o", "t"])
    assert found["rows"][1] == ["1", "0.123457", "t" * 23 + "…", f"{OWN[:23]}…", "2026-01-02 00:00:00"]
    assert 2 <= len(found["rows"]) <= 6


def test_the_index_of_a_table_is_a_column_if_it_has_names() -> None:
    found = preview(pandas.DataFrame({"x": [1, 2]}, index=pandas.Index(["a", "b"], name="key")))
    assert (found["columns"], found["rows"]) == (["key", "x"], [["a", "1"], ["b", "2"]])
    assert preview(pandas.Series([1, None], name="x"))["rows"] == [["1"], ["nan"]]


def test_a_wide_table_has_fewer_columns() -> None:
    found = preview(pandas.DataFrame({f"a long name of column {number}": ["value " * 9] * 9 for number in range(150)}))
    assert found["shape"] == [9, 150]
    assert 1 <= len(found["columns"]) <= 8
    assert preview(pandas.DataFrame(numpy.zeros((2, 100_000)))) is None


def test_attributes_that_pandas_would_copy_are_left_alone() -> None:
    copied = []

    class Copied:
        def __deepcopy__(self, memo: object) -> Copied:
            copied.append(memo)
            return self

    table = pandas.DataFrame({"a": [1]})
    table.attrs["mine"] = Copied()
    assert preview(table) is None
    assert copied == []


def test_a_table_of_polars() -> None:
    table = polars.DataFrame({"n": range(50), "s": ["ä"] * 50})
    assert preview(table) == {
        "kind": "table",
        "shape": [50, 2],
        "columns": ["n", "s"],
        "rows": [[str(n), "ä"] for n in range(6)],
    }
    assert preview(table["n"])["columns"] == ["n"]


def test_a_time_zone_of_the_user_is_not_asked() -> None:
    class Zone(datetime.tzinfo):
        def utcoffset(self, when: object) -> datetime.timedelta:
            raise AssertionError("called")

    cells = [datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 1, tzinfo=Zone())]
    table = pandas.DataFrame({"t": pandas.Series(cells, dtype=object)})
    assert preview(table)["rows"] == [["2026-01-01 00:00:00"], ["<datetime.datetime>"]]


# -- images ------------------------------------------------------------------------------------------------------------


def test_an_image_has_a_thumbnail() -> None:
    image = Image.new("RGB", (400, 100), "blue")
    found = preview(image)
    assert (found["width"], found["height"], found["media"]) == (400, 100, "image/png")
    small = Image.open(io.BytesIO(base64.b64decode(found["data"])))
    assert small.size == (28, 7)
    assert small.convert("RGB").getpixel((3, 3)) == (0, 0, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I", "F"])
def test_images_of_all_modes(mode: str) -> None:
    assert "data" in preview(Image.new(mode, (64, 64)))


def test_a_noisy_image_has_a_smaller_thumbnail() -> None:
    pixels = numpy.random.default_rng(1).integers(0, 255, (500, 500, 3), dtype="uint8")
    found = preview(Image.fromarray(pixels))
    assert Image.open(io.BytesIO(base64.b64decode(found["data"]))).size[0] < 28


def png(width: int, height: int, size: int = 0) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"teXt", bytes(size))


def test_bytes_of_images() -> None:
    found = preview(png(3, 2, 200))
    assert (found["width"], found["height"], base64.b64decode(found["data"])) == (3, 2, png(3, 2, 200))
    assert preview(png(3, 2, 5000)) == {"kind": "image", "media": "image/png", "width": 3, "height": 2}
    file = io.BytesIO()
    Image.effect_noise((120, 80), 90).save(file, "JPEG")
    assert preview(file.getvalue()) == {"kind": "image", "media": "image/jpeg", "width": 120, "height": 80}


@pytest.mark.parametrize(
    "data", [b"x" * 999, b"\x89PNG\r\n\x1a\n" * 99, b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00" * 99, b""]
)
def test_bytes_that_are_no_image(data: bytes) -> None:
    assert preview(data) is None


# -- what must not happen ----------------------------------------------------------------------------------------------


def test_an_error_does_not_affect_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Iterator[Any]:
        raise RuntimeError("broken")

    monkeypatch.setattr("flowc_runtime.run.previews.arrays.previews", fails)
    assert "preview" not in stored(value=numpy.zeros(3))["value"]


def test_the_timeout_of_a_step_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object) -> Iterator[Any]:
        raise StepTimeout("too long")

    monkeypatch.setattr("flowc_runtime.run.previews.arrays.previews", ends)
    with pytest.raises(StepTimeout):
        preview_of(numpy.zeros(3))


SECRET = 'se"cret-\n12345'


@pytest.mark.parametrize(
    "value",
    [
        f"{'x' * 300}{SECRET}", f"{'x' * 955}{SECRET}{'x' * 99}", {"deep": [["y" * 99, SECRET]]}, {SECRET: "y" * 99},
        [f"{'x' * 195}{SECRET}"] * 9, png(1, 1) + SECRET.encode() + bytes(200),
        pandas.DataFrame({"a": [f"{'x' * 20}{SECRET}"]}), pandas.DataFrame({SECRET: [1]}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_secret_is_in_no_preview(value: object) -> None:
    assert preview(value) is not None
    with apart():
        ambient().secrets = {"KEY": SECRET}
        assert preview(value) is None
        assert preview("other " * 99) is not None


IMPORTS = """
    import sys
    from flowc.steps import cache
    from metaflow import FlowSpec, step

    class Few(FlowSpec):
        @step
        def start(self):
            self.many = list(range(100))
            self.items = [0, 1] * 10
            self.next(self.each, foreach="items")
        @cache
        @step
        def each(self):
            self.text = "made " * 40
            self.next(self.join)
        @step
        def join(self, inputs):
            self.merge_artifacts(inputs, include=["many", "text"])
            self.imported = sorted({"numpy", "pandas", "PIL", "polars", "torch"} & set(sys.modules))
            self.next(self.end)
        @step
        def end(self):
            self.renamed = self.many

    if __name__ == "__main__":
        Few()
    """


def test_only_the_record_of_the_maker_has_the_preview(project: Project) -> None:
    project.write("flow.py", IMPORTS)
    first = project.run("flow.py")
    cached = project.run("flow.py")
    for run in (first, cached):
        records = [run.task("start", "0"), run.task("each", "0.3"), run.task("join", "0"), run.task("end", "0")]
        having = [{name for name, ref in record["artifacts"].items() if "preview" in ref} for record in records]
        assert having == [{"many", "items"}, {"text"}, set(), {"renamed"}]
        assert "preview" not in records[0]["fanout"]["items"]
        assert project.artifacts(run, "join")["imported"] == []
    assert cached.task("each", "0.3")["cached"]["run"] == first.id
