"""Parameters of a flow: what a run is given on the command line, read in a step as `self.<name>`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Never, Self

_T = TypeVar("_T")

VALUES = "_flowc_parameters"
"""The key of a flow's `__dict__` under which the runtime puts the values, by the parameters' names."""


@final
class _JSONType:
    """The type of `JSONType`; a single instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSONType"

    def __reduce__(self) -> str:
        return "JSONType"


JSONType = _JSONType()
"""`Parameter(type=JSONType)`: any JSON value, given as text and read as a Python object."""


@final
class ParameterContext:
    """What a default function that takes an argument is given."""

    __slots__ = ("flow_name", "parameter_name", "user_name")

    def __init__(self, flow_name: str, user_name: str, parameter_name: str) -> None:
        self.flow_name = flow_name
        self.user_name = user_name
        self.parameter_name = parameter_name


class Parameter(Generic[_T]):
    """A value given to a run: `alpha = Parameter("alpha", default=0.1)` in the flow's class.

    `name` is the command line's; in a step the value is the attribute that the parameter was assigned to. The type is
    `type` (str, int, float, bool or JSONType), else that of the default, else str. `default` may be a function, called
    once when a run starts or the flow is compiled. `required` means nothing beside a default, as in Metaflow;
    `show_default` is accepted and means nothing.
    """

    # Arguments are kept as written: `flowc check` reports every unknown or ill-typed one at once.
    __slots__ = ("attribute", "default", "file", "help", "line", "name", "owner", "required", "type", "unknown")

    @overload
    def __init__(
        self: Parameter[Any],
        name: str,
        default: Any = None,
        *,
        type: _JSONType,
        help: str | None = None,
        required: bool = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: _T | Callable[[], _T] | Callable[[ParameterContext], _T] | None = None,
        *,
        type: type[_T],
        help: str | None = None,
        required: bool = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[str],
        name: str,
        default: Callable[[], str] | Callable[[ParameterContext], str] | None = None,
        type: None = None,
        help: str | None = None,
        required: bool = False,
        show_default: bool = True,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: _T,
        type: type[_T] | None = None,
        help: str | None = None,
        required: bool = False,
        show_default: bool = True,
    ) -> None: ...
    def __init__(
        self,
        name: Any = None,
        default: Any = None,
        type: Any = None,
        help: Any = None,
        required: Any = False,
        show_default: Any = True,
        **unknown: Any,
    ) -> None:
        caller = sys._getframe(1)
        self.name = name
        self.default = default
        self.type = type
        self.help = help
        self.required = required
        self.unknown = unknown
        self.file = caller.f_code.co_filename
        self.line = caller.f_lineno
        self.attribute = ""
        self.owner: object = None

    def __set_name__(self, owner: object, attribute: str) -> None:
        self.attribute = attribute
        self.owner = owner

    def __repr__(self) -> str:
        return f"Parameter({self.name!r})"

    @overload
    def __get__(self, flow: None, owner: object = None) -> Self: ...
    @overload
    def __get__(self, flow: object, owner: object = None) -> _T: ...
    def __get__(self, flow: object, owner: object = None) -> Any:
        if flow is None:
            return self
        values: dict[str, Any] = flow.__dict__.get(VALUES, {})
        if self.name not in values:
            raise AttributeError(f"parameter '{self.name}' has no value yet: parameters are read in a step of a run")
        return values[self.name]

    def __set__(self, flow: object, value: Never) -> None:
        raise AttributeError(f"parameter '{self.name}' cannot be assigned to: give an artifact another name")
