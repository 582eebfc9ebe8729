"""Typed dicts of `flowc_ir.late.typeddict` behave like those of the standard library."""

from __future__ import annotations

import pickle
import typing

import pytest

from flowc_ir.late import typeddict as late

BASES = pytest.mark.parametrize("base", [typing.TypedDict, late.TypedDict], ids=["standard", "late"])


class Stored(late.TypedDict):
    """A class that pickle finds."""

    x: int


def make(base):
    class Point(base):
        """A point."""

        x: int

    class Named(Point, total=False):
        """A point with a name."""

        name: str

    return Point, Named


@BASES
def test_keys_and_annotations(base) -> None:
    point, named = make(base)
    assert (point.__name__, point.__doc__, point.__total__) == ("Point", "A point.", True)
    assert point.__module__ == __name__ and point.__qualname__ == "make.<locals>.Point"
    assert [*point.__annotations__] == ["x"] and [*named.__annotations__] == ["x", "name"]
    assert (point.__required_keys__, point.__optional_keys__) == ({"x"}, frozenset())
    assert (named.__required_keys__, named.__optional_keys__, named.__total__) == ({"x"}, {"name"}, False)
    assert typing.get_type_hints(named) == {"x": int, "name": str}


@BASES
def test_instances_are_plain_dicts(base) -> None:
    point, named = make(base)
    assert type(point(x=1)) is dict and point(x=1) == {"x": 1} and named({"x": 1}, name="a") == {"x": 1, "name": "a"}
    with pytest.raises(TypeError, match="TypedDict does not support instance and class checks"):
        isinstance({}, point)


@BASES
def test_other_base_classes_are_refused(base) -> None:
    point, _ = make(base)
    with pytest.raises(TypeError):
        type(point)("Both", (point, list), {"__annotations__": {}, "__module__": __name__})


def test_annotations_are_text() -> None:
    with pytest.raises(TypeError, match="from __future__ import annotations"):
        type(Stored)("Evaluated", (Stored,), {"__annotations__": {"y": int}, "__module__": "m"})


def test_a_class_is_pickled_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(Stored)) is Stored
