"""Checks of what the configuration chooses for a target: picklers that pods need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.deployment import TargetError
from flowc_ir.late import LateModule

if TYPE_CHECKING:
    from flowc_runtime.store.values import picklers
else:
    picklers = LateModule("flowc_runtime.store.values.picklers")  # only other picklers than the default need it


def check_pickler(name: str) -> None:
    """Check the value of the setting `pickler`, which the manifests pass to pods.

    Raises:
        TargetError: no installed package has a pickler of this name.
    """
    if name == "pickle":
        return
    try:
        picklers.check(name)
    except picklers.PicklerError as error:
        raise TargetError(error.message, error.hint) from error
