"""Report the progress of long work to a listener. A command line on a terminal shows it; otherwise nothing listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Listener = Callable[[str, "int | None", "int | None"], None]

T = TypeVar("T")

listener: Listener | None = None
"""Is told what is being done, how many of it are done and of how many, as far as that is known."""


def over(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Give the items, telling before each how many were done."""
    for number, item in enumerate(items):
        if listener is not None:
            listener(what, number, total)
        yield item


def doing(what: str, done: int | None = None, total: int | None = None) -> None:
    """Tell what is being done now, and how far it is if that is known."""
    if listener is not None:
        listener(what, done, total)
