"""Functions that return the values of a command's options with their static types, because click's values have no
types."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(values: Mapping[str, object], name: str) -> str | None:
    """Return the value of an option of type string, or None if the option is missing.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name)
    assert value is None or isinstance(value, str), f"{name}: {value!r}"
    return value


def word(values: Mapping[str, object], name: str) -> str:
    """Return the value of an option of type string that has a default.

    Args:
        values: the values of a command's options, by name.
        name: the option's name, which must be a key of `values`.
    """
    value = values[name]
    assert isinstance(value, str), f"{name}: {value!r}"
    return value


def texts(values: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the values of an option that may be repeated; an empty tuple if the option is missing.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name) or ()
    assert isinstance(value, tuple | list), f"{name}: {value!r}"
    return tuple(map(str, value))


def executor(values: Mapping[str, object]) -> str:
    """Return the name of the executor that the options choose; `local` if the command has no option for the executor.

    Args:
        values: the values of a command's options, by name.
    """
    if values.get("local"):
        return "local"
    return "mock" if values.get("mock") else text(values, "executor") or "local"


def number(values: Mapping[str, object], name: str) -> int | None:
    """Return the value of an option of type integer, or None if the option is missing.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name)
    assert value is None or isinstance(value, int), f"{name}: {value!r}"
    return value
