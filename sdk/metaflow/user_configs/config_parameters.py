"""`Config` and the placeholders for its value.

The body of a flow's class, with its decorators and parameters, runs before configs have values. In the class body,
`config.model.depth` is a `DelayEvaluator`, which records the expression; `metaflow.user_configs.binding` later replaces
it by the value.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, final

from flowc_ir.late.dataclass import dataclass
from metaflow.user_configs.config_value import ConfigValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from metaflow.parameters import ParameterContext

__all__ = ["Config", "ConfigValue", "DelayEvaluator", "config_expr"]

VALUES = "_flowc_configs"
"""The attribute of a flow's class with the values of its configs, by name."""
# `**config` unpacks to a single key: this text and a number, which differs between two unpacked configs
_UNPACKED = "**flowc"


class _Delayed:
    """The base class of `Config` and `DelayEvaluator`: each operation returns a placeholder for its result."""

    __slots__ = ()

    def _flowc_then(self, kind: str, *operands: object) -> DelayEvaluator:
        raise NotImplementedError

    # Methods return Any so that type checkers accept a placeholder where an int or a string is expected.

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python looks up special names such as __set_name__
            raise AttributeError(name, name=name, obj=self)
        return self._flowc_then("attribute", name)

    def __getitem__(self, key: object) -> Any:
        if isinstance(key, str) and key.startswith(_UNPACKED):
            return self._flowc_then("itself")
        return self._flowc_then("item", key)

    def keys(self) -> list[str]:
        """Return the keys for `**config`: a single placeholder key, which is later replaced by all keys of the
        value."""
        return [f"{_UNPACKED}{id(self)}"]

    def get(self, key: object, default: object = None) -> Any:
        """Return a placeholder for the result of `get(key, default)` on the config's value."""
        return self._flowc_then("attribute", "get")(key, default)

    def _flowc_too_early(self, *_: object) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value yet while the class is being defined; write the whole expression as a string: "
            'config_expr("config.value + 1")'
        )

    __iter__ = __len__ = __bool__ = __contains__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = _flowc_too_early
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __mod__ = _flowc_too_early
    __float__ = __index__ = __format__ = _flowc_too_early
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        self._flowc_too_early()


@final
class DelayEvaluator(_Delayed):
    """A placeholder for an expression, which is evaluated when the configs have values."""

    __slots__ = ("_flowc_globals", "_flowc_operations", "_flowc_root")

    def __init__(
        self, root: str | Config, names: Mapping[str, object], operations: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    ) -> None:
        self._flowc_root = root
        self._flowc_globals = names
        self._flowc_operations = operations

    def _flowc_then(self, kind: str, *operands: object) -> DelayEvaluator:
        operations = (*self._flowc_operations, (kind, operands))
        return DelayEvaluator(self._flowc_root, self._flowc_globals, operations)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Return a placeholder for the result of the call."""
        return self._flowc_then("call", args, kwargs)

    def __get__(self, flow: object, owner: object = None) -> Any:
        """Return the placeholder's value, once the configs of the flow's class have values. Until then, return the
        placeholder."""
        values = getattr(owner, VALUES, None)
        return self if values is None else self._flowc_evaluate(values)

    def __repr__(self) -> str:
        root = self._flowc_root
        text = root if isinstance(root, str) else root._flowc.name
        for kind, operands in self._flowc_operations:
            if kind == "attribute":
                text += f".{operands[0]}"
            elif kind == "item":
                text += f"[{operands[0]!r}]"
            elif kind == "call":
                text += f"({', '.join([*map(repr, operands[0]), *(f'{k}={v!r}' for k, v in operands[1].items())])})"
        return text

    def _flowc_evaluate(self, values: Mapping[str, Any]) -> object:
        root, names = self._flowc_root, {**self._flowc_globals, **values}
        # If `root` is a string, it is Python code that the flow's author passed to `config_expr`.
        value = eval(root, names) if isinstance(root, str) else values[root._flowc.name]
        for kind, operands in self._flowc_operations:
            if kind == "attribute":
                value = getattr(value, operands[0])
            elif kind == "item":
                value = value[resolved(operands[0], values)]
            elif kind == "call":
                value = value(*resolved(operands[0], values), **resolved(operands[1], values))
        return value


def config_expr(expr: str) -> Any:
    """Return a placeholder for an expression that uses configs by name: `config_expr("config.rate * 2")`.

    The expression may use a config that is not in scope, for example in a decorator of the class:
    `@project(name=config_expr("config").project)`.

    Args:
        expr: a Python expression, which may also use the names of the calling module. An error in the expression is
            reported when the configs get values, with the file and line of the decorator or parameter that contains the
            expression.
    """
    return DelayEvaluator(expr, sys._getframe(1).f_globals)


@final
@dataclass(slots=True, kw_only=True)
class Declared:
    """The arguments of a `Config` as written, even invalid ones, so that `flowc check` can report all errors."""

    name: Any
    default: Any
    default_value: Any
    help: Any
    required: Any
    parser: Any
    plain: Any
    unknown: dict[str, Any]
    file: str
    line: int
    attribute: str = ""
    owner: Any = None


@final
class Config(_Delayed):
    """A configuration of a flow, fixed before a run starts: `config = Config("config", default="config.json")`.

    The value comes from `--config NAME FILE`, `--config-value NAME TEXT`, or the default. In steps, the value is a
    `ConfigValue`. With `plain`, the value is the parser's result, or the text if there is no parser. While the class is
    defined, each attribute of a config is a placeholder. Operators on a placeholder raise TypeError; use
    `config_expr("config.value + 1")` instead.

    Args:
        name: the name of the config on the command line.
        default: the path of a file, or a function of a ParameterContext that returns a path.
        default_value: a string or a dict, or a function of a ParameterContext that returns a string or dict; not
            together with `default`.
        help: the help text of the config.
        required: whether a run requires a value.
        parser: a function of the text that returns a dict, or its dotted name; default: the text is JSON.
        plain: whether steps read the parser's result, or the text, instead of a ConfigValue.
        show_default: whether the help shows the default.
        **unknown: arguments that do not exist; `flowc check` reports them.
    """

    __slots__ = ("_flowc",)  # no further attributes: `config.NAME` means an attribute of the config's value

    def __init__(
        self,
        name: str,
        default: str | Callable[[ParameterContext], str] | None = None,
        default_value: str
        | Mapping[str, object]
        | Callable[[ParameterContext], str | Mapping[str, object]]
        | None = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], object] | None = None,
        plain: bool = False,
        *,
        show_default: bool = True,
        **unknown: object,
    ) -> None:
        caller = sys._getframe(1)
        self._flowc = Declared(
            name=name,
            default=default,
            default_value=default_value,
            help=help,
            required=required,
            parser=parser,
            plain=plain,
            unknown=unknown,
            file=caller.f_code.co_filename,
            line=caller.f_lineno,
        )

    def __set_name__(self, owner: object, attribute: str) -> None:
        self._flowc.attribute = attribute
        self._flowc.owner = owner

    def __repr__(self) -> str:
        return f"Config({self._flowc.name!r})"

    def __get__(self, flow: object, owner: object = None) -> Any:
        values = getattr(owner, VALUES, None)
        if values is not None and self._flowc.name in values:
            return values[self._flowc.name]
        if flow is None:
            return self
        raise AttributeError(f"config '{self._flowc.name}' has no value yet: configs are read in a step of a run")

    def __set__(self, flow: object, value: object) -> None:
        raise AttributeError(f"config '{self._flowc.name}' cannot be assigned to: give an artifact another name")

    def _flowc_then(self, kind: str, *operands: object) -> DelayEvaluator:
        return DelayEvaluator(self, {}, ((kind, operands),))


def configs_of(cls: type) -> dict[str, Config]:
    """Return the configs of a class and its base classes by attribute name, starting with the base classes."""
    members = {name: value for owner in reversed(cls.__mro__) for name, value in vars(owner).items()}
    return {name: value for name, value in members.items() if isinstance(value, Config)}


# -- replacing placeholders --------------------------------------------------------------------------------------------


def delayed_in(value: Any) -> Iterator[_Delayed]:
    """Yield all placeholders in a value, also those in nested dicts, lists and tuples."""
    if isinstance(value, _Delayed):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from delayed_in(inner)
    elif type(value) in (list, tuple):
        for inner in value:
            yield from delayed_in(inner)


def is_delayed(value: object) -> bool:
    """Return whether the value contains a placeholder."""
    return any(True for _ in delayed_in(value))


def resolved(value: Any, values: Mapping[str, Any]) -> Any:
    """Return the value with all placeholders evaluated; a placeholder for `**config` becomes the items of the config.

    Args:
        value: an argument of a decorator or parameter.
        values: the values of configs, by name.

    Raises:
        Exception: any exception that the expression of a placeholder raises.
    """
    if isinstance(value, DelayEvaluator):
        return _plain(value._flowc_evaluate(values))
    if isinstance(value, Config):
        return _plain(values[value._flowc.name])
    if isinstance(value, dict):
        items: dict[object, object] = {}
        for key, inner in value.items():
            result = resolved(inner, values)
            if isinstance(key, str) and key.startswith(_UNPACKED):
                items.update(result)
            else:
                items[key] = result
        return items
    if type(value) in (list, tuple):
        return type(value)(resolved(inner, values) for inner in value)
    return value


def _plain(value: object) -> object:
    """Convert a ConfigValue to a plain dict, because decorators and parameters may modify their arguments."""
    return value.to_dict() if isinstance(value, ConfigValue) else value
