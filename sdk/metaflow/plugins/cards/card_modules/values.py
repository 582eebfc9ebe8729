"""Conversion of values from users' code to text and to JSON."""

from __future__ import annotations

import math
import pprint
import reprlib
from collections.abc import Mapping
from typing import Any

LIMIT = 20_000  # the maximum number of characters of one value on a card

_short = reprlib.Repr()
_short.maxdict = _short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = 50
_short.maxstring = _short.maxother = _short.maxlong = 1000
_short.maxlevel = 8


def brief(value: object, *, short: bool = True) -> tuple[str, bool]:
    """Return a value as text, and whether the text was shortened.

    If the value's `repr` fails, the text is the error.

    Args:
        value: any value. A string with several lines is returned unchanged.
        short: whether a container of more than 200 items is shortened to 50 at each level. Text is always cut after
            20,000 characters.
    """
    try:
        if short and isinstance(value, dict | list | tuple | set | frozenset) and len(value) > 200:
            return _short.repr(value), True
        text = value if isinstance(value, str) and "\n" in value else pprint.pformat(value, width=100, compact=True)
    except Exception as error:
        return f"<{type(value).__name__}: its repr() failed with {type(error).__name__}: {error}>", False
    return (text[:LIMIT] + "…", True) if len(text) > LIMIT else (text, False)


def plain(value: object, *, deep: bool = False) -> Any:
    """Convert a value to a value that JSON can represent.

    NumPy numbers become Python numbers, dates become ISO 8601 text, and other objects become `str(value)`.

    Args:
        value: any value.
        deep: if true, containers and arrays are converted item by item, and NaN and infinity become None; if false,
            containers, NaN and infinity become text.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None if deep else str(value)
    if deep and isinstance(value, Mapping):
        return {str(key): plain(item, deep=True) for key, item in value.items()}
    if deep and isinstance(value, list | tuple):
        return [plain(item, deep=True) for item in value]
    if (item := getattr(value, "item", None)) is not None and getattr(value, "ndim", None) == 0:
        return plain(item(), deep=deep)  # NumPy's scalars
    if (listed := getattr(value, "tolist", None)) is not None and deep:
        return plain(listed(), deep=True)
    if (write := getattr(value, "isoformat", None)) is not None:
        return write()
    return str(value)
