"""Components: their dicts, which equal Metaflow's, and their rendering."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from flowc_runtime.base.errors import StepTimeout
from metaflow.cards import (
    Artifact,
    Error,
    EventsTimeline,
    Html,
    Image,
    JSONViewer,
    Markdown,
    MetaflowCardComponent,
    ProgressBar,
    PythonCode,
    Table,
    ValueBox,
    VegaChart,
    YAMLViewer,
    render_safely,
)
from metaflow.plugins.cards import _warn
from metaflow.plugins.cards._dag import dag_svg
from metaflow.plugins.cards._draw import draw

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def made(component: MetaflowCardComponent) -> dict[str, Any]:
    """Return the component's dict without the id."""
    return {key: value for key, value in component.render().items() if key != "id"}


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (Markdown("# hi"), {"type": "markdown", "source": "# hi"}),
        (Html("<b>"), {"type": "html", "html": "<b>"}),
        (
            Artifact({"a": 1}, name="n"),
            {"type": "artifacts", "data": [{"name": "n", "type": "dict", "data": "{'a': 1}", "large_object": False}]},
        ),
        (Image(PNG, label="l"), {"type": "image", "src": "data:image/png;base64,iVBORw0KGgoAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "label": "l"}),
        (
            ProgressBar(max=10, label="l", value=3, unit="u", metadata="m"),
            {"type": "progressBar", "max": 10, "value": 3, "label": "l", "unit": "u", "details": "m"},
        ),
        (ValueBox("T", 3, theme="danger"), {"type": "valueBox", "title": "T", "value": 3, "theme": "danger"}),
        (PythonCode(code_string="x = 1"), {"type": "pythonCode", "data": "x = 1"}),
        (
            VegaChart({"mark": "bar"}),
            {"type": "vegaChart", "spec": {"mark": "bar", "width": "container"}, "options": {"actions": False}},
        ),
        (
            JSONViewer({"a": 1}),
            {"type": "jsonViewer", "json_string": '{\n  "a": 1\n}', "collapsible": True, "show_copy_button": True, "title": "JSON"},
        ),
        (
            YAMLViewer({"a": 1}),
            {"type": "yamlViewer", "yaml_string": "a: 1\n", "collapsible": True, "show_copy_button": True, "title": "YAML"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_dicts(component: MetaflowCardComponent, expected: dict[str, Any]) -> None:
    assert made(component) == expected
    assert draw(component.render()).startswith(f'<div class="component {expected["type"]}"')


def test_tables() -> None:
    table = Table([["a", 1, None, Markdown("*x*")], [math.nan, True, object, 2.5]], headers=["A", "B"])
    first, second = made(table)["data"]
    assert first[:3] == ["a", 1, None]
    assert (first[3]["type"], second) == ("markdown", ["nan", True, "<class 'object'>", 2.5])
    drawn = draw(table.render())
    assert "<td><div" in drawn
    assert "<em>x</em>" in drawn
    assert '<td class="number">2.5</td>' in drawn


def test_pictures_of_libraries() -> None:
    """Objects with a method that saves a picture are accepted: matplotlib's figures and their parts, Pillow images."""

    class Figure:
        def savefig(self, out: Any, **_: Any) -> None:
            out.write(PNG)

    class Axes:
        def get_figure(self) -> Figure:
            return Figure()

    class Picture:
        def save(self, out: Any, format: str) -> None:
            out.write(PNG)

    class Print(Picture):
        """A picture in CMYK, a colour mode that PNG does not have."""

        def save(self, out: Any, format: str) -> None:
            raise OSError("cannot write mode CMYK as PNG")

        def convert(self, mode: str) -> Picture:
            return Picture()

    plain = made(Image(PNG))
    assert made(Image.from_matplotlib(Figure())) == made(Image.from_matplotlib(Axes())) == plain
    image = Image.from_pil_image(Picture(), "l")
    assert made(image) == plain | {"label": "l"}
    assert made(Image.from_pil_image(Print())) == plain
    image.update(b"GIF89a" + bytes(8))
    assert made(image)["src"].startswith("data:image/gif;base64,")


def test_an_update_that_is_disabled_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """If updates are disabled (the default for an Image of bytes), `update` changes nothing and prints a warning."""
    _warn.printed.clear()
    image, table = Image(PNG, label="l"), Table([["a"]], disable_updates=True)
    before = made(image), made(table)
    for _ in range(2):
        image.update(b"GIF89a" + bytes(8), "other")
        table.update([["b"]])
    assert (made(image), made(table)) == before
    assert capsys.readouterr().err == "".join(
        f"[@card WARNING] {name}.update changed nothing: create the {name} with disable_updates=False to update it\n"
        for name in ("Image", "Table")
    )
    image = Image(PNG, label="l", disable_updates=False)
    image.update(b"GIF89a" + bytes(8), "other")
    assert made(image)["src"].startswith("data:image/gif;base64,")
    assert made(image)["label"] == "other"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("component", "told"),
    [
        (Image(b"nothing"), "these bytes are not a picture"),
        (Image("http://example.org/x.png"), "a card cannot load anything"),
        (VegaChart({"data": {"url": "http://example.org/x.csv"}, "mark": "bar"}), "put the data into the description"),
        (VegaChart({"layer": [{"data": [{"url": "x.csv"}]}]}), "the chart loads its data from x.csv"),
        (VegaChart("bar"), "a VegaChart takes a dict, not str"),  # type: ignore[arg-type]
        (VegaChart.from_altair_chart(5), "takes a chart of Altair, not int"),
        (PythonCode(len), "the source of <built-in function len> cannot be found"),
        (PythonCode(), "PythonCode takes a function"),
        (ProgressBar(max="x"), "a ProgressBar takes numbers, not 'x'"),  # type: ignore[arg-type]
        (Image.from_matplotlib(5), "takes a figure of matplotlib, not int"),
        (Image.from_pil_image(None), "takes an image of Pillow, not NoneType"),
        (Table.from_dataframe([1]), "takes a data frame of pandas or Polars, not list"),
        (Table([1, 2]), "a Table takes a list of rows"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_be_shown_says_why(component: MetaflowCardComponent, told: str) -> None:
    rendered = component.render()
    assert (rendered["type"], rendered["error"]) == ("log", True)
    assert told in rendered["data"]
    assert "Traceback" not in rendered["data"]  # the caller made the error, so flowc's traceback is not shown
    assert 'class="failure"' in draw(rendered)


def test_what_is_shown_instead_can_be_updated() -> None:
    table, chart, image = Table.from_dataframe(5), VegaChart.from_altair_chart(5), Image.from_pil_image(5)
    table.update([[1]])
    chart.update({"mark": "bar"})
    image.update(PNG)
    assert [made(part)["type"] for part in (table, chart, image)] == ["table", "vegaChart", "image"]


def test_a_timeout_of_the_step_is_no_failure_of_a_component() -> None:
    """`render_safely` does not catch the step's timeout, which can be raised in any component and must end the step."""

    class Slow(MetaflowCardComponent):
        @render_safely
        def render(self) -> str:
            raise StepTimeout("now")

    class Figure:
        def savefig(self, *_: Any, **__: Any) -> None:
            raise StepTimeout("now")

    for slow in (Slow().render, lambda: Table([[Slow()]]).render(), lambda: Image.from_matplotlib(Figure())):
        with pytest.raises(StepTimeout):
            slow()


def test_a_component_of_ones_own_may_be_careful() -> None:
    class Own(MetaflowCardComponent):
        @render_safely
        def render(self) -> str:
            raise RuntimeError("no <luck>")

    assert "RuntimeError: no &lt;luck&gt;" in draw(Own().render())


def test_what_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown theme causes a warning and no error, which would end a step that may have run for hours."""
    assert made(ValueBox("a", 1, theme="loud")) == {"type": "valueBox", "title": "a", "value": 1}
    assert "a ValueBox has no theme 'loud'; there are bg-" in capsys.readouterr().err
    events = EventsTimeline()
    events.update({}, priority="loud", style_theme="odd", payloads={"x": 5})
    (event,) = made(events)["events"]
    assert (event["priority"], event["theme"], event["payloads"]["x"]["type"]) == ("normal", "default", "artifacts")
    told = capsys.readouterr().err
    assert "an event has no priority 'loud'; there are critical, high, low, normal" in told
    assert "an event has no theme 'odd'; there are ai_response" in told


def test_markdown_may_be_indented_as_the_code_is() -> None:
    text = """
        # Title

        text

            code
        """
    drawn = draw(Markdown(text).render())
    assert "<h1>Title</h1>\n<p>text</p>\n<pre><code>code\n</code></pre>" in drawn


def test_numbers_of_a_table_can_be_read() -> None:
    drawn = draw(Table([[0.1234567890123], [1234567.891011], [2.5], [10**12], [None], [1e-9]], headers=["n"]).render())
    assert re.findall(r"<td[^>]*>(.*?)</td>", drawn) == [
        "0.123457", "1234568", "2.5", "1000000000000", '<span class="word">None</span>', "1e-09",
    ]  # fmt: skip
    assert 'title="0.1234567890123"' in drawn
    # the heading and the six cells below it have the CSS class `number`
    assert drawn.count('class="number"') == 7


def test_a_timeline_keeps_the_newest() -> None:
    events = EventsTimeline(max_events=2)
    for n in range(5):
        events.update({"n": n})
    rendered = made(events)
    assert [event["metadata"]["n"] for event in rendered["events"]] == [4, 3]
    assert (rendered["stats"]["total_events"], rendered["stats"]["displayed_events"]) == (5, 2)


def test_large_values_are_shortened() -> None:
    assert made(Artifact(list(range(10_000))))["data"][0]["data"].endswith("...]")
    assert made(Artifact("x" * 50_000))["data"][0]["large_object"] is True

    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError("never")

    assert "RuntimeError: never" in made(Artifact(Bad()))["data"][0]["data"]


@pytest.mark.parametrize(
    "value",
    [{"a": {"b": [1, {"c": None}], "d": []}, "yes": "no", "e f": "1", "text": "two\nlines", "n": "n"}, [[1, 2], [3]], "x", 5, {}],
)  # fmt: skip
def test_yaml_is_yaml(value: Any) -> None:
    yaml = pytest.importorskip("yaml")
    shown = made(YAMLViewer(value))["yaml_string"]
    assert yaml.safe_load(shown) == value


def test_everything_is_escaped() -> None:
    bad = "\"'><script>x</script>"
    events = EventsTimeline(bad)
    events.update({bad: bad}, payloads={bad: Markdown(bad)})
    components: list[MetaflowCardComponent] = [
        Markdown(bad), Artifact(bad, name=bad), Table([[bad]], headers=[bad]), Error(ValueError(bad), bad),
        ProgressBar(label=bad, unit=bad, metadata=bad), ValueBox(bad, bad, bad, change_indicator=bad),
        PythonCode(code_string=bad), JSONViewer(bad, title=bad, max_height=bad), YAMLViewer({bad: bad}),
        VegaChart({"title": bad, "mark": bad}), events,
    ]  # fmt: skip
    for component in components:
        component.component_id = bad
        drawn = re.sub(r'(<script type="application/json">)[^<]*(</script>)', "", draw(component.render()))
        assert "<script>x" not in drawn, type(component).__name__
        assert "\"'>" not in drawn, type(component).__name__
    assert "<script>x" not in dag_svg({bad: {"next": [bad], "type": bad, "doc": bad}}, bad)


def test_the_picture_of_a_graph() -> None:
    """Steps are drawn from left to right; the line of a loop goes back below the steps."""
    graph = {
        "start": {"next": ["a", "b"]},
        "a": {"next": ["each"], "type": "split-foreach", "matching_join": "join"},
        "each": {"next": ["join"]},
        "b": {"next": ["b", "c"]},
        "c": {"next": ["join"]},
        "join": {"next": []},
    }
    drawn = dag_svg(graph, "c")
    assert drawn.count('class="edge"') == 6
    assert drawn.count('class="edge back"') == 1
    assert drawn.count("<rect") == 7
    assert re.findall(r"<title>(\w+)[^<]*</title><rect class=\"behind\"", drawn) == ["each"]  # it has several tasks
    assert '<g class="node here"><title>c</title>' in drawn
