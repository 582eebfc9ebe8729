"""Names the values that a step returns as in the IR, and converts each value that is not pickled to JSON's types."""

from __future__ import annotations

import math
import os
from enum import Enum
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import dataclasses
    from collections.abc import Iterator, Sequence

    from flowc_ir import Return
else:  # imported at first use: only results that are dataclasses need it
    dataclasses = LateModule("dataclasses")


class ReturnError(TypeError):
    """A step returned a wrong number of values, or a value that is not of the declared kind."""


def named_values(result: object, returns: Sequence[Return], what: str) -> Iterator[tuple[str, object]]:
    """Yield the name of each declared return value of a function, together with the value from the function's result.

    Args:
        result: the function's result: if one return value is declared, the value or a tuple with this value; if several
            are declared, a tuple or a list.
        returns: the names and kinds of the declared return values.
        what: a description of the function for messages.

    Raises:
        ReturnError: the number of values is wrong, or a value is not of its kind.
    """
    if not returns:
        return
    if len(returns) == 1:
        values: Sequence[object] = result if type(result) is tuple and len(result) == 1 else (result,)
    elif isinstance(result, (tuple, list)) and len(result) == len(returns):
        values = result
    else:
        number = f"{len(result)} values" if isinstance(result, (tuple, list)) else f"one {type(result).__name__}"
        names = ", ".join(each.name for each in returns)
        raise ReturnError(f"{what} returned {number}, but its task names {len(returns)} returns: {names}")
    for each, value in zip(returns, values, strict=True):
        yield each.name, as_returned(value, each, what)


def as_returned(value: object, named: Return, what: str) -> object:
    """Convert one returned value to JSON's types for the store, unless its declared kind is `pickled`.

    Args:
        value: the value.
        named: the declared name and kind of the value.
        what: a description of the function or command for messages.

    Raises:
        ReturnError: the value contains a part that JSON cannot represent.
    """
    return value if named.kind == "pickled" else to_json(value, f"'{named.name}' of {what}", named.name)


def to_json(value: object, what: str, name: str) -> object:
    """Convert a value to JSON's types: models and dataclasses become dicts, arrays and sets become lists.

    Raises:
        ReturnError: the value contains a part that JSON cannot represent.
    """
    match value:
        case Enum():
            return to_json(value.value, what, name)
        case None | bool() | str():
            return value if type(value) in (bool, str) or value is None else str(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case dict():
            return {_key(key, what, name): to_json(item, what, name) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item, what, name) for item in value]
        case set() | frozenset():
            return _sorted([to_json(item, what, name) for item in value])
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json")
    # The first condition avoids importing the module `dataclasses`.
    if hasattr(value, "__dataclass_fields__") and dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return to_json(fields, what, name)
    listed = getattr(value, "tolist", None)  # scalars and arrays of NumPy and similar libraries
    if callable(listed) and type(plain := listed()) is not type(value):
        return to_json(plain, what, name)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise ReturnError(
        f"{what} is a {type(value).__qualname__}, which JSON cannot represent: declare the return as pickled({name!r})"
    )


def _sorted(values: list[object]) -> list[object]:
    """Sort the items of a set, so that their order is the same in every process: numbers first, then strings."""
    numbers = sorted(value for value in values if isinstance(value, (int, float)))
    return [*numbers, *sorted((value for value in values if not isinstance(value, (int, float))), key=str)]


def _key(key: object, what: str, name: str) -> str | int | float | bool | None:
    if isinstance(key, (str, int, float, bool)) or key is None:
        return key
    raise ReturnError(
        f"{what} is a dict with the key {key!r:.40}, which JSON cannot represent: "
        f"declare the return as pickled({name!r})"
    )


def number_of(value: object) -> float | None:
    """Return a metric's value as a finite float, or None if the value is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
