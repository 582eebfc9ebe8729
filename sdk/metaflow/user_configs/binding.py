"""Sets the values of a class's configs, and inserts these values into the decorators and parameters of the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_ir.late import LateFunction
from metaflow.decorators import USER_ATTRIBUTE, applied_to
from metaflow.exception import ConfigError
from metaflow.parameters import Parameter
from metaflow.user_configs.config_parameters import VALUES, Config, configs_of, delayed_in, is_delayed, resolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaflow.decorators import Applied
    from metaflow.user_configs.config_value import ConfigValue
else:  # imported at first use, because the import costs start-up time
    ConfigValue = LateFunction("metaflow.user_configs.config_value:ConfigValue")


def bind_configs(cls: Any, values: Mapping[str, Any]) -> None:
    """Set the values of the class's configs, and replace placeholders in decorators and parameters by the values.

    Args:
        cls: the flow's class; it is modified. The function can be called again for the class, with other values.
        values: the values by config name; the value of a missing config is None.

    Raises:
        ConfigError: expressions of configs fail; the exception lists all failed expressions.
    """
    configs = configs_of(cls)
    by_name = {config._flowc.name: _as_seen(config, values.get(config._flowc.name)) for config in configs.values()}
    # The value is also available under the attribute's name, unless another config has that name.
    names = {attribute: by_name[config._flowc.name] for attribute, config in configs.items()} | by_name
    setattr(cls, VALUES, names)
    faults: list[tuple[str, str, int]] = []
    for target in {id(target): target for target in _targets(cls)}.values():
        own = vars(target).get(USER_ATTRIBUTE, ()) if hasattr(target, "__dict__") else ()
        for applied in (*applied_to(target), *(decorator._flowc_applied for decorator in own)):
            _bind_applied(applied, names, faults)
        if isinstance(target, Parameter):
            _bind_parameter(target, names, faults)
    if faults:
        raise ConfigError(faults)


def _as_seen(config: Config, value: object) -> object:
    return ConfigValue(value) if isinstance(value, dict) and not config._flowc.plain else value


def _targets(cls: type) -> Iterator[object]:
    yield from cls.__mro__
    for owner in cls.__mro__:
        for value in vars(owner).values():
            yield value
            if hasattr(value, "__func__"):
                yield value.__func__


def _bind_applied(applied: Applied, values: Mapping[str, object], faults: list[tuple[str, str, int]]) -> None:
    args, kwargs = applied.written or (applied.args, applied.kwargs)
    if not (is_delayed(args) or is_delayed(kwargs)):
        return
    applied.written = args, kwargs
    try:
        applied.args, applied.kwargs = resolved(args, values), resolved(kwargs, values)
    except Exception as error:
        faults.append((f"@{applied.name}: {_failure_text(args, kwargs, error)}", applied.file, applied.line))


def _bind_parameter(
    parameter: Parameter[object], values: Mapping[str, object], faults: list[tuple[str, str, int]]
) -> None:
    for argument in parameter.ARGUMENTS:
        written = parameter.written.get(argument, getattr(parameter, argument))
        if not is_delayed(written):
            continue
        parameter.written[argument] = written
        try:
            setattr(parameter, argument, resolved(written, values))
        except Exception as error:
            message = f"parameter '{parameter.attribute}': {_failure_text((written,), {}, error)}"
            faults.append((message, parameter.file, parameter.line))


def _failure_text(args: tuple[object, ...], kwargs: dict[str, object], error: Exception) -> str:
    texts = [repr(value) for value in delayed_in([args, kwargs])]
    return f"{', '.join(texts)} cannot be evaluated: {type(error).__name__}: {error}"
