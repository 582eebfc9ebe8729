"""Choose the value of a parameter among several sources, for local runs, triggers on a cluster, and pods.

| | given | files | resumed | environment | defaults |
|---|---|---|---|---|---|
| run, resume, spin | options | `--params-file` | the resumed run | METAFLOW_RUN_NAME | the flow's |
| trigger | `--param` | `--params-file` | | | the template's |
| first pod of a run | passed arguments | | the resumed run | | all arguments |

The first source with a value, from left to right, is used.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_runtime.store.values.parameters import ParameterError, Value, check_parameter, default_of, parse_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir.model import Parameter

OriginOfValue: TypeAlias = Literal["given", "files", "resumed", "environment", "defaults"]
PRECEDENCE: tuple[OriginOfValue, ...] = ("given", "files", "resumed", "environment", "defaults")


class SourceValue(Protocol):
    """The value of one parameter in one source, such as an option or an environment variable."""

    @property
    def place(self) -> str:
        """Where the value was written, for errors, such as `METAFLOW_RUN_N`; empty if errors already show it."""
        ...

    def value(self, parameter: Parameter) -> Value:
        """Return the parameter's value.

        Raises:
            ParameterError: the value does not fit the parameter.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class OptionTexts:
    """The texts of a parameter's options on the command line. `place` is empty: errors already name the option."""

    texts: Sequence[str]
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Parse the strings.

        Raises:
            ParameterError: the strings do not fit the parameter.
        """
        return parse_texts(parameter, self.texts)


@final
@dataclass(frozen=True, slots=True)
class FileValue:
    """A parsed value from a file of parameters. `place` is the file and the line."""

    content: Value
    place: str

    def value(self, parameter: Parameter) -> Value:
        """Return the value."""
        return self.content


@final
@dataclass(frozen=True, slots=True)
class EarlierValue:
    """The recorded value of the resumed run, whose flow may differ from the current flow. Errors mention the run."""

    content: Value
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Return the value if the current parameter accepts it.

        Raises:
            ParameterError: the parameter does not accept the value.
        """
        if self.content is None:
            return None
        try:
            if parameter.type == "file":
                if not (isinstance(self.content, dict) and "digest" in self.content):
                    raise ParameterError(f"{self.content!r:.80} is not a file")
            elif parameter.type != "json" and not _is_number(parameter, self.content):
                check_parameter(parameter, self.content)
        except ParameterError as error:
            raise ParameterError(f"the value of the earlier run no longer fits: {error}. Pass a new value") from None
        return self.content


@final
@dataclass(frozen=True, slots=True)
class RecordedValue:
    """The recorded value of the resumed run. The resumed run has the same flow, so the value is not checked."""

    content: Value
    place: str = ""

    def value(self, parameter: Parameter) -> Value:
        """Return the value."""
        return self.content


@final
@dataclass(frozen=True, slots=True)
class VariableText:
    """The text of an environment variable; spaces separate several values. `place` is the variable's name."""

    text: str
    place: str

    def value(self, parameter: Parameter) -> Value:
        """Parse the text.

        Raises:
            ParameterError: the value does not fit the parameter.
        """
        return parse_texts(parameter, self.text.split() if parameter.multiple else [self.text])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSources:
    """All values by parameter name: one field for each source in PRECEDENCE."""

    given: Mapping[str, SourceValue] = field(default_factory=dict)
    files: Mapping[str, SourceValue] = field(default_factory=dict)
    resumed: Mapping[str, SourceValue] = field(default_factory=dict)
    environment: Mapping[str, SourceValue] = field(default_factory=dict)
    defaults: Mapping[str, SourceValue] = field(default_factory=dict)

    def by_origin(self) -> Iterator[tuple[OriginOfValue, Mapping[str, SourceValue]]]:
        """Yield the sources in the order of precedence."""
        yield from zip(PRECEDENCE, (self.given, self.files, self.resumed, self.environment, self.defaults), strict=True)

    def names(self) -> set[str]:
        """Return the names of the parameters for which any source has a value."""
        return {name for _, values in self.by_origin() for name in values}


@final
@dataclass(frozen=True, slots=True)
class ResolvedParameter:
    """The value of a parameter, its source, and where it was written, for errors."""

    value: Value
    origin: OriginOfValue
    place: str


class MissingValue(ParameterError):
    """A required parameter has no value in any source."""


def choose(name: str, sources: ParameterSources) -> tuple[OriginOfValue, SourceValue] | None:
    """Return the first source that has a value for this parameter, together with the value; None if no source has
    one."""
    return next(((origin, values[name]) for origin, values in sources.by_origin() if name in values), None)


def resolve(parameter: Parameter, sources: ParameterSources) -> ResolvedParameter:
    """Return the value of a parameter from the first source that has one, otherwise the flow's default.

    Raises:
        MissingValue: a required parameter has no value.
        ParameterError: the value is not valid for the parameter; the message says where it was written.
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
    """A context manager for code that checks a parameter's value: a ParameterError also names the file, line or
    variable in which the value was written.

    Args:
        place: the file, line or variable, such as `METAFLOW_RUN_N`. If it is empty, the error is not changed.

    Raises:
        ParameterError: the code in the `with` block raised this error.
    """
    try:
        yield
    except ParameterError as error:
        if not place:
            raise
        raise ParameterError(f"{error} (from {place})") from None


def _is_number(parameter: Parameter, value: Value) -> bool:
    """Return whether the value of a string parameter is a number, which is allowed only for its default."""
    items = value if parameter.multiple and isinstance(value, list) else [value]
    return parameter.type == "str" and all(isinstance(item, (int, float)) for item in items)
