"""Store constants of a flow (values that its class body sets), for readers of the run that lack the flow's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef


def store_constants(objects: Objects, constants: Iterable[tuple[str, object]]) -> dict[str, ArtifactRef]:
    """Store constants; return their references by name. Constants that cannot be pickled are skipped."""
    refs: dict[str, ArtifactRef] = {}
    for name, value in constants:
        try:
            refs[name] = codecs.store_value(objects, value)
        except ArtifactError:  # no error: steps take constants from the code, not from the store
            continue
    return refs
