"""Conversion of Python arguments to command lines of flows: each click command becomes a function that returns `argv`.

api = MetaflowAPI.from_cli("flow.py", start)
api(quiet=True).run(alpha=0.5, tags=["a", "b"])
# ["flow.py", "--quiet", "run", "--alpha", "0.5", "--tag", "a", "--tag", "b"]
"""

from __future__ import annotations

import datetime
import inspect
import uuid
from collections import OrderedDict
from enum import Enum
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import click

from flowc_ir import json_text
from metaflow import _seam
from metaflow.exception import MetaflowException
from metaflow.runner._signature import Signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from metaflow.runner._signature import FlowParameter

__all__ = ["MetaflowAPI", "click_to_python_types", "extract_all_params"]

click_to_python_types: dict[type[Any], Any] = {
    type(click.STRING): str,
    type(click.INT): int,
    type(click.FLOAT): float,
    type(click.BOOL): bool,
    type(click.UUID): uuid.UUID,
    type(click.UNPROCESSED): str,
    click.IntRange: int,
    click.FloatRange: float,
    click.Path: str,
    click.DateTime: datetime.datetime,
    click.Tuple: tuple,
    click.Choice: str,
    click.File: str,
}
"""Click type → the Python type of its values."""


def extract_all_params(
    cmd_obj: click.Command,
) -> tuple[
    OrderedDict[str, inspect.Parameter],
    OrderedDict[str, click.Argument],
    OrderedDict[str, click.Option],
    OrderedDict[str, Any],
    OrderedDict[str, Any],
]:
    """Return the options and arguments of a command, by name. Options without a value, such as `--help`, are left out.

    The form of the result is Metaflow's: programs for Metaflow read `.opts`, `.secondary_opts`, `.multiple` and `.type`
    of the options in the third dictionary.

    Returns:
        Five dictionaries: parameters of a Python function, the command's arguments, its options, their Python types,
        and their defaults.
    """
    parameters: OrderedDict[str, inspect.Parameter] = OrderedDict()
    arguments: OrderedDict[str, click.Argument] = OrderedDict()
    options: OrderedDict[str, click.Option] = OrderedDict()
    annotations: OrderedDict[str, Any] = OrderedDict()
    defaults: OrderedDict[str, Any] = OrderedDict()
    # The command `run` parses its own options, because they include the flow's parameters.
    known = getattr(cmd_obj, "known_params", None)
    context = _seam.command_context(cmd_obj)
    for param in known() if known is not None else cmd_obj.params:
        if param.name is None or not param.expose_value:
            continue
        kind: Any = inspect.Parameter.KEYWORD_ONLY
        if isinstance(param, click.Argument):
            arguments[param.name] = param
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        elif isinstance(param, click.Option):
            options[param.name] = param
        annotations[param.name] = annotation = _annotation(param)
        default = param.get_default(context)
        if type(default).__name__ == "Sentinel":
            # the object with which later versions of click represent a missing default
            default = None
        defaults[param.name] = default
        value = inspect.Parameter.empty if param.required else default
        parameters[param.name] = inspect.Parameter(param.name, kind, default=value, annotation=annotation)
    return parameters, arguments, options, annotations, defaults


def _annotation(param: click.Parameter) -> object:
    kind: Any = click_to_python_types.get(type(param.type), str)
    if param.multiple or param.nargs == -1:
        kind = list[kind] | tuple[kind, ...]
    return kind if param.required else kind | None


class MetaflowAPI:
    """The command line of one flow; `from_cli` creates the object.

    Each command is a method that returns the command line as a list, `argv`.

    The methods raise ValueError for an unknown or missing argument, and TypeError for a value of the wrong type.
    Accessing a command that does not exist raises AttributeError.
    """

    def __init__(
        self, flow_file: str, cli: click.Group, top_options: dict[str, object], signatures: Signatures | None = None
    ) -> None:
        self._cli = cli
        self._file = flow_file
        self._top = _words(cli, top_options)
        self._chain = [flow_file, *self._top]
        self._signatures = signatures or Signatures(flow_file)

    @staticmethod
    def from_cli(
        flow_file: str, cli_collection: click.Group, *, signatures: Signatures | None = None
    ) -> Callable[..., MetaflowAPI]:
        """Return a function whose arguments are the options before the command.

        Calling this function returns a MetaflowAPI, which has one method per command.

        Args:
            flow_file: The flow's file. If an argument may be a parameter of the flow, the file is run to read the
                flow's parameters.
            cli_collection: The click group of the commands, such as `metaflow.cli.start`.
            signatures: Reads the file's parameters; by default with this process's environment and working directory.
        """

        def start(**options: object) -> MetaflowAPI:
            return MetaflowAPI(flow_file, cli_collection, options, signatures)

        return start

    def missing(self, arguments: Mapping[str, object]) -> str | None:
        """Return the first required parameter that has no value. Return None if each has a value, or if the flow cannot
        report its parameters.

        Args:
            arguments: values, keyed by the parameters' names as Python keyword arguments.
        """
        try:
            needed = [p.keyword for p in self._signatures.parameters(self._top) if p.required]
        except MetaflowException:
            return None
        return next((keyword for keyword in needed if arguments.get(keyword) is None), None)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        context = _seam.command_context(self._cli)
        for spelling in (name, name.replace("_", "-")):
            if (command := self._cli.get_command(context, spelling)) is not None:
                return self._method(spelling, command)
        known = ", ".join(self._cli.list_commands(context))
        raise AttributeError(f"there is no command '{name}'; there are {known}")

    def __dir__(self) -> list[str]:
        return [name.replace("-", "_") for name in self._cli.list_commands(_seam.command_context(self._cli))]

    def _method(self, name: str, command: click.Command) -> Callable[..., object]:
        def method(*arguments: object, **options: object) -> Any:
            known = extract_all_params(command)
            if len(arguments) > len(known[1]):
                raise TypeError(f"{name} takes at most {len(known[1])} positional arguments, not {len(arguments)}")
            values = dict(zip(known[1], arguments, strict=False)) | options
            parameters: Sequence[FlowParameter] = ()
            # A parameter may have the same name as an option of flowc. Only names of options that Metaflow has, too,
            # are reserved.
            reserved = {*getattr(command, "reserved", ()), *known[1], "runner_attribute_file"}
            if name in _WITH_PARAMETERS and not reserved.issuperset(values):
                resumed = resumption(values) if name == "resume" else ()
                parameters = self._signatures.parameters(self._top, resumed)
            words = [*self._chain, name, *_words(command, values, parameters)]
            if not isinstance(command, click.Group):
                return words
            inner = MetaflowAPI(self._file, command, {}, self._signatures)
            inner._chain = words
            return inner

        method.__name__ = name.replace("-", "_")
        method.__doc__ = command.help
        return method


ALIASES: Mapping[str, str] = {
    "max_workers": "parallelism",
    "user_namespace": "namespace",
    "workflow_timeout": "deadline_seconds",
}
"""Arguments with different names in Metaflow and flowc: Metaflow's name → flowc's option."""

_WITH_PARAMETERS = frozenset({"run", "resume", "spin"})


def resumption(arguments: Mapping[str, object]) -> list[str]:
    """Return the options that tell the command `signature` which run is resumed, because the new run inherits that
    run's configs.

    Args:
        arguments: the arguments of `resume`, such as `origin_run_id` and `store_url`.
    """
    values = {"--origin-run-id": arguments.get("origin_run_id"), "--store": arguments.get("store_url")}
    return ["--resume", *(f"{option}={value}" for option, value in values.items() if value is not None)]


def _words(command: click.Command, values: Mapping[str, object], parameters: Sequence[FlowParameter] = ()) -> list[str]:
    """Convert values to the words of a command line: first the options of the command, then its arguments."""
    _, arguments, options, annotations, defaults = extract_all_params(command)
    own = {parameter.keyword: parameter for parameter in parameters}
    words: list[str] = []
    for name, value in values.items():
        key = ALIASES.get(name, name) if name not in options else name
        if value is None or key in arguments:
            continue
        if name in own and name not in getattr(command, "reserved", ()):
            words += parameter_words(own[name], value)
        elif key in options:
            words += _option(options[key], value, annotations[key], defaults[key])
        else:
            shown = [option for option in options if not options[option].hidden]
            possible = ", ".join([*own, *arguments, *shown])
            raise ValueError(f"Unknown argument: '{name}', possible args are: {possible}")
    for key, argument in arguments.items():
        if (value := values.get(key)) is not None:
            words += map(_text, value if isinstance(value, (list, tuple)) and argument.nargs == -1 else [value])
        elif argument.required:
            raise ValueError(f"Missing argument: {key} is required.")
    return words


def _option(option: click.Option, value: Any, annotation: Any, default: Any) -> Iterator[str]:
    kind = click_to_python_types.get(type(option.type), str)
    if option.is_flag:
        _check(option.name, value, bool, annotation, default)
        if value:
            yield option.opts[0]
        elif option.secondary_opts:
            yield option.secondary_opts[0]
        return
    several = [*value.items()] if option.nargs > 1 and isinstance(value, dict) else value  # {"name": value} of configs
    if option.multiple and not isinstance(several, (list, tuple)):
        raise TypeError(_invalid(option.name, value, annotation, default))
    for one in several if option.multiple else [several]:
        if option.nargs > 1:
            if not isinstance(one, (list, tuple)) or len(one) != option.nargs:
                raise TypeError(_invalid(option.name, value, annotation, default))
            yield from [option.opts[0], *map(_text, one)]
        else:
            _check(option.name, one, kind, annotation, default)
            yield from [option.opts[0], _text(one)]


def parameter_words(parameter: FlowParameter, value: Any) -> list[str]:
    """Convert a parameter's value, or each of its values, to words of the flow's command line: `--NAME TEXT …`.

    A flag becomes one word if it is true, and no word if it is false. A list for a parameter with a separator is joined
    to one text.

    Raises:
        TypeError: the value does not have the parameter's type.
    """
    kind: object = str if parameter.separator is not None else Any if parameter.converted else _KINDS[parameter.type]
    default = None if parameter.default is None else json_text.loads(parameter.default)
    several = parameter.multiple and parameter.separator is None and parameter.type != "json"
    annotation: object = bool if parameter.flag else GenericAlias(list, kind) if several else kind
    if parameter.flag:
        _check(parameter.keyword, value, bool, annotation, default)
        return [f"--{parameter.name}"] if value else []
    if parameter.separator is not None and isinstance(value, (list, tuple)):
        value = parameter.separator.join(map(_text, value))
    if several and not isinstance(value, (list, tuple)):
        raise TypeError(_invalid(parameter.keyword, value, annotation, default))
    words = []
    for one in value if several else [value]:
        _check(parameter.keyword, one, kind, annotation, default)
        words += [f"--{parameter.name}", _text(one)]
    return words


_KINDS: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "json": Any, "any": Any,
                             "file": str}  # fmt: skip


def _check(name: str | None, value: Any, kind: Any, annotation: Any, default: Any) -> None:
    exact = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}.get(kind)
    wrong = exact is not None and not isinstance(value, exact)
    if (wrong and not (kind is str and hasattr(value, "__fspath__"))) or (
        isinstance(value, bool) and kind in (int, float)
    ):
        raise TypeError(_invalid(name, value, annotation, default))


def _invalid(name: str | None, value: object, annotation: object, default: object) -> str:
    return (
        f"Invalid type for '{name}' ({type(value)}), expected: '{annotation}', default is '{default}' "
        f"but found '{value}'"
    )


def _text(value: object) -> str:
    """Convert a value to one word of a command line; a container becomes JSON."""
    if isinstance(value, (dict, list, tuple)):
        return json_text.typed(value)
    if isinstance(value, Enum):
        return _text(value.value)
    write = getattr(value, "isoformat", None)
    return str(value if write is None else write())
