"""The positions of boxes and lines: boxes do not overlap, lines end at their boxes, and the work is linear."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.targets.pictures.crossings import ordered
from flowc.targets.pictures.layout import GAP, GraphLayout, lay_out
from flowc_ir import targets
from targets.argo import flows
from tools.opcodes import executed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.targets.pictures.layout import Ends, PlacedBox, Point
    from flowc_ir import Flow

NAMES = [f"s{at}" for at in range(2000)]


def graph(flow: Flow) -> list[Ends]:
    return [(node.id, target) for node in flow.nodes for target in targets(node.next)]


def laid(lines: Sequence[Ends], widths: Mapping[str, float] | None = None) -> GraphLayout:
    names = dict.fromkeys(name for ends in lines for name in ends)
    return lay_out({name: ((widths or {}).get(name, 80.0), 30.0) for name in names}, lines)


def inside(point: Point, box: PlacedBox) -> bool:
    return box.x < point.x < box.x + box.width and box.y < point.y < box.y + box.height


def overlap(a: PlacedBox, b: PlacedBox) -> bool:
    return abs(a.x + a.width / 2 - b.x - b.width / 2) < (a.width + b.width) / 2 - 0.01 and abs(a.y - b.y) < 30.0


def check(layout: GraphLayout, lines: Sequence[Ends]) -> None:
    boxes = [*layout.boxes.values()]
    for at, box in enumerate(boxes):
        assert box.x >= 0 and box.y >= 0 and box.x + box.width <= layout.width and box.y + box.height <= layout.height
        assert not any(overlap(box, other) for other in boxes[:at])
    assert [line.ends for line in layout.lines] == [*dict.fromkeys(lines)]
    by_ends = {line.ends: line for line in layout.lines}
    for line in layout.lines:
        source, target = (layout.boxes[name] for name in line.ends)
        first, last = line.points[0], line.points[-1]
        assert source.x < first.x < source.x + source.width and first.y == source.y + source.height
        if line.into is None:
            assert target.x < last.x < target.x + target.width and last.y == target.y
        else:
            assert by_ends[line.into].into is None or by_ends[line.into].ends != line.ends
            assert line.into[1] == line.ends[1]
        for point, following in pairwise(line.points):
            if line.back:
                assert point.x == following.x or point.y == following.y
            else:
                assert following.y > point.y
            for step in range(1, 8):
                # points of the straight line; the drawn curve stays even nearer to the vertical lines through `point`
                # and `following`
                x, y = (a + (b - a) * step / 8 for a, b in zip(point, following, strict=True))
                assert not any(inside(type(point)(x, y), box) for box in boxes), f"{line.ends} goes through a box"


@given(st.data())
def test_nothing_overlaps(data: st.DataObject) -> None:
    shape = data.draw(flows.shapes(NAMES[::-1].copy(), switches=True))
    lines = graph(flows.flow(["start", *shape, "end"]))
    widths = data.draw(st.dictionaries(st.sampled_from(NAMES[:40]), st.integers(20, 400)))
    check(laid(lines, widths), lines)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), min_size=1, max_size=20))
def test_any_graph_has_a_layout(lines: list[Ends]) -> None:
    check(laid(lines), lines)


def test_arms_stand_in_their_order_around_the_middle() -> None:
    layout = laid([("s", "a"), ("s", "b"), ("s", "c"), ("a", "j"), ("b", "j"), ("c", "j")])
    x = {name: box.x + box.width / 2 for name, box in layout.boxes.items()}
    assert [x["b"] - x["a"], x["c"] - x["b"]] == pytest.approx([80 + GAP] * 2)
    assert [x["s"], x["j"]] == pytest.approx([x["b"]] * 2)
    assert [line.back for line in layout.lines] == [False] * 6


def test_the_order_is_changed_where_lines_would_cross() -> None:
    below = [[3], [2], [], []]
    assert ordered([[0, 1], [2, 3]], below, [[], [], [1], [0]]) in ([[0, 1], [3, 2]], [[1, 0], [2, 3]])
    untouched = [[0, 1], [2, 3]]
    assert ordered(untouched, [[2], [3], [], []], [[], [], [0], [1]]) == untouched


def test_long_lines_to_one_box_share_their_way() -> None:
    lines = [("s", "a"), ("a", "b"), ("b", "c"), ("c", "j"), ("s", "j"), ("a", "j")]
    layout = laid(lines)
    into = {line.ends: line.into for line in layout.lines if line.into is not None}
    assert into == {("a", "j"): ("s", "j")}
    check(layout, lines)


def test_lines_back_share_a_column_beside_the_loop() -> None:
    lines = [("s", "h"), ("h", "a"), ("a", "b"), ("b", "h"), ("a", "h"), ("b", "e"), ("h", "h")]
    layout = laid(lines)
    back = {line.ends: line for line in layout.lines if line.back}
    assert {ends: line.into for ends, line in back.items()} == {
        ("b", "h"): None, ("a", "h"): ("b", "h"), ("h", "h"): ("b", "h"),
    }  # fmt: skip
    right = max(box.x + box.width for box in layout.boxes.values())
    assert all(max(point.x for point in line.points) >= right for line in back.values())
    check(layout, lines)


def test_no_box_and_one() -> None:
    assert lay_out({}, []).boxes == {}
    assert lay_out({"a": (10, 10)}, []).boxes["a"].width == 10


def mixed(parts: int) -> list[Ends]:
    """Return the edges of a flow of `parts` parts, each with a branch with a long arm, and a loop."""
    shape: flows.Shape = []
    for at in range(parts):
        arms: list[flows.Shape] = [[f"a{at}"], [f"b{at}", f"c{at}", f"d{at}"], [f"e{at}", f"f{at}"]]
        shape += [f"s{at}", ("fork", f"j{at}", arms), ("loop", f"l{at}", [f"h{at}"])]
    return graph(flows.flow([*shape, "end"]))


def across(arms: int) -> list[Ends]:
    return graph(flows.wide(arms, 3))


def around(length: int) -> list[Ends]:
    """Return the edges of a chain, and of a line to the end from each step of the chain."""
    steps = [f"s{at}" for at in range(length)]
    return [*pairwise(steps), *((step, steps[-1]) for step in steps[:-2])]


@pytest.mark.parametrize("shape", [mixed, across, around])
def test_the_work_is_linear(shape: object) -> None:
    """Four times as many boxes need about four times the work; some flows have 4,000 steps."""
    assert callable(shape)
    small, large = shape(25), shape(100)
    assert 3 < executed(lambda: laid(large)) / executed(lambda: laid(small)) < 5.5
