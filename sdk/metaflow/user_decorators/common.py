"""The common base of user-written decorators and mutators: it handles their arguments and names, and decorates."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from metaflow.decorators import USER_ATTRIBUTE as USER
from metaflow.decorators import Applied, applied_to
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["USER", "UserDecorator", "UserDecoratorMeta"]

_Target = TypeVar("_Target", bound="Callable[..., object]")

_Class = TypeVar("_Class", bound=type)

_classes: list[UserDecoratorMeta] = []


class UserDecoratorMeta(type):
    """A metaclass that allows `@my` and `@my(x=1)`: `@my` decorates directly, and `my(x=1)` creates a decorator."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> None:
        super().__init__(name, bases, namespace)
        _classes.append(cls)

    @overload
    def __call__(cls, target: _Target, /) -> _Target: ...
    @overload
    def __call__(cls, *args: object, **kwargs: object) -> Any: ...
    def __call__(cls, *args: object, **kwargs: object) -> Any:
        """Decorate a function or class, or return a decorator with these arguments.

        Also record the file and line at which the decorator is used.
        """
        caller = sys._getframe(1)
        place = caller.f_code.co_filename, caller.f_lineno
        if len(args) == 1 and not kwargs and cls._decorates(args[0]):
            return cls.make((), {}, place)(args[0])
        return cls.make(args, kwargs, place)

    def make(cls, args: tuple[object, ...], kwargs: dict[str, object], place: tuple[str, int]) -> Any:
        """Create an instance and record where the source uses it.

        Args:
            args: the positional arguments of the decorator.
            kwargs: the keyword arguments of the decorator.
            place: the file and line of the call.

        Raises:
            MetaflowException: this kind of decorator does not accept the positional arguments.
        """
        cls._check_arguments(args)
        decorator = super().__call__(*args, **kwargs)
        decorator._flowc_applied = Applied(cls.__name__, args, kwargs, *place)
        return decorator

    def _decorates(cls, value: object) -> bool:
        return is_step(value)

    def _check_arguments(cls, args: tuple[object, ...]) -> None:
        """Raise an error if this kind of decorator does not accept the positional arguments."""

    @property
    def decorator_name(cls) -> str:
        """The full name of the decorator: `my_module.my_decorator`."""
        return full_name(cls)


class UserDecorator(metaclass=UserDecoratorMeta):
    """Base class of all user-written decorators and mutators."""

    _flowc_applied: Applied  # the arguments, with configs replaced by their values, and the file and line of the call
    _flowc_kind = "UserDecorator"
    # whether the decorator is in the flow's source, or a mutator in the source added it; otherwise the command line
    # added it
    _flowc_static = True

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Ignore the arguments. `make` records them, and `init` gets them after the flow's configs have their
        values."""

    def init(self, *args: object, **kwargs: object) -> None:
        """Override this method to receive the decorator's arguments, with configs replaced by their values.

        `init` is called before all other methods.
        """

    @property
    def decorator_name(self) -> str:
        """The full name of the decorator: `my_module.my_decorator`."""
        return full_name(type(self))

    def get_args_kwargs(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the keyword arguments of the decorator."""
        return [*self._flowc_applied.args], {**self._flowc_applied.kwargs}

    def external_init(self) -> None:
        """Call `init` with the decorator's arguments.

        Raises:
            MetaflowException: the decorator has arguments, but its class has no `init`. Exceptions of `init` are not
                caught.
        """
        args, kwargs = self.get_args_kwargs()
        if (args or kwargs) and type(self).init is UserDecorator.init:
            raise MetaflowException(
                f"{self.decorator_name} is given arguments but has no method to take them: "
                "write `def init(self, *args, **kwargs):`"
            )
        self.init(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{self._flowc_kind}({self.decorator_name})"


def is_step(value: object) -> bool:
    """Return whether the value is a function that is decorated with `@step`."""
    return isinstance(value, FunctionType) and any(applied.name == "step" for applied in applied_to(value))


def user_decorators(target: object) -> tuple[UserDecorator, ...]:
    """Return the user-written decorators of a step's function or a class (without bases), the innermost first."""
    decorators: tuple[UserDecorator, ...] = vars(target).get(USER, ()) if hasattr(target, "__dict__") else ()
    return decorators


def add(target: object, decorator: UserDecorator) -> Any:
    """Add a decorator to a function or class, outside of its other decorators, and return the function or class."""
    setattr(target, USER, (*user_decorators(target), decorator))
    return target


# -- names -------------------------------------------------------------------------------------------------------------


def full_name(cls: type) -> str:
    """Return the name of a class with its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def known_classes(base: type) -> list[UserDecoratorMeta]:
    """Return all user-written classes derived from `base` that the program has defined."""
    return [cls for cls in _classes if base in cls.__mro__ and not cls.__module__.startswith("metaflow.")]


def short_name(cls: type, kind: type) -> str:
    """Return the shortest suffix of a class's full name that identifies the class among all classes of this kind."""
    parts = full_name(cls).split(".")
    others = {full_name(other) for other in known_classes(kind)} - {full_name(cls)}
    for start in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[start:])
        if not any(f".{other}".endswith(f".{name}") for other in others):
            return name
    return full_name(cls)


def matching(name: str, classes: Iterable[_Class]) -> _Class | None:
    """Return the last class whose full name ends in `name`, or None.

    If several classes match, the last defined class is used, because reloading a file defines its classes again.
    """
    matches = [cls for cls in classes if f".{full_name(cls)}".endswith(f".{name}")]
    return matches[-1] if matches else None
