"""Convert between the values of flow parameters and the text of Argo parameters.

Argo damages text in two ways: `{{` starts a template tag, even in a value that was inserted by another tag, and a
character that Go's `strconv.Quote` considers unprintable makes the Workflow invalid. So the encoded text of a default
value contains neither `{{` nor unprintable characters. A string without `{{` and unprintable characters is not changed,
so that `argo submit -p name=Bob` works. A pod gets all values together in base64, because text that a person types at
submission is not encoded, and base64 protects it from Argo.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import TYPE_CHECKING, final

from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.contract import PARAMETERS
from flowc_runtime.store.values.parameter_sources import ParameterSources, RecordedValue, resolve
from flowc_runtime.store.values.parameters import (
    ParameterError,
    among,
    from_text,
    json_or_text,
    parse_texts,
    parse_value,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowc_ir.model import Parameter
    from flowc_ir.model import ParameterType as Kind

MARKER = "json:"
_NAME = late_pattern(r"[A-Za-z0-9_-]+", re.ASCII)
_TAG = late_pattern(r"\{(?=\{)")


def encode(kind: Kind, value: object) -> str:
    """Encode a value (or None) as text without `{{` and with printable characters only.

    Args:
        kind: the type of the parameter.
        value: the value.
    """
    if (
        isinstance(value, str)
        and _is_safe(value)
        and (kind == "str" or (kind == "any" and json_or_text(value) == value))
    ):
        return value
    if kind == "float" and isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # `inf` or `nan`: JSON has no such numbers
    text = _json(value)
    marked = not json_text.is_plain(text) if kind in ("json", "any") else kind == "str" or value is None
    return f"{MARKER if marked else ''}{text}"


def decode(kind: Kind, text: str) -> object:
    """Return the value of text that `encode` wrote or that a person typed after `argo submit -p name=`.

    Args:
        kind: the type of the parameter.
        text: the text.

    Raises:
        ValueError: the text is not a value of this type.
    """
    if text.startswith(MARKER):
        return _of_kind(kind, json_text.loads(text[len(MARKER) :]))
    return parse_value(kind, text)


def encode_parameter(parameter: Parameter, value: object) -> str:
    """Encode a parameter's value as text. For a file, the value contains the file's name and content, as `pack` returns
    them."""
    if isinstance(value, list) and parameter.separator is not None and all(_is_safe(part) for part in value):
        text = parameter.separator.join(value)
        if text.split(parameter.separator) == value and _is_safe(text):
            return text
    if parameter.multiple or parameter.separator is not None or parameter.type == "file":
        return f"{MARKER}{_json(value)}"
    return encode(parameter.type, value)


def decode_parameter(parameter: Parameter, text: str) -> object:
    """Return the value of text that `encode_parameter` wrote or a person typed; for a file, the same value as `pack`
    returns.

    Args:
        parameter: the parameter.
        text: the text.

    Raises:
        ValueError: the text is not a value of the parameter.
    """
    if parameter.type == "file":
        return decode("json", text) if text.startswith(MARKER) else _typed(text)
    if parameter.default is not None and text == encode_parameter(parameter, from_text(parameter.default)):
        # the text is the encoded default: return the default itself, because its type may differ from the parameter's
        return from_text(parameter.default)
    # For a user-defined type, encoded text is decoded as JSON, and text that a person typed stays unchanged.
    kind: Kind = "json" if parameter.converted and text.startswith(MARKER) else parameter.type
    if not parameter.multiple and parameter.separator is None:
        value = decode(kind, text)
        return None if value is None else among(parameter, value)
    if not text.startswith(MARKER):
        return parse_texts(parameter, [text])
    values = json_text.loads(text[len(MARKER) :])
    if not isinstance(values, (list, type(None))):
        raise ValueError(f"{text} is not a list")
    if values is None:
        return [] if parameter.multiple else None
    return [among(parameter, _of_kind(kind, value)) for value in values]


def _typed(text: str) -> dict[str, str]:
    return {"file": "", "content": base64.b64encode(text.encode()).decode("ascii")}


def argument_name(name: str) -> str:
    """Return the name of a parameter in Argo: the same name, or `x-` and its UTF-8 in hex if Argo refuses the name.

    Argo reserves `json`: the tag `{{workflow.parameters.json}}` means all parameters together.
    """
    if _NAME.fullmatch(name) and name != "json" and not name.startswith("x-"):
        return name
    return f"x-{name.encode().hex()}"


def variable_size(parameters: Sequence[Mapping[str, str]]) -> int:
    """Return the size in bytes of the environment variable that passes all parameters to the first pod.

    The variable's value is JSON in base64; the size includes the variable's name.

    Args:
        parameters: Argo's parameters, with the keys `name`, `value` and perhaps `description`.
    """
    text = json_text.dumps(list(parameters), ensure_ascii=False, separators=(",", ":"))
    escaped = sum(map(text.count, "<>&"))  # Go writes these HTML characters as escapes of six bytes, such as `\\u003c`
    size = len(text.encode()) + 5 * escaped
    return len(f"{PARAMETERS}=\0") + (size + 2) // 3 * 4


@final
@dataclass(frozen=True, slots=True)
class ArgumentText:
    """The text that Argo passes for one parameter of the flow. In errors, `place` describes the argument."""

    text: str
    place: str

    def value(self, parameter: Parameter) -> object:
        """Convert the text to a value of the parameter.

        Raises:
            ParameterError: the text is not a value of the parameter.
        """
        try:
            return decode_parameter(parameter, self.text)
        except ParameterError:
            raise
        except ValueError as error:
            raise ParameterError(str(error)) from error


def read(
    text: str,
    parameters: Sequence[Parameter],
    names: Collection[str] | None = None,
    before: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the values of a flow's parameters from Argo's `workflow.parameters.json`.

    Args:
        text: the JSON, plain or in base64. Parameters of the workflow that the flow does not declare are ignored.
        parameters: the flow's parameters.
        names: the names of the parameters that were set at submission. None means that all parameters were set.
        before: the values of the resumed run, if there is one. A parameter that is not in `names` gets its value from
            `before`, since its argument is only a default.

    Raises:
        ValueError: a parameter is missing, or its text is not a value of its type.
    """
    passed = text if text.startswith("[") else base64.b64decode(text)
    texts = {entry["name"]: entry.get("value", "") for entry in json.loads(passed)}
    arguments: dict[str, ArgumentText] = {}
    for parameter in parameters:
        name = argument_name(parameter.name)
        if name not in texts:
            raise ValueError(f"parameter '{parameter.name}' is missing")
        arguments[parameter.name] = ArgumentText(texts[name], f"argument {name} of the workflow")
    sources = ParameterSources(
        given={name: argument for name, argument in arguments.items() if names is None or name in names},
        resumed={name: RecordedValue(value) for name, value in (before or {}).items()},
        defaults=arguments,
    )
    return {parameter.name: _resolved(parameter, sources) for parameter in parameters}


def _resolved(parameter: Parameter, sources: ParameterSources) -> object:
    try:
        return resolve(parameter, sources).value
    except ParameterError as error:
        raise ValueError(f"parameter '{parameter.name}': {error}") from error


def _is_safe(text: str) -> bool:
    return (
        text.isprintable()
        and not text.startswith(MARKER)
        and "{{" not in text
        and not any(char > "\uffff" for char in text)
    )


def _json(value: object) -> str:
    text = json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # In compact JSON, unprintable characters only occur inside strings, where every character has an escape. All
    # characters beyond the BMP are escaped: whether Go considers such a character printable depends on Go's Unicode
    # version, and the escape that Go would write is invalid JSON.
    return "".join(
        char if char.isprintable() and char <= "\uffff" else _escape(char) for char in _TAG.sub(r"\\u007b", text)
    )


def _escape(char: str) -> str:
    # JSON writes a character beyond the BMP as a pair of surrogates
    return f"\\u{ord(char):04x}" if char <= "\uffff" else json_text.dumps(char)[1:-1]


def _of_kind(kind: Kind, value: object) -> object:
    match kind, value:
        case (_, None) | (("json" | "any"), _) | ("str", str()) | ("bool", bool()) | ("float", float()):
            return value
        case (("int" | "float"), int()) if not isinstance(value, bool):
            return value if kind == "int" else float(value)
    raise ValueError(f"{json_text.dumps(value)} is not of type {kind}")
