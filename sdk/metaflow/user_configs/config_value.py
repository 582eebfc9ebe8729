"""`ConfigValue`: the value of a configuration in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Self

__all__ = ["ConfigValue"]


class ConfigValue(dict[str, Any]):
    """An immutable dict whose items can be read as attributes: `config.model.depth` is `config["model"]["depth"]`.

    Nested dicts, including those in lists, are also ConfigValues. The class derives from dict, so that `json.dumps` and
    `**config` accept it. Changing a ConfigValue raises TypeError. A missing attribute raises AttributeError, and a
    missing key KeyError.
    """

    __slots__ = ()
    __module__ = "metaflow.user_configs.config_parameters"  # the module in which programs and pickles expect the class

    def __init__(self, data: Mapping[Any, Any]) -> None:
        super().__init__({key: _wrapped(value) for key, value in data.items()})

    @classmethod
    def fromkeys(cls, iterable: Iterable[object], value: object = None, /) -> Self:  # type: ignore[override]
        """Return a ConfigValue in which all given keys have the same value."""
        return cls(dict.fromkeys(iterable, value))

    def to_dict(self) -> dict[Any, Any]:
        """Return a modifiable copy in which all nested ConfigValues are plain dicts."""
        return {key: _plain(value) for key, value in self.items()}

    def copy(self) -> Self:
        """Return a copy."""
        return type(self)(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name, name=name, obj=self) from None

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *filter(str.isidentifier, map(str, self))})

    def __or__(self, other: object, /) -> Any:
        return type(self)({**self, **other}) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any, /) -> Any:
        return {**other, **self} if isinstance(other, dict) else NotImplemented

    def __reduce__(self) -> Any:
        return type(self), (self.to_dict(),)

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        return type(self)(self.to_dict())

    def __reversed__(self) -> Iterator[str]:
        return super().__reversed__()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("ConfigValue is immutable")

    __setattr__ = __delattr__ = _refuse
    # The dict methods that would change the value are hidden from type checkers, which therefore report calls of them.
    if not TYPE_CHECKING:
        __setitem__ = __delitem__ = __ior__ = _refuse
        clear = pop = popitem = setdefault = update = _refuse


def _wrapped(value: Any) -> object:
    if isinstance(value, ConfigValue):
        return value
    if isinstance(value, dict):
        return ConfigValue(value)
    if type(value) in (list, tuple):
        return type(value)(map(_wrapped, value))
    return value


def _plain(value: Any) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value
