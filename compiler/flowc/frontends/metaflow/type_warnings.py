"""Warn about types of parameters that do not have the effect that the flow's author may expect.

n = Parameter("n", type=Optional[int])

warning[parameter-type]: parameter 'n' takes no value: Optional[int] is for type checkers and cannot be called
"""

from __future__ import annotations

import typing
from types import GenericAlias
from typing import TYPE_CHECKING, Final

from flowc.frontends.metaflow.decorators.policies import shown
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc_ir import codes
from flowc_ir.diagnostic import Diagnostic, Faults
from flowc_runtime.store.values.parameters import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Flow
    from flowc_ir import Parameter as IrParameter


_SEVERAL: Final = "multiple=True for an option that may be repeated, or type=JSONType for a list such as [1, 2]"
_HINTS: Final[Mapping[object, str]] = {
    list: f"write {_SEVERAL}",
    set: f"write {_SEVERAL}",
    frozenset: f"write {_SEVERAL}",
    tuple: f"write {_SEVERAL}",
    dict: "write type=JSONType",
    typing.Literal: "write choices=[…]",
}


def check_types(cls: type, flow: Flow) -> tuple[Diagnostic, ...]:
    """Return warnings about parameters whose type is only a type hint, and about defaults whose type is not the
    parameter's type.

    Args:
        cls: the flow's class.
        flow: the flow's IR, whose parameters have the defaults as they are recorded.
    """
    declared = declared_parameters(cls)
    warnings = Faults()
    for parameter in flow.parameters:
        if (written := declared.get(parameter.name)) is not None:
            _of_type(written.type, parameter, warnings)
            _of_default(written.default, parameter, warnings)
    return tuple(warnings)


def _of_type(declared_type: object, parameter: IrParameter, faults: Faults) -> None:
    origin = typing.get_origin(declared_type)
    if origin is None or origin is typing.Annotated:  # `Annotated[T, …]` can be called, and converts a value like `T`
        return
    name = str(declared_type).replace("typing.", "")
    if isinstance(declared_type, GenericAlias):
        effect = f"is made from the text by {origin.__name__}(): the item type of {name} is ignored"
    else:
        effect = f"takes no value: {name} is for type checkers and cannot be called"
    message = f"parameter '{parameter.name}' {effect}"
    faults.add(codes.PARAMETER_TYPE, parameter.where, message, hint=hint_for(declared_type))


def hint_for(declared_type: object) -> str:
    """Return a hint with a type to write instead of a type that is only a type hint."""
    origin = typing.get_origin(declared_type)
    inner = [part for part in typing.get_args(declared_type) if part is not type(None)]
    if len(inner) < len(typing.get_args(declared_type)) and len(inner) == 1 and isinstance(inner[0], type):
        return f"write type={inner[0].__name__}: without a value and a default the parameter is None"
    return _HINTS.get(origin, "give a function or class that makes a value from a string")


def _of_default(default: object, parameter: IrParameter, faults: Faults) -> None:
    """Report a default whose type is not the parameter's type: steps get the converted value instead of the default."""
    if default is None or parameter.converted or parameter.multiple or parameter.separator or parameter.default is None:
        return
    recorded = from_text(parameter.default)
    what = {"str": "a string", "int": "an int"}.get(parameter.type)
    odd = not isinstance(default, str) if parameter.type == "str" else isinstance(default, (float, bool))
    if what is None or not odd:
        return
    faults.add(
        codes.DEFAULT_TYPE,
        parameter.where,
        f"the default of parameter '{parameter.name}' is not {what} but {shown(default)}: "
        f"steps see {shown(recorded)} if no value is given",
        hint="write a default of the parameter's type",
    )
