"""Report the progress of long work to a listener. A command line on a terminal shows it; otherwise nothing listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Listener = Callable[[str, "int | None", "int | None"], None]

T = TypeVar("T")

listener: Listener | None = None
"""It is called with a description of the work, the number of finished items and their total, if known."""


def over(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items; before each, report the number of finished items to the listener."""
    for number, item in enumerate(items):
        if listener is not None:
            listener(what, number, total)
        yield item


def doing(what: str, done: int | None = None, total: int | None = None) -> None:
    """Report the current work, and its progress if known, to the listener."""
    if listener is not None:
        listener(what, done, total)
