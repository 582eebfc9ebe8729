"""The arguments of a step's function, by name and annotation, and the conversion of its return values."""

from __future__ import annotations

import enum
import os
import types
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypedDict
from uuid import UUID

import pytest

from flowc_ir import Return
from flowc_runtime.run.nodes.binding import ArgumentError, call, convert
from flowc_runtime.run.nodes.returned import ReturnError, named_values, to_json
from flowc_runtime.run.nodes.signatures import callee_of


@dataclass
class Point:
    x: int
    y: float = 0.5


@dataclass
class Line:
    ends: list[Point]
    name: str = ""


class Model:
    """A class with the methods of pydantic's models that flowc uses."""

    def __init__(self, value: int) -> None:
        self.value = value

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        if not isinstance(value, dict) or "value" not in value:
            raise ValueError("value: field required")
        return cls(value["value"])

    def model_dump(self, mode: str) -> dict[str, int]:
        assert mode == "json"
        return {"value": self.value}


class Pair(NamedTuple):
    x: int
    y: str


class Shape(TypedDict):
    x: int


class Named(Protocol):
    """A Protocol that is not runtime_checkable."""

    name: str


class Plain:
    """A class whose objects cannot be written as JSON."""


class Color(enum.Enum):
    RED = "red"


GOOD: list[tuple[Any, Any, Any]] = [
    (3, int, 3),
    (3, float, 3.0),
    ("3", int, 3),
    ("0.5", float, 0.5),
    (None, int | None, None),
    ("a", int | str, "a"),
    ({"x": 1}, Point, Point(1)),
    ({"ends": [{"x": 1}, {"x": 2, "y": 3}]}, Line, Line([Point(1), Point(2, 3.0)])),
    ([{"x": 1}], list[Point], [Point(1)]),
    ({"a": {"x": 1}}, dict[str, Point], {"a": Point(1)}),
    ([1, 2], tuple[int, int], (1, 2)),
    ([1, 2], set, {1, 2}),
    ("a", Any, "a"),
    (Point(1), Point, Point(1)),
    ("2024-12-31", date, date(2024, 12, 31)),
    ("2024-12-31T10:00", datetime, datetime(2024, 12, 31, 10)),
    ("10:30", time, time(10, 30)),
    ("0.10", Decimal, Decimal("0.10")),
    (3, Decimal, Decimal(3)),
    (0.1, Decimal, Decimal("0.1")),
    ("a/b", Path, Path("a/b")),
    ("a/b", os.PathLike, "a/b"),
    (str(UUID(int=7)), UUID, UUID(int=7)),
    (["2024-12-31"], list[date], [date(2024, 12, 31)]),
    ([1, "b"], Pair, Pair(1, "b")),
    ("a", Literal["a", 1], "a"),
    ({"x": 1}, Shape, {"x": 1}),
    ("a", Named, "a"),
]


@pytest.mark.parametrize(("value", "annotation", "result"), GOOD, ids=repr)
def test_a_value_gets_the_form_of_the_annotation(value: Any, annotation: Any, result: Any) -> None:
    made = convert(value, annotation, "argument 'a' of f()")
    assert made == result
    assert type(made) is type(result)


BAD: list[tuple[Any, Any, str]] = [
    ("abc", int, "argument 'a' of f() is 'abc' (str), not int"),
    (1.5, int, "is 1.5 (float), not int"),
    (True, int, "is True (bool), not int"),
    (None, str, "is None (NoneType), not str"),
    ({"x": 1, "z": 2}, Point, "contains 'z', but Point has no such field"),
    ({}, Point, "is not a Point"),
    ({"x": "q"}, Point, "x of argument 'a' of f() is 'q' (str), not int"),
    ({}, Model, "is not a Model: value: field required"),
    ("a", int | None, "is 'a' (str), not int or None"),
    ("31.12.2024", date, "is '31.12.2024' (str), not a date, such as 2024-12-31"),
    (20241231, date, "is 20241231 (int), not date"),
    ("x", Decimal, "is 'x' (str), not a Decimal, such as 0.10"),
    (True, Decimal, "is True (bool), not a Decimal"),
    (3, Path, "is 3 (int), not Path"),
    ("b", Literal["a"], "is 'b' (str), not one of 'a'"),
    ("x", Model, "is not a Model: value: field required"),
    ("x", Plain, "is 'x' (str), not Plain"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), BAD, ids=repr)
def test_a_value_of_a_wrong_type_is_refused(value: Any, annotation: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        convert(value, annotation, "argument 'a' of f()")
    assert message in str(raised.value)


def test_a_model_is_made_of_a_dict() -> None:
    assert convert({"value": 3}, Model, "").value == 3  # type: ignore[attr-defined]


def names(**values: Any) -> Any:
    return types.SimpleNamespace(**values)


def test_arguments_are_the_values_of_their_names() -> None:
    def f(a: int, /, b: float, *rest: int, c: int = 7, **others: int) -> Any:
        return a, b, rest, c, others

    task = names(a=1, b=2, d=4)
    assert call(callee_of(f), task, lambda: vars(task)) == (1, 2.0, (), 7, {"d": 4})


def test_an_argument_without_a_value_is_named() -> None:
    def f(a: int) -> None: ...

    with pytest.raises(ArgumentError, match=r"argument 'a' of .*f\(\) has no value"):
        call(callee_of(f), names(), list)


@dataclass
class Owner:
    points: list[Point] = field(default_factory=lambda: [Point(1)])
    color: Color = Color.RED


def test_values_become_json() -> None:
    np = pytest.importorskip("numpy")
    assert to_json({3, 1, 2, "b", "a"}, "it", "a") == [1, 2, 3, "a", "b"]
    made = to_json({"a": (1, Owner()), "m": Model(2), "n": np.float64(0.5), "v": np.arange(2)}, "it", "a")
    assert made == {
        "a": [1, {"points": [{"x": 1, "y": 0.5}], "color": "red"}], "m": {"value": 2}, "n": 0.5, "v": [0, 1],
    }  # fmt: skip


@pytest.mark.parametrize(("value", "what"), [(b"1", "a bytes"), (object(), "a object"), ({(1,): 2}, r"the key \(1,\)")])
def test_what_json_cannot_represent_is_refused_with_the_way_out(value: Any, what: str) -> None:
    with pytest.raises(ReturnError, match=rf"'x' of f\(\) is .*{what}.*declare the return as pickled\('x'\)"):
        list(named_values(value, [Return(name="x", kind="json")], "f()"))


def test_returns_are_counted() -> None:
    both = [Return(name="x", kind="json"), Return(name="y", kind="pickled")]
    assert dict(named_values((1, {2}), both, "f()")) == {"x": 1, "y": {2}}
    assert dict(named_values((1, 2), both[:1], "f()")) == {"x": [1, 2]}
    assert dict(named_values((1,), both[:1], "f()")) == {"x": 1}
    assert dict(named_values((1, 2), [], "f()")) == {}
    with pytest.raises(ReturnError, match=r"f\(\) returned 3 values, but its task names 2 returns: x, y"):
        list(named_values((1, 2, 3), both, "f()"))
    with pytest.raises(ReturnError, match=r"f\(\) returned one int, but its task names 2 returns"):
        list(named_values(1, both, "f()"))
