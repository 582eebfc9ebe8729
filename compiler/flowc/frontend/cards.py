"""`@card` -> the IR's Card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flowc.frontend.reader import BOOL, COUNT, OPTIONS, TEXT, Kind, canonical, optional
from flowc.ir import Card

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontend.reader import Reader
    from metaflow.decorators import Applied

CARD: Final[Mapping[str, Kind]] = {
    "type": TEXT,
    "id": optional(TEXT),
    "options": OPTIONS,
    "timeout": COUNT,
    "refresh_interval": COUNT,
    "save_errors": BOOL,
    "customize": BOOL,
    # Metaflow takes these two, and has one value for each.
    "scope": Kind("'task': a card belongs to a task", lambda value: value == "task"),
    "rank": Kind("None: cards have no order", lambda value: value is None),
}


def read_card(_reader: Reader, _applied: Applied, given: dict[str, Any]) -> Card:
    """The card; which types there are is known when cards are made."""
    return Card(
        type=given.get("type", "default"),
        id=given.get("id"),
        options=canonical(given.get("options")),
        timeout=int(given.get("timeout", 45)),
        refresh_interval=int(given.get("refresh_interval", 5)),
        save_errors=given.get("save_errors", True),
        customize=given.get("customize", False),
    )
