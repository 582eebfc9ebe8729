"""Draws the last runs of a flow: their durations as columns, a metric as a line, and numbers of failures as bars.

Each run has the same horizontal place in all pictures of a page, and is a link to its page.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.svg import number_text
from flowc.ui.drawing.comparing import share
from flowc.ui.drawing.svg_elements import drawing, element
from flowc.ui.wording import duration, number
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

_WIDTH: Final = 700.0
_HEIGHT: Final = 130.0
_LEFT: Final = 72.0
_TOP: Final = 10.0
_BOTTOM: Final = 10.0
_WIDEST: Final = 26.0  # the place of a run if there are few


class TrendRun(NamedTuple):
    """A run in a picture: its title, its state, the URL of its page, and its value; None if the run has none."""

    title: str
    state: str
    address: str
    value: float | None


def durations(runs: Sequence[TrendRun], label: str) -> Markup:
    """Return a column for each run, as high as its duration, in the colour of its state; a run with an unknown duration
    has a short column.

    Args:
        runs: the runs, oldest first; their values are seconds.
        label: the text for screen readers.
    """
    longest = max((run.value for run in runs if run.value is not None), default=0.0)
    room, step = _HEIGHT - _TOP - _BOTTOM, _step(runs)
    parts = [*_ticks([(_TOP, duration(longest)), (_HEIGHT - _BOTTOM, "0")] if longest else [])]
    for at, run in enumerate(runs):
        tall = 3.0 if run.value is None else max(2.0, run.value / longest * room if longest else 0.0)
        title = f"{run.title}: {run.state}" + (f", {duration(run.value)}" if run.value is not None else "")
        # The whole height is the link, so that the column of a short run can be hit.
        place = element("rect", x=_LEFT + at * step, y=_TOP, width=step, height=room, class_="place")
        column = element(
            "rect",
            x=_LEFT + at * step + step * 0.1,
            y=_HEIGHT - _BOTTOM - tall,
            width=step * 0.8,
            height=tall,
            class_=f"column {run.state}{' unknown' if run.value is None else ''}",
        )
        parts.append(element("a", element("title", title), place, column, href=run.address))
    return drawing(_WIDTH, _HEIGHT, label, parts, "trendplot", links=True)


def metric_line(runs: Sequence[TrendRun], label: str) -> Markup:
    """Return a line through the values of runs, with the least and the greatest value on the axis. Runs without a value
    leave a gap between the points, and values that are not finite are marked at the bottom.

    Args:
        runs: the runs, oldest first.
        label: the text for screen readers.
    """
    step = _step(runs)
    finite = [run.value for run in runs if run.value is not None and math.isfinite(run.value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    height = _HEIGHT if finite else _TOP + _BOTTOM

    def place(at: int, value: float) -> tuple[float, float]:
        where = share(value, low, high) if math.isfinite(value) else 0.0
        return _LEFT + (at + 0.5) * step, _TOP + (1 - where) * (height - _TOP - _BOTTOM)

    ticks = [(place(0, each)[1], number(each)) for each in dict.fromkeys((high, low))] if finite else []
    parts = [*_ticks(ticks)]
    line = [place(at, run.value) for at, run in enumerate(runs) if run.value is not None and math.isfinite(run.value)]
    if line:
        path = "M" + "L".join(f"{number_text(x)} {number_text(y)}" for x, y in line)
        parts.append(element("path", d=path, class_="line"))
    for at, run in enumerate(runs):
        if run.value is None:
            continue
        x, y = place(at, run.value)
        title = f"{run.title}: {number(run.value)}, {run.state}"
        kind = f"point {run.state}{'' if math.isfinite(run.value) else ' unknown'}"
        dot = element("circle", cx=x, cy=y, r="4", class_=kind)
        parts.append(element("a", element("title", title), dot, href=run.address))
    return drawing(_WIDTH, height, label, parts, "trendplot", links=True)


def proportion(count: int, most: int, label: str) -> Markup:
    """Return a bar for a number of a table, as long as the number's proportion of the greatest number.

    Args:
        count: the number.
        most: the greatest number of the table.
        label: the text for screen readers.
    """
    width = 118.0
    bar = element(
        "rect", x=0.0, y=2.0, width=max(2.0, width * count / max(most, 1)), height=10.0, class_="column failed"
    )
    return drawing(width, 14.0, label, [bar], "spark", fits=False)


def _step(runs: Sequence[TrendRun]) -> float:
    return min(_WIDEST, (_WIDTH - _LEFT - 6) / max(1, len(runs)))


def _ticks(ticks: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    for y, text in ticks:
        yield element("text", text, x=_LEFT - 8, y=y + 4, class_="tick", text_anchor="end")
        yield element("line", x1=_LEFT, x2=_WIDTH, y1=y, y2=y, class_="grid")
