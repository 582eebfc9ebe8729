"""Sorts the places in the layers of a graph so that few lines cross.

A place is a box, or the point at which a line crosses a layer between the layers of its two ends.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Layers = Sequence[Sequence[int]]
    Neighbours = Sequence[Sequence[int]]

ROUNDS: Final = 12
"""The maximum number of rounds; a round goes through the layers downwards and then upwards."""
PATIENCE: Final = 3
"""The search ends after this number of successive rounds that find no better order."""


def ordered(layers: Layers, below: Neighbours, above: Neighbours) -> list[list[int]]:
    """Return the layers with their places in an order in which few lines cross. The number of crossings is never larger
    than in the given order.

    For each place, `below` has its neighbours in the next layer, and `above` has its neighbours in the previous layer.
    """
    current = [[*layer] for layer in layers]
    best, fewest, waited = [[*layer] for layer in current], _crossings(current, below), 0
    position = [0] * len(below)
    for _ in range(ROUNDS):
        if not fewest or waited == PATIENCE:
            break
        _sweep(current, range(len(current)), above, position)
        _sweep(current, range(len(current) - 1, -1, -1), below, position)
        count = _crossings(current, below)
        waited += 1
        if count < fewest:
            best, fewest, waited = [[*layer] for layer in current], count, 0
    return best


def _sweep(layers: list[list[int]], order: Iterable[int], neighbours: Neighbours, position: list[int]) -> None:
    """Sort the places of each layer by the mean position of their `neighbours`; places without neighbours are not
    moved."""
    for number in order:
        means = {
            at: sum(position[other] for other in neighbours[at]) / len(neighbours[at])
            for at in layers[number]
            if neighbours[at]
        }
        moved = iter(sorted(means, key=means.__getitem__))
        layers[number] = [next(moved) if at in means else at for at in layers[number]]
        for index, at in enumerate(layers[number]):
            position[at] = index


def _crossings(layers: Layers, below: Neighbours) -> int:
    """Return the number of pairs of lines that cross between neighbouring layers."""
    position = [0] * len(below)
    for layer in layers:
        for index, at in enumerate(layer):
            position[at] = index
    return sum(
        _inversions([to for at in upper for to in sorted(position[to] for to in below[at])], len(lower))
        for upper, lower in itertools.pairwise(layers)
    )


def _inversions(numbers: Iterable[int], limit: int) -> int:
    """Return the number of pairs in which the earlier number is larger, computed by a Fenwick tree. All numbers are
    below `limit`."""
    tree = [0] * (limit + 1)
    found = 0
    for seen, number in enumerate(numbers):
        at, smaller = number + 1, 0
        while at:
            smaller += tree[at]
            at &= at - 1
        found += seen - smaller
        at = number + 1
        while at <= limit:
            tree[at] += 1
            at += at & -at
    return found
