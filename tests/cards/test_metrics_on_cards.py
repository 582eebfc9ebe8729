"""The metrics of a task on its default card: the last value of each metric, and a line chart if a metric has several
values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from metaflow.plugins.cards._line import line_svg
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project


def places(svg: str) -> list[list[tuple[float, float]]]:
    """Return, for each unbroken part of a chart's line, the coordinates of its points."""
    return [
        [(float(x), float(y)) for x, _, y in (point.partition(",") for point in part.split())]
        for part in re.findall(r'points="([^"]*)"', svg)
    ]


def test_the_line_goes_through_the_points_from_left_to_right() -> None:
    (line,) = places(line_svg([(10, 3), (0, 1), (20, 2)], "loss"))
    assert line == [(3, 53), (120, 3), (237, 28)]


def test_values_that_are_not_finite_interrupt_the_line() -> None:
    svg = line_svg([(0, 1), (1, 2), (2, math.nan), (3, math.inf), (4, 2), (5, 1)], "loss")
    assert [len(part) for part in places(svg)] == [2, 2]
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_long_series_keeps_its_extremes_in_a_small_picture() -> None:
    points = [(step, float(step % 97 == 5) * 10 - float(step == 7_777) * 5) for step in range(100_000)]
    svg = line_svg(points, "loss")
    assert len(svg) < 6000
    heights = [y for _, y in places(svg)[0]]
    assert (min(heights), max(heights)) == (3, 53)


def test_lines_of_few_or_extreme_values() -> None:
    assert line_svg([(0, 1)], "x") == ""
    assert line_svg([(0, 1), (1, math.nan)], "x") == ""
    assert places(line_svg([(0, 1), (1, 1)], "x")) == [[(3, 28), (237, 28)]]
    assert places(line_svg([(0, 1), (0, 2)], "x")) == [[(120, 53), (120, 3)]]
    assert places(line_svg([(0, -1.7e308), (1, 1.7e308)], "x")) == [[(3, 53), (237, 3)]]


def test_a_card_shows_metrics_and_their_series(project: Project) -> None:
    body = 'current.metric("a <b>", 12345678); [current.metric("loss", 1 / n, n) for n in range(1, 5)]'
    text = two_steps("Shown", imports="FlowSpec, card, current, step", start=body)
    project.write(
        "flow.py", text.replace("    @step\n        def start", "    @card\n        @step\n        def start")
    )
    project.run("flow.py")
    page = project.flowc("card", "get", "Shown/latest/start").out
    section = re.search(r"<h2>Metrics</h2>.*?</section>", page, re.DOTALL)
    assert section is not None
    assert '<p class="label">a &lt;b&gt;</p><p class="value">12,345,678</p></div>' in section[0]
    assert '<p class="value">0.25</p><p class="below">4 points, the last of step 4</p><svg class="line"' in section[0]
    assert section[0].count("<svg") == 1


def test_a_card_without_metrics_has_no_such_section(project: Project) -> None:
    text = two_steps("Plain", imports="FlowSpec, card, step")
    project.write(
        "flow.py", text.replace("    @step\n        def start", "    @card\n        @step\n        def start")
    )
    project.run("flow.py")
    assert "<h2>Metrics</h2>" not in project.flowc("card", "get", "Plain/latest/start").out
