"""Constants of a flow: values that its class's body sets, kept for those who read the run without its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef


def store_constants(objects: Objects, constants: Iterable[tuple[str, Any]]) -> dict[str, ArtifactRef]:
    """Store constants by name; not those that cannot be pickled."""
    refs: dict[str, ArtifactRef] = {}
    for name, value in constants:
        try:
            refs[name] = codecs.store_value(objects, value)
        except ArtifactError:  # the code, which no reader of the run has, is free to have what it likes
            continue
    return refs
