"""The values of a command's options, by their types: click returns them without types."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(values: Mapping[str, object], name: str) -> str | None:
    """Return the value of an option that takes a string; None without the option.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name)
    assert value is None or isinstance(value, str), f"{name}: {value!r}"
    return value


def word(values: Mapping[str, object], name: str) -> str:
    """Return the value of an option that takes a string and has a default.

    Args:
        values: the values of a command's options, by name.
        name: the option's name, which must be among them.
    """
    value = values[name]
    assert isinstance(value, str), f"{name}: {value!r}"
    return value


def texts(values: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the values of an option that may be repeated; empty without the option.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name) or ()
    assert isinstance(value, tuple | list), f"{name}: {value!r}"
    return tuple(map(str, value))


def executor(values: Mapping[str, object]) -> str:
    """Return the executor that the options choose; `local` for a command without that choice.

    Args:
        values: the values of a command's options, by name.
    """
    if values.get("local"):
        return "local"
    return "mock" if values.get("mock") else text(values, "executor") or "local"


def number(values: Mapping[str, object], name: str) -> int | None:
    """Return the value of an option that takes an integer; None without the option.

    Args:
        values: the values of a command's options, by name.
        name: the option's name.
    """
    value = values.get(name)
    assert value is None or isinstance(value, int), f"{name}: {value!r}"
    return value
