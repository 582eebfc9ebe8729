"""Parse values of parameters from texts of the command line, and check and convert them to JSON for IR and records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from flowc_ir import json_text
from flowc_runtime.store.values.exact import from_exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir.model import Config, Flow, Parameter, ParameterType
    from flowc_runtime.store.values.codecs import Finder, UserValue

Value: TypeAlias = Any
"""A value of a parameter: a str, int, float or bool; for the type `json` any JSON value; for `any` also any text; for
`file` a path.

For `multiple`, a list of such values.
"""

# The words for a bool that click accepts: a flow's command line accepts the same words as Metaflow's.
_BOOLS = {"true": True, "1": True, "yes": True, "y": True, "on": True, "t": True,
          "false": False, "0": False, "no": False, "n": False, "off": False, "f": False}  # fmt: skip
_NOUNS = {"str": "a string", "int": "an int", "float": "a float", "bool": "a bool", "json": "JSON",
          "any": "JSON", "file": "a file's path"}  # fmt: skip


class ParameterError(ValueError):
    """A value does not have its parameter's type. The message shows the value and the type, such as `'abc' is not an
    int`."""


def parse_texts(parameter: Parameter, texts: Sequence[str]) -> Value:
    """Parse a parameter's texts. Only the last text is used, unless the parameter is `multiple`.

    Args:
        parameter: the parameter.
        texts: one text for each option on the command line, at least one.

    Raises:
        ParameterError: a string is not a value of the parameter.
    """
    if parameter.multiple:
        return [among(parameter, parse_value(parameter.type, text)) for text in texts]
    if parameter.separator is not None:
        _check_unicode(texts[-1])
        return [among(parameter, part) for part in texts[-1].split(parameter.separator)]
    return among(parameter, parse_value(parameter.type, texts[-1]))


def check_parameter(parameter: Parameter, value: object, *, texts: bool = False) -> Value:
    """Check a Python value, such as a default, and convert it to a value of the parameter.

    For a type that the flow's author defined, any JSON value is accepted: only the flow's class can check it.

    Args:
        parameter: the parameter.
        value: the value.
        texts: whether strings are also accepted and parsed.

    Raises:
        ParameterError: the parameter does not accept the value.
    """

    def one(item: object) -> Value:
        if parameter.converted and not isinstance(item, str):
            return _check_json(item)
        if texts and isinstance(item, str) and parameter.type not in ("str", "json", "any", "file"):
            return among(parameter, parse_value(parameter.type, item))
        return among(parameter, check_value(parameter.type, item))

    if parameter.type == "str" and isinstance(value, (int, float, list)) and parameter.default == to_text(value):
        return value  # a text parameter may have a number as its default, but no other number
    if parameter.separator is not None and isinstance(value, str):
        return parse_texts(parameter, [value])
    if parameter.multiple or parameter.separator is not None:
        if not isinstance(value, (list, tuple)):
            raise ParameterError(f"{shortened(value)} is not a list")
        return [one(item) for item in value]
    return one(value)


def default_of(parameter: Parameter) -> Value:
    """Return the value of a parameter that no source sets: the parameter's default or, without a default, an empty list
    or None."""
    if parameter.default is not None:
        return from_text(parameter.default)
    return [] if parameter.multiple else None


def config_values(configs: Sequence[Config], find: Finder | None = None) -> dict[str, UserValue]:
    """Return the values of a flow's configs by name, for `Program.prepare`. Call this function after the flow was
    imported.

    Args:
        configs: the configs of the IR.
        find: returns a class that cannot be imported, as in `codecs.unpickle`.

    Raises:
        ArtifactError: a value contains a class that is not found.
    """
    return {config.name: config_value(config, find) for config in configs}


def config_value(config: Config, find: Finder | None = None) -> UserValue:
    """Return the value of a config, or None if the config has no value.

    Args:
        config: the config of the IR.
        find: returns a class that cannot be imported, as in `codecs.unpickle`.

    Raises:
        ArtifactError: the value contains a class that is not found.
    """
    if config.exact:
        return from_exact(config.exact, find)
    return None if config.value is None else from_text(config.value)


def attribute_names(flow: Flow) -> tuple[str, ...]:
    """Return the sorted attribute names of the flow's parameters and configs, except names that begin with `_`."""
    names = [parameter.attribute or parameter.name for parameter in flow.parameters]
    names += [config.attribute or config.name for config in flow.configs]
    return tuple(sorted(name for name in names if not name.startswith("_")))


def own_decorators(flow: Flow) -> list[tuple[str, Value]]:
    """Return the user-defined decorators that the command line added, with their arguments."""
    return [(name, json_text.loads(arguments)) for name, arguments in flow.with_decorators]


def among(parameter: Parameter, value: Value) -> Value:
    """Check that a value is allowed by the parameter's choices and range, and return it.

    Raises:
        ParameterError: the value is not among the parameter's choices, or not in its range.
    """
    if parameter.choices and value not in parameter.choices:
        raise ParameterError(f"{shortened(value)} is not one of {', '.join(parameter.choices)}")
    if parameter.minimum is not None and not value >= from_text(parameter.minimum):
        raise ParameterError(f"{shortened(value)} is less than {json_text.typed(from_text(parameter.minimum))}")
    if parameter.maximum is not None and not value <= from_text(parameter.maximum):
        raise ParameterError(f"{shortened(value)} is more than {json_text.typed(from_text(parameter.maximum))}")
    return value


def parse_value(kind: ParameterType, text: str) -> Value:
    """Parse a string of the command line.

    Args:
        kind: the type of the parameter.
        text: the text; for `bool` a word that click accepts, such as `true`, `1` or `yes`.

    Raises:
        ParameterError: the text is not a value of that type.
    """
    _check_unicode(text)
    try:
        match kind:
            case "str" | "file":
                return text
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return _BOOLS[text.strip().lower()]
            case "json":
                return json.loads(text)
            case "any":
                return json_or_text(text)
    except (ValueError, KeyError, RecursionError) as error:
        hint = {"bool": ": write true or false", "json": f": {error}"}.get(kind, "")
        raise ParameterError(f"{shortened(text)} is not {_NOUNS[kind]}{hint}") from None


def json_or_text(text: str) -> Value:
    """Return the value of a JSON text; text that is not JSON, such as `NaN`, is returned unchanged."""
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def check_value(kind: ParameterType, value: object) -> Value:
    """Check a Python value, such as a default, and convert it to its parameter's type, such as an int to a float.

    Raises:
        ParameterError: the value cannot be converted to the parameter's type, or JSON cannot represent it.
    """
    match kind, value:
        case "json", str():
            return parse_value("json", value)
        case (("json" | "any"), _):
            return _check_json(value)
        case (("str" | "file"), str()):
            _check_unicode(value)
            return value
        case "bool", bool():
            return value
        case (("int" | "float"), bool()):
            pass
        case "int", int():
            return int(value)
        case "float", int() | float():
            return float(value)
    raise ParameterError(f"{shortened(value)} is not {_NOUNS[kind]}")


def to_text(value: Value) -> str:
    """Return a checked value as canonical JSON: without spaces, keys in the given order, `NaN` as in `json_text`."""
    return json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> Value:
    """Return the value of a canonical JSON text.

    Raises:
        ValueError: the text is not JSON.
    """
    return json_text.loads(text)


def _check_json(value: object) -> Value:
    try:
        text = to_text(value)
        back = from_text(text)
        unchanged = same(back, value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"{shortened(value)} is not JSON: {error}") from None
    # The module `json` writes a tuple as a list and the key 1 as "1", so the step would get another value than the
    # value in the code.
    if not unchanged:
        raise ParameterError(f"{shortened(value)} is not JSON: it would be read back as {shortened(back)}")
    _check_unicode(text)
    return back


def same(one: object, other: object) -> bool:
    """Return whether two values are equal; NaN equals NaN."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParameterError(f"{shortened(text)} is not valid Unicode text") from None


def shortened(value: object) -> str:
    """Return a repr of a value for a message, at most 80 characters long; the value's own repr may fail."""
    try:
        shown = repr(value)
    except Exception:
        shown = f"<{type(value).__name__}>"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
