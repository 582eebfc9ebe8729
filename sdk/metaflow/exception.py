"""Metaflow's exceptions: the API raises them, and flows and programs catch them.

Extensions add exceptions to this module (`metaflow_extensions.<org>.exceptions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_ir.late import LateModule
from flowc_runtime.base.contract import DISALLOW_RETRY

if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterable
else:
    traceback = LateModule("traceback")  # importing `traceback` costs start-up time

__all__ = [
    "METAFLOW_EXIT_ALLOW_RETRY",
    "METAFLOW_EXIT_DISALLOW_RETRY",
    "CommandException",
    "ConfigError",
    "ExternalCommandFailed",
    "InvalidDecoratorAttribute",
    "MetaflowDataMissing",
    "MetaflowException",
    "MetaflowExceptionWrapper",
    "MetaflowInternalError",
    "MetaflowInvalidPathspec",
    "MetaflowNamespaceMismatch",
    "MetaflowNotFound",
    "MetaflowTaggingError",
    "MetaflowTestException",
    "MetaflowUnknownUser",
    "MissingInMergeArtifactsException",
    "ParameterFieldFailed",
    "ParameterFieldTypeMismatch",
    "UnhandledInMergeArtifactsException",
]

METAFLOW_EXIT_DISALLOW_RETRY = DISALLOW_RETRY
"""Metaflow's exit code for a task that must not be retried; flowc's own codes are in `flowc_runtime.base.contract`."""
METAFLOW_EXIT_ALLOW_RETRY = 203
"""Metaflow's exit code for a task that may be retried."""


class MetaflowException(Exception):
    """The base class of the API's exceptions.

    Attributes:
        headline: a short title that is shown to users.
        message: the text of the error.
        line_no: the line that the error is about, or None.
        source_file: the file of that line, or None.
    """

    headline = "Flow failed"

    def __init__(self, msg: str = "", lineno: int | None = None, source_file: str | None = None) -> None:
        # `args` stay the arguments of this class's constructor, since copies and pickles call the constructor with
        # `args`.
        self.message = msg
        self.line_no = lineno
        self.source_file = source_file

    def __str__(self) -> str:
        place = f"{self.source_file}, " if self.source_file else ""
        return f"{place}line {self.line_no}: {self.message}" if self.line_no else str(self.message)

    def __reduce__(self) -> Any:
        return _restore, (type(self), self.args, self.__dict__)


class _Wrapping(type):
    """A metaclass that changes `isinstance`: the failures that `@catch` stores count as instances of
    MetaflowExceptionWrapper, although they belong to a class of the runtime."""

    def __instancecheck__(cls, instance: object) -> bool:
        from flowc_runtime.run.task.failures import Caught

        return isinstance(instance, Caught) or type.__instancecheck__(cls, instance)


class MetaflowExceptionWrapper(Exception, metaclass=_Wrapping):
    """The text of an exception, which can be loaded without the exception's class.

    Attributes:
        type: the dotted name of the exception's class.
        exception: the message of the exception.
        stacktrace: the traceback of the exception, or None.
    """

    def __init__(self, exc: BaseException | None = None) -> None:
        self.exception = str(exc) if exc is not None else None
        self.type = f"{type(exc).__module__}.{type(exc).__qualname__}" if exc is not None else None
        has_trace = exc is not None and exc.__traceback__ is not None
        self.stacktrace = "".join(traceback.format_exception(exc)) if has_trace else None

    def __reduce__(self) -> Any:
        return _restore, (type(self), (), self.__dict__)

    def __str__(self) -> str:
        return self.stacktrace or f"[no stacktrace]\n{self.type}: {self.exception}"

    __repr__ = __str__


def _restore(cls: type[Exception], args: tuple[object, ...], state: dict[str, object]) -> Exception:
    """Restore a pickled exception without calling its class, which may require other arguments."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class MetaflowInternalError(MetaflowException):
    """An internal error: a condition that should always be true is false."""

    headline = "Internal error"


class MetaflowTestException(MetaflowException):
    """An exception for tests; flowc itself never raises it."""

    headline = "Testing exception"


class CommandException(MetaflowException):
    """A command cannot do what the user requested."""

    headline = "Invalid command"


class ExternalCommandFailed(MetaflowException):
    """An external program has failed."""

    headline = "External command failed"

    def __init__(self, msg: str) -> None:
        super().__init__(msg)


# -- lookups


class MetaflowNotFound(MetaflowException):
    """The flow, run, step, task or artifact does not exist."""

    headline = "Object not found"


class MetaflowDataMissing(MetaflowException):
    """The run exists, but its data was deleted."""

    headline = "Data missing"


class MetaflowNamespaceMismatch(MetaflowException):
    """The object exists, but in another namespace."""

    headline = "Object not in the current namespace"

    def __init__(self, namespace: str | None) -> None:
        super().__init__(f"Object not in namespace '{namespace}'")


class MetaflowInvalidPathspec(MetaflowException):
    """The text is not a pathspec: `FLOW/RUN/STEP/TASK` or the first parts of it."""

    headline = "Invalid pathspec"

    def __init__(self, msg: str) -> None:
        super().__init__(msg)


class MetaflowTaggingError(MetaflowException):
    """A tag is invalid, or may not be added or removed."""

    headline = "Tagging error"


class MetaflowUnknownUser(MetaflowException):
    """The name of the user is needed but unknown."""

    headline = "Unknown user"

    def __init__(self) -> None:
        super().__init__("the user's name is not known: set METAFLOW_USER or USER")


# -- parameters and decorators


class ParameterFieldFailed(MetaflowException):
    """A function that computes the default or another field of a parameter has failed.

    Raise ParameterFieldFailed in the `except` block that handles the failure of the function.
    """

    headline = "Parameter field failed"

    def __init__(self, name: str, field: str) -> None:
        super().__init__(
            f"When evaluating the field *{field}* for the Parameter *{name}*, the following exception occurred:\n\n"
            f"{traceback.format_exc()}"
        )


class ParameterFieldTypeMismatch(MetaflowException):
    """The default of a parameter does not have the parameter's type."""

    headline = "Parameter field with a mismatching type"

    def __init__(self, msg: str) -> None:
        super().__init__(msg)


class InvalidDecoratorAttribute(MetaflowException):
    """A decorator is used with an argument that it does not have."""

    headline = "Unknown decorator attribute"

    def __init__(self, deconame: str, attr: str, defaults: Iterable[str]) -> None:
        super().__init__(
            f"Decorator '{deconame}' does not support the attribute '{attr}'. "
            f"These attributes are supported: {', '.join(defaults)}."
        )


# -- merge_artifacts


class UnhandledInMergeArtifactsException(MetaflowException):
    """Artifacts have different values in the inputs of a join, and the join's code does not select a value.

    Attributes:
        artifact_names: the names of the artifacts with different values.
    """

    headline = "Unhandled artifacts in merge"

    def __init__(self, msg: str, unhandled: list[str]) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class MissingInMergeArtifactsException(MetaflowException):
    """`include` names artifacts that no input has.

    Attributes:
        artifact_names: the names that no input has.
    """

    headline = "Missing artifacts in merge"

    def __init__(self, msg: str, unhandled: list[str]) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class ConfigError(MetaflowException):
    """Expressions of configs cannot be evaluated.

    Attributes:
        faults: (message, file, line) for each expression.
    """

    headline = "Config expression"

    def __init__(self, faults: list[tuple[str, str, int]]) -> None:
        super().__init__("; ".join(message for message, _, _ in faults))
        self.faults = faults
