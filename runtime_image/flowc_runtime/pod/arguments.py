"""Values of flow parameters as the text of Argo parameters, and back.

Argo damages text in two ways: `{{` starts a template tag (even in a value that was itself substituted), and a character
that Go's `strconv.Quote` does not take as printable makes the Workflow invalid. So a default is encoded in a form that
has neither. A string that is safe stands for itself, so that `argo submit -p name=Bob` does what it says. The pod gets
all values together, in base64: what people type at submission is encoded by nobody, and is to arrive as well.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flowc_ir import json_text
from flowc_runtime.base.contract import PARAMETERS
from flowc_runtime.store.values.parameter_sources import ParameterSources, RecordedValue, resolve
from flowc_runtime.store.values.parameters import ParameterError, among, from_text, parse_texts, parse_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowc_ir.model import Parameter
    from flowc_ir.model import ParameterType as Kind

MARKER = "json:"
_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TAG = re.compile(r"\{(?=\{)")


def encode(kind: Kind, value: object) -> str:
    """The text of a value, None included; it has no `{{` and only printable characters."""
    if isinstance(value, str) and kind == "str" and _is_safe(value):
        return value
    if kind == "float" and isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # as a person types it
    text = _json(value)
    marked = not json_text.is_plain(text) if kind == "json" else kind == "str" or value is None
    return f"{MARKER if marked else ''}{text}"


def decode(kind: Kind, text: str) -> Any:
    """The value of a text: of `encode`, or typed by a person after `argo submit -p name=`.

    Raises:
        ValueError: the text is no value of this kind.
    """
    if text.startswith(MARKER):
        return _of_kind(kind, json_text.loads(text[len(MARKER) :]))
    return parse_value(kind, text)


def encode_parameter(parameter: Parameter, value: Any) -> str:
    """The text of a parameter's value; of a file it is the name and content, as `values.files.packed` has it."""
    if value is not None and parameter.separator is not None and all(_is_safe(part) for part in value):
        text = parameter.separator.join(value)
        if text.split(parameter.separator) == value and _is_safe(text):
            return text
    if parameter.multiple or parameter.separator is not None or parameter.type == "file":
        return f"{MARKER}{_json(value)}"
    return encode(parameter.type, value)


def decode_parameter(parameter: Parameter, text: str) -> Any:
    """The value of a text: of `encode_parameter`, or typed by a person. A person types a file's content.

    Raises:
        ValueError: the text is no value of the parameter.
    """
    if parameter.type == "file":
        return decode("json", text) if text.startswith(MARKER) else _typed(text)
    if parameter.default is not None and text == encode_parameter(parameter, from_text(parameter.default)):
        return from_text(parameter.default)  # also where it is a number for a text
    # A type of the author's own takes what JSON has; as it is typed, it is text.
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
    """The Argo parameter's name: the flow parameter's own, or `x-` and its UTF-8 bytes where Argo would not take it.

    `json` is one: its tag `{{workflow.parameters.json}}` is that of all parameters together.
    """
    if _NAME.fullmatch(name) and name != "json" and not name.startswith("x-"):
        return name
    return f"x-{name.encode().hex()}"


def variable_size(parameters: Sequence[Mapping[str, str]]) -> int:
    """The bytes of the environment variable that passes Argo's parameters to the first pod, as JSON in base64."""
    text = json_text.dumps(list(parameters), ensure_ascii=False, separators=(",", ":"))
    escaped = sum(map(text.count, "<>&"))  # Go writes `\\u003c` for what has a meaning in HTML
    size = len(text.encode()) + 5 * escaped
    return len(f"{PARAMETERS}=\0") + (size + 2) // 3 * 4


@final
@dataclass(frozen=True, slots=True)
class ArgumentText:
    """The text of one of Argo's arguments. `place` names it for errors."""

    text: str
    place: str

    def value(self, parameter: Parameter) -> Any:
        """Return what the text stands for. Raises ParameterError."""
        try:
            return decode_parameter(parameter, self.text)
        except ParameterError:
            raise
        except ValueError as error:
            raise ParameterError(str(error)) from error


def read(
    text: str,
    parameters: Sequence[Parameter],
    given: Collection[str] | None = None,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The values of a flow's parameters from Argo's `workflow.parameters.json`, as it is or in base64.

    Parameters of the workflow that are not the flow's are left out. A run that resumes another has the values of that
    one, `before`, except of the parameters that it was `given`; the arguments of the others are as good as defaults.

    Raises:
        ValueError: a parameter is missing, or its text is no value of its kind.
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
        given={name: argument for name, argument in arguments.items() if given is None or name in given},
        resumed={name: RecordedValue(value) for name, value in (before or {}).items()},
        defaults=arguments,
    )
    return {parameter.name: _resolved(parameter, sources) for parameter in parameters}


def _resolved(parameter: Parameter, sources: ParameterSources) -> Any:
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
    # In compact JSON these can only stand inside strings, where every character has an escape. Beyond the BMP all are
    # escaped: whether Go prints one depends on its Unicode version, and only there it would write invalid JSON.
    return "".join(
        char if char.isprintable() and char <= "\uffff" else _escape(char) for char in _TAG.sub(r"\\u007b", text)
    )


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char <= "\uffff" else json_text.dumps(char)[1:-1]  # a pair of surrogates


def _of_kind(kind: Kind, value: Any) -> Any:
    match kind, value:
        case (_, None) | ("json", _) | ("str", str()) | ("bool", bool()) | ("float", float()):
            return value
        case (("int" | "float"), int()) if not isinstance(value, bool):
            return value if kind == "int" else float(value)
    raise ValueError(f"{json_text.dumps(value)} is not of type {kind}")
