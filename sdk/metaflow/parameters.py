"""Parameters of a flow: values given on the command line of a run, which steps read as `self.<name>`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar, cast, final, overload

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from typing_extensions import Never, Self

_T = TypeVar("_T")
_V = TypeVar("_V")

VALUES = "_flowc_parameters"
"""The key of a flow object's `__dict__` under which the runtime stores the parameter values, by name."""
_CONVERTED = "_flowc_converted"  # the key for values that are already converted to the author's types
_PLAIN = (str, int, float, bool, list, dict, type(None))


def log(message: str) -> None:
    """Print a message to the user who starts the run."""
    print(message, file=sys.stderr)


class _ClickType(Protocol):
    """A click type of a parameter, such as `click.Choice(["a", "b"])`."""

    name: str

    def convert(self, value: Any, param: Any, ctx: Any) -> Any: ...


@final
class _JSONType:
    """The class of `JSONType`; `JSONType` is its only instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSONType"

    def __reduce__(self) -> str:
        return "JSONType"


JSONType = _JSONType()
"""`Parameter(type=JSONType)` accepts any JSON value: users give it as text, and steps read it as a Python object."""


class ParameterContext(NamedTuple):
    """The argument of a function that computes a default.

    Attributes:
        flow_name: the name of the flow.
        user_name: the name of the user who starts the run.
        parameter_name: the name of the parameter.
        logger: prints a line on stderr.
        ds_type: the kind of store, such as `local` or `s3`.
        configs: the flow's configs, by name.
    """

    flow_name: str
    user_name: str
    parameter_name: str
    logger: Callable[[str], None] = log
    ds_type: str = "local"
    configs: Any = None


class Parameter(Generic[_T]):
    """A value given to a run: `alpha = Parameter("alpha", default=0.1)` in the flow's class.

    Steps read the value as the class attribute to which the Parameter is assigned. Assigning to the attribute in a step
    raises AttributeError. The constructor never raises an error: `flowc check`, and each command that reads the flow,
    report unknown and ill-typed arguments.

    Args:
        name: the name of the option on the command line.
        default: the value if the option is not given, or a function that returns this value. The function is called
            without arguments or with a ParameterContext. It is called once, when a run starts or the flow is compiled.
        type: str, int, float, bool, JSONType, a click type, or a function of a string such as `pathlib.Path`; default:
            the type of `default`, or str.
        help: the help text of the option.
        required: whether the option must be given. As in Metaflow, `required` has no effect if there is a default.
        show_default: whether the help shows the default.
        multiple: whether the option may be repeated; the value is a tuple.
        separator: the separator at which a string is split into a list.
        choices: the allowed strings.
        is_flag: whether the option takes no value.
        hidden: whether the help omits the option.
        **unknown: arguments that do not exist; `flowc check` reports them.
    """

    ARGUMENTS: ClassVar[tuple[str, ...]] = (
        "name", "default", "type", "help", "required", "show_default", "multiple", "separator", "choices", "is_flag",
        "hidden",
    )  # fmt: skip

    # Arguments are kept as written, so that `flowc check` can report all unknown and ill-typed arguments at once.
    # `written` has the arguments with configs not yet replaced by their values.
    __slots__ = ("attribute", "choices", "default", "file", "help", "hidden", "is_flag", "line", "multiple", "name",
                 "owner", "required", "separator", "show_default", "type", "unknown", "written")  # fmt: skip

    @overload
    def __init__(
        self: Parameter[tuple[_V, ...]],
        name: str,
        default: Sequence[_V] | Callable[[ParameterContext], Sequence[_V]] | None = None,
        *,
        type: type[_V],
        multiple: Literal[True],
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        choices: Sequence[str] | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[str, ...]],
        name: str,
        default: Sequence[str] | Callable[[ParameterContext], Sequence[str]] | None = None,
        *,
        multiple: Literal[True],
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        choices: Sequence[str] | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[list[str]],
        name: str,
        default: str | Callable[[ParameterContext], str] | None = None,
        *,
        separator: str,
        type: type[str] | None = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        choices: Sequence[str] | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[Any],
        name: str,
        default: object = None,
        *,
        type: _JSONType | _ClickType,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        multiple: bool = False,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: _T | Callable[[], _T] | Callable[[ParameterContext], _T] | None = None,
        *,
        type: type[_T],
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        choices: Sequence[str] | None = None,
        is_flag: bool = False,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[bool],
        name: str,
        default: bool | Callable[[ParameterContext], bool] | None = None,
        *,
        is_flag: Literal[True],
        type: type[bool] | None = None,
        help: str | None = None,
        show_default: bool | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[str],
        name: str,
        default: Callable[[], str] | Callable[[ParameterContext], str] | None = None,
        type: None = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        *,
        choices: Sequence[str] | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: _T,
        type: type[_T] | None = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        *,
        choices: Sequence[str] | None = None,
        hidden: bool = False,
    ) -> None: ...
    def __init__(
        self,
        name: object = None,
        default: object = None,
        type: object = None,
        help: object = None,
        required: object = None,
        show_default: object = None,
        multiple: object = None,
        separator: object = None,
        choices: object = None,
        is_flag: object = None,
        hidden: object = None,
        **unknown: object,
    ) -> None:
        caller = sys._getframe(1)
        self.name = cast("str", name)  # `flowc check` reports arguments of other types before other code reads them
        self.default = default
        self.type = type
        self.help = cast("str | None", help)
        self.required = required
        self.show_default = show_default
        self.multiple = multiple
        self.separator = cast("str | None", separator)
        self.choices = cast("Iterable[object] | None", choices)
        self.is_flag = is_flag
        self.hidden = hidden
        self.unknown = unknown
        self.file = caller.f_code.co_filename
        self.line = caller.f_lineno
        self.attribute = ""
        self.owner: object = None
        self.written: dict[str, object] = {}

    def __set_name__(self, owner: object, attribute: str) -> None:
        self.attribute = attribute
        self.owner = owner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @overload
    def __get__(self, flow: None, owner: object = None) -> Self: ...
    @overload
    def __get__(self, flow: object, owner: object = None) -> _T: ...
    def __get__(self, flow: object, owner: object = None) -> Any:
        if flow is None:
            return self
        values: dict[str, object] = flow.__dict__.get(VALUES, {})
        if self.name not in values:
            raise AttributeError(f"parameter '{self.name}' has no value yet: parameters are read in a step of a run")
        return self._flowc_seen(flow, values[self.name])

    def _flowc_type(self) -> object:
        """Return the type of the value, or of each item of a multiple value. Without a type and a default, return
        None."""
        if self.type is not None:
            return self.type
        default: object = self.default
        if self.multiple and isinstance(default, (list, tuple)):
            default = next(iter(default), None)
        return None if default is None or callable(default) or self.separator is not None else type(default)

    def _flowc_seen(self, flow: object, value: Any) -> object:
        """Convert a recorded JSON value to the value that steps read."""
        if value is None and self.default is None:
            return None
        kind = self._flowc_type()
        if value is None or not (kind is None or kind is JSONType or kind in _PLAIN):
            return self._flowc_converted(flow, value)
        return tuple(value) if self.multiple else value

    def _flowc_converted(self, flow: object, value: Any) -> object:
        """Convert the value to the type that the flow's author chose. The conversion runs once per flow object."""
        made: dict[str, object] = flow.__dict__.setdefault(_CONVERTED, {})
        if self.name not in made:
            from metaflow._conversions import seen

            found = seen(self, value)
            made[self.name] = tuple(found) if self.multiple and found is not None else found
        return made[self.name]

    def __set__(self, flow: object, value: Never) -> None:
        raise AttributeError(f"parameter '{self.name}' cannot be assigned to: give an artifact another name")
