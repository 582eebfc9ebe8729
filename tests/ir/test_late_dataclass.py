"""Dataclasses of `flowc_ir.late.dataclass` behave like those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from types import FunctionType
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import pytest

import flowc_ir.model
import flowc_ir.policies
from flowc_ir.late import dataclass as late

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
MAKERS = pytest.mark.parametrize("library", [dataclasses, late], ids=["standard", "late"])


def plain(library):
    @library.dataclass(frozen=True, slots=True)
    class Point(Generic[T]):
        """A point."""

        LIMIT: ClassVar[int] = 3
        x: T
        y: int = 0
        note: str = library.field(default="", compare=False, repr=False)
        tags: list[str] = library.field(default_factory=list, compare=False)

    return Point


def by_name(library):
    @library.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        """With names."""

        optional: int = 1
        required: str

        def __post_init__(self) -> None:
            if self.optional < 0:
                raise ValueError("negative")

    return Named


def open_class(library):
    @library.dataclass(slots=True)
    class Open:
        """One that changes."""

        x: int = 0

    return Open


def without_slots(library):
    @library.dataclass(frozen=True)
    class Loose:
        """Without slots."""

        x: int
        names: tuple[str, ...] = ()

    return Loose


def by_identity(library):
    @library.dataclass(frozen=True, eq=False)
    class Unique:
        """Compared by identity."""

        x: int

    return Unique


def derived(library):
    @library.dataclass(frozen=True, slots=True)
    class Derived(plain(library)):
        """A class with a base class, its own __repr__, and a field that __post_init__ sets."""

        size: int = library.field(init=False, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "size", self.y + 1)

        def __repr__(self) -> str:
            return "derived"

    return Derived


CLASSES: list[tuple[Callable[..., type], tuple[object, ...], dict[str, object]]] = [
    (plain, (1,), {"y": 2, "note": "n"}),
    (by_name, (), {"required": "a"}),
    (open_class, (3,), {}),
    (without_slots, (1,), {"names": ("a",)}),
    (by_identity, (1,), {}),
    (derived, (1, 2), {}),
]
EACH = pytest.mark.parametrize(("make", "args", "kwargs"), CLASSES, ids=[make.__name__ for make, _, _ in CLASSES])


def outcome(action: Callable[[], object]) -> object:
    """Return the result of an action, or the type and the text of its error."""
    try:
        return action()
    except Exception as error:
        return type(error), str(error)


@EACH
def test_it_behaves_like_one_of_the_standard_library(make, args, kwargs) -> None:
    def seen(library) -> dict[str, object]:
        cls = make(library)
        one, same, other = (cls(*args, **kwargs) for _ in range(3))
        first = dataclasses.fields(cls)[0].name
        return {
            "signature": str(inspect.signature(cls)),
            "annotations": cls.__init__.__annotations__,
            "qualname": cls.__init__.__qualname__,
            "repr": repr(one),
            "match": cls.__match_args__,
            # Python 3.10 repeats the slots of a base class in a derived class, which later versions do not.
            "slots": cls.__dict__.get("__slots__") if sys.version_info >= (3, 11) else None,
            "equal": one == same,
            "unequal": one == 1,
            "hash": outcome(lambda: hash(one) == hash(same)),
            "hash of values": outcome(lambda: hash(one)) if cls.__hash__ is not object.__hash__ else None,
            "set": outcome(lambda: setattr(one, first, 5)),
            "delete": outcome(lambda: delattr(other, first)),
            "missing": outcome(lambda: repr(cls())),
            "too many": outcome(lambda: cls(1, 2, 3, 4, 5, 6)),
            "unknown": outcome(lambda: cls(*args, **kwargs, unknown=1)),
            "replaced": repr(dataclasses.replace(same, **{first: 9})),
            "fields": [(f.name, f.type, f.init, f.repr, f.compare, f.kw_only) for f in dataclasses.fields(cls)],
            "as a dict": dataclasses.asdict(same),
            "is one": dataclasses.is_dataclass(cls),
            "copy": repr(copy.copy(same)),
            "deep copy": repr(copy.deepcopy(same)),
            "state": outcome(lambda: same.__reduce_ex__(2)[2]),
        }

    standard, ours = seen(dataclasses), seen(late)
    assert ours == standard


@MAKERS
def test_errors_at_the_definition(library) -> None:
    with pytest.raises(TypeError, match=r"non-default argument 'y' follows default argument"):

        @library.dataclass(frozen=True)
        class Order:
            x: int = 0
            y: int

    with pytest.raises(
        ValueError, match=r"mutable default <class 'list'> for field x is not allowed: use default_factory"
    ):

        @library.dataclass(frozen=True)
        class Mutable:
            x: list[int] = []  # noqa: RUF012

    with pytest.raises(TypeError, match="Cannot overwrite attribute __setattr__ in class Own"):

        @library.dataclass(frozen=True)
        class Own:
            x: int

            def __setattr__(self, name: str, value: object) -> None: ...

    with pytest.raises(TypeError, match="already specifies __slots__"):

        @library.dataclass(slots=True)
        class Slots:
            __slots__ = ()
            x: int

    with pytest.raises(ValueError, match="cannot specify both default and default_factory"):
        library.field(default=1, default_factory=list)


def test_what_only_the_standard_library_makes_is_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class Base:
        x: int

    with pytest.raises(TypeError, match="Base is a dataclass of the standard library, so Sub must be one, too"):

        @late.dataclass(frozen=True)
        class Sub(Base):
            y: int

    with pytest.raises(TypeError, match=r"needs dataclasses\.dataclass"):

        @late.dataclass
        class WithInit:
            x: InitVar[int]  # noqa: F821

    with pytest.raises(TypeError, match="from __future__ import annotations"):
        late.dataclass(type("Objects", (), {"__annotations__": {"x": int}, "__module__": "here"}))
    with pytest.raises(TypeError, match="unexpected keyword argument 'order'"):
        late.dataclass(order=True)


def test_a_standard_dataclass_may_have_such_a_base() -> None:
    @dataclasses.dataclass(frozen=True)
    class Sub(plain(late)):
        z: int = 4

    assert repr(Sub(1)).endswith("Sub(x=1, y=0, tags=[], z=4)")


def test_replace() -> None:
    point = plain(late)(1, tags=["a"])
    assert late.replace(point, y=5) == plain_like(point, 5)
    with pytest.raises(ValueError, match="field size is declared with init=False"):
        late.replace(derived(late)(1), size=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'unknown'"):
        late.replace(point, unknown=1)
    assert late.field_names(point) == late.field_names(type(point)) == ("x", "y", "note", "tags")
    assert late.field_names(1) == ()


def plain_like(point, y: int):
    return type(point)(point.x, y, point.note, point.tags)


@MAKERS
def test_pickles_of_the_standard_library_can_be_read(library) -> None:
    span = flowc_ir.model.Span("flow.py", 3, 1)
    made = library.dataclass(frozen=True, slots=True)(type("Span", (), {"__annotations__": {"x": "int", "y": "int"}}))
    state = made(1, 2).__reduce_ex__(2)[2]
    assert state == [1, 2]
    assert span.__reduce_ex__(2)[2] == ["flow.py", 3, 1, 0]


def test_another_attribute_of_a_frozen_class_is_refused() -> None:
    """The error is FrozenInstanceError; in Python 3.11, the standard library raises a TypeError about `super` here."""
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'another'"):
        plain(late)(1).another = 5


def test_a_post_init_runs() -> None:
    with pytest.raises(ValueError, match="negative"):
        by_name(late)(optional=-1, required="")


def test_matching_and_recursion() -> None:
    point = plain(late)(1, 2)
    match point:
        case object(x=1, y=y):
            assert y == 2
    point.tags.append(point)
    assert repr(point).count("...") == 1


def test_classes_of_the_ir_can_be_pickled_and_described() -> None:
    described = 0
    for module in (flowc_ir.model, flowc_ir.policies):
        for cls in vars(module).values():
            if isinstance(cls, type) and late.field_names(cls) and cls.__module__ == module.__name__:
                assert [each.name for each in dataclasses.fields(cls)] == [*late.field_names(cls)]
                assert list(inspect.signature(cls).parameters) == [f.name for f in dataclasses.fields(cls) if f.init]
                described += 1
    assert described > 30
    span = flowc_ir.model.Span("flow.py", 3, 1)
    assert pickle.loads(pickle.dumps(span)) == span and hash(pickle.loads(pickle.dumps(span))) == hash(span)


def test_the_definition_of_classes_imports_and_compiles_nothing() -> None:
    program = """
import sys
import flowc_ir.policies
assert not {"dataclasses", "inspect", "ast"} & {*sys.modules}, sorted(sys.modules)
assert type(vars(flowc_ir.policies.Toleration)["__init__"]).__name__ == "_Init"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_used_classes_are_compiled_before_many_forks() -> None:
    used, unused = plain(late), plain(late)
    used(1)
    late.compile_used()
    late.compile_used()
    assert type(vars(used)["__init__"]) is FunctionType
    assert type(vars(unused)["__init__"]) is late._Init
    assert used(2, y=3).y == 3
