"""Named tuples that are defined quickly: a replacement for `NamedTuple` of the standard library.

The standard library compiles `__new__` and each annotation of a class when the class is defined, and its import loads
`re`. This replacement compiles `__new__` only for classes with many instances, and keeps annotations as text. Type
checkers treat the name `NamedTuple` as the standard library's class (docs/adr/0033-dataclasses.md).
"""

from __future__ import annotations

from _weakref import ref  # `_weakref` is built into Python; importing `weakref` would read a file, which takes longer
from importlib import import_module

from flowc_ir.late import LateModule

TYPE_CHECKING = False  # type checkers treat this name like `typing.TYPE_CHECKING`
if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterable
    from types import FunctionType
    from typing import NamedTuple
else:
    inspect = LateModule("inspect")

__all__ = ["NamedTuple"]

_tuplegetter = import_module("_collections")._tuplegetter  # `collections.namedtuple` makes attributes with it

_UNCOMPILED = 15  # from this number of instances on, a compiled `__new__` saves more time than its compilation takes
_REFUSED = frozenset({
    "__new__", "__init__", "__slots__", "__getnewargs__", "_fields", "_field_defaults", "_field_types", "_make",
    "_replace", "_asdict", "_source",
})  # fmt: skip
_NOT_COPIED = _REFUSED | {"__annotations__", "__module__", "__qualname__"}


_used: list[ref[_New]] = []  # the placeholders that have made an instance; see `flowc_ir.late.dataclass`


def compile_used() -> None:
    """Compile the `__new__` of each class that has instances; see `flowc_ir.late.dataclass.compile_used`."""
    for each in _used:
        placeholder = each()
        if placeholder is not None:
            placeholder.compile_now()
    _used.clear()


class _New:
    """The placeholder of `__new__`, which makes the first instances of a class itself.

    A compiled function replaces the placeholder after a number of instances (`_UNCOMPILED`), or when an attribute of
    `__new__` is read, such as its signature.
    """

    __slots__ = ("__weakref__", "calls", "cls")

    def __init__(self) -> None:
        self.calls = 0
        self.cls: type = tuple

    def __call__(self, cls: type, /, *args: object, **by_name: object) -> object:
        self.calls += 1
        if self.calls == 1:
            _used.append(ref(self))
        names: tuple[str, ...] = getattr(self.cls, "_fields")  # noqa: B009 - mypy: `tuple` does not have the attribute
        if self.calls > _UNCOMPILED or len(args) > len(names):
            return self.compiled()(cls, *args, **by_name)
        given = {**getattr(self.cls, "_field_defaults"), **by_name}  # noqa: B009
        values = [*args, *[given.pop(name) for name in names[len(args) :] if name in given]]
        wrong = any(name not in names[len(args) :] for name in by_name)
        if wrong or len(values) != len(names):
            return self.compiled()(cls, *args, **by_name)  # raises Python's TypeError, as the arguments are wrong
        return tuple.__new__(cls, values)

    def __getattr__(self, name: str) -> object:
        if name == "__signature__":
            return inspect.signature(self.compiled())
        return getattr(self.compiled(), name)

    def compile_now(self) -> None:
        """Replace the placeholder, unless a compiled function has replaced it."""
        if self.cls.__dict__.get("__new__") is self:
            self.compiled()

    def compiled(self) -> FunctionType:
        """Compile `__new__`, and make it the attribute of the class."""
        made = _compile_new(self.cls)
        setattr(self.cls, "__new__", staticmethod(made))  # noqa: B010 - mypy: a class whose __new__ is unknown
        return made


def _compile_new(cls: type) -> FunctionType:
    fields: tuple[str, ...] = getattr(cls, "_fields")  # noqa: B009 - mypy: an attribute that `tuple` does not have
    defaults: dict[str, object] = getattr(cls, "_field_defaults")  # noqa: B009
    names: dict[str, object] = {"_tuple_new": tuple.__new__, "__name__": f"namedtuple_{cls.__name__}"}
    arguments = ", ".join(("_cls", *fields))
    values = "".join(f"{name}, " for name in fields)
    made: FunctionType = eval(f"lambda {arguments}: _tuple_new(_cls, ({values}))", names)  # safe: only field names
    made.__name__ = "__new__"
    made.__qualname__ = f"{cls.__name__}.__new__"
    made.__doc__ = f"Create new instance of {cls.__name__}({', '.join(fields)})"
    made.__defaults__ = tuple(defaults.values()) or None
    made.__annotations__ = dict(cls.__annotations__)
    return made


class _Methods:
    """The methods of every named tuple. The methods are copied into each named tuple class, so that the only base of
    the class is `tuple`."""

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> object:
        """Make a new instance from a sequence or iterable."""
        values = tuple(iterable)
        fields: tuple[str, ...] = getattr(cls, "_fields")  # noqa: B009
        if len(values) != len(fields):
            raise TypeError(f"Expected {len(fields)} arguments, got {len(values)}")
        return tuple.__new__(cls, values)  # type: ignore[type-var] # a class that derives from tuple

    def _replace(self, /, **changes: object) -> object:
        """Return a new instance with other values of some fields."""
        fields: tuple[str, ...] = getattr(self, "_fields")  # noqa: B009
        values = [changes.pop(name, value) for name, value in zip(fields, self, strict=True)]  # type: ignore[call-overload]
        if changes:
            raise ValueError(f"Got unexpected field names: {list(changes)!r}")
        return tuple.__new__(type(self), values)  # type: ignore[type-var]

    def _asdict(self) -> dict[str, object]:
        """Return a new dict which maps field names to their values."""
        fields: tuple[str, ...] = getattr(self, "_fields")  # noqa: B009
        return dict(zip(fields, self, strict=True))  # type: ignore[call-overload]

    def __repr__(self) -> str:
        """Return a nicely formatted representation string."""
        fields: tuple[str, ...] = getattr(self, "_fields")  # noqa: B009
        pairs = zip(fields, self, strict=True)  # type: ignore[call-overload]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"

    def __getnewargs__(self) -> tuple[object, ...]:
        """Return self as a plain tuple. Used by copy and pickle."""
        return tuple(self)  # type: ignore[arg-type]


_METHODS = {name: vars(_Methods)[name] for name in ("_make", "_replace", "_asdict", "__repr__", "__getnewargs__")}


class _Meta(type):
    """Turns a class statement with the base `NamedTuple` into a subclass of `tuple`; the type of the new class is
    `type`, not this metaclass."""

    def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
        notes: dict[str, object] = body.get("__annotations__", {})  # type: ignore[assignment]
        if len(bases) > 1:
            raise TypeError(f"{name}: a named tuple has no other base class; typing.NamedTuple may have Generic")
        defaults = _defaults(name, notes, body)
        new = _New()
        namespace: dict[str, object] = {
            **_METHODS,
            "__doc__": f"{name}({', '.join(notes)})",
            "__slots__": (),
            "_fields": tuple(notes),
            "_field_defaults": defaults,
            "__match_args__": tuple(notes),
            **{field: _tuplegetter(index, f"Alias for field number {index}") for index, field in enumerate(notes)},
            **{key: value for key, value in body.items() if key not in _NOT_COPIED and key not in notes},
            "__annotations__": notes,
            "__module__": body["__module__"],
            "__qualname__": body["__qualname__"],
            "__new__": new,
        }
        made = type(name, (tuple,), namespace)
        new.cls = made
        return made


def _defaults(name: str, notes: dict[str, object], body: dict[str, object]) -> dict[str, object]:
    """Return the defaults of the fields. Raises AttributeError or TypeError for a class that cannot be made."""
    for key in body:
        if key in _REFUSED:
            raise AttributeError(f"Cannot overwrite NamedTuple attribute {key}")
    defaults: dict[str, object] = {}
    for field, note in notes.items():
        if not isinstance(note, str):
            raise TypeError(f"{name}.{field}: write `from __future__ import annotations` in {body['__module__']}")
        if field.startswith("_"):
            raise ValueError(f"Field names cannot start with an underscore: {field!r}")
        if field in body:
            defaults[field] = body[field]
        elif defaults:
            raise TypeError(f"Non-default namedtuple field {field} cannot follow default field {[*defaults][-1]}")
    return defaults


class _Base:
    """The object `NamedTuple`, which class statements name as their base. Python calls this object's `__mro_entries__`,
    which replaces the object by the base `_Anchor`, so the class does not inherit from the object."""

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (_Anchor,)


_Anchor = type.__new__(_Meta, "NamedTuple", (), {})

if not TYPE_CHECKING:
    NamedTuple = _Base()
