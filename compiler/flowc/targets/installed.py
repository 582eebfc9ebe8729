"""Finds the targets of installed packages, which are entry points of the group `flowc.targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.deployment import TargetError
from flowc.targets.target import Target
from flowc_runtime.base.config.plugin_kinds import TARGETS
from flowc_runtime.base.config.plugins import PluginError

if TYPE_CHECKING:
    from flowc.targets.table import AnyTarget


def names() -> list[str]:
    """Return the names of the targets, without importing them."""
    return TARGETS.names()


def find(name: str) -> AnyTarget | None:
    """Return the target of this name; None if no installed package has such a target.

    Raises:
        TargetError: two packages have a target of this name, or the target cannot be loaded, is not a `Target`, or has
            another name than its entry point.
    """
    try:
        found = TARGETS.find(name, Target)
    except PluginError as error:
        raise TargetError(error.message, error.hint) from error
    if found is not None and found.name != name:
        raise TargetError(
            f"{TARGETS.described(name)} calls itself '{found.name}'",
            "give the entry point and the target the same name",
        )
    return found


def check_alone(name: str) -> None:
    """Check that no package has a target with this name. `name` is the name of one of flowc's own targets.

    Raises:
        TargetError: a package has such a target.
    """
    try:
        TARGETS.check_alone([name])
    except PluginError as error:
        raise TargetError(error.message, error.hint) from error
