"""Annotations of the IR's fields, in addition to the type: limits of values, and keys in JSON.

The annotations are arguments of `Annotated[...]`. Only `make generate` evaluates these annotations; a run does not
import this module.
"""

from __future__ import annotations

from typing import final

from flowc_ir.late.dataclass import dataclass


@final
@dataclass(frozen=True, slots=True)
class AtLeast:
    """The smallest number that is allowed for a field."""

    least: int


@final
@dataclass(frozen=True, slots=True)
class NotEmpty:
    """A string with at least one character."""


@final
@dataclass(frozen=True, slots=True)
class Matches:
    """A string that the regular expression `pattern` fully matches; errors describe it as `wanted`."""

    pattern: str
    wanted: str


@final
@dataclass(frozen=True, slots=True)
class Items:
    """A list with at least `least` items; with `unique`, no item occurs twice."""

    least: int
    unique: bool = False


@final
@dataclass(frozen=True, slots=True)
class Key:
    """The key in JSON of the field with this annotation. If the field's type may be one of several classes (a union), a
    reader recognizes the class of a JSON object by this key."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Flag:
    """A class without fields; in JSON, its instance is an object with the key `name` and the value true."""

    name: str
