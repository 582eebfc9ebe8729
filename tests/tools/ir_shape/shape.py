"""The classes of the IR and their form in JSON, read from annotations; all four generated files come from them."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias, get_args, get_origin

from flowc_ir import markers, model, policies

_MARKS = (markers.AtLeast, markers.NotEmpty, markers.Matches, markers.Items)
Mark: TypeAlias = "markers.AtLeast | markers.NotEmpty | markers.Matches | markers.Items"
Kind: TypeAlias = "Scalar | Words | Place | Texts | ListOf | Row | Record | Union"


@dataclass(frozen=True)
class Scalar:
    """A JSON value that has one of these Python types."""

    types: tuple[type, ...]


@dataclass(frozen=True)
class Words:
    """A string that must be one of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A `Span`, a position in the source, which is a string in JSON."""


@dataclass(frozen=True)
class Texts:
    """Pairs of strings, which are an object in JSON."""


@dataclass(frozen=True)
class ListOf:
    """A tuple of any length, which is a list in JSON."""

    item: Kind


@dataclass(frozen=True)
class Row:
    """A tuple of a fixed length, which is a list in JSON."""

    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Field:
    """A field of a class of the IR; `key` is the field's name in JSON."""

    name: str
    key: str
    kind: Kind
    marks: tuple[Mark, ...] = ()
    required: bool = True
    default: object = None


@dataclass(frozen=True)
class Record:
    """A class of the IR, and its form in JSON.

    In JSON, a `bare` record is the value of its only field, or null without fields. A `keyed` record is an object whose
    first key identifies the class. A `flag` record is `{flag: true}`. Other records are objects with their fields.
    """

    cls: type
    fields: tuple[Field, ...]
    form: Literal["object", "bare", "keyed", "flag"] = "object"
    flag: str | None = None

    @property
    def name(self) -> str:
        """The name of the class in names of generated functions, such as `exit_hook`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.cls.__name__).lower()

    @property
    def doc(self) -> str:
        """The docstring of the class, without line breaks."""
        return " ".join((inspect.getdoc(self.cls) or "").split())


@dataclass(frozen=True)
class Union:
    """A type alias of the IR that means one of several classes."""

    alias: str
    members: tuple[Record, ...]

    @property
    def name(self) -> str:
        """The name of the alias in names of generated functions."""
        return self.alias.lower()

    @property
    def bare(self) -> tuple[Record, ...]:
        """The members of the union that are not objects in JSON."""
        return tuple(member for member in self.members if member.form == "bare")

    @property
    def objects(self) -> tuple[Record, ...]:
        """The members of the union that are objects in JSON."""
        return tuple(member for member in self.members if member.form != "bare")


def shape_of(root: type) -> tuple[Record | Union, ...]:
    """Return a class and all classes that it contains; each class comes after the classes of its fields."""
    found = _Finder()
    found.record(root)
    return tuple(found.parts.values())


_NAMES: dict[str, object] = {
    "Annotated": Annotated, "Literal": Literal, **vars(markers), **vars(policies), **vars(model)
}  # fmt: skip


@dataclass
class _Finder:
    parts: dict[str, Record | Union] = field(default_factory=dict)

    def record(self, cls: type, *, in_union: bool = False, flag: str | None = None) -> Record:
        known = self.parts.get(cls.__name__)
        if not isinstance(known, Record):
            fields = tuple(map(self._field, dataclasses.fields(cls)))
            # fields with a `Key` come first; the other fields keep their order
            ordered = tuple(sorted(fields, key=lambda each: each.key == each.name))
            if ordered and ordered[0].key != ordered[0].name:
                known = Record(cls, ordered, "keyed")
            else:
                known = Record(cls, fields, "flag" if flag else "bare" if in_union else "object", flag)
            self.parts[cls.__name__] = known
        return known

    def _field(self, of: dataclasses.Field[object]) -> Field:
        alias = of.type if isinstance(of.type, str) else of.type.__name__
        hint, marks = _split(_evaluated(of.type))
        required = of.default is dataclasses.MISSING
        if type(None) in get_args(hint):
            if of.default is not None:
                raise TypeError(f"the field {of.name} may be None, which JSON omits: give it the default None")
            hint, more = _split(_without_none(hint))
            marks = (*marks, *more)
        keys = [mark.name for mark in marks if isinstance(mark, markers.Key)]
        return Field(
            of.name,
            keys[0] if keys else of.name,
            self._kind(hint, alias),
            tuple(mark for mark in marks if isinstance(mark, _MARKS)),
            required,
            None if required else of.default,
        )

    def _kind(self, hint: object, alias: str) -> Kind:
        hint, _ = _split(_evaluated(hint))
        origin, arguments = get_origin(hint), get_args(hint)
        if hint is model.Span:
            return Place()
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self.record(hint)
        if hint in (str, int, bool):
            return Scalar((hint,))
        if origin is Literal:
            return Words(arguments)
        if origin is tuple and arguments[-1] is ...:
            item = _evaluated(arguments[0])
            return Texts() if item == tuple[str, str] else ListOf(self._kind(item, alias))
        if origin is tuple:
            return Row(tuple(self._kind(each, alias) for each in arguments))
        if origin in (typing.Union, types.UnionType):
            return self._union(alias, [_split(each) for each in arguments])
        raise TypeError(f"{hint!r} is of no kind that the IR has: add it to {__file__}")

    def _union(self, alias: str, members: list[tuple[object, tuple[object, ...]]]) -> Kind:
        classes = [cls for cls, _ in members if isinstance(cls, type)]
        if {*classes} == {str, int, float, bool}:
            return Scalar(tuple(classes))
        flags = [next((mark.name for mark in marks if isinstance(mark, markers.Flag)), None) for _, marks in members]
        union = Union(
            alias, tuple(self.record(cls, in_union=True, flag=flag) for cls, flag in zip(classes, flags, strict=True))
        )
        self.parts.setdefault(alias, union)
        return union


def _evaluated(hint: object) -> object:
    while isinstance(hint, str):
        hint = eval(hint, dict(_NAMES))  # an annotation of flowc_ir
    return hint


def _split(hint: object) -> tuple[object, tuple[object, ...]]:
    """Return a type hint without `Annotated`, and the metadata that `Annotated` adds."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    inner, *marks = get_args(hint)
    return inner, tuple(marks)


def _without_none(hint: object) -> object:
    others = [each for each in get_args(hint) if each is not type(None)]
    assert len(others) == 1, hint
    return others[0]
