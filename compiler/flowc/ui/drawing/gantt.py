"""Draws the timeline of a run: a row for each attempt, or for a step with many attempts a few rows that they share."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from flowc.ui.drawing.svg_elements import drawing, element
from flowc.ui.wording import duration
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markupsafe import Markup

    from flowc.ui.page_data.times import Bar, Timeline

WIDTH: Final = 1000.0
_LEFT: Final = 190.0  # the width of the names
_ROW: Final = 18.0
_TOP: Final = 22.0
OWN_ROWS: Final = 12
"""The number of attempts of a step that get a row each; the attempts of a larger step share rows."""
MOST_ROWS: Final = 16
"""The number of rows of a step with more attempts."""
_MOST_BARS: Final = 160  # bars of the shared rows of a step: short neighbours become one until there are not more
_THINNEST: Final = 1.2  # bars of shared rows that are closer than this are drawn as one


def gantt(timeline: Timeline, now: float, address: Callable[[Bar], str]) -> Markup:
    """Return the timeline of a run.

    Args:
        timeline: the bars.
        now: the current time in seconds since the epoch: the end of bars of active attempts.
        address: returns the URL of an attempt's page.
    """
    scale = (WIDTH - _LEFT - 8) / (timeline.ended - timeline.began)

    def x(when: float) -> float:
        return _LEFT + (min(max(when, timeline.began), timeline.ended) - timeline.began) * scale

    parts: list[Markup] = []
    y = _TOP
    for step, bars in timeline.steps.items():
        rows = [[bar] for bar in bars] if len(bars) <= OWN_ROWS else _thinned(_shared(bars, now), now, scale)
        for number, row in enumerate(rows):
            name = _name(row[0]) if len(bars) <= OWN_ROWS else (f"{step} ({len(bars):,})" if number == 0 else "")
            if name:
                parts.append(element("text", _short(name), x=_LEFT - 8, y=y + 12, class_="label", text_anchor="end"))
            parts += [_bar(bar, x, y, now, address) for bar in row]
            y += _ROW
        y += 4
    height = y + 4
    axis = [*_axis(timeline, x, height)]
    label = f"the timeline: {duration(timeline.ended - timeline.began)}"
    return drawing(WIDTH, height, label, [*axis, *parts], "gantt", links=True)


def _name(bar: Bar) -> str:
    return task_id(bar.step, bar.path) + (f" #{bar.number}" if bar.number > 1 else "")


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"


def _shared(bars: Sequence[Bar], now: float) -> list[list[Bar]]:
    """Return rows such that the attempts of a row follow each other; attempts beyond MOST_ROWS share the last row."""
    rows: list[list[Bar]] = []
    free: list[tuple[float, int]] = []
    for bar in sorted(bars, key=lambda each: each.began):
        end = bar.ended if bar.ended is not None else now
        if free and (free[0][0] <= bar.began or len(rows) == MOST_ROWS):
            _, row = heapq.heappop(free)
        else:
            row = len(rows)
            rows.append([])
        rows[row].append(bar)
        heapq.heappush(free, (end, row))
    return rows


def _thinned(rows: list[list[Bar]], now: float, scale: float) -> list[list[Bar]]:
    """Return shared rows with at most _MOST_BARS bars."""
    width = _THINNEST
    thin = [[*_merged(row, now, scale, width)] for row in rows]
    while sum(map(len, thin)) > max(_MOST_BARS, 2 * len(rows)) and width < WIDTH:
        width *= 2
        thin = [[*_merged(row, now, scale, width)] for row in thin]
    return [[*_with_own_waits(row)] for row in thin]


def _with_own_waits(row: Sequence[Bar]) -> Iterator[Bar]:
    """Yield the bars of a shared row; each wait begins at the end of the bar before it, so that no wait hides a bar."""
    free = 0.0
    for bar in row:
        yield bar if bar.queued is None else bar._replace(queued=min(bar.began, max(bar.queued, free)))
        free = bar.ended if bar.ended is not None else bar.began


def _merged(row: Sequence[Bar], now: float, scale: float, width: float) -> Iterator[Bar]:
    """Yield the bars of a shared row; neighbours that are shorter than twice a width, and closer than this width,
    become one bar with the worst of their states."""
    last: Bar | None = None
    for bar in row:
        if last is None:
            last = bar
            continue
        near = last.ended is not None and (bar.began - last.ended) * scale < width
        short = min((bar.ended or now) - bar.began, (last.ended or now) - last.began) * scale < 2 * width
        if near and short and bar.ended is not None:
            state = bar.state if "failed" in bar.state or last.state == "ok" else last.state
            last = last._replace(
                ended=max(bar.ended, last.ended or bar.ended), state=state, critical=bar.critical or last.critical
            )
        else:
            yield last
            last = bar
    if last is not None:
        yield last


def _bar(bar: Bar, x: Callable[[float], float], y: float, now: float, address: Callable[[Bar], str]) -> Markup:
    end = bar.ended if bar.ended is not None else max(now, bar.began)
    left, right = x(bar.began), x(end)
    parts = []
    if bar.queued is not None and bar.queued < bar.began and left - x(bar.queued) > 0.5:
        parts.append(element("rect", x=x(bar.queued), y=y + 7, width=left - x(bar.queued), height=3.0, class_="wait"))
    kinds = " ".join(["bar", bar.state, *bar.flags, *(["critical"] if bar.critical else [])])
    parts.append(
        element("rect", x=left, y=y + 2, width=max(right - left, 1.5), height=_ROW - 5, rx="2.5", class_=kinds)
    )
    waited = f", waited {duration(bar.began - bar.queued)}" if bar.queued is not None and bar.began > bar.queued else ""
    more = "".join(f", {flag}" for flag in bar.flags) + (", on the critical path" if bar.critical else "")
    title = f"{_name(bar)}: {bar.state}, {duration(end - bar.began)}{waited}{more}"
    return element("a", element("title", title), *parts, href=address(bar), aria_label=title)


def _axis(timeline: Timeline, x: Callable[[float], float], height: float) -> Iterator[Markup]:
    """Yield the grid: a line and a text for each of five to ten round durations since the start."""
    whole = timeline.ended - timeline.began
    unit = next((each for each in _UNITS if whole / each <= 8), whole / 6)
    for number in range(int(whole / unit) + 1):
        at = x(timeline.began + number * unit)
        yield element("line", x1=at, x2=at, y1=_TOP - 4, y2=height, class_="grid")
        yield element(
            "text", duration(number * unit) if number else "0", x=at, y=12.0, class_="tick", text_anchor="middle"
        )


_UNITS: Final = tuple(
    size * unit
    for unit, sizes in (
        (0.001, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1, (1, 2, 5, 10, 20, 30)),
        (60, (1, 2, 5, 10, 20, 30)),
        (3600, (1, 2, 4, 8, 12)),
        (86400, (1, 2, 5, 10, 30)),
    )
    for size in sizes
)
