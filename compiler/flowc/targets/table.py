"""Finds targets by name: flowc's own targets, and targets of installed packages.

A package provides a target by an entry point of the group `flowc.targets` with the target's name:

    [project.entry-points."flowc.targets"]
    steps = "my_package.steps:TARGET"

A package's target is imported when a command line or the configuration names it. The default target is found without
searching the installed packages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flowc.targets.deployment import Deployment, Operations, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.targets.target import Target

    AnyTarget: TypeAlias = Target[Any, Any]  # Any: targets differ in the types of their settings and products

DEFAULT: Final = "argo"
"""The target of commands without `--target`."""

# For each name, the target and its deployment as "module:name". The deployment can be loaded without the target.
BUILTIN: Final[Mapping[str, tuple[str, str | None]]] = {
    "argo": ("flowc.targets.argo.target:TARGET", "flowc.targets.argo.commands:DEPLOYMENT"),
    "stepfunctions": ("flowc.targets.stepfunctions.sfn_target:TARGET", None),
    "mermaid": ("flowc.targets.pictures.picture_targets:MERMAID", None),
    "dot": ("flowc.targets.pictures.picture_targets:DOT", None),
    "svg": ("flowc.targets.pictures.picture_targets:SVG", None),
}


def find_target(name: str) -> AnyTarget:
    """Return the target of this name.

    Raises:
        TargetError: the target does not exist, several targets have this name, or the target cannot be loaded.
    """
    from flowc.targets import installed  # imported here, because the import takes 0.05 s

    if name in BUILTIN:
        installed.check_alone(name)
        return _load_target(name)
    found = installed.find(name)
    if found is None:
        raise TargetError(f"there is no target '{name}'", f"targets: {', '.join(target_names())}")
    return found


def default_target() -> AnyTarget:
    """Return the target of commands without `--target`, without searching the installed packages."""
    return _load_target(DEFAULT)


def target_names() -> list[str]:
    """Return the names of all targets: flowc's own targets, then targets of installed packages, without importing
    them."""
    from flowc.targets import installed

    return list(dict.fromkeys([*BUILTIN, *installed.names()]))


def find_deployment(name: str = DEFAULT) -> Deployment | None:
    """Return the deployment of a target. For a built-in target, the target itself is not loaded.

    Args:
        name: the target's name.

    Returns:
        None if the target has no deployment.

    Raises:
        TargetError: the target does not exist, several targets have this name, or the target cannot be loaded.
    """
    if name not in BUILTIN:
        return find_target(name).deployment
    reference = BUILTIN[name][1]
    if reference is None:
        return None
    found = _load(reference)
    assert isinstance(found, Deployment)
    return found


def default_deployment() -> Deployment:
    """Return the deployment of the default target."""
    found = find_deployment()
    assert found is not None
    return found


def operations_of(deployment: Deployment) -> Operations:
    """Import and return the operations of a deployment."""
    found = _load(deployment.operations)
    assert isinstance(found, Operations)
    return found


def _load_target(name: str) -> AnyTarget:
    from flowc.targets.target import Target  # imported here, because this also imports dataclasses, which takes 0.01 s

    found = _load(BUILTIN[name][0])
    assert isinstance(found, Target)
    return found


def _load(reference: str) -> object:
    module, _, name = reference.partition(":")
    found: object = getattr(import_module(module), name)
    return found
