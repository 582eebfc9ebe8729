"""Checks of what the configuration chooses for a target: picklers that pods need."""

from __future__ import annotations

from flowc.targets.deployment import TargetError


def check_pickler(name: str) -> None:
    """Check the value of the setting `pickler`, which the manifests pass to pods.

    Raises:
        TargetError: no installed package has a pickler of this name.
    """
    if name == "pickle":
        return
    from flowc_runtime.store.values import picklers

    try:
        picklers.check(name)
    except picklers.PicklerError as error:
        raise TargetError(error.message, error.hint) from error
