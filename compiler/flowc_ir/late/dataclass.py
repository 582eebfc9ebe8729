"""Dataclasses that are defined quickly: a replacement for `dataclass`, `field` and `replace` of the standard library.

The standard library's decorator compiles up to seven functions for each class when the class is defined, and its import
loads `inspect`. The decorator of this module compiles only `__init__`, and only for classes with many instances. The
other methods that it adds are closures. The attributes that `dataclasses.fields`, `is_dataclass` and `asdict` read are
computed by the standard library at their first use. Type checkers treat the three names as the standard library's
functions (docs/adr/0033-dataclasses.md).
"""

from __future__ import annotations

from _weakref import ref  # `_weakref` is built into Python; importing `weakref` would read a file, which takes longer
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Final, TypeVar, final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import dataclasses
    from collections.abc import Callable, Mapping
    from types import FunctionType
else:
    dataclasses = LateModule("dataclasses")

T = TypeVar("T")


@final
class _Marker:
    """A marker for the absence of a value; `text` is shown in signatures."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


_MISSING: Final = _Marker("<missing>")  # marks a field that has no default
_FACTORY: Final = _Marker("<factory>")  # the default of an argument of `__init__` whose field has a factory
_FIELDS = "__late_fields__"
# From this number of instances on, a compiled `__init__` saves more time than its compilation takes.
_UNCOMPILED: Final = 30
_STANDARD_FIELDS, _STANDARD_OPTIONS = "__dataclass_fields__", "__dataclass_params__"


@final
class _Field:
    """A field of a dataclass. If there is a `factory`, calling it makes the default. The decorator of the class sets
    `kw_only` later, from its own option `kw_only`."""

    __slots__ = ("compare", "default", "factory", "init", "kw_only", "repr")

    def __init__(
        self,
        default: object = _MISSING,
        factory: Callable[[], object] | None = None,
        init: bool = True,
        repr: bool = True,
        compare: bool = True,
    ) -> None:
        self.default, self.factory = default, factory
        self.init, self.repr, self.compare = init, repr, compare
        self.kw_only = False

    @property
    def required(self) -> bool:
        """Return whether the field has no default."""
        return self.default is _MISSING and self.factory is None


@final
class _Options:
    """The options of the decorator; `owner` is the class that the decorator has made."""

    __slots__ = ("eq", "frozen", "owner", "slots")

    def __init__(self, frozen: bool, slots: bool, eq: bool) -> None:
        self.frozen, self.slots, self.eq = frozen, slots, eq
        self.owner: type[object] = object


def _dataclass(
    cls: type | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
) -> object:
    """Make a class a dataclass, like `dataclasses.dataclass` with these options.

    Raises:
        TypeError: only the standard library's decorator can make the class, because the class has annotations that are
            not text, an InitVar, or a base class that is a dataclass of the standard library. For other mistakes, this
            decorator raises the same errors as the standard library's decorator.
    """

    def make(cls: type) -> type:
        return _make(cls, _Options(frozen, slots, eq), kw_only)

    return make if cls is None else make(cls)


def _field(
    *,
    default: object = _MISSING,
    default_factory: Callable[[], object] | None = None,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
) -> _Field:
    """Return the options of a field, like `dataclasses.field`. A field with `init=False` is set in `__post_init__`."""
    if default is not _MISSING and default_factory is not None:
        raise ValueError("cannot specify both default and default_factory")
    if not init and (default is not _MISSING or default_factory is not None):
        raise TypeError("a field with init=False has no default: set it in __post_init__")
    return _Field(default, default_factory, init, repr, compare)


def _replace(instance: T, /, **changes: object) -> T:
    """Return a copy of an instance with other values of some fields, like `dataclasses.replace`."""
    fields: dict[str, _Field] = getattr(type(instance), _FIELDS)
    for name, field in fields.items():
        if field.init:
            if name not in changes:
                changes[name] = getattr(instance, name)
        elif name in changes:
            raise ValueError(f"field {name} is declared with init=False, it cannot be specified with replace()")
    return type(instance)(**changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _field, _replace

__all__ = ["dataclass", "field", "field_names", "replace"]


def field_names(value: object) -> tuple[str, ...]:
    """Return the names of the fields of an instance or class, in order; empty if this module did not make the class."""
    return tuple(getattr(value, _FIELDS, ()))


def _make(cls: type, options: _Options, kw_only: bool) -> type:
    inherited: dict[str, _Field] = {}
    for base in cls.__mro__[-2:0:-1]:
        if _FIELDS in base.__dict__:
            inherited |= base.__dict__[_FIELDS]
        elif _STANDARD_FIELDS in base.__dict__:
            raise TypeError(
                f"{base.__name__} is a dataclass of the standard library, so {cls.__name__} must be one, too"
            )
    own = _own_fields(cls, kw_only)
    fields = inherited | own
    _check_order(fields)

    given = cls.__dict__
    methods = {name: value for name, value in _methods(fields, options).items() if name not in given}
    if options.eq and given.get("__hash__") is None:  # Python sets __hash__ to None if only __eq__ is defined
        methods["__hash__"] = _hash(fields) if options.frozen else None
    if options.frozen:
        methods |= _frozen_methods(cls, fields, options)
    made = _with_slots(cls, own, methods) if options.slots else _with_attributes(cls, own, methods)
    options.owner = made
    return made


def _own_fields(cls: type, kw_only: bool) -> dict[str, _Field]:
    fields: dict[str, _Field] = {}
    for name, annotation in cls.__annotations__.items():
        if not isinstance(annotation, str):
            raise TypeError(f"{cls.__name__}.{name}: write `from __future__ import annotations` in {cls.__module__}")
        if annotation.startswith("ClassVar"):
            continue
        if annotation.startswith(("InitVar", "KW_ONLY")):
            raise TypeError(f"{cls.__name__}.{name}: {annotation} needs dataclasses.dataclass")
        default = cls.__dict__.get(name, _MISSING)
        field = default if isinstance(default, _Field) else _Field(default)
        if type(field.default).__hash__ is None:
            kind = type(field.default)
            raise ValueError(f"mutable default {kind} for field {name} is not allowed: use default_factory")
        field.kw_only = kw_only
        fields[name] = field
    return fields


def _check_order(fields: Mapping[str, _Field]) -> None:
    optional = False
    for name, field in fields.items():
        if field.init and not field.kw_only:
            if field.required and optional:
                raise TypeError(f"non-default argument {name!r} follows default argument")
            optional = optional or not field.required


def _with_slots(cls: type, own: Mapping[str, _Field], methods: Mapping[str, object]) -> type:
    """Return a new class with slots, because slots cannot be added to an existing class."""
    if "__slots__" in cls.__dict__:
        raise TypeError(f"{cls.__name__} already specifies __slots__")
    taken = {name for base in cls.__mro__[1:-1] for name in base.__dict__.get("__slots__", ())}
    left_out = {"__dict__", "__weakref__", *own}
    namespace = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    namespace |= methods
    namespace["__slots__"] = tuple(name for name in own if name not in taken)
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


def _with_attributes(cls: type, own: Mapping[str, _Field], methods: Mapping[str, object]) -> type:
    for name, field in own.items():
        if field.default is not _MISSING:
            setattr(cls, name, field.default)
        elif name in cls.__dict__:
            delattr(cls, name)
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def _methods(fields: dict[str, _Field], options: _Options) -> dict[str, object]:
    """Return the methods and attributes that the decorator adds to a class unless the class defines them."""
    methods: dict[str, object] = {
        _FIELDS: fields,
        _STANDARD_FIELDS: _Standard(_STANDARD_FIELDS, fields, options),
        _STANDARD_OPTIONS: _Standard(_STANDARD_OPTIONS, fields, options),
        "__init__": _Init(fields, options),
        "__match_args__": tuple(name for name, each in fields.items() if each.init and not each.kw_only),
        "__replace__": _replace,
        "__repr__": _repr,
    }
    if options.eq:
        key = _key(fields)

        def __eq__(self: object, other: object) -> bool:
            return key(self) == key(other) if type(self) is type(other) else NotImplemented

        methods["__eq__"] = __eq__
    if options.frozen and options.slots:
        methods |= {"__getstate__": _get_state, "__setstate__": _set_state}
    return methods


@recursive_repr()
def _repr(self: object) -> str:
    fields: dict[str, _Field] = getattr(self, _FIELDS)
    values = ", ".join([f"{name}={getattr(self, name)!r}" for name, each in fields.items() if each.repr])
    return f"{type(self).__qualname__}({values})"


def _get_state(self: object) -> list[object]:
    return [getattr(self, name) for name in getattr(self, _FIELDS)]


def _set_state(self: object, state: list[object]) -> None:
    for name, value in zip(getattr(self, _FIELDS), state, strict=True):
        object.__setattr__(self, name, value)


def _key(fields: Mapping[str, _Field]) -> Callable[[object], object]:
    """Return a function that returns, for an instance, a tuple of the values that comparisons use."""
    names = [name for name, each in fields.items() if each.compare]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple([getattr(instance, name) for name in names])


def _hash(fields: Mapping[str, _Field]) -> Callable[[object], int]:
    key = _key(fields)

    def __hash__(self: object) -> int:
        return hash(key(self))

    return __hash__


def _frozen_methods(cls: type, fields: Mapping[str, _Field], options: _Options) -> dict[str, object]:
    def refuse(self: object, name: str, verb: str) -> None:
        if type(self) is options.owner or name in fields:
            raise dataclasses.FrozenInstanceError(f"cannot {verb} field {name!r}")

    def __setattr__(self: object, name: str, value: object) -> None:
        refuse(self, name, "assign to")
        super(options.owner, self).__setattr__(name, value)  # type: ignore[misc]

    def __delattr__(self: object, name: str) -> None:
        refuse(self, name, "delete")
        super(options.owner, self).__delattr__(name)  # type: ignore[misc]

    for name in ("__setattr__", "__delattr__"):
        if name in cls.__dict__:
            raise TypeError(f"Cannot overwrite attribute {name} in class {cls.__name__}")
    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


# The placeholders that have made an instance. The references are weak, because strong references would keep users'
# objects alive until the very end of the interpreter, when their `__del__` cannot print any more.
_used: list[ref[_Init]] = []


def compile_used() -> None:
    """Compile the `__init__` of each class that has instances.

    A process calls this function before it forks many times. A forked process makes few instances of a class. Without
    this call, each fork would therefore use the slow placeholders, which are replaced only after a number of instances.
    """
    for each in _used:
        placeholder = each()
        if placeholder is not None:
            placeholder.compile_now()
    _used.clear()


@final
class _Init:
    """The placeholder of a class's `__init__`.

    The placeholder itself sets the fields of the first instances. A compiled function replaces the placeholder after a
    number of instances (`_UNCOMPILED`), or when `__init__` is read from the class.
    """

    __slots__ = ("__weakref__", "calls", "fields", "options")

    def __init__(self, fields: Mapping[str, _Field], options: _Options) -> None:
        self.calls = 0
        self.fields, self.options = fields, options

    def __get__(self, instance: object, kind: type) -> object:
        # `isinstance(instance, type)`: since Python 3.13, `inspect.signature` calls `__get__` with the class as the
        # instance.
        if instance is None or isinstance(instance, type) or self.calls == _UNCOMPILED:
            function = self._compiled()
            return function if instance is None else function.__get__(instance, kind)
        self.calls += 1
        if self.calls == 1:
            _used.append(ref(self))

        def __init__(*args: object, **by_name: object) -> None:
            if self._fits(args, by_name):
                self._set(instance, args, by_name)
            else:
                self._compiled()(instance, *args, **by_name)  # raises Python's TypeError, as the arguments are wrong

        return __init__

    def compile_now(self) -> None:
        """Replace the placeholder, unless a compiled function has replaced it."""
        if self.options.owner.__dict__.get("__init__") is self:
            self._compiled()

    def _compiled(self) -> FunctionType:
        function = _compile_init(self.fields, self.options)
        setattr(self.options.owner, "__init__", function)  # noqa: B010 - mypy: a class whose __init__ is unknown
        return function

    def _plain(self) -> list[str]:
        return [name for name, each in self.fields.items() if each.init and not each.kw_only]

    def _fits(self, args: tuple[object, ...], by_name: Mapping[str, object]) -> bool:
        """Return whether the arguments of a call fit the parameters of `__init__`."""
        plain = self._plain()
        if len(args) > len(plain):
            return False
        given = {*plain[: len(args)]}
        for name in by_name:
            if name in given or name not in self.fields or not self.fields[name].init:
                return False
        return all(
            name in given or name in by_name for name, each in self.fields.items() if each.init and each.required
        )

    def _set(self, instance: object, args: tuple[object, ...], by_name: dict[str, object]) -> None:
        given = by_name | dict(zip(self._plain(), args, strict=False))
        assign = object.__setattr__ if self.options.frozen else setattr
        for name, each in self.fields.items():
            if not each.init:
                continue
            value = given.get(name, each.default if each.factory is None else _FACTORY)
            if each.factory is not None and value is _FACTORY:
                value = each.factory()
            assign(instance, name, value)
        if (finish := getattr(instance, "__post_init__", None)) is not None:
            finish()


def _compile_init(fields: Mapping[str, _Field], options: _Options) -> FunctionType:
    cls = options.owner
    names: dict[str, object] = {"_FACTORY": _FACTORY, "_set": object.__setattr__}
    plain = ["self"]
    by_name: list[str] = []
    body: list[str] = []
    for name, each in fields.items():
        if not each.init:
            continue
        value, default = name, ""
        if each.factory is not None:
            names[f"_make_{name}"] = each.factory
            default, value = "=_FACTORY", f"_make_{name}() if {name} is _FACTORY else {name}"
        elif each.default is not _MISSING:
            names[f"_default_{name}"] = each.default
            default = f"=_default_{name}"
        (by_name if each.kw_only else plain).append(name + default)
        if not options.frozen:
            body.append(f"self.{name} = {value}")
        elif options.slots:
            names[f"_set_{name}"] = getattr(cls, name).__set__  # this is the fastest way to set a slot
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    arguments = ", ".join([*plain, *(["*", *by_name] if by_name else [])])
    lines = [f"def __init__({arguments}):", *(body or ["pass"])]
    made: dict[str, FunctionType] = {}
    exec("\n ".join(lines), names, made)  # safe: the only parts of the text that come from users are names of fields
    function = made["__init__"]
    function.__qualname__ = f"{cls.__qualname__}.__init__"
    function.__module__ = cls.__module__
    notes = _annotations(cls)
    function.__annotations__ = {name: notes[name] for name, each in fields.items() if each.init}
    function.__annotations__["return"] = None
    return function


def _annotations(cls: type) -> dict[str, str]:
    """Return the annotations of a class and its bases."""
    return {name: note for base in cls.__mro__[::-1] for name, note in getattr(base, "__annotations__", {}).items()}


@final
class _Standard:
    """A placeholder for an attribute of a dataclass, such as `__dataclass_fields__`, which functions of the module
    `dataclasses` read. At the first access, `dataclasses` computes the attribute's value."""

    __slots__ = ("fields", "name", "options")

    def __init__(self, name: str, fields: Mapping[str, _Field], options: _Options) -> None:
        self.name, self.fields, self.options = name, fields, options

    def __get__(self, instance: object, kind: type) -> object:
        owner = self.options.owner
        notes = _annotations(owner)
        body: dict[str, object] = {"__module__": owner.__module__}
        body["__annotations__"] = {name: notes[name] for name in self.fields}
        for name, each in self.fields.items():
            described = dataclasses.field(init=each.init, repr=each.repr, compare=each.compare, kw_only=each.kw_only)
            if each.factory is not None:
                described.default_factory = each.factory
            elif each.default is not _MISSING:
                described.default = each.default
            body[name] = described
        same: type = dataclasses.dataclass(frozen=self.options.frozen, eq=self.options.eq)(
            type(owner.__name__, (), body)
        )
        for name in (_STANDARD_FIELDS, _STANDARD_OPTIONS):
            setattr(owner, name, getattr(same, name))
        return getattr(same, self.name)
