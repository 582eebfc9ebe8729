"""Draws small plots: the sparkline of a flow's durations, histograms, and lines of metrics over runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.svg import number_text
from flowc.ui.drawing.svg_elements import drawing, element
from flowc.ui.wording import duration, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from flowc.ui.reading.run_rows import RunRow

_SPARK: Final = (92.0, 20.0)


def sparkline(rows: Sequence[RunRow], current: str | None = None) -> Markup:
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
        column = f"M{number_text(at * step)} {number_text(height)}v-{number_text(tall)}h{number_text(step - 1.2)}V{number_text(height)}z"
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
    return drawing(width, height, f"durations of the attempts, up to {duration(longest)}", parts, "histogram", fits=False)


def line_plot(points: Sequence[tuple[str, float]], label: str) -> Markup:
    """Return a line through values at equal distances, with the least and the greatest value on the axis.

    Args:
        points: the title and the value of each point.
        label: the text for screen readers.
    """
    width, height, left, top = 420.0, 120.0, 64.0, 8.0
    values = [value for _, value in points]
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    step = (width - left - 10) / max(1, len(points) - 1)

    def place(at: int, value: float) -> tuple[float, float]:
        share = (value - low) / spread if high > low else 0.5
        return left + at * step, top + (1 - share) * (height - 2 * top - 10)

    parts = [
        element("text", number(each), x=left - 8, y=place(0, each)[1] + 4, class_="tick", text_anchor="end")
        for each in dict.fromkeys((high, low))
    ]
    places = [place(at, value) for at, (_, value) in enumerate(points)]
    line = "M" + "L".join(f"{number_text(x)} {number_text(y)}" for x, y in places)
    parts.append(element("path", d=line, class_="line"))
    for (title, value), (x, y) in zip(points, places, strict=True):
        parts.append(element("circle", element("title", f"{title}: {number(value)}"), cx=x, cy=y, r="3", class_="point"))
    return drawing(width, height, label, parts, "plot")
