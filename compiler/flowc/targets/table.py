"""Targets by their names: flowc's own, and those of installed packages.

A package brings a target by an entry point of the group `flowc.targets`, whose name is the target's:

    [project.entry-points."flowc.targets"]
    steps = "my_package.steps:TARGET"

Nothing is imported before it is needed: a package's target only when it is named, and a built-in target without
searching the installed packages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flowc.targets.deployment import Deployment, Operations, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.targets.target import Target

    AnyTarget: TypeAlias = Target[Any, Any]  # a table has targets of all types of settings and products

DEFAULT: Final = "argo"
"""The target of commands that name none."""

# name: where the target is, and its deployment, which is loaded without the target: "module:name" each.
BUILTIN: Final[Mapping[str, tuple[str, str | None]]] = {
    "argo": ("flowc.targets.argo.target:TARGET", "flowc.targets.argo.commands:DEPLOYMENT"),
}


def find_target(name: str) -> AnyTarget:
    """Return the target of this name.

    Raises:
        TargetError: there is none, several have the name, or it cannot be loaded.
    """
    from flowc.targets import installed  # 0.05 s, which no command pays that names no target

    if name in BUILTIN:
        installed.check_alone(name)
        return _load_target(name)
    found = installed.find(name)
    if found is None:
        raise TargetError(f"there is no target '{name}'", f"targets: {', '.join(target_names())}")
    return found


def default_target() -> AnyTarget:
    """Return the target of commands that name none, without searching the installed packages."""
    return _load_target(DEFAULT)


def target_names() -> list[str]:
    """Return the names of all targets: flowc's own, then those of installed packages, without importing them."""
    from flowc.targets import installed

    return list(dict.fromkeys([*BUILTIN, *installed.names()]))


def find_deployment(name: str = DEFAULT) -> Deployment | None:
    """Return the deployment of a target, None where it has none. Raises TargetError, as `find_target`.

    That of a built-in target is loaded without the target.
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
    """Return the deployment of the target of commands that name none."""
    found = find_deployment()
    assert found is not None
    return found


def operations_of(deployment: Deployment) -> Operations:
    """Return the operations of a deployment, which are imported now."""
    found = _load(deployment.operations)
    assert isinstance(found, Operations)
    return found


def _load_target(name: str) -> AnyTarget:
    from flowc.targets.target import Target  # dataclasses cost 0.01 s, which `flowc --help` does without

    found = _load(BUILTIN[name][0])
    assert isinstance(found, Target)
    return found


def _load(reference: str) -> object:
    module, _, name = reference.partition(":")
    found: object = getattr(import_module(module), name)
    return found
