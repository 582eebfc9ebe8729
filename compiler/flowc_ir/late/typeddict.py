"""Typed dicts that are defined quickly: a replacement for `TypedDict` of the standard library.

The standard library compiles each annotation of a class when the class is defined. The `TypedDict` of this module keeps
annotations as text. Type checkers treat the name `TypedDict` as the standard library's class
(docs/adr/0033-dataclasses.md).
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers treat this name like `typing.TYPE_CHECKING`
if TYPE_CHECKING:
    from typing import TypedDict

__all__ = ["TypedDict"]


class _Meta(type):
    """The class of typed dicts; calling a typed dict returns a plain dict."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object], *, total: bool = True) -> _Meta:
        own: dict[str, object] = body.get("__annotations__", {})  # type: ignore[assignment]
        if any(not isinstance(note, str) for note in own.values()):
            raise TypeError(f"{name}: write `from __future__ import annotations` in {body['__module__']}")
        notes: dict[str, object] = {}
        required: frozenset[str] = frozenset()
        for base in bases:
            if type(base) is not cls:
                raise TypeError(f"{name}: cannot inherit from both a TypedDict type and a non-TypedDict base class")
            notes |= base.__annotations__
            required |= getattr(base, "__required_keys__")  # noqa: B009 - mypy: `type` does not have the attribute
        notes |= own
        required = required - own.keys() | (own.keys() if total else frozenset())
        namespace = {
            **body,
            "__annotations__": notes,
            "__required_keys__": required,
            "__optional_keys__": frozenset(notes.keys() - required),
            "__total__": total,
        }
        return type.__new__(cls, name, (dict,), namespace)

    def __call__(cls, /, *args: object, **values: object) -> dict[str, object]:
        """Return a plain dict."""
        return dict(*args, **values)

    def __instancecheck__(cls, instance: object) -> bool:
        raise TypeError("TypedDict does not support instance and class checks")


class _Base:
    """The object `TypedDict`, which class statements name as their base. Python calls this object's `__mro_entries__`,
    which replaces the object by another base, so the class does not inherit from the object."""

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (_Anchor,)


_Anchor = type.__new__(_Meta, "TypedDict", (dict,), {"__annotations__": {}, "__required_keys__": frozenset()})

if not TYPE_CHECKING:
    TypedDict = _Base()
