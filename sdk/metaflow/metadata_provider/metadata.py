"""One thing that a decorator says of a task, and what takes it."""

from __future__ import annotations

from typing import NamedTuple

from metaflow._legacy.stand_ins import Metadata as MetadataProvider

__all__ = ["MetaDatum", "MetadataProvider"]


class MetaDatum(NamedTuple):
    """`field` is its name; `tags` has no effect, since tags are those of the run."""

    field: str
    value: str
    type: str
    tags: list[str]
