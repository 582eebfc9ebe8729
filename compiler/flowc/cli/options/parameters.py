"""The parameters of a flow on the command line: makes an option for each parameter, and determines the values for a
run.

`flowc_runtime.store.values.parameter_sources` defines which source of a value takes precedence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import FAULTY, report
from flowc.cli.words.variables import parameters_file, texts_of_variables, unsupported_variable, warn_of_unread
from flowc_ir import json_text
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.store.values.files import check_file, find_file
from flowc_runtime.store.values.parameter_sources import (
    EarlierValue,
    MissingValue,
    OptionTexts,
    ParameterSources,
    VariableText,
    naming,
    resolve,
)
from flowc_runtime.store.values.parameters import ParameterError, from_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.cli.options.params_files import check_converted, read_params_files
    from flowc.frontends.metaflow import resolve_defaults as resolving
    from flowc.frontends.metaflow.parameters import declared_parameters
    from flowc.frontends.pipeline import dataflow
    from flowc_ir.model import Flow, Parameter
    from metaflow.parameters import Parameter as Declared
else:  # imported at first use: only runs need them, and most only for files of parameters or computed defaults
    check_converted = LateFunction("flowc.cli.options.params_files:check_converted")
    read_params_files = LateFunction("flowc.cli.options.params_files:read_params_files")
    dataflow = LateModule("flowc.frontends.pipeline.dataflow")
    resolving = LateModule("flowc.frontends.metaflow.resolve_defaults")
    declared_parameters = LateFunction("flowc.frontends.metaflow.parameters:declared_parameters")


_METAVARS = {"str": "TEXT", "int": "INTEGER", "float": "FLOAT", "bool": "BOOLEAN", "json": "JSON", "any": "VALUE",
             "file": "FILE"}  # fmt: skip


def parameter_options(checked: Checked, *, without: Collection[str] = ()) -> list[click.Option]:
    """Return an option for each parameter of a flow. `option_texts` returns the values of these options.

    Args:
        checked: the flow.
        without: names of the command's own options, with `_` for `-`. Parameters with these names get no option.
    """
    silent = {name for name, each in declared_parameters(checked.cls).items() if each.show_default is False}
    options = []
    for number, parameter in enumerate(checked.flow.parameters):
        if parameter.name.replace("-", "_") in without:
            continue
        text = parameter.help
        if parameter.name not in silent and (default := _shown_default(parameter)) is not None:
            text += f" [default: {default}]"
        # click requires an identifier as the second name, and a parameter's name may be none. For a flag, click counts
        # the uses (`count=True`), so that None means a missing flag.
        names = [f"--{parameter.name}", _key(number)]
        if parameter.flag:
            options.append(click.Option(names, count=True, default=None, hidden=parameter.hidden, help=text.strip()))
            continue
        metavar = f"[{'|'.join(parameter.choices)}]" if parameter.choices else _METAVARS[parameter.type]
        options.append(click.Option(names, metavar=metavar, multiple=True, hidden=parameter.hidden, help=text.strip()))
    return options


def _shown_default(parameter: Parameter) -> str | None:
    """Return a parameter's default as it would be written on the command line, or None if the parameter has no
    default."""
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


def option_texts(flow: Flow, options: dict[str, object]) -> dict[str, list[str]]:
    """Remove the values of the flow's parameters from a command's options, and return them as strings.

    Args:
        flow: the flow.
        options: the values of the command's options, by name. The values of `parameter_options` are removed.

    Returns:
        The strings, by the parameter's name, in the order of the command line. A flag has the strings `["true"]`.
        Parameters that are not on the command line have no entry.
    """
    found = {}
    for number, parameter in enumerate(flow.parameters):
        value = options.pop(_key(number), None)
        if value:
            assert parameter.flag or isinstance(value, tuple)
            found[parameter.name] = list(value) if isinstance(value, tuple) else ["true"]
    return found


# -- the values of a run -----------------------------------------------------------------------------------------------


def run_values(
    checked: Checked,
    texts: Mapping[str, Sequence[str]],
    params_files: Sequence[str] = (),
    *,
    ds_type: str = "local",
    before: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the values of a run's parameters; the value of a parameter of type file is the file's path.

    Args:
        checked: the flow.
        texts: the values on the command line as strings, by the parameter's name.
        params_files: the files of `--params-file`.
        ds_type: the kind of store, which functions that compute defaults receive.
        before: the values of the run to resume. The values of this run take precedence over the environment and the
            defaults.

    Raises:
        click.UsageError: a value is missing or wrong, or a file of parameters cannot be read.
        SystemExit: a function that computes a default fails; the error is printed.
    """
    warn_of_unread(checked.flow)
    if not checked.flow.code.name and (reason := unsupported_variable()):
        raise click.UsageError(reason)
    sources = _sources(checked, texts, params_files, before or {})
    flow = checked.flow
    try:
        if any(parameter.computed for parameter in flow.parameters):
            flow = resolving.resolve_defaults(flow, checked.cls, skip=sources.names(), ds_type=ds_type)
    except resolving.DefaultError as error:
        report(error.diagnostics, checked.package.root)
        raise SystemExit(FAULTY) from None
    declared, home = declared_parameters(checked.cls), str((checked.package.root / checked.flow.code.file).parent)
    try:
        values = {p.name: _run_value(p, sources, declared, home) for p in flow.parameters}
    except click.MissingParameter as error:
        if flow.code.name:
            raise
        (missing,) = (p for p in flow.parameters if error.param_hint == f"'--{p.name}'")
        use = f": it is the {missing.help} ({missing.where}), and no earlier step returns it" if missing.help else ""
        raise click.UsageError(f"Missing option '--{missing.name}'{use}.") from None
    if not flow.code.name:
        _check_uses(checked, values)
    return values


def _check_uses(checked: Checked, values: Mapping[str, object]) -> None:
    """Check that the functions of a pipeline accept the values of its parameters. Raises click.BadParameter."""
    uses: Mapping[str, Sequence[dataflow.NameUse]] = vars(checked.cls).get(dataflow.USES, {})
    for name, value in values.items():
        if (fault := dataflow.fault_of_value(uses.get(name, ()), value)) is not None:
            raise click.BadParameter(fault, param_hint=f"'--{name}'")


def _sources(
    checked: Checked, given: Mapping[str, Sequence[str]], params_files: Sequence[str], before: Mapping[str, object]
) -> ParameterSources:
    """Return all sources of parameters for a run on this machine."""
    variables = texts_of_variables(checked.flow)
    lowest = parameters_file() if not checked.flow.code.name else None
    return ParameterSources(
        given={name: OptionTexts(texts) for name, texts in given.items()},
        files=read_params_files(checked.flow, params_files, checked.cls) if params_files else {},
        resumed={name: EarlierValue(value) for name, value in before.items()},
        environment={p: VariableText(text, name) for p, (name, text) in variables.items()},
        defaults=read_params_files(checked.flow, [lowest]) if lowest else {},
    )


def _run_value(
    parameter: Parameter, sources: ParameterSources, declared: Mapping[str, Declared[object]], home: str
) -> object:
    """Return the checked value of one parameter.

    If the parameter's default is a file, the file is also searched for below `home`. A missing or wrong value raises a
    click.UsageError.
    """
    try:
        resolved = resolve(parameter, sources)
        value = resolved.value
        if resolved.origin == "resumed":
            return value
        with naming(resolved.place):
            if parameter.type == "file" and value is not None:
                value = find_file(value, home if resolved.origin == "defaults" else None)
                check_file(value, parameter.encoding)
            if parameter.converted:
                check_converted(declared[parameter.name], value)
    except MissingValue:
        raise click.MissingParameter(param_hint=f"'--{parameter.name}'", param_type="option") from None
    except ParameterError as error:
        raise click.BadParameter(str(error), param_hint=f"'--{parameter.name}'") from None
    return value
