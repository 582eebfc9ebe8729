"""One piece of metadata about a task, and the object that records it."""

from __future__ import annotations

from typing import NamedTuple

from metaflow._legacy.stand_ins import Metadata as MetadataProvider

__all__ = ["MetaDatum", "MetadataProvider"]


class MetaDatum(NamedTuple):
    """One fact about a task, for `register_metadata`.

    Attributes:
        field: its name.
        value: its value.
        type: its kind, a name of the caller's choice.
        tags: no effect, since only runs have tags.
    """

    field: str
    value: str
    type: str
    tags: list[str]
