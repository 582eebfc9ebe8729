"""Call the functions that compute the defaults of parameters. Each function is called once, when a run starts or a flow
is compiled.

parameter seed: int = <computed>          ->    parameter seed: int = 42
seed = Parameter("seed", type=int, default=lambda: 42)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, final

from flowc.diagnostics import describe, raised_at
from flowc.frontends.metaflow.defaults import json_value
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc_ir import codes
from flowc_ir.diagnostic import Diagnostic, Faults
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.ambient import starts
from flowc_runtime.base.config import settings
from flowc_runtime.store.records import projects
from flowc_runtime.store.values.parameters import ParameterError, config_values, to_text
from metaflow.parameters import ParameterContext, log
from metaflow.user_configs.config_value import ConfigValue

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Collection

    from flowc_ir import Flow
    from flowc_ir import Parameter as IrParameter
    from metaflow.parameters import Parameter
else:  # imported at first use: only computed defaults need it
    inspect = LateModule("inspect")


@final
class DefaultError(Exception):
    """Functions that compute defaults failed; `diagnostics` has one fault for each function."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = diagnostics


def resolve_defaults(
    flow: Flow, cls: type, *, skip: Collection[str] = (), user_name: str | None = None, ds_type: str = "local"
) -> Flow:
    """Return the flow with its computed defaults replaced by their values.

    While a function computes a default, `current` has the flow's name and the names of its project.

    Args:
        flow: the flow.
        cls: the flow's class, whose parameters have the functions.
        skip: the names of parameters that are given a value: their functions are not called.
        user_name: the user's name that the functions get; None for the user of this process.
        ds_type: the kind of data store that the functions get.

    Raises:
        DefaultError: a function raised an exception, or returned a value that its parameter does not allow.
    """
    if not any(parameter.computed for parameter in flow.parameters):
        return flow
    configs, user = _configs(flow), user_name or settings.user_name()
    declared = declared_parameters(cls)
    faults = Faults()
    resolved: list[IrParameter] = []
    for parameter in flow.parameters:
        if parameter.computed and parameter.name not in skip:
            context = ParameterContext(flow.name, user, parameter.name, log, ds_type, configs)
            with starts(flow.name, projects.values(flow)):
                parameter = _resolve(parameter, declared[parameter.name], context, faults)
        resolved.append(parameter)
    if faults:
        raise DefaultError(tuple(faults))
    return replace(flow, parameters=tuple(resolved))


def _configs(flow: Flow) -> ConfigValue | None:
    """Return the value of `context.configs`, which has the values of configs as items and attributes; None if the flow
    has no configs."""
    if not flow.configs:
        return None
    return ConfigValue(config_values(flow.configs))


def _resolve(
    parameter: IrParameter, declared: Parameter[object], context: ParameterContext, faults: Faults
) -> IrParameter:
    function = cast("Callable[..., object]", declared.default)
    try:
        value = function(context) if _takes_context(function) else function()
    except Exception as error:
        message = f"the default of parameter '{parameter.name}' failed: {describe(error)}"
        note = raised_at(error)
        faults.add(
            codes.BAD_DEFAULT,
            parameter.where,
            message,
            hint="the function is called once, when a run starts or the flow is compiled",
            note=note,
        )
        return parameter
    if value is None:  # the computed default None means that the parameter has no default
        return replace(parameter, computed=False)
    try:
        return replace(parameter, computed=False, default=to_text(json_value(declared, parameter, value)))
    except ParameterError as error:
        message = f"the default of parameter '{parameter.name}' has a wrong type: {error}"
        what = "a string that the type accepts" if parameter.converted else f"a value of type {parameter.type}"
        faults.add(codes.BAD_DEFAULT, parameter.where, message, hint=f"let the function return {what}")
        return parameter


def _takes_context(function: Callable[[], object]) -> bool:
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtin functions have no signature
        return False
    kinds = inspect.Parameter
    positional = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD, kinds.VAR_POSITIONAL)
    return any(argument.kind in positional and argument.default is argument.empty for argument in arguments)
