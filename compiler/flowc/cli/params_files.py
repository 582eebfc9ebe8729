"""`--params-file`: the parameters of a run in YAML, JSON or TOML."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.ir.model import Flow, Parameter

params_file_option = click.option(
    "--params-file", "params_files", type=click.Path(dir_okay=False), multiple=True, metavar="FILE",
    help="Parameters by their names, in YAML, JSON or TOML; may be repeated, the last counts.",
)  # fmt: skip


def read_params_files(flow: Flow | None, files: Sequence[str]) -> dict[str, Any]:
    """The values in files, by parameter; of the same name, the last file's. What is wrong is a usage error."""
    if flow is None:
        raise click.UsageError("what parameters the flow has is not known; give them by --param")
    known = {parameter.name: parameter for parameter in flow.parameters}
    found: dict[str, Any] = {}
    for file in files:
        for name, value in _read(file).items():
            if name not in known:
                raise click.UsageError(f"{file}: flow '{flow.name}' has no parameter {name!r}{_suggest(name, known)}")
            found[name] = value
    return found


def _suggest(name: object, known: Mapping[str, Parameter]) -> str:
    from difflib import get_close_matches

    if close := get_close_matches(str(name), known, n=1):
        return f"; did you mean '{close[0]}'?"
    return f"; it has {', '.join(known)}" if known else ""


def _read(file: str) -> dict[Any, Any]:
    path = Path(file)
    parsers: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": _toml, ".yaml": _yaml, ".yml": _yaml}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise click.UsageError(f"{file}: a file of parameters ends with .yaml, .yml, .json or .toml")
    try:
        values = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # UnicodeDecodeError is one
        raise click.UsageError(f"cannot read {file}: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"{file}: values by the parameters' names are needed, not {type(values).__name__}")
    return values


def _toml(text: str) -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


def _yaml(text: str) -> Any:
    try:
        import yaml  # noqa: TID251  # only here, where a user has such a file
    except ModuleNotFoundError:
        raise ValueError("YAML is read with PyYAML: pip install 'flowc[yaml]'") from None
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from None
