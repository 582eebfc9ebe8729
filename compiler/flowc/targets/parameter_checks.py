"""Checks of a flow's parameters, for all targets that deploy flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import codes

if TYPE_CHECKING:
    from flowc_ir.diagnostic import Faults
    from flowc_ir.model import Flow


def check_scheduled_parameters(flow: Flow, faults: Faults) -> None:
    """Report required parameters without a default in a flow with a schedule, because a schedule gives no values."""
    for parameter in flow.parameters:
        if parameter.required and parameter.default is None and not parameter.computed:
            faults.add(
                codes.SCHEDULE_NEEDS_DEFAULTS,
                parameter.where,
                f"parameter '{parameter.name}' is required, but a schedule gives no values to the runs that it starts",
                hint="give it a default, or remove @schedule",
            )


def check_computed_defaults(flow: Flow, code: str, faults: Faults) -> None:
    """Report parameters whose default is unknown, because the function that computes the default was not called.
    `code` is the error code of the faults."""
    for parameter in flow.parameters:
        if parameter.computed and parameter.default is None:
            faults.add(
                code,
                parameter.where,
                f"the default of parameter '{parameter.name}' comes from a function that was not called",
                hint="compile the flow from its source, not from its IR",
            )
