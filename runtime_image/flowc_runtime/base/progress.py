"""Report the progress of a long operation to a listener, which shows the progress. Only commands on a terminal set a
listener."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flowc_runtime.base.ambient import ambient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def over(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items; before each, report the number of finished items to the listener, `Ambient.report_progress`.

    Args:
        items: the items of the work.
        what: the work, for the line on the terminal.
        total: the number of items; None if the number is not known.
    """
    for number, item in enumerate(items):
        doing(what, number, total)
        yield item


def doing(what: str, done: int | None = None, total: int | None = None) -> None:
    """Report the current work, and its progress if known, to the listener, `Ambient.report_progress`.

    Args:
        what: the work.
        done: the number of finished items.
        total: the number of all items.
    """
    if (report := ambient().report_progress) is not None:
        report(what, done, total)
