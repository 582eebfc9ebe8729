"""What decorators and mutators of a user's own have in common: their arguments, their names, how they are applied."""

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

_Target = TypeVar("_Target", bound="Callable[..., Any]")

_classes: list[UserDecoratorMeta] = []


class UserDecoratorMeta(type):
    """Makes `@my` and `@my(x=1)` do the same thing: the first decorates at once, the second makes what will."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        _classes.append(cls)

    @overload
    def __call__(cls, target: _Target, /) -> _Target: ...
    @overload
    def __call__(cls, *args: Any, **kwargs: Any) -> Any: ...
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1)
        place = caller.f_code.co_filename, caller.f_lineno
        if len(args) == 1 and not kwargs and cls._decorates(args[0]):
            return cls.make((), {}, place)(args[0])
        return cls.make(args, kwargs, place)

    def make(cls, args: tuple[Any, ...], kwargs: dict[str, Any], place: tuple[str, int]) -> Any:
        """An instance, with the place in the source that asked for it."""
        cls._check_arguments(args)
        made = super().__call__(*args, **kwargs)
        made._flowc_applied = Applied(cls.__name__, args, kwargs, *place)
        return made

    def _decorates(cls, value: object) -> bool:
        return is_step(value)

    def _check_arguments(cls, args: tuple[Any, ...]) -> None:
        """Raise where this kind of decorator cannot be given these positional arguments."""

    @property
    def decorator_name(cls) -> str:
        """Its full name: `my_module.my_decorator`."""
        return full_name(cls)


class UserDecorator(metaclass=UserDecoratorMeta):
    """Base of all of them."""

    _flowc_applied: Applied  # its arguments, where a config's value is put in, and its place
    _flowc_kind = "UserDecorator"
    _flowc_static = True  # written in the flow's source, or added by what is

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The arguments go to `init`, once the flow's configs have their values."""

    def init(self, *args: Any, **kwargs: Any) -> None:
        """Implement this to take arguments; it is called before anything else, with configs' values in place."""

    @property
    def decorator_name(self) -> str:
        """Its full name: `my_module.my_decorator`."""
        return full_name(type(self))

    def get_args_kwargs(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that it was applied with."""
        return [*self._flowc_applied.args], {**self._flowc_applied.kwargs}

    def external_init(self) -> None:
        """Call `init` with the arguments. Raises MetaflowException where there are some and nothing takes them."""
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
    """Whether it is a function that `@step` was applied to."""
    return isinstance(value, FunctionType) and any(applied.name == "step" for applied in applied_to(value))


def user_decorators(target: object) -> tuple[UserDecorator, ...]:
    """What of a user's own decorates a step's function or a class (not its bases), the innermost first."""
    found: tuple[UserDecorator, ...] = vars(target).get(USER, ()) if hasattr(target, "__dict__") else ()
    return found


def add(target: Any, decorator: UserDecorator) -> Any:
    """Put it around the others."""
    setattr(target, USER, (*user_decorators(target), decorator))
    return target


# -- names -------------------------------------------------------------------------------------------------------------


def full_name(cls: type) -> str:
    """A class with its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def known_classes(base: type) -> list[type]:
    """Every class of that kind that a program has defined so far."""
    return [cls for cls in _classes if issubclass(cls, base) and not cls.__module__.startswith("metaflow.")]


def short_name(cls: type, kind: type) -> str:
    """The shortest end of its full name that is its own."""
    parts = full_name(cls).split(".")
    others = {full_name(other) for other in known_classes(kind)} - {full_name(cls)}
    for start in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[start:])
        if not any(f".{other}".endswith(f".{name}") for other in others):
            return name
    return full_name(cls)


def matching(name: str, classes: Iterable[type]) -> Any:
    """The last class whose full name ends in `name`, or None. A file loaded again has defined its own again."""
    found = [cls for cls in classes if f".{full_name(cls)}".endswith(f".{name}")]
    return found[-1] if found else None
