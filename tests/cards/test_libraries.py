"""Figures, charts and data frames of common libraries, if they are installed."""

from __future__ import annotations

import base64
import os
import re
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest

from metaflow.cards import Artifact, Image, Table, VegaChart
from metaflow.plugins.cards._draw import draw
from metaflow.plugins.cards._page import page
from project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project
    from tools.chromium import Browser


def size(component: Image) -> tuple[int, int]:
    """Return the width and height of the component's PNG picture."""
    data = base64.b64decode(component.render()["src"].partition(",")[2])
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_figures_of_matplotlib() -> None:
    """A figure, or a part of a figure, has two picture pixels per pixel of the page, so it is sharp on every screen."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4, 3))
    (line,) = axes.plot([1, 2, 3])
    image = Image.from_matplotlib(figure, label="Loss")
    rendered = image.render()
    width, height = size(image)
    assert (rendered["label"], rendered["width"]) == ("Loss", width // 2)
    assert 300 < rendered["width"] <= 4 * 96
    for part in (axes, line, pyplot):
        assert size(Image.from_matplotlib(part)) == (width, height)
    axes.set_title("Higher now")
    image.update(figure)
    assert size(image)[1] > height
    pyplot.close(figure)


def test_images_of_pillow() -> None:
    pillow = pytest.importorskip("PIL.Image")
    for mode in ("RGB", "RGBA", "L", "1", "P", "CMYK"):
        assert size(Image.from_pil_image(pillow.new(mode, (6, 4)))) == (6, 4), mode


def test_data_frames_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({
        "city": ["Oslo", "Pörtö", None], "price": [61.5, 38, None], "rooms": [2, 3, 4], "new": [True, False, True],
        "sold": pandas.to_datetime(["2026-01-01", None, "2026-02-03"]), "n": pandas.array([1, None, 3], "Int64"),
    })  # fmt: skip
    rows = Table.from_dataframe(frame).render()
    assert rows["columns"] == ["city", "price", "rooms", "new", "sold", "n"]
    assert rows["data"] == [
        ["Oslo", 61.5, 2, True, "2026-01-01T00:00:00", 1],
        ["Pörtö", 38.0, 3, False, None, None],
        [None, None, 4, True, "2026-02-03T00:00:00", 3],
    ]
    assert Table.from_dataframe(frame.set_index("rooms")[["city"]]).render()["data"][0] == [2, "Oslo"]
    means = Table.from_dataframe(frame.groupby("new").agg({"price": ["mean", "max"]})).render()
    assert (means["columns"], means["data"][1]) == (["new", "price, mean", "price, max"], [True, 61.5, 61.5])
    assert Table.from_dataframe(frame["rooms"]).render()["data"] == [[2], [3], [4]]


def test_a_large_data_frame_is_cut_and_says_so() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({f"c{n}": range(1200) for n in range(40)})
    cut = Table.from_dataframe(frame).render()
    assert (len(cut["data"]), len(cut["columns"])) == (100, 30)
    assert "100 of 1,200 rows, 30 of 40 columns" in draw(cut)
    whole = Table.from_dataframe(frame, truncate=False).render()
    assert (len(whole["data"]), len(whole["columns"]), "note" in whole) == (1200, 40, False)
    table = Table([["a"]], headers=["before"])
    table.update(frame[:2])
    assert table.render()["columns"][0] == "c0"


def test_data_frames_of_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": range(200), "b": ["x"] * 200})
    cut = Table.from_dataframe(frame).render()
    assert (cut["columns"], cut["data"][1], len(cut["data"])) == (["a", "b"], [1, "x"], 100)


def test_values_of_libraries() -> None:
    pandas = pytest.importorskip("pandas")
    shown = Artifact(pandas.DataFrame({"a": [1, 2]}), name="frame").render()["data"][0]
    assert (shown["type"], shown["data"].split()) == ("DataFrame", ["a", "0", "1", "1", "2"])


def test_charts_of_altair(browser: Browser, tmp_path: Path) -> None:
    """Simple, combined and interactive charts are shown, also inside a table; the browser's console stays empty."""
    altair: Any = pytest.importorskip("altair")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": range(50), "y": [n * n for n in range(50)], "kind": ["a", "b"] * 25})
    points = altair.Chart(frame).mark_point().encode(x="x", y="y", color="kind")
    bars = altair.Chart(frame).mark_bar().encode(x="sum(y)", y="kind")
    charts = [VegaChart.from_altair_chart(chart) for chart in (bars, points | bars, points.interactive())]
    body = "".join(draw(part.render()) for part in (*charts, Table([[charts[0]]])))
    file = tmp_path / "card.html"
    file.write_text(page("Charts", body, vega=True))
    shown = browser.open(file.as_uri())
    assert shown.ask("document.querySelectorAll('.chart svg').length") == 4
    assert shown.ask(
        "[...document.querySelectorAll('.chart svg')].every((svg) => svg.getBoundingClientRect().width > 200)"
    )
    assert shown.text(".chart .failure") == []
    assert shown.problems() == []
    shown.close()


def test_the_example_of_the_document(project: Project) -> None:
    for library in ("altair", "matplotlib", "pandas"):
        pytest.importorskip(library)
    text = (ROOT / "docs" / "cards.md").read_text().partition("<!-- file: libraries.py -->\n```python\n")[2]
    project.write("libraries.py", text.partition("```")[0])
    project.environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "", "MPLBACKEND": "agg"}
    done = project.python("libraries.py", "run")
    assert done.code == 0, done.err
    assert "could not be shown" not in done.err
    page = project.python("libraries.py", "card", "get", "start").out
    kinds = re.findall(r'class="component (\w+)"', page)
    assert kinds == ["table", "image", "vegaChart"]
