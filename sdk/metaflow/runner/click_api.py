"""Command lines of flows made from Python arguments: a click command becomes a function that gives `argv`.

api = MetaflowAPI.from_cli("flow.py", start)
api(quiet=True).run(alpha=0.5, tags=["a", "b"])
# ["flow.py", "--quiet", "run", "--alpha", "0.5", "--tag", "a", "--tag", "b"]
"""

from __future__ import annotations

import datetime
import inspect
import json
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
"""The Python type of what an option of a click type is given."""


def extract_all_params(
    cmd_obj: click.Command,
) -> tuple[
    OrderedDict[str, inspect.Parameter],
    OrderedDict[str, click.Argument],
    OrderedDict[str, click.Option],
    OrderedDict[str, Any],
    OrderedDict[str, Any],
]:
    """What a command takes, each by its name: as parameters of a function; its arguments; its options; their types;
    their defaults. Options without a value, such as `--help`, are left out."""
    parameters: OrderedDict[str, inspect.Parameter] = OrderedDict()
    arguments: OrderedDict[str, click.Argument] = OrderedDict()
    options: OrderedDict[str, click.Option] = OrderedDict()
    annotations: OrderedDict[str, Any] = OrderedDict()
    defaults: OrderedDict[str, Any] = OrderedDict()
    # The command `run` reads its options itself, since a flow's parameters are among them.
    known = getattr(cmd_obj, "known_params", None)
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
        default = param.get_default(click.Context(cmd_obj))
        if type(default).__name__ == "Sentinel":  # how later versions of click say that there is none
            default = None
        defaults[param.name] = default
        given = inspect.Parameter.empty if param.required else default
        parameters[param.name] = inspect.Parameter(param.name, kind, default=given, annotation=annotation)
    return parameters, arguments, options, annotations, defaults


def _annotation(param: click.Parameter) -> Any:
    known: Any = click_to_python_types.get(type(param.type), str)
    if param.multiple or param.nargs == -1:
        known = list[known] | tuple[known, ...]
    return known if param.required else known | None


class MetaflowAPI:
    """The command line of one flow; `from_cli` makes one. Each command is a method that gives its `argv`."""

    def __init__(self, flow_file: str, cli: click.Group, given: dict[str, Any]) -> None:
        self._cli = cli
        self._file = flow_file
        self._chain = [flow_file, *_words(cli, given, cli.name or "the flow")]

    @staticmethod
    def from_cli(flow_file: str, cli_collection: click.Group) -> Callable[..., MetaflowAPI]:
        """A function that takes the options before the command, and gives an object with a method for each command."""

        def start(**options: Any) -> MetaflowAPI:
            return MetaflowAPI(flow_file, cli_collection, options)

        return start

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        context = click.Context(self._cli)
        for spelling in (name, name.replace("_", "-")):
            if (command := self._cli.get_command(context, spelling)) is not None:
                return self._method(spelling, command)
        known = ", ".join(self._cli.list_commands(context))
        raise AttributeError(f"there is no command '{name}'; there are {known}")

    def __dir__(self) -> list[str]:
        return [name.replace("-", "_") for name in self._cli.list_commands(click.Context(self._cli))]

    def _method(self, name: str, command: click.Command) -> Callable[..., Any]:
        chain = self._chain

        def method(*arguments: Any, **options: Any) -> Any:
            given = dict(zip(extract_all_params(command)[1], arguments, strict=False))
            parameters = _parameters(self._file) if name in _WITH_PARAMETERS else {}
            words = [*chain, name, *_words(command, given | options, name, parameters)]
            if not isinstance(command, click.Group):
                return words
            inner = MetaflowAPI(self._file, command, {})
            inner._chain = words
            return inner

        method.__name__ = name.replace("-", "_")
        method.__doc__ = command.help
        return method


_WITH_PARAMETERS = frozenset({"run"})
_NO_PARAMETERS: Mapping[str, str] = {}


def _parameters(flow_file: str) -> Mapping[str, str]:
    """Both names of each parameter of the flow in a file, the attribute's and the option's → the option's."""
    from pathlib import Path

    from flowc_runtime.loader import load_module
    from metaflow import FlowSpec, Parameter

    path = Path(flow_file).resolve()
    module = load_module(path.parent, path.name)
    found: dict[str, str] = {}
    for flow in vars(module).values():
        if not isinstance(flow, type) or not issubclass(flow, FlowSpec):
            continue
        for base in flow.__mro__:
            declared = {key: value.name for key, value in vars(base).items() if isinstance(value, Parameter)}
            found.update(declared | {name: name for name in declared.values()})
    return found


def _words(
    command: click.Command, given: dict[str, Any], name: str, parameters: Mapping[str, str] = _NO_PARAMETERS
) -> list[str]:
    """The options, then the arguments, of a command as words of a command line."""
    _, arguments, options, annotations, defaults = extract_all_params(command)
    words: list[str] = []
    for key, value in given.items():
        if key in arguments or value is None:
            continue
        if key in options:
            words += _option(options[key], value, annotations[key], defaults[key])
        elif key in parameters:
            words += [f"--{parameters[key]}", _text(value)]
        else:
            possible = ", ".join([*sorted({*parameters.values()}), *arguments, *options])
            raise ValueError(f"Unknown argument: '{key}', possible args are: {possible}")
    for key, argument in arguments.items():
        if key in given:
            words += map(_text, given[key] if argument.nargs == -1 else [given[key]])
        elif argument.required:
            raise ValueError(f"the command '{name}' needs the argument '{key}'")
    return words


def _option(option: click.Option, value: Any, annotation: Any, default: Any) -> Iterator[str]:
    kind = click_to_python_types.get(type(option.type), str)
    values = list(value) if option.multiple and isinstance(value, (list, tuple)) else [value]
    if option.is_flag:
        _check(option, value, bool, annotation, default)
        if value:
            yield option.opts[0]
        elif option.secondary_opts:
            yield option.secondary_opts[0]
        return
    for one in values:
        _check(option, one, kind, annotation, default)
        yield option.opts[0]
        yield from map(_text, one) if isinstance(one, (list, tuple)) else [_text(one)]


def _check(option: click.Option, value: Any, kind: Any, annotation: Any, default: Any) -> None:
    exact = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}.get(kind)
    wrong = exact is not None and not isinstance(value, exact)
    if (wrong and not hasattr(value, "__fspath__")) or (isinstance(value, bool) and kind in (int, float)):
        raise TypeError(
            f"Invalid type for '{option.name}' ({type(value)}), expected: '{annotation}', default is '{default}' "
            f"but found '{value}'"
        )


def _text(value: Any) -> str:
    """A value as a word: JSON where it is more than a word."""
    if isinstance(value, (dict, list, tuple, bool)):
        return json.dumps(value)
    return str(value)
