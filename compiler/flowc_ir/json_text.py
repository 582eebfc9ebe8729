"""Write JSON that every program accepts. JSON has no numbers for NaN and the infinities, so this module writes them in
other forms.

`json.dumps` writes the words `NaN` and `Infinity`, which only Python reads. Therefore flowc writes and prints JSON only
by the functions of this module:

    dumps({"x": nan})    '{"x": {"$float": "NaN"}}'   for data that flowc reads again, with `loads`
    shown({"x": nan})    '{"x": "NaN"}'               for other programs
    page({"x": nan})     '{"x": null}'                for JavaScript, whose `JSON.stringify` writes null, and for charts
    typed({"x": nan})    '{"x": NaN}'                 for values on a command line
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypedDict

    from typing_extensions import Unpack

    class Options(TypedDict, total=False):
        """The options of `json.dumps` that the functions of this module accept."""

        ensure_ascii: bool
        indent: int | None
        separators: tuple[str, str]
        sort_keys: bool
        default: Callable[[object], object]


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A value that JSON can represent."""

_KEY: Final = "$float"
_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: object, **options: Unpack[Options]) -> str:
    """Return JSON that `loads` turns back into the same value.

    Args:
        value: dicts, lists, tuples and scalars, as `json.dumps` takes them. Tuples come back as lists.
        options: options of `json.dumps`.

    Raises:
        TypeError: JSON cannot represent a part of the value.
        ValueError: the value contains itself, or is nested too deeply.
    """
    text = _write(value, lambda number: {_KEY: _name(number)}, options)
    # A dict `{"$float": …}` in a user's data must not be read as a number: it is wrapped in another dict with the key
    # `$float`.
    return text if is_plain(text) else _write(_escaped(value), lambda number: {_KEY: _name(number)}, options)


def loads(text: str | bytes) -> Json:
    """Parse JSON that `dumps` or `json.dumps` wrote, and return its value.

    Raises:
        ValueError: the text is not JSON.
    """
    value: Json = json.loads(text)
    return value if is_plain(text) else _unescaped(value)


def mapping(text: str | bytes) -> dict[str, Json]:
    """Parse JSON that `dumps` wrote for an object, and return the object.

    Raises:
        ValueError: the text is not JSON, or its value is not an object.
    """
    value = loads(text)
    if isinstance(value, dict):
        return value
    raise ValueError(f"an object, not {type(value).__name__}")


def parsed(text: str | bytes) -> Json:
    """Parse JSON that another program wrote, and return its value; a dict `{"$float": …}` in it stays a dict.

    Raises:
        ValueError: the text is not JSON, or is nested too deeply.
    """
    try:
        return plain(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def plain(text: str | bytes) -> Json:
    """Parse JSON that was written by an old flowc, which had no `dumps`, and return its value; a dict `{"$float": …}`
    stays a dict.

    Raises:
        ValueError: the text is not JSON.
    """
    value: Json = json.loads(text)
    return value


def is_plain(text: str | bytes) -> bool:
    """Return whether `json.loads` and `loads` return the same value for a text that `dumps` wrote. The values are the
    same if the text does not contain `$float`."""
    return _KEY not in text if isinstance(text, str) else _KEY.encode() not in text


def shown(value: object, **options: Unpack[Options]) -> str:
    """Return JSON like `dumps`, but with NaN and the infinities as strings such as "NaN".

    Args:
        value: the value, like for `dumps`.
        options: options of `json.dumps`.

    Raises:
        TypeError: JSON cannot represent a part of the value.
        ValueError: the value contains itself, or is nested too deeply.
    """
    return _write(value, _name, options)


def page(value: object, **options: Unpack[Options]) -> str:
    """Return JSON like `dumps`, but with null for NaN and the infinities, like JavaScript's `JSON.stringify`.

    Args:
        value: the value, like for `dumps`.
        options: options of `json.dumps`.

    Raises:
        TypeError: JSON cannot represent a part of the value.
        ValueError: the value contains itself, or is nested too deeply.
    """
    return _write(value, lambda _: None, options)


def typed(value: object, **options: Unpack[Options]) -> str:
    """Return JSON as users write it for a parameter or a decorator's argument, with the words NaN and Infinity.

    Args:
        value: the value, like for `dumps`.
        options: options of `json.dumps`.

    Raises:
        TypeError: JSON cannot represent a part of the value.
        ValueError: the value contains itself.
    """
    return json.dumps(value, **options)


def _name(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _write(value: object, convert: Callable[[float], object], options: Options) -> str:
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError as error:
        if "Circular" in str(error):
            raise
    try:
        return json.dumps(_converted(value, convert), allow_nan=False, **options)
    except RecursionError:
        raise ValueError("it contains itself, or is nested too deeply") from None


def _converted(value: object, convert: Callable[[float], object]) -> object:
    match value:
        case float() if not math.isfinite(value):
            return convert(value)
        case dict():
            return {_key(key): _converted(item, convert) for key, item in value.items()}
        case list() | tuple():
            return [_converted(item, convert) for item in value]
    return value


def _key(key: object) -> object:
    return _name(key) if isinstance(key, float) and not math.isfinite(key) else key


def _escaped(value: object) -> object:
    match value:
        case dict():
            items = {_key(key): _escaped(item) for key, item in value.items()}
            return {_KEY: items} if set(items) == {_KEY} else items
        case list() | tuple():
            return [_escaped(item) for item in value]
    return value


def _unescaped(value: Json) -> Json:
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = value[_KEY] if value.keys() == {_KEY} else None
    if isinstance(inner, str) and inner in _NUMBERS:
        return _NUMBERS[inner]
    return {key: _unescaped(item) for key, item in (inner if isinstance(inner, dict) else value).items()}
