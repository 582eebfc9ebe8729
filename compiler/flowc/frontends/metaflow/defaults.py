"""Values that code or a file gives a parameter, as records keep them: defaults, and those of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.store.values.parameters import ParameterError, check_parameter, shortened
from metaflow._conversions import ConversionError, as_json, written

if TYPE_CHECKING:
    from flowc_ir import Parameter as IrParameter
    from metaflow.parameters import Parameter


def given(declared: Parameter[Any] | None, parameter: IrParameter, value: Any, *, texts: bool = False) -> Any:
    """A value that is given to the parameter of a run, as JSON; None is the value None.

    Where the flow's class is not known (`declared` is None), a type of the author's own is taken to read dates as
    `fromisoformat` does. `texts`: text may stand for what it reads as.

    Raises:
        ParameterError: it is no value of the parameter, or one that no record can hold.
    """
    if value is None:
        return None
    if parameter.converted and parameter.type == "str":
        try:
            stand_in = written(declared, value) if declared is not None else _without_class(value)
        except ConversionError as error:
            raise ParameterError(str(error)) from None
        if stand_in is None:
            raise ParameterError(f"no text or other value of JSON gives {shortened(value)}")
        value = stand_in
    return check_parameter(parameter, value, texts=texts)


def _without_class(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_without_class(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def recorded(declared: Parameter[Any], parameter: IrParameter, value: Any) -> Any:
    """A default as JSON, as a command line gives it where it is text; None if only the class itself can say it.

    A type of the author's own makes of it what it makes of the value. An int may stand for a text and a float for an
    int, as in Metaflow.

    Raises:
        ParameterError: it is no value of the parameter.
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
    found = [_one(parameter, item) for item in items]
    return check_parameter(parameter, found if items is value else found[0], texts=True)


def _one(parameter: IrParameter, value: Any) -> Any:
    match parameter.type, value:
        case "int", float() | bool():
            return int(value)
        case "float", bool():
            return float(value)
    return value
