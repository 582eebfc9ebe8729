"""Computes the horizontal positions of the places (boxes, and points of long lines) in the layers of a picture. A place
is close to the middle of its neighbours in the layers above and below; the order of the places in a layer is given."""

from __future__ import annotations

from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Layers = Sequence[Sequence[int]]
    Neighbours = Sequence[Sequence[int]]

ROUNDS: Final = 6
"""The number of rounds; a round goes through the layers downwards and then upwards."""


@final
class Spacing:
    """Improves the positions of places by going through the layers several times.

    Args:
        layers: the places of each layer, from left to right.
        widths: the width of each place, with the space around it.
        weights: the weight of each place. If several places want the same position, a heavy place moves less than a
            light one.
        anchors: maps some places to another place, the anchor, at whose position they should be.
    """

    def __init__(
        self, layers: Layers, widths: Sequence[float], weights: Sequence[float], anchors: Mapping[int, int]
    ) -> None:
        self._layers = layers
        self._weights = weights
        self._anchors = anchors
        self.middles = [0.0] * len(widths)
        self._offsets: list[list[float]] = []  # for each layer: the positions of the places without space between them
        for layer in layers:
            steps = ((widths[left] + widths[right]) / 2 for left, right in pairwise(layer))
            offsets = [*accumulate(chain((0.0,), steps))]
            self._offsets.append(offsets)
            for at, offset in zip(layer, offsets, strict=True):
                self.middles[at] = offset - offsets[-1] / 2

    def improve(self, below: Neighbours, above: Neighbours) -> list[float]:
        """Improve the positions and return the middles of all places."""
        both = [[*up, *down] for up, down in zip(above, below, strict=True)]
        for _ in range(ROUNDS):
            self._sweep(range(len(self._layers)), above)
            self._sweep(range(len(self._layers) - 1, -1, -1), below)
        self._sweep(range(len(self._layers)), both)
        self._sweep(range(len(self._layers) - 1, -1, -1), both)
        self._sweep(range(len(self._layers)), above)
        return self.middles

    def _sweep(self, order: Iterable[int], neighbours: Neighbours) -> None:
        for number in order:
            layer = self._layers[number]
            wanted = [self._wanted(at, neighbours[at]) for at in layer]
            weights = [self._weights[at] for at in layer]
            for at, middle in zip(layer, _fitted(wanted, weights, self._offsets[number]), strict=True):
                self.middles[at] = middle

    def _wanted(self, at: int, neighbours: Sequence[int]) -> float:
        if at in self._anchors:
            return self.middles[self._anchors[at]]
        if not neighbours:
            return self.middles[at]
        return sum(self.middles[other] for other in neighbours) / len(neighbours)


def _fitted(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Return the positions that are closest to `wanted` (least squares), under one condition: the distance between
    neighbours is at least their distance in `offsets`.

    If the offsets are subtracted from the positions, the condition only says that the results are in ascending order.
    The pool-adjacent-violators algorithm solves this problem: it merges positions in the wrong order into pools, whose
    positions share one mean.
    """
    pools: list[tuple[float, float, int]] = []  # for each pool: its weight, its mean, and its number of positions
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        pool = (weight, want - offset, 1)
        while pools and pools[-1][1] > pool[1]:
            before = pools.pop()
            total = before[0] + pool[0]
            pool = (total, (before[0] * before[1] + pool[0] * pool[1]) / total, before[2] + pool[2])
        pools.append(pool)
    means = chain.from_iterable([mean] * count for _, mean, count in pools)
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
