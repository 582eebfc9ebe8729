"""Computes the positions of the boxes and lines of a graph that is drawn from top to bottom, for any kind of picture.

The layout algorithm is Sugiyama's, for graphs in layers. A box is in the layer below its lowest predecessor. A long
line passes layers between its two boxes, and gets a place in each of them; lines to the same box share these places. A
layer thus consists of places: boxes, and points of long lines. The places in each layer are sorted so that few lines
cross. Then each box moves as close to the middle of its neighbours as the order allows. All lines that lead back to the
same box share a vertical column, to the right of the boxes between the ends of these lines. Time and memory are linear
in the number of boxes, lines and places, apart from a logarithmic factor for the width of a layer.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, TypeAlias, final

from flowc.targets.pictures.crossings import ordered
from flowc.targets.pictures.spacing import Spacing
from flowc_ir.graphs.dominance import postorder
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ends: TypeAlias = tuple[str, str]
"""The names of the boxes at which a line begins and ends."""

GAP: Final = 28.0
"""The space between boxes of a layer."""
LINE_GAP: Final = 18.0
"""The space between long lines, which pass at least one layer."""
LAYER_GAP: Final = 48.0
"""The space between layers, where lines bend."""
# The weights of boxes, of points of long lines, and of points of vertical columns. If two objects in a layer overlap,
# the layout moves the lighter one further. Points of long lines have the largest weight, so that these lines become
# straight.
_BOX, _LINE, _COLUMN = 1.0, 4.0, 0.001


class Point(NamedTuple):
    """A point of the picture; `y` increases downwards."""

    x: float
    y: float


class PlacedBox(NamedTuple):
    """A box: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


@final
@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line through `points`.

    A line that leads downwards is vertical inside a layer and curved between two layers. If `back` is true, the line
    leads upwards to an earlier box and has only right angles. A line may end where it meets another line to the same
    box: `into` names the ends of this other line; it is None if the line reaches the box itself.
    """

    ends: Ends
    points: tuple[Point, ...]
    back: bool
    into: Ends | None


@final
@dataclass(frozen=True, slots=True)
class GraphLayout:
    """The size of the picture, the positions of all boxes by name, and the lines in the given order. The origin is the
    left upper corner."""

    width: float
    height: float
    boxes: Mapping[str, PlacedBox]
    lines: tuple[PlacedLine, ...]


def lay_out(sizes: Mapping[str, tuple[float, float]], lines: Sequence[Ends]) -> GraphLayout:
    """Return positions for boxes of these sizes (width, height) and for the lines between them; equal lines are drawn
    once.

    The first box is at the top. The successors of a box are placed from left to right in the order of the box's lines,
    unless another order has fewer crossings.
    """
    if not sizes:
        return GraphLayout(0, 0, {}, ())
    return _Layout(sizes, tuple(dict.fromkeys(lines))).result()


class _Column(NamedTuple):
    """The vertical column for the lines that lead back to one box.

    Attributes:
        places: the numbers of the column's places, one for each layer that it crosses, from top to bottom.
        lowest: the number of the lowest box from which one of these lines starts.
    """

    places: list[int]
    lowest: int


class _Layout:
    """The layers of a graph. A place is a box, or the point at which a long line or a column crosses a layer. Places
    have numbers: boxes come first, then the points of long lines and columns."""

    def __init__(self, sizes: Mapping[str, tuple[float, float]], lines: Sequence[Ends]) -> None:
        self.sizes = [*sizes.values()]
        self.names = [*sizes]
        self.lines = lines
        self.number = {name: at for at, name in enumerate(sizes)}
        self.children: list[list[int]] = [[] for _ in sizes]
        for source, target in lines:
            self.children[self.number[source]].append(self.number[target])
        self.order = self._order()
        self.rank = {at: index for index, at in enumerate(self.order)}
        self.layer = self._layers()
        self.weights = [_BOX] * len(sizes)
        self.below: list[list[int]] = [[] for _ in sizes]
        self.above: list[list[int]] = [[] for _ in sizes]
        self.via: dict[tuple[int, int], list[int]] = {}  # the places of each line, without the boxes at its ends
        # for each long line that ends at another line: the line that it joins
        self.into: dict[tuple[int, int], tuple[int, int]] = {}
        self._add_long_lines()
        self.columns = self._columns()  # the columns, by the box to which their lines lead back

    def _order(self) -> list[int]:
        """Return the boxes in topological order, ignoring lines that lead back."""
        found: list[int] = []
        seen: set[str] = set()
        for root in self.names:
            if root not in seen:
                part = postorder(root, lambda at: [self.names[to] for to in self.children[self.number[at]]])
                new = [at for at in part if at not in seen]
                seen.update(new)
                found = [*(self.number[at] for at in reversed(new)), *found]
        return found

    def leads_back(self, source: int, target: int) -> bool:
        return self.rank[target] <= self.rank[source]

    def _layers(self) -> list[int]:
        layer = [0] * len(self.names)
        for at in self.order:
            for to in self.children[at]:
                if not self.leads_back(at, to):
                    layer[to] = max(layer[to], layer[at] + 1)
        return layer

    # -- the places of lines -------------------------------------------------------------------------------------------

    def _add_long_lines(self) -> None:
        shared: dict[tuple[int, int], tuple[int, tuple[int, int]]] = {}  # the shared places, by target box and layer
        for source in self.order:
            for target in self.children[source]:
                if self.leads_back(source, target):
                    continue
                ends, before = (source, target), source
                via = self.via[ends] = []
                for layer in range(self.layer[source] + 1, self.layer[target]):
                    if (known := shared.get((target, layer))) is not None:
                        place, self.into[ends] = known
                    else:
                        place = self._place(layer, _LINE)
                        shared[target, layer] = place, ends
                    self._connect(before, place)
                    via.append(place)
                    before = place
                    if known is not None:
                        break
                else:
                    self._connect(before, target)

    def _columns(self) -> dict[int, _Column]:
        lowest: dict[int, int] = {}
        for source in self.order:
            for target in self.children[source]:
                if self.leads_back(source, target) and self.layer[source] >= self.layer[lowest.get(target, target)]:
                    lowest[target] = source
        found = {}
        for target, source in lowest.items():
            places = [self._place(at, _COLUMN) for at in range(self.layer[target], self.layer[source] + 1)]
            for upper, lower in itertools.pairwise(places):
                self._connect(upper, lower)
            found[target] = _Column(places, source)
        return found

    def _place(self, layer: int, weight: float) -> int:
        self.layer.append(layer)
        self.weights.append(weight)
        self.below.append([])
        self.above.append([])
        return len(self.layer) - 1

    def _connect(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def _walk(self) -> list[list[int]]:
        """Return the layers, with the places in the order in which a depth-first search finds them; the column of lines
        back to a box is to the right of all places that are reached from the box."""
        layers: list[list[int]] = [[] for _ in range(max(self.layer) + 1)]
        seen: set[int] = set()
        roots = [at for at in self.order if not self.above[at]]
        stack = [(at, False) for at in reversed(roots)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                for place in self.columns[at].places if at in self.columns else ():
                    layers[self.layer[place]].append(place)
            elif at not in seen:
                seen.add(at)
                layers[self.layer[at]].append(at)
                stack.append((at, True))
                stack += [(to, False) for to in reversed(self.below[at])]
        return layers

    # -- positions -----------------------------------------------------------------------------------------------------

    def result(self) -> GraphLayout:
        layers = ordered(self._walk(), self.below, self.above)
        widths = [width + GAP for width, _ in self.sizes] + [LINE_GAP] * (len(self.layer) - len(self.sizes))
        anchors = {column.places[0]: target for target, column in self.columns.items()}
        middles = Spacing(layers, widths, self.weights, anchors).improve(self.below, self.above)
        self._straighten(layers, middles, widths)
        left = min(middle - width / 2 for middle, width in zip(middles, widths, strict=True))
        right = max(middle + width / 2 for middle, width in zip(middles, widths, strict=True))
        return _Drawing(self, layers, [middle - left for middle in middles]).result(right - left)

    def _straighten(self, layers: Sequence[Sequence[int]], middles: list[float], widths: Sequence[float]) -> None:
        """Make columns straight, the longest column first: move all places of a column to the x coordinate of its
        rightmost place, unless a place of another box or line is in the way."""
        after = {left: right for layer in layers for left, right in itertools.pairwise(layer)}
        for column in sorted(self.columns.values(), key=lambda each: len(each.places), reverse=True):
            x = max(middles[at] for at in column.places)
            free = (
                middles[after[at]] - (widths[at] + widths[after[at]]) / 2 >= x for at in column.places if at in after
            )
            if all(free):
                for at in column.places:
                    middles[at] = x


class _Drawing:
    """Computes the boxes and lines of a drawing from the layer and the x coordinate of each place.

    A place is a box, or the point at which a line crosses a layer.
    """

    def __init__(self, layout: _Layout, layers: Sequence[Sequence[int]], middles: Sequence[float]) -> None:
        self.layout = layout
        self.middles = middles
        self.tops: list[float] = []
        self.bottoms: list[float] = []
        y = LAYER_GAP / 2
        for layer in layers:
            self.tops.append(y)
            y += max((layout.sizes[at][1] for at in layer if at < len(layout.sizes)), default=0.0)
            self.bottoms.append(y)
            y += LAYER_GAP
        self.height = y - LAYER_GAP / 2
        self.boxes = [self._box(at, *size) for at, size in enumerate(layout.sizes)]

    def result(self, width: float) -> GraphLayout:
        lines = tuple(self._line(ends) for ends in self.layout.lines)
        return GraphLayout(width, self.height, dict(zip(self.layout.names, self.boxes, strict=True)), lines)

    def _box(self, at: int, width: float, height: float) -> PlacedBox:
        layer = self.layout.layer[at]
        middle = (self.tops[layer] + self.bottoms[layer]) / 2
        return PlacedBox(self.middles[at] - width / 2, middle - height / 2, width, height)

    def _line(self, ends: Ends) -> PlacedLine:
        source, target = (self.layout.number[end] for end in ends)
        if target in self.layout.columns and self.layout.leads_back(source, target):
            return self._line_back(ends, source, target)
        into = self.layout.into.get((source, target))
        box = self.boxes[source]
        points = [Point(self.middles[source], box.y + box.height)]
        points.append(Point(self.middles[source], self.bottoms[self.layout.layer[source]]))
        for place in self.layout.via[source, target]:
            layer, x = self.layout.layer[place], self.middles[place]
            points += [Point(x, self.tops[layer]), Point(x, self.bottoms[layer])]
        if into is None:
            x = self.middles[target]
            points += [Point(x, self.tops[self.layout.layer[target]]), Point(x, self.boxes[target].y)]
        else:
            points.pop()
        return PlacedLine(ends, _distinct(points), False, self._named(into))

    def _line_back(self, ends: Ends, source: int, target: int) -> PlacedLine:
        """Return a line that leads back: it leaves the bottom of the source box, goes upwards in the column of the
        target box, and ends at the target's top.

        Only the line that starts at the lowest box is drawn through the column; the other lines end where they meet the
        column.
        """
        column, layer = self.layout.columns[target], self.layout.layer[source]
        first, last = self.boxes[source], self.boxes[target]
        out, turn = first.x + first.width * 0.75, self.bottoms[layer] + LAYER_GAP / 4
        meeting = Point(self.middles[column.places[layer - self.layout.layer[target]]], turn)
        points = [Point(out, first.y + first.height), Point(out, turn), meeting]
        if source != column.lowest:
            return PlacedLine(ends, _distinct(points), True, self._named((column.lowest, target)))
        for place in reversed(column.places):
            x = self.middles[place]
            points += [Point(x, points[-1].y), Point(x, self.tops[self.layout.layer[place]] - LAYER_GAP / 4)]
        back = last.x + last.width * 0.75
        points += [Point(back, points[-1].y), Point(back, last.y)]
        return PlacedLine(ends, _distinct(points), True, None)

    def _named(self, ends: tuple[int, int] | None) -> Ends | None:
        return None if ends is None else (self.layout.names[ends[0]], self.layout.names[ends[1]])


def _distinct(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points without repetitions: of equal points in a row, only the first is kept."""
    return tuple(point for at, point in enumerate(points) if at == 0 or point != points[at - 1])
