"""The graph of a flow as an SVG picture, from left to right."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 132, 40, 44, 18, 14
_Edge = tuple[str, str]


def dag_svg(steps: Mapping[str, Mapping[str, Any]], here: str) -> str:
    """Return the picture of a flow's graph as SVG.

    Args:
        steps: step name -> `{"next": […], "type": …, "doc": …}`, as in the argument `graph` of a card.
        here: the step to highlight, or an empty string for no step.
    """
    following = {name: [target for target in step["next"] if target in steps] for name, step in steps.items()}
    back = _back_edges(following)
    columns, chains = _columns(following, back)
    place = _places(columns)
    width = len(columns) * (_WIDTH + _ACROSS) - _ACROSS + 2 * _MARGIN
    height = max(len(column) for column in columns) * (_HEIGHT + _DOWN) - _DOWN + 2 * _MARGIN + (30 if back else 0)
    edges = "".join(_edge([place[name] for name in chain]) for chain in chains)
    loops = "".join(_loop(place[start], place[end], height) for start, end in sorted(back))
    many = _many(steps, following)
    nodes = "".join(_node(name, step, place[name], name == here, name in many) for name, step in steps.items())
    label = escape("Steps: " + ", ".join(steps))
    arrow = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    # the minimum width of a readable picture; on a narrower page, the user scrolls the picture
    least = min(width, max(600, round(width * 0.7)))
    return (
        f'<svg class="dag" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="min-width: {least}px">{arrow}{edges}{loops}{nodes}</svg>'
    )


def _many(steps: Mapping[str, Mapping[str, object]], following: Mapping[str, list[str]]) -> set[str]:
    """Return the names of the steps that have several tasks: the steps between a foreach and its join."""
    names: set[str] = set()
    for name, step in steps.items():
        if str(step.get("type")) not in ("split-foreach", "foreach", "split-parallel"):
            continue
        waiting = list(following[name])
        while waiting:
            inner = waiting.pop()
            if inner not in names and inner != step.get("matching_join"):
                names.add(inner)
                waiting += following[inner]
    return names


def _back_edges(following: Mapping[str, list[str]]) -> set[_Edge]:
    """Return the edges that close a loop, which a depth-first search finds."""
    edges: set[_Edge] = set()
    state: dict[str, int] = {}  # the state of each visited step: 1 on the current path, 2 if all successors are visited
    for root in following:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(following[root]))]
        while stack:
            name, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                state[name] = 2
                stack.pop()
            elif state.get(target) == 1:
                edges.add((name, target))
            elif target not in state:
                state[target] = 1
                stack.append((target, iter(following[target])))
    return edges


def _columns(following: Mapping[str, list[str]], back: set[_Edge]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the columns of the drawing, as lists of names, and each edge as a list of names, one per column that the
    edge crosses."""
    edges = [(name, target) for name, targets in following.items() for target in targets if (name, target) not in back]
    rank = dict.fromkeys(following, 0)
    waiting = {name: sum(target == name for _, target in edges) for name in following}
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:  # the list grows during the loop
        for target in (end for start, end in edges if start == name):
            rank[target] = max(rank[target], rank[name] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    columns: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in ready:
        columns[rank[name]].append(name)
    chains = []
    for start, end in edges:
        passed = [f"{start}\0{end}\0{at}" for at in range(rank[start] + 1, rank[end])]
        for at, name in enumerate(passed, rank[start] + 1):
            columns[at].append(name)
        chains.append([start, *passed, end])
    before: dict[str, list[str]] = {}
    for chain in chains:
        for left, right in pairwise(chain):
            before.setdefault(right, []).append(left)
    # sort the column so that each node is near the mean row of its predecessors
    for at, column in enumerate(columns[1:], 1):
        rows = {name: row for row, name in enumerate(columns[at - 1])}
        column.sort(key=lambda name: sum(rows[left] for left in before[name]) / len(before[name]))
    return columns, chains


def _places(columns: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Return for each step the position of the middle of the left side of its box."""
    tallest = max(len(column) for column in columns)
    return {
        name: (
            _MARGIN + at * (_WIDTH + _ACROSS),
            _MARGIN + (row + (tallest - len(column)) / 2) * (_HEIGHT + _DOWN) + _HEIGHT / 2,
        )
        for at, column in enumerate(columns)
        for row, name in enumerate(column)
    }


def _edge(points: list[tuple[float, float]]) -> str:
    x, y = points[0]
    path = f"M{x + _WIDTH} {y}"
    for number, (left, middle) in enumerate(points[1:], 1):
        bend = _ACROSS / 2
        start = points[number - 1][0] + _WIDTH
        path += f" C{start + bend} {points[number - 1][1]} {left - bend} {middle} {left} {middle}"
        if number < len(points) - 1:
            path += f" H{left + _WIDTH}"
    return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>'


def _loop(start: tuple[float, float], end: tuple[float, float], height: float) -> str:
    right, left = start[0] + _WIDTH * 0.65, end[0] + _WIDTH * 0.35
    top, below = start[1] + _HEIGHT / 2, height - 6
    path = f"M{right} {top} C{right} {below} {left} {below} {left} {end[1] + _HEIGHT / 2}"
    return f'<path class="edge back" d="{path}" marker-end="url(#arrow)"/>'


def _node(name: str, step: Mapping[str, object], place: tuple[float, float], here: bool, many: bool) -> str:
    x, y = place[0], place[1] - _HEIGHT / 2
    shape = f'width="{_WIDTH}" height="{_HEIGHT}" rx="9"'
    behind = f'<rect class="behind" {shape} x="{x + 4}" y="{y - 4}"/>' if many else ""
    shown = name if len(name) <= 17 else name[:16] + "…"
    title = escape(f"{name}: {step.get('doc') or step.get('type', '')}".strip(": "))
    return (
        f'<g class="node{" here" if here else ""}"><title>{title}</title>{behind}<rect {shape} x="{x}" y="{y}"/>'
        f'<text x="{x + _WIDTH / 2}" y="{place[1]}">{escape(shown)}</text></g>'
    )
