"""Which value of a parameter counts: one decision, for runs on this machine, for triggers on a cluster and for pods.

| | given | files | resumed | environment | defaults |
|---|---|---|---|---|---|
| run, resume, spin | options | `--params-file` | the run that is resumed | METAFLOW_RUN_NAME | the flow's |
| trigger | `--param` | `--params-file` | | | the template's |
| first pod of a run | arguments that were given | | the run that is resumed | | all arguments |

The first that has a value counts, from left to right.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, final

from flowc_runtime.store.values.parameters import ParameterError, Value, check_parameter, default_of, parse_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir.model import Parameter

OriginOfValue: TypeAlias = Literal["given", "files", "resumed", "environment", "defaults"]
PRECEDENCE: tuple[OriginOfValue, ...] = ("given", "files", "resumed", "environment", "defaults")


class GivenValue(Protocol):
    """What one source has for one parameter."""

    @property
    def place(self) -> str:
        """Where it was given, for errors, such as `METAFLOW_RUN_N`; empty where errors name that anyway."""

    def value(self, parameter: Parameter) -> Value:
        """Return the parameter's value. Raises ParameterError."""


@final
@dataclass(frozen=True, slots=True)
class GivenTexts:
    """What the command line has: the text of each option of the parameter. Errors name the option."""

    texts: Sequence[str]
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Return what the texts stand for."""
        return parse_texts(parameter, self.texts)


@final
@dataclass(frozen=True, slots=True)
class FileValue:
    """What a file of parameters has, read as a value of the parameter already. `place` is the file, and the line."""

    content: Value
    place: str

    def value(self, parameter: Parameter) -> Value:
        """Return the value."""
        return self.content


@final
@dataclass(frozen=True, slots=True)
class EarlierValue:
    """What the run that is resumed has recorded, where the flow may have changed since. Errors name that run."""

    content: Value
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Return the value, if it is one of the parameter as it is now."""
        if self.content is None:
            return None
        try:
            if parameter.type == "file":
                if not (isinstance(self.content, dict) and "digest" in self.content):
                    raise ParameterError(f"{self.content!r:.80} is no file")
            elif parameter.type != "json" and not _is_number(parameter, self.content):
                check_parameter(parameter, self.content)
        except ParameterError as error:
            raise ParameterError(f"that of the earlier run does not fit any more: {error}. Give it a value") from None
        return self.content


@final
@dataclass(frozen=True, slots=True)
class RecordedValue:
    """What the run that is resumed has recorded, where the flow is that run's own."""

    content: Value
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Return the value."""
        return self.content


@final
@dataclass(frozen=True, slots=True)
class VariableText:
    """What an environment variable has; spaces are between several values. `place` is the variable's name."""

    text: str
    place: str

    def value(self, parameter: Parameter) -> Value:
        """Return what the text stands for."""
        return parse_texts(parameter, self.text.split() if parameter.multiple else [self.text])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSources:
    """All that is given, by the parameters' names: a field for each of PRECEDENCE."""

    given: Mapping[str, GivenValue] = field(default_factory=dict)
    files: Mapping[str, GivenValue] = field(default_factory=dict)
    resumed: Mapping[str, GivenValue] = field(default_factory=dict)
    environment: Mapping[str, GivenValue] = field(default_factory=dict)
    defaults: Mapping[str, GivenValue] = field(default_factory=dict)

    def by_origin(self) -> Iterator[tuple[OriginOfValue, Mapping[str, GivenValue]]]:
        """Yield the sources, the one that counts most first."""
        yield from zip(PRECEDENCE, (self.given, self.files, self.resumed, self.environment, self.defaults), strict=True)

    def names(self) -> set[str]:
        """Return the names that have a value in some source."""
        return {name for _, values in self.by_origin() for name in values}


@final
@dataclass(frozen=True, slots=True)
class ResolvedParameter:
    """The value of a parameter, and where it came from."""

    value: Value
    origin: OriginOfValue
    place: str


class MissingValue(ParameterError):
    """A parameter that is required has no value in any source."""


def choose(name: str, sources: ParameterSources) -> tuple[OriginOfValue, GivenValue] | None:
    """Return what counts for the parameter of this name; None if no source has a value for it."""
    return next(((origin, values[name]) for origin, values in sources.by_origin() if name in values), None)


def resolve(parameter: Parameter, sources: ParameterSources) -> ResolvedParameter:
    """Return the value of a parameter.

    Without a value in any source it is the default that the flow declares.

    Raises:
        MissingValue: it has none, and is required.
        ParameterError: what counts is no value of the parameter; the message names where it was given.
    """
    chosen = choose(parameter.name, sources)
    if chosen is None:
        if parameter.required:
            raise MissingValue(f"parameter '{parameter.name}' has no value")
        return ResolvedParameter(default_of(parameter), "defaults", "")
    origin, given = chosen
    with naming(given.place):
        return ResolvedParameter(given.value(parameter), origin, given.place)


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Add to a ParameterError where the value was given."""
    try:
        yield
    except ParameterError as error:
        if not place:
            raise
        raise ParameterError(f"{error} (from {place})") from None


def _is_number(parameter: Parameter, value: Value) -> bool:
    """Whether it is a number for a text, which defaults may be."""
    items = value if parameter.multiple and isinstance(value, list) else [value]
    return parameter.type == "str" and all(isinstance(item, (int, float)) for item in items)
