"""Draws values of several runs beside each other: horizontal bars, and lines of series of points.

A run has the same letter and the same class, `run-1` to `run-8`, in all pictures of a page.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from flowc.targets.pictures.svg import number_text
from flowc.ui.drawing.svg_elements import drawing, element
from flowc.ui.wording import number
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markupsafe import Markup

_WIDTH: Final = 460.0
_LEFT: Final = 20.0  # the width of the letters
_RIGHT: Final = 118.0  # the width of the values' texts
_ROW: Final = 15.0
_TITLE: Final = 18.0
MOST_POINTS: Final = 400
"""The number of points of a line that are drawn; of a longer series the extremes of short ranges are drawn."""
_DOTS: Final = 60  # lines with at most this number of points have a dot at each point


class BarGroup(NamedTuple):
    """Bars of one subject, such as a step: a title, the value of each run (None if the run has none), and a remark on
    each value."""

    title: str
    values: Sequence[float | None]
    remarks: Sequence[str] = ()


def share(value: float, low: float, high: float) -> float:
    """Return where a value is between two others, from 0 to 1. Halves are used, so that no difference overflows."""
    return (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5


def bars(groups: Sequence[BarGroup], letters: Sequence[str], label: str, text: Callable[[float], str]) -> Markup:
    """Return horizontal bars on one scale that begins at zero: a bar for each run in each group.

    Args:
        groups: the values.
        letters: the letter of each run.
        label: the text for screen readers.
        text: writes a value.
    """
    finite = [value for group in groups for value in group.values if value is not None and math.isfinite(value)]
    low, high = min([*finite, 0.0]), max([*finite, 0.0])
    room = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + (share(value, low, high) * room if high > low else 0.0)

    parts: list[Markup] = []
    y = 0.0
    for group in groups:
        if group.title:
            parts.append(element("text", group.title, x=0.0, y=y + 13, class_="label"))
            y += _TITLE
        for at, value in enumerate(group.values):
            remark = group.remarks[at] if group.remarks else ""
            parts += _bar_row(letters[at], at, value, x, y, text, remark)
            y += _ROW
        y += 5
    return drawing(_WIDTH, max(y, 1.0), label, parts, "plot bars")


def _bar_row(
    letter: str,
    at: int,
    value: float | None,
    x: Callable[[float], float],
    y: float,
    text: Callable[[float], str],
    remark: str,
) -> Iterator[Markup]:
    """Yield the letter, the bar and the text of a value."""
    yield element("text", letter, x=0.0, y=y + 11, class_="tick")
    words = "none" if value is None else text(value)
    after = x(0.0)
    if value is not None and math.isfinite(value):
        left, right = sorted((x(0.0), x(value)))
        after = max(right, after)
        title = element("title", f"{letter}: {words}{f', {remark}' if remark else ''}")
        yield element(
            "rect", title, x=left, y=y + 2, width=max(right - left, 1.0), height=_ROW - 4, class_=f"run-{at + 1}"
        )
    yield element("text", f"{words}{f' · {remark}' if remark else ''}", x=after + 5, y=y + 11, class_="value")


def lines(series: Sequence[Sequence[tuple[float, float]]], letters: Sequence[str], label: str) -> Markup:
    """Return the lines of several runs in one plot, with the least and the greatest values on the axes.

    Args:
        series: for each run its points: a place on the horizontal axis and a value. A value that is not finite
            interrupts the line.
        letters: the letter of each run.
        label: the text for screen readers.
    """
    height, left, top, bottom = 190.0, 64.0, 8.0, 22.0
    known = [point for points in series for point in points if math.isfinite(point[1])]
    if not known:
        return drawing(_WIDTH, 20.0, label, [element("text", "no finite values", x=0.0, y=14.0, class_="tick")], "plot")
    (first, last), (low, high) = ((min(each), max(each)) for each in ([p[0] for p in known], [p[1] for p in known]))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = left + share(point[0], first, last) * (_WIDTH - left - 12)
        return x, top + (1 - share(point[1], low, high)) * (height - top - bottom)

    parts = [
        element("text", number(each), x=left - 8, y=place((first, each))[1] + 4, class_="tick", text_anchor="end")
        for each in dict.fromkeys((high, low))
    ]
    for each in dict.fromkeys((first, last)):
        anchor = "middle" if first == last else "start" if each == first else "end"
        parts.append(
            element("text", number(each), x=place((each, low))[0], y=height - 6, class_="tick", text_anchor=anchor)
        )
    for at, points in enumerate(series):
        parts += _line(points, at, letters[at], place)
    return drawing(_WIDTH, height, label, parts, "plot lines")


def _line(
    points: Sequence[tuple[float, float]],
    at: int,
    letter: str,
    place: Callable[[tuple[float, float]], tuple[float, float]],
) -> Iterator[Markup]:
    kind = f"run-{at + 1}"
    path, pen = "", "M"
    for point in thinned(points):
        if math.isfinite(point[1]):
            x, y = place(point)
            path += f"{pen}{number_text(x)} {number_text(y)}"
            pen = "L"
        else:
            pen = "M"
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return
    yield element("path", element("title", f"{letter}: {len(points):,} points"), d=path, class_=f"line {kind}")
    for point in finite if len(finite) <= _DOTS else finite[-1:]:
        x, y = place(point)
        title = element("title", f"{letter}: {number(point[1])} at {number(point[0])}")
        yield element("circle", title, cx=x, cy=y, r="2.6", class_=f"point {kind}")


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return at most MOST_POINTS points: of ranges of equal numbers of points the least and the greatest value, so that
    no peak is lost. A range with a value that is not finite keeps one such point."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(len(points) / (MOST_POINTS // 3))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        finite = [place for place, (_, value) in enumerate(part) if math.isfinite(value)]
        chosen = (
            {min(finite, key=lambda each: part[each][1]), max(finite, key=lambda each: part[each][1])}
            if finite
            else set()
        )
        if len(finite) < len(part):
            chosen.add(next(place for place in range(len(part)) if place not in finite))
        kept += [part[place] for place in sorted(chosen)]
    return kept
