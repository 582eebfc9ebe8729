"""What an object says that its author decides, and the difference of two of them as text."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from flowc.targets.argo.emit import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the server writes by itself, in every object.
_METADATA = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})


def essence(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its status and without the metadata that the server keeps."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _METADATA}
    return {key: metadata if key == "metadata" else value for key, value in item.items() if key != "status"}


def text_of(item: Mapping[str, Any]) -> str:
    """The essence of an object as YAML, its keys in the same order whoever wrote it."""
    return emit([_printable(essence(item))])


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any], names: tuple[str, str]) -> str:
    """A unified diff; empty if the two say the same. Without `before` all lines are new."""
    old = text_of(before).splitlines(keepends=True) if before is not None else []
    new = text_of(after).splitlines(keepends=True)
    return "".join(unified_diff(old, new, *names)) if old != new else ""


def _printable(value: Any) -> Any:
    """As `emit` takes it: sorted, without nulls (which mean absent), other numbers than ints as text."""
    match value:
        case dict():
            return {key: _printable(value[key]) for key in sorted(value) if value[key] is not None}
        case list():
            return [_printable(item) for item in value if item is not None]
        case bool() | int() | str():
            return value
        case _:
            return str(value)
