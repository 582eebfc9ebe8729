"""`MetaDatum`, a piece of metadata about a task, and `MetadataProvider`, which records it."""

from __future__ import annotations

from flowc_ir.late.namedtuple import NamedTuple
from metaflow._legacy.stand_ins import Metadata as MetadataProvider

__all__ = ["MetaDatum", "MetadataProvider"]


class MetaDatum(NamedTuple):
    """A fact about a task, for `register_metadata`.

    Attributes:
        field: the name of the fact.
        value: the value of the fact.
        type: a category that the caller chooses.
        tags: ignored, since only runs have tags.
    """

    field: str
    value: str
    type: str
    tags: list[str]
