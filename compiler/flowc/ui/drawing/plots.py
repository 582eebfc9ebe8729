"""Draws small plots: the sparkline of a flow's durations, and histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.svg import number_text
from flowc.ui.drawing.svg_elements import drawing, element
from flowc.ui.wording import duration, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from flowc.ui.page_data.run_rows import ListedRun

_SPARK: Final = (92.0, 20.0)


def sparkline(rows: Sequence[ListedRun], current: str | None = None) -> Markup:
    """Return a column for each of the last runs of a flow: its height is the run's duration, its colour the state.

    Args:
        rows: the runs, oldest first.
        current: the id of a run to mark.
    """
    width, height = _SPARK
    longest = max((row.seconds or 0.0 for row in rows), default=0.0) or 1.0
    step = width / max(len(rows), 12)
    columns: dict[str, list[str]] = {}  # one path for each state, because a page has many sparklines
    for at, row in enumerate(rows):
        tall = 3.0 if row.seconds is None else max(2.0, row.seconds / longest * (height - 2))
        left, top, right = (number_text(each) for each in (at * step, height - tall, at * step + step - 1.2))
        column = f"M{left} {number_text(height)}V{top}H{right}V{number_text(height)}z"
        columns.setdefault(row.state, []).append(column)
        if row.run == current:
            columns["current"] = [column]
    parts = [element("path", d="".join(each), class_=f"column {state}") for state, each in columns.items()]
    known = [row.seconds for row in rows if row.seconds is not None]
    label = f"durations of the last {len(rows)} runs" + (f", up to {duration(longest)}" if known else "")
    return drawing(width, height, label, parts, "spark", fits=False)


def histogram(counts: Sequence[int], longest: float) -> Markup:
    """Return a histogram of durations.

    Args:
        counts: the number of attempts in ranges of equal width from 0 to `longest`.
        longest: the longest duration in seconds.
    """
    width, height = 160.0, 34.0
    step, most = width / len(counts), max(counts) or 1
    parts = []
    for at, count in enumerate(counts):
        if count:
            tall = max(2.0, count / most * (height - 2))
            low, high = longest * at / len(counts), longest * (at + 1) / len(counts)
            title = element("title", f"{duration(low)} to {duration(high)}: {count:,}")
            parts.append(
                element("rect", title, x=at * step, y=height - tall, width=step - 1, height=tall, class_="column")
            )
    return drawing(
        width, height, f"durations of the attempts, up to {duration(longest)}", parts, "histogram", fits=False
    )


def value_histogram(counts: Sequence[int], least: float, most: float) -> Markup:
    """Return a histogram of the numbers of an array.

    Args:
        counts: the number of elements in ranges of equal width from `least` to `most`.
        least: the least number.
        most: the greatest number.
    """
    width, height = 132.0, 34.0
    step, tallest = width / max(1, len(counts)), max(counts, default=0) or 1
    parts = []
    for at, count in enumerate(counts):
        low, high = (least + (most - least) * share / len(counts) for share in (at, at + 1))
        tall = max(2.0, count / tallest * (height - 2)) if count else 0.0
        title = element("title", f"{number(low)} to {number(high)}: {count:,}")
        parts.append(element("rect", title, x=at * step, y=height - tall, width=step - 1, height=tall, class_="column"))
    label = f"histogram of the values from {number(least)} to {number(most)}"
    return drawing(width, height, label, parts, "histogram", fits=False)
