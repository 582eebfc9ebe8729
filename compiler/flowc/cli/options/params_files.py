"""The option `--params-file`: values of a run's parameters from YAML, JSON and TOML files."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.options.yaml_params import Entry, YamlError
from flowc.cli.options.yaml_params import read as read_yaml
from flowc.frontends.metaflow.defaults import json_value
from flowc_ir.late import LateFunction
from flowc_ir.suggestion import suggest
from flowc_runtime.base import input_files
from flowc_runtime.store.values.parameter_sources import FileValue
from flowc_runtime.store.values.parameters import ParameterError
from metaflow._conversions import ConversionError, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.frontends.metaflow.parameters import declared_parameters
    from flowc_ir.model import Flow, Parameter
    from metaflow.parameters import Parameter as Declared
else:
    declared_parameters = LateFunction("flowc.frontends.metaflow.parameters:declared_parameters")

params_file_option = click.option(
    "--params-file", "params_files", type=click.Path(dir_okay=False), multiple=True, metavar="FILE",
    help="Read parameters from a YAML, JSON or TOML file; may be repeated, the last one wins.",
)  # fmt: skip


def read_params_files(flow: Flow | None, files: Sequence[str], cls: type | None = None) -> dict[str, FileValue]:
    """Return the values of parameters in files; a later file takes precedence.

    Args:
        flow: the flow, or None if it is not known.
        files: paths of YAML, JSON and TOML files.
        cls: the flow's class, if it is loaded. The class has the user-defined types of parameters.

    Returns:
        The values, by the parameter's name, in the form of a run's record, each with its file and line.

    Raises:
        click.UsageError: the flow is not known, a file cannot be read or parsed, or a file has an unknown parameter or
            a value of a wrong type.
    """
    if flow is None:
        raise click.UsageError("the flow's parameters are not known; give them by --param")
    known = {parameter.name: parameter for parameter in flow.parameters}
    declared = declared_parameters(cls) if cls is not None and files else {}
    found: dict[str, FileValue] = {}
    for file in files:
        for name, given in _read(file).items():
            if not isinstance(name, str) or name not in known:
                raise click.UsageError(f"{file}: flow '{flow.name}' has no parameter {name!r}{_suggest(name, known)}")
            if _is_null(given) and known[name].type not in ("json", "any"):
                continue  # null means that the file gives no value, except for the types json and any
            found[name] = _value(known[name], declared.get(name), given, file)
    return found


def names_in(file: str) -> list[str]:
    """Return the names in a file of parameters. Raises click.UsageError.

    For a pipe, the list is empty: a pipe can be read only once.
    """
    return [] if input_files.comes_once(file) else [name for name in _read(file) if isinstance(name, str)]


def _is_null(given: object) -> bool:
    return (given.value if isinstance(given, Entry) else given) is None


def _value(parameter: Parameter, declared: Declared[object] | None, given: object, file: str) -> FileValue:
    """Return the value that a file gives to a parameter, in the form of a run's record.

    Raises click.UsageError if the parameter does not accept the value.
    """
    entry = given if isinstance(given, Entry) else None
    value = entry.value if entry is not None else given
    place = f"{file}, line {entry.line}" if entry is not None else file
    try:
        if entry is not None:
            entry.check(parameter)
        value = json_value(declared, parameter, value, texts=True)
        if parameter.converted and declared is not None and value is not None:
            check_converted(declared, value)
    except YamlError as error:
        raise click.UsageError(f"{file}, {error}") from None
    except ParameterError as error:
        hint = entry.quotes() if entry is not None else ""
        raise click.BadParameter(f"{error}{hint} ({place})", param_hint=f"'--{parameter.name}'") from None
    return FileValue(value, place)


def check_converted(declared: Declared[object], value: object) -> None:
    """Check that the parameter's type can convert a recorded value, as steps do when they read the parameter.

    Raises:
        ParameterError: the type's conversion fails.
    """
    try:
        seen(declared, value)
    except ConversionError as error:
        raise ParameterError(str(error)) from None


def _suggest(name: object, known: Mapping[str, Parameter]) -> str:
    hint = suggest(str(name), known, f"it has {', '.join(known)}")
    return f"; {hint}" if known else ""


def _read(file: str) -> dict[object, object]:
    """Return the values in a file, by name. In a YAML file, each value is an `Entry`. Raises click.UsageError."""
    path = Path(file)
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None and input_files.comes_once(file):
        parse = _any
    if parse is None:
        raise click.UsageError(f"{file}: a file of parameters ends with .yaml, .yml, .json or .toml")
    try:
        values = parse(_text(input_files.content(file)))
    except RecursionError:
        raise click.UsageError(f"cannot read {file}: it is nested too deeply") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # includes UnicodeDecodeError
        raise click.UsageError(f"cannot read {file}: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"{file}: a mapping of parameters to values is needed, not {type(values).__name__}")
    return values


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"byte 0x{content[error.start]:02x} in line {line} is not UTF-8") from None
    return text.replace("\r\n", "\n")


def _any(text: str) -> object:
    """Parse text from a pipe. A pipe's name does not show the format, so each format is tried."""
    if text.lstrip().startswith("{"):
        return _json(text)
    try:
        return _toml(text)
    except ValueError:
        return read_yaml(text)


def _json(text: str) -> object:
    if not text.strip():
        raise ValueError("it is empty")
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object's pairs as a dictionary. Raises ValueError for a duplicate key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in names if names.count(name) > 1)}' occurs twice")
    return found


def _toml(text: str) -> object:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


_PARSERS: Mapping[str, Callable[[str], object]] = {
    ".json": _json, ".toml": _toml, ".yaml": read_yaml, ".yml": read_yaml,
}  # fmt: skip
