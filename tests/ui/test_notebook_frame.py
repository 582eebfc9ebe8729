"""The executed notebook of a step on the page of its task: a document in a frame without scripts, and a download."""

from __future__ import annotations

import json
import pickle
import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from flowc.ui.drawing.notebook_frame import LONGEST, MOST_CELLS, NotANotebook, notebook_html
from flowc.ui.page_data.stored_text import text_of_pickle
from project import Project
from tools.chromium import Browser
from ui.kept_flow import links, task_page
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.chromium import Page
    from ui.served import Served

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HOSTILE = "<script>parent.document.title = 'taken over'; document.title = 'taken over'</script>"


def code(source: str, *outputs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": [*outputs],
        **fields,
    }


def notebook(*cells: dict[str, Any]) -> str:
    return json.dumps({"cells": [*cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


SHOWN = notebook(
    markdown(f"# A heading\n\nSome *text* {HOSTILE}"),
    code("x = 1", metadata={"tags": ["parameters"]}),
    code("print('printed', x)\nimport sys; print('to stderr', file=sys.stderr)"),
    code(f"from IPython.display import HTML, Image, display; import base64\nImage(base64.b64decode('{PIXEL}'))"),
    code(f'display(HTML("<table><tr><td>a cell</td></tr></table><!-- {HOSTILE}"))'),
    code("x + 41"),
)
PIPELINE = """
    from flowc.pipeline import NotebookTask, Pipeline, PythonTask

    def make():
        return 1

    def use(y):
        return y

    flow = Pipeline(name="notes", steps=[
        PythonTask(name="make", function=make, returns=["x"]),
        NotebookTask(name="show", notebook="shown.ipynb", returns=["y"]),
        PythonTask(name="use", function=use, returns=["z"]),
        NotebookTask(name="fails", notebook="bad.ipynb"),
    ])
    """


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = Project(tmp_path_factory.mktemp("notes"))
    del project.environment["PYTHONWARNINGS"]  # of Jupyter
    project.write("pipeline.py", PIPELINE)
    project.write("shown.ipynb", SHOWN.replace('"x + 41"', '"y = x + 41\\ny"'))
    project.write("bad.ipynb", notebook(code("print('before')"), code("1 / 0")))
    project.python("-c", "import pipeline; pipeline.flow.execute()", timeout=120)
    try:
        with serving(project) as served:
            yield served
    finally:
        project.close()


def frame(notes: Served, step: str) -> tuple[str, dict[str, str]]:
    """Return the HTML and the headers of the frame that the page of a task has."""
    page = task_page(notes, step)
    (tag,) = re.findall('<iframe title="The executed notebook"[^>]*>', page)
    assert re.search(r"\ssandbox\s", tag)  # without `allow-scripts`
    (source,) = re.findall('src="([^"]*)"', tag)
    run = notes.project.latest()
    answer = notes.get(f"run/{run.flow}/{run.id}/{step}/{source}")
    assert answer.status == 200
    return answer.body.decode(), answer.headers


def test_cells_and_their_outputs_are_shown(notes: Served) -> None:
    html, headers = frame(notes, "show")
    assert "<h2>A heading</h2>" in html
    assert "Some *text* &lt;script&gt;" in html
    assert "<script" not in html
    assert "printed 1" in html
    assert re.search(r'<pre class="stderr">to stderr\n</pre>', html)
    assert re.search(r'<img src="data:image/png;base64,iVBORw0KG[^"]*"', html)
    assert '<pre class="text">42</pre>' in html
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'; img-src data:;")


def test_html_of_a_cell_is_in_a_frame_of_its_own(notes: Served) -> None:
    html, _ = frame(notes, "show")
    (inner,) = re.findall(r'<iframe sandbox="" srcdoc="([^"]*)"', html)
    assert unescape(inner).startswith("<table><tr><td>a cell</td></tr></table><!-- <script>")


def test_the_notebook_of_a_failed_task_shows_the_error(notes: Served) -> None:
    html, _ = frame(notes, "fails")
    assert "before" in html
    assert re.search(r'<pre class="error">[^<]*ZeroDivisionError: division by zero', html)
    assert "\x1b" not in html


def test_the_notebook_can_be_downloaded(notes: Served) -> None:
    (link,) = (each for each in links(task_page(notes, "show")) if each.endswith(".ipynb"))
    run = notes.project.latest()
    answer = notes.get(f"run/{run.flow}/{run.id}/show/{link}")
    assert answer.headers["content-disposition"].startswith('attachment; filename="show-0-1.ipynb"')
    assert json.loads(answer.body)["cells"][0]["source"][0] == "# A heading\n"


def test_tasks_without_a_notebook_have_no_frame(notes: Served) -> None:
    for step in ("make", "use"):  # `use` inherits the artifact with the notebook
        assert "The executed notebook" not in task_page(notes, step)
    run = notes.project.latest()
    assert notes.get(f"run/{run.flow}/{run.id}/make/0/1/notebook").status == 404
    assert notes.get(f"run/{run.flow}/{run.id}/make/0/1/notebook.ipynb").status == 404


@pytest.fixture
def opened(notes: Served, tmp_path: Path) -> Iterator[Page]:
    browser = Browser(tmp_path / "browser")
    run = notes.project.latest()
    yield browser.open(f"{notes.url}run/{run.flow}/{run.id}/show/0/1/notebook")
    browser.close()


def test_no_script_runs_in_a_browser(opened: Page) -> None:
    assert opened.ask("document.title") == "Executed notebook"
    assert opened.ask("document.querySelector('img').naturalWidth") == 1
    assert opened.ask("getComputedStyle(document.querySelector('.cell')).display") == "grid"
    assert opened.ask("document.querySelector('iframe').clientHeight") == 60


# -- notebooks of other programs ---------------------------------------------------------------------------------------

DATA: dict[str, Any] = {"output_type": "display_data", "metadata": {}}


def test_an_image_that_is_not_base64_is_not_shown() -> None:
    html = notebook_html(notebook(code("x", {**DATA, "data": {"image/png": '"><script>', "text/plain": "<Figure>"}})))
    assert "<img" not in html
    assert '<pre class="text">&lt;Figure&gt;</pre>' in html
    html = notebook_html(notebook(code("x", {**DATA, "data": {"image/svg+xml": "<svg/>"}})))
    assert "an output of type image/svg+xml, which is not shown" in html


def test_long_outputs_are_cut() -> None:
    line = "a" * 10_000_000
    html = notebook_html(
        notebook(code(line, {"output_type": "stream", "name": "stdout", "text": line}), markdown(line))
    )
    assert len(html) < 4 * LONGEST
    assert html.count("9,900,000 more characters are in the download") == 3
    html = notebook_html(notebook(*[code("1")] * (MOST_CELLS + 3)))
    assert "3 more cells are in the download" in html


@pytest.mark.parametrize(
    "cell",
    [
        {}, {"cell_type": "code", "source": 5, "outputs": {"a": 1}, "execution_count": "<b>"},
        {"cell_type": "code", "source": ["a", 1, None], "metadata": {"tags": 4}, "outputs": [3, {}, {"output_type": "error"}]},
        code("a", {**DATA, "data": []}), code("a", {**DATA, "data": {"text/html": {"a": 1}}}), code("\ud800\x00\x1b[31m"),
        {"cell_type": "raw", "source": "<b>"}, markdown("####### seven\n#hash\n# "), 5,
    ],
)  # fmt: skip
def test_broken_cells_do_no_harm(cell: Any) -> None:
    html = notebook_html(json.dumps({"cells": [cell, code("the next cell")]}))
    html.encode()
    assert "the next cell" in html
    assert "<b>" not in html


@pytest.mark.parametrize("text", ["", "5", "[]", '{"cells": 1}', "{" * 100_000, "[" * 100_000])
def test_a_text_that_is_no_notebook(text: str) -> None:
    with pytest.raises(NotANotebook):
        notebook_html(text)


# -- reading a string without unpickling -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "ä" * 200, "x" * 70_000, "\U0001f600" * 30_000])
def test_a_pickled_string_is_read(text: str) -> None:
    assert text_of_pickle(pickle.dumps(text, 5)) == text


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("called",)


@pytest.mark.parametrize("value", [b"bytes", ["a"], 5, None, ("a", "b"), Evil()])
def test_another_pickle_is_not_read(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    data = pickle.dumps(value, 5)
    assert text_of_pickle(data) is None
    assert text_of_pickle(b"") is None
    assert text_of_pickle(pickle.dumps("a", 5) + b".") is None
    assert text_of_pickle(pickle.dumps("abc", 5)[:-4]) is None
    assert capsys.readouterr().out == ""
