"""Convert parameter values from Python code or a file into JSON, the form in which records of runs contain them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.store.values.parameters import ParameterError, check_parameter, shortened
from metaflow._conversions import ConversionError, as_json, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_ir import Parameter as IrParameter
    from flowc_runtime.store.values.parameters import Value
    from metaflow.parameters import Parameter


def json_value(
    declared: Parameter[object] | None, parameter: IrParameter, value: object, *, texts: bool = False
) -> Value:
    """Convert a value for a run's parameter to JSON. Return None for the value None.

    Args:
        declared: the parameter in the flow's class; None if the class is not loaded. Without this declaration, dates
            are converted with `isoformat`.
        parameter: the same parameter in the IR.
        value: the value from Python code or a file.
        texts: whether strings are converted to the parameter's type.

    Raises:
        ParameterError: the value is invalid for the parameter, or cannot be converted to JSON.
    """
    if value is None:
        return None
    if parameter.converted and parameter.type == "str":
        try:
            stand_in = written(declared, value) if declared is not None else _without_class(value)
        except ConversionError as error:
            raise ParameterError(str(error)) from None
        if stand_in is None:
            raise ParameterError(f"the parameter converts no JSON value to {shortened(value)}")
        value = stand_in
    return check_parameter(parameter, value, texts=texts)


def _without_class(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_without_class(item) for item in value]
    write: Callable[[], object] | None = getattr(value, "isoformat", None)
    return value if write is None else write()


def recorded(declared: Parameter[object], parameter: IrParameter, value: object) -> Value:
    """Convert a default to JSON in the same way as a value from the command line; None if JSON cannot express the
    default.

    As in Metaflow, an int is allowed for a text parameter and a float for an int parameter.

    Raises:
        ParameterError: the value is invalid for the parameter.
    """
    if parameter.converted:
        try:
            return written(declared, value)
        except ConversionError as error:
            raise ParameterError(str(error)) from None
    if parameter.type == "json" and not isinstance(value, str) and as_json(value) is None:
        return None
    items = value if parameter.multiple and isinstance(value, (list, tuple)) else [value]
    if parameter.type == "str" and not parameter.choices and all(isinstance(item, (int, float)) for item in items):
        return [*items] if parameter.multiple else value
    items_read = [_one(parameter, item) for item in items]
    return check_parameter(parameter, items_read if items is value else items_read[0], texts=True)


def _one(parameter: IrParameter, value: object) -> object:
    match parameter.type, value:
        case "int", float() | bool():
            return int(value)
        case "float", bool():
            return float(value)
    return value
