"""The parameters of a flow: their options on the command line, and the values of a run.

A parameter's value is that of the command line, else of a --params-file, else of the environment (METAFLOW_RUN_NAME),
else the default.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.options.common import FAULTY, report
from flowc.cli.options.params_files import check_converted, read_params_files
from flowc.cli.words.variables import variable, warn_of_unread

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowc.cli.options.common import Checked
    from flowc_ir.model import Flow, Parameter


_METAVARS = {"str": "TEXT", "int": "INTEGER", "float": "FLOAT", "bool": "BOOLEAN", "json": "JSON", "file": "FILE"}


def parameter_options(found: Checked, *, without: Collection[str] = ()) -> list[click.Option]:
    """An option for each parameter, but those called as in `without`; `given_texts` takes their values."""
    from flowc.frontends.metaflow.parameters import declared_parameters

    silent = {name for name, each in declared_parameters(found.cls).items() if each.show_default is False}
    options = []
    for number, parameter in enumerate(found.flow.parameters):
        if parameter.name.replace("-", "_") in without:
            continue
        text = parameter.help
        if parameter.name not in silent and (default := _shown_default(parameter)) is not None:
            text += f" [default: {default}]"
        # Any name, also one that is no identifier. A flag is counted: whether it was given at all must be known.
        names = [f"--{parameter.name}", _key(number)]
        if parameter.flag:
            options.append(click.Option(names, count=True, default=None, hidden=parameter.hidden, help=text.strip()))
            continue
        metavar = f"[{'|'.join(parameter.choices)}]" if parameter.choices else _METAVARS[parameter.type]
        options.append(click.Option(names, metavar=metavar, multiple=True, hidden=parameter.hidden, help=text.strip()))
    return options


def _shown_default(parameter: Parameter) -> str | None:
    """A default as it would be given on the command line."""
    from flowc_ir import json_text
    from flowc_runtime.store.values.parameters import from_text

    if parameter.computed:
        return "computed when the run starts"
    if parameter.default is None:
        return None
    value = from_text(parameter.default)
    if parameter.separator is not None:
        return parameter.separator.join(value)
    if parameter.multiple and parameter.type != "json":
        return ", ".join(map(str, value))
    if isinstance(value, str) and parameter.type != "json":
        return value
    return json_text.typed(value, ensure_ascii=False, separators=(",", ":"))


def _key(number: int) -> str:
    return f"parameter_{number}"


def given_texts(flow: Flow, options: dict[str, Any]) -> dict[str, list[str]]:
    """What the command line gave: the texts of each parameter, taken out of a command's options."""
    found = {}
    for number, parameter in enumerate(flow.parameters):
        texts = options.pop(_key(number), None)
        if texts:
            found[parameter.name] = ["true"] if parameter.flag else list(texts)
    return found


# -- the values of a run -----------------------------------------------------------------------------------------------


def run_values(
    found: Checked,
    given: Mapping[str, Sequence[str]],
    params_files: Sequence[str] = (),
    *,
    ds_type: str = "local",
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of a run; a file is still its path, which can be read. What is wrong ends the program.

    `before` are those of the run that is resumed: they count instead of the environment and the defaults.
    """
    from flowc.frontends.metaflow.parameters import declared_parameters
    from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
    from flowc_runtime.store.values.files import check_file, find_file
    from flowc_runtime.store.values.parameters import ParameterError, default_of, parse_texts

    warn_of_unread(found.flow)
    in_files = read_params_files(found.flow, params_files, found.cls)
    before = before or {}
    known = {*given, *in_files, *before, *(p.name for p in found.flow.parameters if variable(p.name) in os.environ)}
    try:
        flow = resolve_defaults(found.flow, found.cls, given=known, ds_type=ds_type)
    except DefaultError as error:
        report(error.diagnostics, found.package.root)
        raise SystemExit(FAULTY) from None
    declared, values = declared_parameters(found.cls), dict[str, Any]()
    for parameter in flow.parameters:
        name, beside = parameter.name, None
        try:
            if name in given:
                value = parse_texts(parameter, given[name])
            elif name in in_files:
                value = in_files[name]
            elif name in before:
                values[name] = _kept(parameter, before[name])
                continue
            elif (text := os.environ.get(variable(name))) is not None:
                value = parse_texts(parameter, text.split() if parameter.multiple else [text])
            elif parameter.required:
                raise click.MissingParameter(param_hint=f"'--{name}'", param_type="option")
            else:
                value, beside = default_of(parameter), str((found.package.root / found.flow.code.file).parent)
            if parameter.type == "file" and value is not None:
                value = find_file(value, beside)
                check_file(value, parameter.encoding)
            if parameter.converted:
                check_converted(declared[name], value)
        except ParameterError as error:
            raise click.BadParameter(str(error), param_hint=f"'--{name}'") from None
        values[name] = value
    return values


def _kept(parameter: Parameter, value: Any) -> Any:
    """A value of an earlier run, if it is one of the parameter as it is now. Raises ParameterError."""
    from flowc_runtime.store.values.parameters import ParameterError, check_parameter

    if value is None:
        return None
    try:
        if parameter.type == "file":
            if not (isinstance(value, dict) and "digest" in value):
                raise ParameterError(f"{value!r:.80} is no file")
        elif parameter.type != "json" and not _is_number(parameter, value):
            check_parameter(parameter, value)
    except ParameterError as error:
        raise ParameterError(f"that of the earlier run does not fit any more: {error}. Give it a value") from None
    return value


def _is_number(parameter: Parameter, value: Any) -> bool:
    """Whether it is a number for a text, which defaults may be."""
    items = value if parameter.multiple and isinstance(value, list) else [value]
    return parameter.type == "str" and all(isinstance(item, (int, float)) for item in items)
