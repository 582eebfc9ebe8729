"""Where cards are: objects beside the run's records, `…/cards/STEP/PATH-N/TYPE[-ID]-HASH.html` for attempt N.

All cards of an attempt are one listing, and so are those of a step. A card keeps its name while it is made anew; beside
it, `….data.json` has what its page is told at a refresh.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from flowc_runtime.errors import NotFound

if TYPE_CHECKING:
    from flowc_runtime.objects import Objects
    from flowc_runtime.store import RunStore

PAGE, DATA = ".html", ".data.json"


class CardFile(NamedTuple):
    """One card in the store. `name` is the file's name, `key` the object's."""

    key: str
    name: str
    type: str
    id: str | None
    hash: str


def card_key(run: RunStore, attempt: tuple[str, str, int], number: int, type: str, id: str | None) -> str:
    """The key of the page of @card number `number` of an attempt (step, path, number)."""
    step, path, count = attempt
    digest = hashlib.sha256(f"{run.flow}/{run.id}/{step}/{path}/{count}/{number}".encode()).hexdigest()[:32]
    name = "-".join([_part(type), *([_part(id)] if id else []), digest])
    return f"{run.cards_key(step, path, count)}/{name}{PAGE}"


def cards_of(run: RunStore, step: str, path: str, attempt: int) -> list[CardFile]:
    """The cards of an attempt, by type and id."""
    prefix = run.cards_key(step, path, attempt)
    return [_file(f"{prefix}/{name}") for name in run.objects.names(prefix) if name.endswith(PAGE)]


def read(objects: Objects, key: str) -> str:
    """The HTML of a card."""
    return objects.get(key).decode()


def read_data(objects: Objects, key: str) -> Any:
    """What the page was told at the latest refresh; None if there was none."""
    try:
        return json.loads(objects.get(key.removesuffix(PAGE) + DATA))
    except NotFound:
        return None


def _part(text: str) -> str:
    return quote(text, safe="").replace("-", "%2D").replace(".", "%2E")


def _file(key: str) -> CardFile:
    name = key.rpartition("/")[2]
    type, *id, digest = name.removesuffix(PAGE).split("-")
    return CardFile(key, name, unquote(type), unquote(id[0]) if id else None, digest)
