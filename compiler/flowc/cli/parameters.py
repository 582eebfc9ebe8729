"""What the command line gives a flow: the options of its parameters, files of parameters, and configs.

A parameter's value is that of the command line, else of a --params-file, else of the environment (METAFLOW_RUN_NAME),
else the default.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowc.cli.common import FAULTY, report, user_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.common import Checked
    from flowc.frontend.configs import ConfigSources
    from flowc.ir.model import Flow, Parameter

    Command = TypeVar("Command", bound=Callable[..., Any])

_CONFIGS = "flowc.configs"  # in the contexts' `meta`, which a command shares with the group before it

# -- configs -----------------------------------------------------------------------------------------------------------


def config_options() -> list[click.Option]:
    """`--config NAME FILE` and `--config-value NAME TEXT`: kept in the context, for `config_sources`."""

    def keep(ctx: click.Context, param: click.Parameter, pairs: Sequence[tuple[str, str]]) -> None:
        kept: dict[str, dict[str, str]] = ctx.meta.setdefault(_CONFIGS, {"config": {}, "config_value": {}})
        kept[str(param.name)].update(pairs)

    return [
        click.Option(["--config"], nargs=2, type=str, multiple=True, expose_value=False, callback=keep,
                     metavar="NAME FILE", help="The file of one of the flow's configs; may be repeated."),
        click.Option(["--config-value"], nargs=2, type=str, multiple=True, expose_value=False, callback=keep,
                     metavar="NAME TEXT", help="The value of one of the flow's configs; may be repeated."),
    ]  # fmt: skip


def takes_configs(function: Command) -> Command:
    """Give a command of `flowc` that loads a flow the options of its configs."""
    options: list[click.Option] = vars(function).setdefault("__click_params__", [])  # as click's own decorators do
    options += reversed(config_options())
    return function


def config_sources(ctx: click.Context) -> ConfigSources:
    """What the command line and the environment give the configs of the flow."""
    from flowc.frontend.configs import ConfigSources

    kept = ctx.meta.get(_CONFIGS, {"config": {}, "config_value": {}})
    return ConfigSources(
        files=kept["config"], values=kept["config_value"], environment=os.environ, user_name=user_name()
    )


# -- the options of a flow's parameters --------------------------------------------------------------------------------

params_file_option = click.option(
    "--params-file", "params_files", type=click.Path(dir_okay=False), multiple=True, metavar="FILE",
    help="Parameters by their names, in YAML, JSON or TOML; may be repeated, the last counts.",
)  # fmt: skip
_METAVARS = {"str": "TEXT", "int": "INTEGER", "float": "FLOAT", "bool": "BOOLEAN", "json": "JSON", "file": "FILE"}


def parameter_options(flow: Flow, *, without: Sequence[str] = ()) -> list[click.Option]:
    """An option for each parameter; `given_texts` takes their values."""
    options = []
    for number, parameter in enumerate(flow.parameters):
        if parameter.name in without:
            continue
        text = f"{parameter.help} [default: {parameter.default}]" if parameter.default else parameter.help
        # Any name, also one that is no identifier. A flag is counted: whether it was given at all must be known.
        names = [f"--{parameter.name}", _key(number)]
        if parameter.flag:
            options.append(click.Option(names, count=True, default=None, hidden=parameter.hidden, help=text.strip()))
            continue
        metavar = f"[{'|'.join(parameter.choices)}]" if parameter.choices else _METAVARS[parameter.type]
        options.append(click.Option(names, metavar=metavar, multiple=True, hidden=parameter.hidden, help=text.strip()))
    return options


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
    found: Checked, given: Mapping[str, Sequence[str]], params_files: Sequence[str] = (), *, ds_type: str = "local"
) -> dict[str, Any]:
    """The parameters of a run; a file is still its path, which can be read. What is wrong ends the program."""
    from flowc.passes.resolve_defaults import DefaultError, resolve_defaults
    from flowc_runtime.files import check_file, find_file
    from flowc_runtime.parameters import ParameterError, check_parameter, default_of, parse_texts

    in_files = read_params_files(found.flow, params_files)
    known = {*given, *in_files, *(p.name for p in found.flow.parameters if variable(p.name) in os.environ)}
    try:
        flow = resolve_defaults(found.flow, found.cls, given=known, user_name=user_name(), ds_type=ds_type)
    except DefaultError as error:
        report(error.diagnostics, found.package.root)
        raise SystemExit(FAULTY) from None
    values: dict[str, Any] = {}
    for parameter in flow.parameters:
        name, beside = parameter.name, None
        try:
            if name in given:
                value = parse_texts(parameter, given[name])
            elif name in in_files:
                value = in_files[name]
                value = value if value is None else check_parameter(parameter, value, texts=True)
            elif (text := os.environ.get(variable(name))) is not None:
                value = parse_texts(parameter, text.split() if parameter.multiple else [text])
            elif parameter.required:
                raise click.MissingParameter(param_hint=f"'--{name}'", param_type="option")
            else:
                value, beside = default_of(parameter), str(found.package.root)
            if parameter.type == "file" and value is not None:
                value = find_file(value, beside)
                check_file(value, parameter.encoding)
        except ParameterError as error:
            raise click.BadParameter(str(error), param_hint=f"'--{name}'") from None
        values[name] = value
    return values


def variable(name: str) -> str:
    """The environment variable of a parameter."""
    return f"METAFLOW_RUN_{name.upper().replace('-', '_')}"


def packed_files(flow: Flow, root: Path) -> Flow:
    """The flow with the content of each file that is a default in place of its path. Raises DefaultError."""
    from flowc.diagnostics import BAD_DEFAULT
    from flowc.ir.diagnostic import Diagnostic
    from flowc.passes.resolve_defaults import DefaultError
    from flowc_runtime.files import check_file, find_file, pack
    from flowc_runtime.parameters import ParameterError, from_text, to_text

    packed, faults = [], []
    for parameter in flow.parameters:
        if parameter.type == "file" and parameter.default is not None:
            path = find_file(from_text(parameter.default), str(root))
            try:
                check_file(path, parameter.encoding)
                parameter = replace(parameter, default=to_text(pack(path)))
            except ParameterError as error:
                message = f"the default of parameter '{parameter.name}': {error}"
                faults.append(Diagnostic(code=BAD_DEFAULT, message=message, span=parameter.where,
                                         hint="its content travels with the compiled flow"))  # fmt: skip
        packed.append(parameter)
    if faults:
        raise DefaultError(tuple(faults))
    return replace(flow, parameters=tuple(packed))


# -- files of parameters -----------------------------------------------------------------------------------------------


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
    parsers: dict[str, Callable[[str], Any]] = {".json": _json, ".toml": _toml, ".yaml": _yaml, ".yml": _yaml}
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


def _json(text: str) -> Any:
    import json

    return json.loads(text)


def _toml(text: str) -> Any:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        try:
            import tomli as tomllib  # type: ignore[import-not-found, unused-ignore, no-redef]
        except ModuleNotFoundError:
            raise ValueError("Python 3.10 reads TOML with tomli: pip install tomli") from None
    return tomllib.loads(text)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ValueError("YAML is read with PyYAML: pip install pyyaml") from None
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from None
