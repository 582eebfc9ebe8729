"""The cards in the store: objects next to the run's records, `…/cards/STEP/PATH-N/TYPE[-ID]-HASH.html` for attempt N.

One listing of the store returns all cards of an attempt, or all cards of a step. If a card is rendered again, its key
does not change. If the card was refreshed, an object `….data.json` next to the page has the data of the latest refresh.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.index import Graph, task_pathspec
from flowc_runtime.process.leftovers import wait_for_one
from flowc_runtime.process.process import is_alive
from flowc_runtime.run.graph_info import in_order
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.stored import damaged, parse

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import AttemptRecord

PAGE, DATA = ".html", ".data.json"
_STORING = 5.0  # seconds after a card's timeout in which its process stores the page of the error and ends


class CardFile(NamedTuple):
    """One card in the store.

    Attributes:
        key: the key of the card's page.
        name: the last part of the key.
        type: `@card(type=…)`.
        id: `@card(id=…)`.
        hash: 32 hexadecimal digits that are unique to the card.
    """

    key: str
    name: str
    type: str
    id: str | None
    hash: str


def card_key(run: RunStore, attempt: tuple[str, str, int], number: int, type: str, id: str | None) -> str:
    """Return the key of the page of a card.

    Args:
        run: the run in the store.
        attempt: (step, index path, number of the attempt from 1).
        number: the position of the `@card` among the cards of the step, from 0.
        type: `@card(type=…)`.
        id: `@card(id=…)`.
    """
    step, path, count = attempt
    digest = hashlib.sha256(f"{run.flow}/{run.id}/{step}/{path}/{count}/{number}".encode()).hexdigest()[:32]
    name = "-".join([_part(type), *([_part(id)] if id else []), digest])
    return f"{run.cards_key(step, path, count)}/{name}{PAGE}"


def cards_of(run: RunStore, step: str, path: str, attempt: int) -> list[CardFile]:
    """Return the cards of an attempt, sorted by key: by type, then by id.

    The function lists the store once.
    """
    prefix = run.cards_key(step, path, attempt)
    return [_file(f"{prefix}/{name}") for name in run.objects.names(prefix) if name.endswith(PAGE)]


def wait_for_cards(run: RunStore, record: AttemptRecord) -> None:
    """Wait until the process of an attempt that has ended has rendered the attempt's cards.

    A task reports its end before it renders its cards, so another task of the run, which reads these cards, may start
    earlier. Only a process of this machine is waited for: a pod ends after its cards. The wait is limited by the
    timeouts of the cards.

    Args:
        run: the run.
        record: the attempt's record.
    """
    pid = record["process"].get("pid", 0)
    if pid == os.getpid() or not is_alive(record["process"]):
        return
    limit = next((node.cards_seconds for node in run.executes().nodes if node.id == record["step"]), 0)
    deadline = time.monotonic() + limit + _STORING
    while limit and time.monotonic() < deadline and is_alive(record["process"]):
        if wait_for_one([pid], deadline):
            return


class TaskCardFiles(NamedTuple):
    """The cards of a task.

    `origin` is the pathspec of the reused task with these cards, or None if the cards are the task's own.
    """

    run: RunStore
    files: list[CardFile]
    origin: str | None


def find(
    run: RunStore, step: str, path: str, attempt: int, record: AttemptRecord | None, *, follow: bool
) -> TaskCardFiles:
    """Return the cards of an attempt.

    Args:
        run: the run in the store.
        step: the step.
        path: the index path.
        attempt: the number of the attempt, from 1.
        record: the record of the attempt, if it has ended.
        follow: whether to return the cards of the reused task if the attempt has no cards. The reused task is the
            original task in a resumed run, or the task whose result `@cache` returned.
    """
    files = cards_of(run, step, path, attempt)
    if files or record is None or not follow:
        return TaskCardFiles(run, files, None)
    for origin in (record.get("origin"), record.get("cached")):
        if origin is None:
            continue
        there = RunStore(run.objects, run.flow, origin["run"])
        if files := cards_of(there, origin["step"], origin["path"], origin["attempt"]):
            return TaskCardFiles(
                there, files, task_pathspec(run.flow, origin["run"], origin["step"], path=origin["path"])
            )
    return TaskCardFiles(run, [], None)


def steps_with_cards(run: RunStore) -> list[str]:
    """Return the started steps that have cards, in the order of the flow.

    If the flow's graph cannot be read, a warning is printed, and the steps are sorted by name.
    """
    begun = run.steps()
    try:
        graph = Graph(run.executes())
    except NotFound:  # another command has deleted the run meanwhile
        return begun
    except RecordError as error:
        unreadable.tell(error)
        return [step for step in begun if run.has_cards(step)]
    return [node.id for node in in_order(graph) if node.cards and node.id in begun]


def read(objects: Objects, key: str) -> str:
    """Return the HTML of a card.

    Raises:
        NotFound: the card does not exist.
        RecordError: the content of the card is not UTF-8.
    """
    try:
        return objects.get(key).decode()
    except UnicodeDecodeError as error:
        raise damaged(str(error), key, objects.url, "a card") from error


def read_data(objects: Objects, key: str) -> Any:
    """Return the data of the latest refresh, or None if the card was never refreshed. If the data cannot be read, print
    a warning and return None.

    Args:
        objects: the store.
        key: the key of the card's page.

    Returns:
        `{"reload_token": …, "data": …, "created_on": …}`.
    """
    try:
        data = objects.get(place := key.removesuffix(PAGE) + DATA)
    except NotFound:
        return None
    try:
        record = parse(RECORDS, "card", data, key=place, url=objects.url, subject=f"the card {key}")
    except RecordError as error:
        unreadable.tell(error)
        return None
    return {name: record[name] for name in ("reload_token", "data", "created_on")}


def _part(text: str) -> str:
    return quote(text, safe="").replace("-", "%2D").replace(".", "%2E")


def _file(key: str) -> CardFile:
    name = key.rpartition("/")[2]
    type, *id, digest = name.removesuffix(PAGE).split("-")
    return CardFile(key, name, unquote(type), unquote(id[0]) if id else None, digest)
