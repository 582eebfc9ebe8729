"""Named tuples of `flowc_ir.late.namedtuple` behave like those of the standard library."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing

import pytest

from flowc_ir.late import namedtuple as late

BASES = pytest.mark.parametrize("base", [typing.NamedTuple, late.NamedTuple], ids=["standard", "late"])


class Stored(late.NamedTuple):
    """A class in this module, which pickle can find."""

    x: int
    note: str = "a"


class Other:
    """Another class."""


def make(base):
    class Point(base):
        """A point."""

        x: int
        y: int = 2
        note: str = ""

        @property
        def total(self) -> int:
            return self.x + self.y

        @classmethod
        def origin(cls) -> Point:
            return cls(0, 0)

    return Point


@BASES
@pytest.mark.parametrize("instances", [0, 40], ids=["first", "compiled"])
def test_values_methods_and_comparisons(base, instances) -> None:
    kind = make(base)
    for number in range(instances):
        assert kind(number).x == number
    point = kind(1)
    assert (point, repr(point), hash(point)) == ((1, 2, ""), "Point(x=1, y=2, note='')", hash((1, 2, "")))
    assert kind(1, note="b", y=3) == (1, 3, "b")
    assert (point.total, kind.origin(), point.x, point[1]) == (3, (0, 0, ""), 1, 2)
    assert point._replace(x=5) == (5, 2, "")
    assert point._asdict() == {"x": 1, "y": 2, "note": ""}
    assert kind._make([7, 8, "c"]) == (7, 8, "c")
    assert type(kind._make([7, 8, "c"])) is type(point._replace(x=5)) is type(copy.copy(point)) is kind
    match point:
        case kind(x, y):
            assert (x, y) == (1, 2)


@BASES
@pytest.mark.parametrize("instances", [0, 40], ids=["first", "compiled"])
@pytest.mark.parametrize(
    ("args", "by_name"),
    [((), {}), ((1, 2, "", 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 2}), ((), {"y": 1, "note": ""})],
)
def test_wrong_arguments(base, instances, args, by_name) -> None:
    kind = make(base)
    for number in range(instances):
        kind(number)
    with pytest.raises(TypeError) as raised:
        kind(*args, **by_name)
    with pytest.raises(TypeError) as expected:
        make(typing.NamedTuple)(*args, **by_name)
    assert str(raised.value) == str(expected.value)


@BASES
def test_what_is_read_from_the_class(base) -> None:
    kind = make(base)
    defaults = {name: each.default for name, each in inspect.signature(kind).parameters.items()}
    assert defaults == {"x": inspect.Parameter.empty, "y": 2, "note": ""}
    assert (kind._fields, kind._field_defaults) == (("x", "y", "note"), {"y": 2, "note": ""})
    assert (kind.__match_args__, kind.__mro__[1:], kind.__slots__) == (("x", "y", "note"), (tuple, object), ())
    assert (kind.__doc__, kind.__name__, kind.__module__, type(kind)) == ("A point.", "Point", __name__, type)
    assert list(kind.__annotations__) == ["x", "y", "note"]
    assert kind.__new__.__name__ == "__new__"
    assert typing.get_type_hints(kind) == {"x": int, "y": int, "note": str}


@BASES
def test_errors_of_methods(base) -> None:
    kind = make(base)
    with pytest.raises(TypeError, match="Expected 3 arguments, got 1"):
        kind._make([1])
    with pytest.raises((ValueError, TypeError), match=r"Got unexpected field names: \['z'\]"):
        kind(1)._replace(z=1)
    with pytest.raises(AttributeError):
        kind(1).x = 2
    with pytest.raises(AttributeError):
        kind(1).other = 2


def test_pickles_and_subclasses() -> None:
    class Named(Stored):
        @property
        def shout(self) -> str:
            return self.note.upper()

    assert Named(1, "b").shout == "B"
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        read = pickle.loads(pickle.dumps(Stored(1), protocol))
        assert (type(read), read) == (Stored, (1, "a"))
    assert copy.deepcopy(Stored(1)) == (1, "a")


def define(body: str) -> None:
    exec(f"from __future__ import annotations\nclass Wrong(NamedTuple):\n    {body}\n", {"NamedTuple": late.NamedTuple})


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        ("x: int = 1; y: int", TypeError, "Non-default namedtuple field y cannot follow default field x"),
        ("_x: int", ValueError, "Field names cannot start with an underscore: '_x'"),
        ("def _make(self): pass", AttributeError, "Cannot overwrite NamedTuple attribute _make"),
    ],
)
def test_wrong_classes(body, error, text) -> None:
    with pytest.raises(error, match=text):
        define(body)


def test_annotations_must_be_text() -> None:
    code = compile("class Wrong(NamedTuple):\n    x: int\n", "wrong.py", "exec", dont_inherit=True)
    with pytest.raises(TypeError, match="write `from __future__ import annotations`"):
        exec(code, {"NamedTuple": late.NamedTuple, "__name__": "wrong"})


def test_other_bases_are_refused() -> None:
    with pytest.raises(TypeError, match="no other base class"):

        class Wrong(late.NamedTuple, Other):  # type: ignore[misc]
            x: int


def test_first_instances_are_made_without_a_compiled_function() -> None:
    kind = make(late.NamedTuple)
    kind(1)
    assert type(vars(kind)["__new__"]) is late._New
    for number in range(late._UNCOMPILED):
        kind(number)
    assert type(vars(kind)["__new__"]) is staticmethod
