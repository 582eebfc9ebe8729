"""A small line chart of a metric's points as SVG, made without a library."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT, _MARGIN = 240, 56, 3
_COLUMNS = 150  # the number of columns of the chart; a column shows only the smallest and the largest of its values


def line_svg(points: Sequence[tuple[float, float]], label: str) -> str:
    """Return a line chart of the points as SVG, or an empty string if fewer than two values are finite.

    Args:
        points: pairs (x, y), in any order. The line has gaps at NaN and infinite values.
        label: the description for screen readers.
    """
    ordered = sorted(points, key=lambda point: point[0])
    finite = [y for _, y in ordered if math.isfinite(y)]
    if len(finite) < 2:
        return ""
    left, right = ordered[0][0], ordered[-1][0]
    least, most = min(finite), max(finite)

    def place(x: float, y: float) -> str:
        across = (x - left) / (right - left) if right > left else 0.5
        # Values are halved because the difference of two large floats can be infinite.
        up = (y / 2 - least / 2) / (most / 2 - least / 2) if most > least else 0.5
        across, up = across * (_WIDTH - 2 * _MARGIN) + _MARGIN, (1 - up) * (_HEIGHT - 2 * _MARGIN) + _MARGIN
        return f"{across:.1f},{up:.1f}"

    lines = "".join(
        f'<polyline points="{" ".join(place(x, y) for x, y in part)}"/>' for part in _unbroken(_thinned(ordered))
    )
    title = escape(f"{label}, between {least:.6g} and {most:.6g}")
    return f'<svg class="line" role="img" aria-label="{title}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{lines}</svg>'


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Reduce the points to the smallest and the largest value of each column; the order is kept."""
    size = math.ceil(len(points) / _COLUMNS)
    if size <= 2:
        return list(points)
    kept: list[tuple[float, float]] = []
    for at in range(0, len(points), size):
        part = points[at : at + size]
        known = [number for number, (_, y) in enumerate(part) if math.isfinite(y)]
        if not known:
            kept.append(part[0])
            continue
        ends = {min(known, key=lambda number: part[number][1]), max(known, key=lambda number: part[number][1])}
        kept += [part[number] for number in sorted(ends)]
    return kept


def _unbroken(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """Split the points at values that are not finite; yield the sections between them."""
    part: list[tuple[float, float]] = []
    for point in points:
        if math.isfinite(point[1]):
            part.append(point)
        elif part:
            yield part
            part = []
    if part:
        yield part
