"""Tables whose values are imported when they are first read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar, cast, final

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = TypeVar("Value")


@final
class LateTable(Mapping[str, Value]):
    """A mapping whose values are given as strings `module:attribute`; a value is imported when it is first read.

    The names are known without an import, so `name in table` and iteration import nothing.
    """

    def __init__(self, values: Mapping[str, Value | str]) -> None:
        self._values: Final = dict(values)

    def __getitem__(self, name: str) -> Value:
        value = self._values[name]
        if isinstance(value, str):
            module, _, attribute = value.partition(":")
            value = self._values[name] = cast("Value", getattr(import_module(module), attribute))
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values
