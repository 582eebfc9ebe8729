"""Read the values of a flow's `Config`s. The front end reads configs first, because decorators and parameters may use
the values.

A config's value comes from the command line; if the command line has no value, from the environment
(METAFLOW_FLOW_CONFIG and METAFLOW_FLOW_CONFIG_VALUE: JSON objects with the configs' names as keys); if the environment
has no value either, from the config's default.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final, final

from flowc.diagnostics import describe, raised_at
from flowc.frontends.metaflow.assignments import call_of, span_of
from flowc.frontends.metaflow.decorators.policies import shown
from flowc.frontends.reserved_names import FLOW_API, is_private, listed
from flowc_ir import Config as IrConfig
from flowc_ir import codes, json_text
from flowc_ir.diagnostic import Faults
from flowc_ir.late.dataclass import dataclass, field, replace
from flowc_ir.suggestion import suggest
from flowc_runtime.base import input_files
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.values.exact import is_json, readable, to_exact, without_subclasses
from flowc_runtime.store.values.files import find_file
from flowc_runtime.store.values.parameters import from_text, to_text
from metaflow.includefile import find_parser
from metaflow.parameters import ParameterContext
from metaflow.user_configs.config_parameters import configs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.frontends.source import Sources
    from flowc_ir import Span
    from flowc_ir.json_text import Json
    from metaflow.user_configs.config_parameters import Declared

FILES, VALUES = "METAFLOW_FLOW_CONFIG", "METAFLOW_FLOW_CONFIG_VALUE"
_KNOWN: Final = ("name", "default", "default_value", "help", "required", "parser", "plain", "show_default")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSources:
    """The sources from which configs get their values.

    Attributes:
        files: config name → the path of the file with its value (`--config`).
        values: config name → its value, or the value's text (`--config-value`).
        environment: the environment variables, which the import of the flow's file may have changed.
        user_name: the user's name for functions that compute a default; None for the user of this process.
        earlier: for a resumed run, a function from the flow's name to the configs of the earlier run. The configs of
            the earlier run take precedence over every other source.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    user_name: str | None = None
    earlier: Callable[[str], Mapping[str, IrConfig]] | None = None


def read_configs(
    cls: type, where: Span, sources: Sources, values: ConfigSources, faults: Faults
) -> tuple[IrConfig, ...]:
    """Return the configs of a class with their values.

    Values from the command line have precedence over values from the environment. Defaults have the lowest precedence.
    A resumed run keeps the configs of the earlier run.

    Args:
        cls: the flow's class.
        where: the span of the class, where values for unknown configs are reported.
        sources: the files of the flow.
        values: the sources from which configs get their values.
        faults: collects wrong declarations and wrong values; a config with a fault has no value.
    """
    declared = {attribute: config._flowc for attribute, config in configs_of(cls).items()}
    if not declared:
        values = replace(values, earlier=None)  # without configs, a resumed run need not read the earlier run
    reader = _Reader(cls, where, sources, values, faults)
    reader.check_names([*declared.values()])
    configs: dict[str, IrConfig] = {}
    for attribute, config in declared.items():
        if reader.check(attribute, config):
            configs[config.name] = reader.read(config)
    return tuple(configs.values())


class _FailedError(Exception):
    """The value of a config cannot be read; the message says why."""

    def __init__(self, message: str, hint: str | None = None, note: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.note = note


class _Reader:
    def __init__(self, cls: type, where: Span, sources: Sources, values: ConfigSources, faults: Faults) -> None:
        self.cls = cls
        self.where = where
        self.sources = sources
        self.values = values
        self.faults = faults
        self.seen: dict[object, Span] = {}
        self.earlier = values.earlier(cls.__name__) if values.earlier is not None else {}
        self.from_environment = {name: self._variable(name) for name in (FILES, VALUES)}

    def _variable(self, name: str) -> Mapping[str, Json]:
        text = self.values.environment.get(name)
        if not text:
            return {}
        try:
            value = json_text.parsed(text)
            if not isinstance(value, dict):
                raise ValueError("it is not a JSON object")
        except ValueError as error:
            self.faults.add(
                codes.CONFIG_VALUE,
                self.where,
                f"the environment variable {name} cannot be read: {error}",
                hint='write a JSON object with the configs\' names as keys: {"config": …}',
            )
            return {}
        return value

    def fault(self, code: str, message: str, span: Span, hint: str | None, note: str | None = None) -> None:
        """Report a fault."""
        self.faults.add(code, span, message, hint=hint, note=note)

    def span(self, config: Declared, argument: str | None = None) -> Span:
        """Return the span of the statement that creates a config, or of one argument of its call."""
        source = self.sources.of(config.file)
        call = call_of(source, config.line, config.owner)
        return span_of(source, call, config.line, _KNOWN, argument)

    def check_names(self, configs: Sequence[Declared]) -> None:
        """Report values for unknown configs, and configs that are given both a file and a value."""
        declared = {str(config.name): config for config in configs}
        names = [*declared]
        environment = self.from_environment
        for source in (self.values.files, self.values.values, environment[FILES], environment[VALUES]):
            for name in source:
                if name in names:
                    continue
                there = f"its configs are {listed(names)}" if names else "it has no configs"
                message = f"flow '{self.cls.__name__}' has no config '{name}'"
                self.faults.add(codes.CONFIG_VALUE, self.where, message, hint=suggest(name, names, there))
        for files, values in ((self.values.files, self.values.values), (environment[FILES], environment[VALUES])):
            for name in files:
                if name in values:
                    self.faults.add(
                        codes.CONFIG_VALUE,
                        self.where,
                        f"config '{name}' is given both a file and a value",
                        hint="give it one of them",
                        also=[(self.span(declared[name]), "declared here")] if name in declared else (),
                    )

    def check(self, attribute: str, config: Declared) -> bool:
        """Return whether all arguments of a config are valid; report each invalid argument."""
        before = len(self.faults)
        for name in config.unknown:
            hint = suggest(name, _KNOWN, f"it takes {', '.join(_KNOWN)}")
            self.faults.add(codes.BAD_CONFIG, self.span(config, name), f"Config has no argument '{name}'", hint=hint)
        if not isinstance(config.name, str) or not config.name:
            self.faults.add(
                codes.BAD_CONFIG,
                self.span(config, "name"),
                "the name of a config must be a string",
                hint=f'write `{attribute} = Config("{attribute}")`',
            )
        elif config.name in self.seen:
            self.faults.add(
                codes.BAD_CONFIG,
                self.span(config),
                f"config '{config.name}' is defined twice",
                hint="give one of them another name",
                also=[(self.seen[config.name], "first defined here")],
            )
        self.seen.setdefault(config.name, self.span(config))
        if attribute in FLOW_API or is_private(attribute):
            self.faults.add(
                codes.RESERVED_NAME,
                self.span(config),
                f"a config cannot be called '{attribute}': flows use that name",
                hint="give the config another name",
            )
        if config.default is not None and config.default_value is not None:
            self.faults.add(
                codes.BAD_CONFIG,
                self.span(config, "default_value"),
                "a config cannot have both a default and a default_value",
                hint="leave out one of them",
            )
        for argument, kinds, words in _ARGUMENTS:
            value = getattr(config, argument)
            if value is not None and not isinstance(value, kinds) and not (callable(value) and argument in _FUNCTIONS):
                self.faults.add(
                    codes.BAD_CONFIG,
                    self.span(config, argument),
                    f"{argument} is {words}, not {shown(value)}",
                    hint=None,
                )
        return len(self.faults) == before

    def read(self, config: Declared) -> IrConfig:
        """Return the config with its value; the value is None if no source has one or if it cannot be read."""
        where = self.span(config)
        attribute = config.attribute if config.attribute != config.name else ""
        if config.name in self.earlier:
            return replace(self.earlier[config.name], where=where, attribute=attribute)
        try:
            value, exact = self._value(config) or (None, "")
        except _FailedError as error:
            self.faults.add(codes.CONFIG_VALUE, where, str(error), hint=error.hint, note=error.note)
            value, exact = None, ""
        return IrConfig(name=config.name, where=where, value=value, attribute=attribute, exact=exact)

    def _value(self, config: Declared) -> tuple[str, str] | None:
        """Return the config's value twice: as canonical JSON, and as tagged JSON. The second text is empty if plain
        JSON can represent the value. Return None if no source has a value.

        Raises:
            _FailedError: the value cannot be read.
        """
        name, environment = config.name, self.from_environment
        if name in self.values.files:
            return self._parsed(config, self._file(config, self.values.files[name]))
        if name in self.values.values:
            return self._parsed(config, self.values.values[name])
        if name in environment[FILES]:
            return self._parsed(config, self._file(config, str(environment[FILES][name])))
        if name in environment[VALUES]:
            return self._parsed(config, environment[VALUES][name])
        if config.default is not None:
            path = self._default(config, config.default)
            if not isinstance(path, str):
                raise _FailedError(f"the default of config '{name}' must be a file's path, not {shown(path)}")
            return self._parsed(config, self._file(config, path, default=True))
        value = self._default(config, config.default_value)
        if value is not None:
            return self._parsed(config, value)
        if config.required:
            hint = f"give it a file: --config {name} FILE, or a value: --config-value {name} TEXT"
            raise _FailedError(f"missing configuration for '{name}': it is required", hint)
        return None

    def _default(self, config: Declared, value: object) -> object:
        if not callable(value):
            return value
        context = ParameterContext(self.cls.__name__, self.values.user_name or user_name(), config.name)
        try:
            return value(context)
        except Exception as error:
            message = f"the default of config '{config.name}' failed: {describe(error)}"
            raise _FailedError(message, "the function is called before a run starts and when the flow is compiled",
                               raised_at(error)) from None  # fmt: skip

    def _file(self, config: Declared, path: str, *, default: bool = False) -> str:
        beside = os.path.dirname(config.file) if default else None
        try:
            found = input_files.content(find_file(path, beside))
            return io.TextIOWrapper(io.BytesIO(found), encoding="utf-8").read()  # all line ends become newlines
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            which = "default configuration file" if default else "configuration file"
            hint = "a relative path is looked up in the working directory"
            message = f"{which} '{path}' could not be read for '{config.name}': {why}"
            raise _FailedError(message, f"{hint}, then beside the flow" if default else hint) from None

    def _parsed(self, config: Declared, text: object) -> tuple[str, str]:
        value = self._parse(config, text) if isinstance(text, str) else text
        if not isinstance(value, dict) and not config.plain:
            what = (
                f"the parser of config '{config.name}' must return"
                if config.parser
                else f"config '{config.name}' must be"
            )
            raise _FailedError(f"{what} a dict, not {shown(value)}", "plain=True allows any value")
        try:
            if config.parser is None or not isinstance(text, str):
                return to_text(from_text(to_text(value))), ""
            value = value if config.plain else without_subclasses(value)
            if is_json(value):
                return to_text(value), ""
            exact = to_exact(value)
            return to_text(readable(value)), exact
        except (TypeError, ValueError, RecursionError, ArtifactError) as error:
            hint = "let the parser return values that can be pickled: dicts, lists, strings, numbers, instances"
            raise _FailedError(f"config '{config.name}' cannot be stored: {error}", hint) from None

    def _parse(self, config: Declared, text: str) -> object:
        if config.parser is None:
            if config.plain:
                return text
            try:
                return json_text.parsed(text)
            except ValueError as error:
                message = f"configuration value for '{config.name}' is not valid JSON: {error}"
                raise _FailedError(message, "for other formats, give Config a parser=") from None
        try:
            parser = find_parser(config.parser)
        except Exception as error:
            message = f"the parser of config '{config.name}' cannot be found: {describe(error)}"
            raise _FailedError(message, 'parser= takes a function or its dotted name, such as "json.loads"') from None
        try:
            return parser(text)
        except Exception as error:
            message = f"the parser of config '{config.name}' failed: {describe(error)}"
            raise _FailedError(message, "the parser is called with the text of the config", raised_at(error)) from None


_FUNCTIONS: Final = ("default", "default_value", "parser")
_ARGUMENTS: Final[tuple[tuple[str, tuple[type, ...], str], ...]] = (
    ("default", (str,), "a file's path or a function"),
    ("default_value", (str, dict), "a string, a dict or a function"),
    ("help", (str,), "text"),
    ("required", (bool,), "True or False"),
    ("parser", (str,), "a function or its dotted name"),
    ("plain", (bool,), "True or False"),
)
