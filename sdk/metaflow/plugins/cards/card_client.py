"""The client's access to the cards of tasks."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, overload

from metaflow.client import Task
from metaflow.exception import MetaflowInvalidPathspec
from metaflow.plugins.cards import _store
from metaflow.plugins.cards._page import SANDBOX
from metaflow.plugins.cards.exception import CardNotPresentException

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore

__all__ = ["Card", "CardContainer", "get_cards"]


class Card:
    """A card of a task, in the store.

    The methods that read the card raise NotFound if it has been deleted, and RecordError if it cannot be read.

    >>> card = get_cards(task, type="default")[0]
    >>> card.type, card.id, "</html>" in card.get()
    ('default', None, True)
    """

    def __init__(self, run: RunStore, file: _store.CardFile, origin_pathspec: str | None = None) -> None:
        self._run, self._file = run, file
        self.origin_pathspec = origin_pathspec
        self._temporary: str | None = None

    @property
    def type(self) -> str:
        """The type: `@card(type=…)`."""
        return self._file.type

    @property
    def id(self) -> str | None:
        """The id: `@card(id=…)`."""
        return self._file.id

    @property
    def hash(self) -> str:
        """A hash that is unique to the card."""
        return self._file.hash

    @property
    def path(self) -> str:
        """The key of the card's page in the store."""
        return self._file.key

    @property
    def from_resumed(self) -> bool:
        """Whether the card was made by another task whose result this task reused."""
        return self.origin_pathspec is not None

    def get(self) -> str:
        """Return the card's current HTML; while the task runs, the HTML may change.

        Raises:
            NotFound: the card has been deleted from the store.
            RecordError: the content of the card is not UTF-8.
        """
        return _store.read(self._run.objects, self._file.key)

    def get_data(self) -> dict[str, Any] | None:
        """Return the data of the latest refresh, or None if the card was never refreshed.

        Returns:
            `{"reload_token": …, "data": …, "created_on": …}`. `data` is what the card's method `refresh` returned;
            `created_on` is in seconds since 1970.
        """
        data: dict[str, object] | None = _store.read_data(self._run.objects, self._file.key)
        return data

    def view(self) -> bool:
        """Open the card in the browser. Without a browser, print the path of the card's file and return False.

        The file is in the system's directory for temporary files, and flowc does not delete it.
        """
        if self._temporary is None:
            with tempfile.NamedTemporaryFile("wb", prefix="card-", suffix=".html", delete=False) as file:
                self._temporary = file.name
        with open(self._temporary, "w", encoding="utf-8") as page:
            page.write(self.get())
        if webbrowser.open(f"file://{self._temporary}"):
            return True
        print(f"there is no browser here; the card is in {self._temporary}", file=sys.stderr)
        return False

    def __str__(self) -> str:
        return f"<Card at '{self.path}'>"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        title = escape(f"Card {self.type}{f' ({self.id})' if self.id else ''}")
        style = "width: 100%; height: 620px; border: 1px solid #8884; border-radius: 8px"
        return f'<iframe title="{title}" sandbox="{SANDBOX}" style="{style}" srcdoc="{escape(self.get())}"></iframe>'


class CardContainer(Sequence[Card]):
    """The cards of a task as a sequence; a notebook displays their pages."""

    def __init__(self, cards: Sequence[Card], origin_pathspec: str | None = None) -> None:
        self._cards = list(cards)
        self.origin_pathspec = origin_pathspec

    @property
    def from_resumed(self) -> bool:
        """Whether the cards were made by another task whose result this task reused."""
        return self.origin_pathspec is not None

    def __len__(self) -> int:
        return len(self._cards)

    @overload
    def __getitem__(self, index: int) -> Card: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Card]: ...
    def __getitem__(self, index: int | slice) -> Card | Sequence[Card]:
        return self._cards[index]

    def __repr__(self) -> str:
        return f"CardContainer({self._cards})"

    def _repr_html_(self) -> str:
        def framed(card: Card) -> str:
            name = f"{card.type}{f', id {card.id}' if card.id else ''}"
            return f"<p><b>Card {escape(name)}</b></p>{card._repr_html_()}"

        return "".join(map(framed, self._cards))


def get_cards(
    task: str | Task, id: str | None = None, type: str | None = None, follow_resumed: bool = True
) -> CardContainer:
    """Return the cards of a task's latest attempt. If the task's process still renders them, wait for its end.

    Args:
        task: a Task, or `FLOW/RUN/STEP/TASK`.
        id: only the card with this id.
        type: only cards of this type.
        follow_resumed: whether to return the cards of the reused task, if the task did not run because of `resume` or
            `@cache`.

    Raises:
        CardNotPresentException: the task has no card, or none with this id and type.
        MetaflowInvalidPathspec: the text is not the pathspec of a task.
        MetaflowNotFound: the task does not exist.
        TypeError: `task` is neither a string nor a Task.
    """
    if isinstance(task, str):
        if task.count("/") != 3:
            raise MetaflowInvalidPathspec("get_cards takes a task, or its FLOW/RUN/STEP/TASK")
        task = Task(task)
    if not isinstance(task, Task):
        raise TypeError(f"get_cards takes a task, or its FLOW/RUN/STEP/TASK, not {task!r}")
    if task._record is not None:
        _store.wait_for_cards(task._reader.store, task._record)
    cards = _store.find(task._reader.store, *task._place, task.current_attempt + 1, task._record, follow=follow_resumed)
    files = [file for file in cards.files if id in (None, file.id) and type in (None, file.type)]
    if not files:
        filters = " and ".join(f"{name} '{value}'" for name, value in (("id", id), ("type", type)) if value is not None)
        raise CardNotPresentException(f"Card not found for pathspec {task.pathspec}{filters and f' with {filters}'}")
    return CardContainer([Card(cards.run, file, cards.origin) for file in files], cards.origin)
