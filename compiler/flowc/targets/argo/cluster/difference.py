"""Compares two objects as text, without the fields that the server writes."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from flowc.targets.argo.emit import emit

if TYPE_CHECKING:
    from flowc.targets.argo.object_types import Object

# The server writes these fields of every object.
_METADATA = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})


def essence(item: Object) -> dict[str, object]:
    """Return an object without its status and without the metadata that the server writes."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _METADATA}
    return {key: metadata if key == "metadata" else value for key, value in item.items() if key != "status"}


def text_of(item: Object) -> str:
    """Return an object without the fields that the server writes, as YAML with sorted keys."""
    return emit([{key: _printable(value) for key, value in sorted(essence(item).items()) if value is not None}])


def difference(before: Object | None, after: Object, names: tuple[str, str]) -> str:
    """Return a unified diff of two objects, empty if they are equal.

    Args:
        before: the older object; None for a new object, whose diff adds all lines.
        after: the newer object.
        names: the two file names in the header of the diff.
    """
    old = text_of(before).splitlines(keepends=True) if before is not None else []
    new = text_of(after).splitlines(keepends=True)
    return "".join(unified_diff(old, new, *names)) if old != new else ""


def _printable(value: object) -> object:
    """Return a copy of a value that `emit` accepts: keys are sorted, nulls (which mean absence) are removed, and
    fractions become strings."""
    match value:
        case dict():
            return {key: _printable(value[key]) for key in sorted(value) if value[key] is not None}
        case list():
            return [_printable(item) for item in value if item is not None]
        case bool() | int() | str():
            return value
        case _:
            return str(value)
