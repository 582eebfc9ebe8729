"""Layout components of card packages: their dicts, which the packages' scripts read, and their HTML from flowc."""

from __future__ import annotations

from typing import Any

import pytest

from metaflow.cards import Markdown
from metaflow.plugins.cards._draw import draw
from metaflow.plugins.cards.card_modules import components
from metaflow.plugins.cards.card_modules.basic import (
    ArtifactsComponent,
    DagComponent,
    DefaultComponent,
    ErrorComponent,
    HTMLComponent,
    ImageComponent,
    LogComponent,
    MarkdownComponent,
    PageComponent,
    PythonCodeComponent,
    SectionComponent,
    SubTitleComponent,
    TableComponent,
    TextComponent,
    TitleComponent,
)

STEPS = {"start": {"next": ["end"], "type": "linear"}, "end": {"next": [], "type": "end"}}


@pytest.mark.parametrize(
    ("component", "fields", "drawn"),
    [
        (TitleComponent("a<b"), {"type": "title", "text": "a<b"}, "<h2>a&lt;b</h2>"),
        (SubTitleComponent("t"), {"type": "subtitle", "text": "t"}, "<h3>t</h3>"),
        (TextComponent(), {"type": "text", "text": None}, "<p></p>"),
        (MarkdownComponent("*x*"), {"type": "markdown", "source": "*x*"}, "<em>x</em>"),
        (HTMLComponent("<i>x</i>"), {"type": "html", "data": "<i>x</i>"}, "<i>x</i>"),
        (PythonCodeComponent("x = 1"), {"type": "pythonCode", "data": "x = 1"}, "<code>x = 1</code>"),
        (DefaultComponent("t", "s"), {"type": None, "title": "t", "subtitle": "s"}, "<pre>"),
        (
            TableComponent("t", headers=["a"], data=[[1]]),
            {"type": "table", "title": "t", "columns": ["a"], "data": [[1]], "vertical": False},
            '<td class="number">1</td>',
        ),
        (TableComponent(), {"type": "table", "columns": [], "data": [[]], "vertical": False}, "<table>"),
        (ImageComponent("data:x", "l"), {"type": "image", "src": "data:x", "label": "l"}, 'src="data:x"'),
        (ArtifactsComponent(data={"n": 5}), {"type": "artifacts", "data": {"n": 5}}, "<b>n</b>"),
        (DagComponent("Steps", data=STEPS), {"type": "dag", "title": "Steps", "data": STEPS}, "<svg"),
        (
            SectionComponent("t", "s", 2, [TextComponent("x"), "<b>y</b>", 5]),
            {"type": "section", "title": "t", "subtitle": "s", "columns": 2,
             "contents": [{"type": "text", "text": "x"}, "<b>y</b>"]},
            "<section><h2>t</h2><p>s</p>",
        ),
        (
            PageComponent("t", contents=[TitleComponent("x")]),
            {"type": "page", "title": "t", "contents": [{"type": "title", "text": "x"}]},
            "<h2>x</h2>",
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "render") else "",
)  # fmt: skip
def test_each_is_a_dict_and_is_drawn(component: Any, fields: dict[str, Any], drawn: str) -> None:
    assert component.render() == fields
    assert drawn in draw(component.render())


def test_logs_have_their_id() -> None:
    log, error = LogComponent("line"), ErrorComponent("no luck", "at all")
    assert log.render() == {"type": "log", "data": "line", "id": log.component_id}
    assert error.render() == {"type": "log", "data": "no luck\n\nat all", "id": error.component_id}


def test_an_id_that_was_given_is_kept() -> None:
    table = TableComponent()
    table.component_id = "mine"
    assert table.render()["id"] == "mine"


def test_parts_of_tables_and_sections() -> None:
    found = SectionComponent.render_subcomponents([Markdown("x"), "text", {"a": 1}, 5, None])
    assert [part if isinstance(part, str) else sorted(part) for part in found] == [
        ["id", "source", "type"], "text", ["a"],
    ]  # fmt: skip
    assert SectionComponent.render_subcomponents([5, None], allow_unknowns=True) == ["<object>"] * 2
    assert SectionComponent.render_subcomponents([5], additional_allowed_types=[int]) == [5]
    assert [TableComponent.validate(*given) for given in (([], [[]]), (["a"], []), ("a", [[1]]), ([1], [(1,)]))] == [
        (True, True), (True, False), (False, True), (True, False),
    ]  # fmt: skip


def test_values_as_artifacts_have_them() -> None:
    made = components.TaskToDict(only_repr=True)
    assert made.infer_object([1, 2]) == {"type": "list", "data": "[1, 2]", "large_object": False}
    assert made.infer_object("x" * 30_000)["large_object"] is True
