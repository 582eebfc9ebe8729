"""`Config` and what stands for its value until there is one.

A class's body, decorators and parameters are read before a configuration has a value. `config.model.depth` is there a
`DelayEvaluator`, which remembers what was asked for; `bind_configs` puts the values in its place.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, final

from metaflow.decorators import applied_to
from metaflow.exception import ConfigError
from metaflow.parameters import Parameter, ParameterContext
from metaflow.user_configs.config_value import ConfigValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from metaflow.decorators import Applied

__all__ = ["Config", "ConfigValue", "DelayEvaluator", "bind_configs", "config_expr", "configs_of"]

VALUES = "_flowc_configs"
"""The attribute of a flow's class that holds the values, by the configs' names."""
_UNPACKED = "**flowc"  # the only key that a `**config` sees; what follows keeps two of them apart


class _Delayed:
    """What `Config` and `DelayEvaluator` share: each use gives what stands for its result."""

    __slots__ = ()

    def _flowc_then(self, kind: str, *operands: Any) -> DelayEvaluator:
        raise NotImplementedError

    def __getattr__(self, name: str) -> DelayEvaluator:
        if name.startswith("__"):  # what Python itself looks for, such as __set_name__
            raise AttributeError(name, name=name, obj=self)
        return self._flowc_then("attribute", name)

    def __getitem__(self, key: Any) -> DelayEvaluator:
        if isinstance(key, str) and key.startswith(_UNPACKED):
            return self._flowc_then("itself")
        return self._flowc_then("item", key)

    def keys(self) -> list[str]:
        """For `**config`: one key, which stands for those there will be."""
        return [f"{_UNPACKED}{id(self)}"]

    def get(self, key: Any, default: Any = None) -> DelayEvaluator:
        """What `get` of the value will give."""
        return self._flowc_then("attribute", "get")(key, default)

    def _flowc_too_early(self, *_: Any) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value yet while the class is being defined; write the whole expression as a text: "
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
    """An expression that is evaluated when the configs have values."""

    __slots__ = ("_flowc_globals", "_flowc_operations", "_flowc_root")

    def __init__(self, root: str | Config, names: Mapping[str, Any], operations: tuple[Any, ...] = ()) -> None:
        self._flowc_root = root
        self._flowc_globals = names
        self._flowc_operations = operations

    def _flowc_then(self, kind: str, *operands: Any) -> DelayEvaluator:
        operations = (*self._flowc_operations, (kind, operands))
        return DelayEvaluator(self._flowc_root, self._flowc_globals, operations)

    def __call__(self, *args: Any, **kwargs: Any) -> DelayEvaluator:
        return self._flowc_then("call", args, kwargs)

    def __get__(self, flow: object, owner: Any = None) -> Any:
        """An attribute of the class is the value, as soon as there is one."""
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

    def _flowc_evaluate(self, values: Mapping[str, Any]) -> Any:
        root = self._flowc_root
        if isinstance(root, str):
            value = eval(root, {**self._flowc_globals, **values})  # the user's own code, written as a text
        else:
            value = values[root._flowc.name]
        for kind, operands in self._flowc_operations:
            if kind == "attribute":
                value = getattr(value, operands[0])
            elif kind == "item":
                value = value[_resolved(operands[0], values)]
            elif kind == "call":
                value = value(*_resolved(operands[0], values), **_resolved(operands[1], values))
        return value


def config_expr(expr: str) -> DelayEvaluator:
    """An expression of configs by their names, evaluated when they have values: `config_expr("config.rate * 2")`.

    It may use what the module defines. For a config that is not in reach, as in a decorator of the class:
    `@project(name=config_expr("config").project)`.
    """
    return DelayEvaluator(expr, sys._getframe(1).f_globals)


@final
@dataclass(slots=True, kw_only=True)
class Declared:
    """The arguments of a `Config` as written, even wrong ones: `flowc check` reports every fault at once."""

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

    Its value is that of `--config NAME FILE`, `--config-value NAME TEXT`, or the default: `default` is a file's path,
    `default_value` a text or a dict; both may be functions. `parser` makes a dict of the text, which is JSON otherwise.
    With `plain`, steps get what the parser returns (without a parser: the text), else a `ConfigValue`.
    """

    __slots__ = ("_flowc",)  # every other attribute is one of the value

    def __init__(
        self,
        name: str,
        default: str | Callable[[ParameterContext], str] | None = None,
        default_value: str | Mapping[str, Any] | Callable[[ParameterContext], str | Mapping[str, Any]] | None = None,
        help: str | None = None,
        required: bool | None = None,
        parser: str | Callable[[str], Any] | None = None,
        plain: bool = False,
        *,
        show_default: bool = True,
        **unknown: Any,
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

    def __set_name__(self, owner: Any, attribute: str) -> None:
        self._flowc.attribute = attribute
        self._flowc.owner = owner

    def __repr__(self) -> str:
        return f"Config({self._flowc.name!r})"

    def __get__(self, flow: object, owner: Any = None) -> Any:
        values = getattr(owner, VALUES, None)
        if values is not None and self._flowc.name in values:
            return values[self._flowc.name]
        if flow is None:
            return self
        raise AttributeError(f"config '{self._flowc.name}' has no value yet: configs are read in a step of a run")

    def __set__(self, flow: object, value: object) -> None:
        raise AttributeError(f"config '{self._flowc.name}' cannot be assigned to: give an artifact another name")

    def _flowc_then(self, kind: str, *operands: Any) -> DelayEvaluator:
        return DelayEvaluator(self, {}, ((kind, operands),))


# -- binding -----------------------------------------------------------------------------------------------------------


def configs_of(cls: type) -> dict[str, Config]:
    """The configs of a class and its bases, by attribute, bases first."""
    found = {name: value for owner in reversed(cls.__mro__) for name, value in vars(owner).items()}
    return {name: value for name, value in found.items() if isinstance(value, Config)}


def bind_configs(cls: Any, given: Mapping[str, Any]) -> None:
    """Give the class's configs their values, by name, and put values into its decorators and parameters.

    A config that is not given has no value: None. Raises ConfigError with every expression that fails.
    """
    configs = configs_of(cls)
    values = {config._flowc.name: _as_seen(config, given.get(config._flowc.name)) for config in configs.values()}
    # By its attribute's name too, where no other config is called so.
    names = {attribute: values[config._flowc.name] for attribute, config in configs.items()} | values
    setattr(cls, VALUES, names)
    faults: list[tuple[str, str, int]] = []
    for target in {id(target): target for target in _targets(cls)}.values():
        for applied in applied_to(target):
            _bind_applied(applied, names, faults)
        if isinstance(target, Parameter):
            _bind_parameter(target, names, faults)
    if faults:
        raise ConfigError(faults)


def _as_seen(config: Config, value: Any) -> Any:
    return ConfigValue(value) if isinstance(value, dict) and not config._flowc.plain else value


def _targets(cls: type) -> Iterator[object]:
    yield from cls.__mro__
    for owner in cls.__mro__:
        for value in vars(owner).values():
            yield value
            if hasattr(value, "__func__"):
                yield value.__func__


def _bind_applied(applied: Applied, values: Mapping[str, Any], faults: list[tuple[str, str, int]]) -> None:
    args, kwargs = applied.written or (applied.args, applied.kwargs)
    if not (_is_delayed(args) or _is_delayed(kwargs)):
        return
    applied.written = args, kwargs
    try:
        applied.args, applied.kwargs = _resolved(args, values), _resolved(kwargs, values)
    except Exception as error:
        faults.append((f"@{applied.name}: {_told(args, kwargs, error)}", applied.file, applied.line))


def _bind_parameter(parameter: Parameter[Any], values: Mapping[str, Any], faults: list[tuple[str, str, int]]) -> None:
    for argument in parameter.ARGUMENTS:
        written = parameter.written.get(argument, getattr(parameter, argument))
        if not _is_delayed(written):
            continue
        parameter.written[argument] = written
        try:
            setattr(parameter, argument, _resolved(written, values))
        except Exception as error:
            message = f"parameter '{parameter.attribute}': {_told((written,), {}, error)}"
            faults.append((message, parameter.file, parameter.line))


def _told(args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> str:
    texts = [repr(value) for value in _delayed_in([args, kwargs])]
    return f"{', '.join(texts)} cannot be evaluated: {type(error).__name__}: {error}"


def _delayed_in(value: Any) -> Iterator[_Delayed]:
    if isinstance(value, _Delayed):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _delayed_in(inner)
    elif type(value) in (list, tuple):
        for inner in value:
            yield from _delayed_in(inner)


def _is_delayed(value: Any) -> bool:
    return any(True for _ in _delayed_in(value))


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with every delayed part of it evaluated; what a `**config` stands for is put in its place."""
    if isinstance(value, DelayEvaluator):
        return _plain(value._flowc_evaluate(values))
    if isinstance(value, Config):
        return _plain(values[value._flowc.name])
    if isinstance(value, dict):
        found: dict[Any, Any] = {}
        for key, inner in value.items():
            result = _resolved(inner, values)
            if isinstance(key, str) and key.startswith(_UNPACKED):
                found.update(result)
            else:
                found[key] = result
        return found
    if type(value) in (list, tuple):
        return type(value)(_resolved(inner, values) for inner in value)
    return value


def _plain(value: Any) -> Any:
    """What decorators and parameters get is a plain dict, which is theirs."""
    return value.to_dict() if isinstance(value, ConfigValue) else value
