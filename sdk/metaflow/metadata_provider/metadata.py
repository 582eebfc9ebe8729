"""One piece of metadata about a task, and the object that records it."""

from __future__ import annotations

from typing import NamedTuple

from metaflow._legacy.stand_ins import Metadata as MetadataProvider

__all__ = ["MetaDatum", "MetadataProvider"]


class MetaDatum(NamedTuple):
    """One piece of metadata: `field` is its name. `tags` has no effect, since only runs have tags."""

    field: str
    value: str
    type: str
    tags: list[str]
