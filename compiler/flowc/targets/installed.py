"""Finds targets of installed packages: entry points of the group `flowc.targets`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final

from flowc.targets.deployment import TargetError
from flowc.targets.target import Target

if TYPE_CHECKING:
    from flowc.targets.table import AnyTarget

GROUP: Final = "flowc.targets"
_ONE: Final = "uninstall one of the distributions"


def names() -> list[str]:
    """Return the names of the targets, without importing them."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find(name: str) -> AnyTarget | None:
    """Return the target of this name; None if no package has one.

    Raises:
        TargetError: two packages have one, it cannot be loaded, is not a `Target`, or has another name than its entry
            point.
    """
    entries = _entries(name)
    if not entries:
        return None
    if len(entries) > 1:
        first, second = map(_whose, entries[:2])
        raise TargetError(f"two targets are called '{name}': one of {first}, one of {second}", _ONE)
    return _load(entries[0])


def check_alone(name: str) -> None:
    """Check that no package has a target with the name of one of flowc's own.

    Raises:
        TargetError: a package has one.
    """
    if entries := _entries(name):
        raise TargetError(f"two targets are called '{name}': flowc's own, and one of {_whose(entries[0])}", _ONE)


def _entries(name: str) -> list[EntryPoint]:
    """Return the entry points of this name; one that is on the path twice counts once."""
    found: dict[tuple[str, str], EntryPoint] = {}
    for entry in entry_points(group=GROUP, name=name):
        found.setdefault((entry.value, _whose(entry)), entry)
    return list(found.values())


def _whose(entry: EntryPoint) -> str:
    return f"the distribution '{entry.dist.name}'" if entry.dist is not None else f"the entry point {entry.value}"


def _load(entry: EntryPoint) -> AnyTarget:
    """Import a package's target. Raises TargetError, which names the distribution, for any error of its modules."""
    what = f"the target '{entry.name}' of {_whose(entry)}"
    hint = "fix the package, or uninstall it"
    try:
        found: object = entry.load()
    except Exception as error:  # the package's code may raise anything
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise TargetError(f"{what} cannot be loaded from {entry.value}: {why}", hint) from error
    if not isinstance(found, Target):
        raise TargetError(f"{what}: {entry.value} is a {type(found).__name__}, not a flowc.targets.Target", hint)
    if found.name != entry.name:
        raise TargetError(f"{what} calls itself '{found.name}'", "give the entry point and the target one name")
    return found
