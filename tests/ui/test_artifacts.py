"""Artifacts on the page of a task: previews, the page of an artifact's versions, and files of the catalog."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from flowc.ui.drawing.plots import value_histogram
from flowc.ui.page_data.shown_previews import shown_preview
from flowc.ui.page_data.version_rows import RUNS, version_page
from project import Project, done_record
from ui.kept_flow import cells_of, kept, links, row_of, task_page
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ui.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with kept(tmp_path_factory.mktemp("kept"), (), ("--fails", "True")) as served:
        yield served


# -- previews ----------------------------------------------------------------------------------------------------------


def test_a_table_is_shown_as_a_table(served: Served) -> None:
    preview = cells_of(task_page(served, "start"), "table")["preview"]
    assert re.findall("<th[^>]*>([^<]*)</th>", preview) == ["a&lt;b", "city", "own"]
    assert preview.count("<tr>") == 7  # with the heads of columns
    assert "<td>Köln</td>" in preview
    assert "40 rows, 3 columns" in preview
    assert "<td>&lt;metaflow.Mine&gt;</td>" in preview or "Mine&gt;" in preview
    assert "my own repr" not in preview


def test_an_array_has_a_histogram(served: Served) -> None:
    preview = cells_of(task_page(served, "start"), "array")["preview"]
    assert "<code>101 float64</code>" in preview
    assert "<title>0 to 0.5: 90</title>" in preview
    assert "<title>7.5 to 8: 10</title>" in preview
    assert "1 not finite" in preview


def test_texts_and_builtin_values_are_escaped_and_cut(served: Served) -> None:
    page = task_page(served, "start")
    text = cells_of(page, "text")["preview"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; word word" in text
    assert "…" in text
    assert "<script>alert" not in page
    settings = cells_of(page, "settings")["preview"]
    assert "&#34;depth&#34;: [1, 2], &#34;names&#34;: [&#34;a&lt;b&#34;" in settings
    assert cells_of(page, "short")["preview"].strip() == "<code>[1, 2, 3]</code>"


def test_an_image_has_a_thumbnail(served: Served) -> None:
    preview = cells_of(task_page(served, "start"), "picture")["preview"]
    assert 'src="data:image/png;base64,' in preview
    assert "300 × 150 pixels" in preview


def test_an_inherited_artifact_has_the_preview_of_its_maker(served: Served) -> None:
    made, inherited = (cells_of(task_page(served, *task), "array") for task in (("start", "0"), ("last", "0")))
    assert inherited["preview"] == made["preview"]


def test_no_code_of_the_user_was_called(served: Served) -> None:
    assert not (served.project.root / "called").exists()


DAMAGED: list[dict[str, Any]] = [
    {"kind": "array"},
    {"kind": "array", "shape": [2], "dtype": "\udcff", "counts": [1], "least": float("nan"), "most": 1.0},
    {"kind": "array", "shape": [2], "dtype": "f", "counts": [0, 0], "least": 2.0, "most": 2.0},
    {"kind": "table", "shape": [], "columns": ["a"]},
    {"kind": "table", "shape": [1, 2, 3], "rows": [["\ud800"]]},
    {"kind": "image", "data": '"><script>', "media": "image/png"},
    {"kind": "image", "data": "QQ==", "media": "image/svg+xml", "width": 1, "height": 1},
    {"kind": "text"},
    {"kind": "of a later release", "text": "x"},
]


@pytest.mark.parametrize("preview", DAMAGED)
def test_a_preview_of_another_program_does_no_harm(project: Project, preview: dict[str, Any]) -> None:
    run = project.store.run("F", "20260101-000000-000000")
    ref = {"digest": "0" * 64, "size": 1, "type": "a\ud800", "codec": "pickle5", "repr": "\ud800", "preview": preview}
    run.begin("start", "0", 1, {"version": 2, "began": 0.0, "process": {}})
    run.finish(done_record(run, "start", artifacts={"x": ref}))
    with serving(project) as served:
        page = task_page(served, "start", run=run.id)
    assert "<script>" not in row_of(page, "x")
    assert "svg+xml" not in row_of(page, "x")


def test_equal_numbers_make_one_column() -> None:
    drawn = value_histogram([3, 0, 0], 5.0, 5.0)
    assert "<title>5 to 5: 3</title>" in drawn


def test_a_reference_without_preview_shows_its_line() -> None:
    ref: Any = {"digest": "0" * 64, "size": 1, "type": "int", "codec": "pickle5", "repr": "7"}
    assert shown_preview(ref, None).text == "7"


# -- versions ----------------------------------------------------------------------------------------------------------


def test_the_name_leads_to_the_versions_of_all_runs(served: Served) -> None:
    older, newer = served.project.store.runs("Kept")
    page = task_page(served, "start")
    address = next(link for link in links(row_of(page, "model")) if "artifact/" in link)
    assert address == "../../../../artifact/Kept/model"
    versions = served.get("artifact/Kept/model").body.decode()
    shown = re.findall(r'<a class="row" href="../../run/Kept/([^"]*)">([^<]*)</a>', versions)
    assert shown == [
        (f"{newer}/last/0", "last-0"), (f"{newer}/start/0", "start-0"),
        (f"{older}/last/0", "last-0"), (f"{older}/start/0", "start-0"),
    ]  # fmt: skip
    assert versions.count("as in the run before") == 2
    assert versions.count("[0, 1, 2, 3, ") == 4


def test_an_artifact_that_no_run_has_is_not_found(served: Served) -> None:
    answer = served.get("artifact/Kept/nothing")
    assert answer.status == 404
    assert "no run of Kept has an artifact nothing" in answer.body.decode()
    assert served.get("artifact/Nothing/x").status == 404
    assert served.get("artifact/Kept/model?start=x").status == 400


def test_versions_are_read_in_pages_of_bounded_time(project: Project) -> None:
    for number in range(RUNS + 5):
        run = project.store.run("F", f"20260101-0000{number:02}-000000")
        ref = {"digest": f"{number:064}", "size": 1, "type": "int", "codec": "pickle5", "repr": str(number)}
        run.finish(done_record(run, "start", artifacts={"x": ref}))
    runs = project.store.listed("F")
    page = version_page(runs, "x", 0, lambda: 0.0)
    assert [row.preview.text for row in page.rows] == [str(number) for number in range(RUNS + 4, 4, -1)]
    assert page.following == RUNS
    rest = version_page(runs, "x", RUNS, lambda: 0.0)
    assert [row.preview.text for row in rest.rows] == ["4", "3", "2", "1", "0"]
    assert rest.following is None
    times = iter(range(100))
    assert len(version_page(runs, "x", 0, lambda: float(next(times))).rows) == 2


# -- files -------------------------------------------------------------------------------------------------------------

FILES = """
    from flowc.pipeline import Catalog, Pipeline, ShellTask

    flow = Pipeline(name="files", steps=[
        ShellTask(name="make", command="printf 'a,b' > out.csv; printf x > b.txt",
                  catalog=Catalog(put=["out.csv", "b.txt"])),
        ShellTask(name="use", command="cat out.csv", catalog=Catalog(get=["out.csv"])),
        ShellTask(name="left", command="printf y > left.txt",
                  catalog=Catalog(put=["left.txt"], store_copy=False)),
    ])
    """


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = Project(tmp_path_factory.mktemp("filed"))
    project.write("pipeline.py", FILES)
    done = project.python("-c", "import pipeline; pipeline.flow.execute()")
    assert done.code == 0, done.err
    with serving(project) as served:
        yield served
    project.close()


def test_files_are_listed_and_downloaded(filed: Served) -> None:
    page = task_page(filed, "make")
    row = row_of(page, "put out.csv")
    assert hashlib.sha256(b"a,b").hexdigest() in row
    assert "3 B" in row
    (link,) = links(row)
    answer = filed.get(f"run/{filed.project.store.flows()[0]}/{filed.project.latest().id}/make/{link}")
    assert answer.body == b"a,b"
    assert answer.headers["content-disposition"].startswith('attachment; filename="out.csv"')
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "read" in row_of(task_page(filed, "use"), "get out.csv")


def test_a_file_that_was_not_copied_is_named_and_not_served(filed: Served) -> None:
    row = row_of(task_page(filed, "left"), "put left.txt")
    assert links(row) == []
    assert str(filed.project.root / "left.txt") in row
    base = f"run/{filed.project.store.flows()[0]}/{filed.project.latest().id}"
    answer = filed.get(f"{base}/left/0/1/file/0")
    assert (answer.status, answer.body.startswith(b"the file left.txt is not in the store")) == (404, True)
    assert filed.get(f"{base}/left/0/1/file/7").status == 404


def test_a_deleted_file_is_told(filed: Served) -> None:
    run = filed.project.latest()
    (file,) = (each for each in run.task("make", "0")["files"] if each["name"] == "b.txt")
    number = [each["name"] for each in run.task("make", "0")["files"]].index("b.txt")
    (path,) = (each for each in (filed.project.root / ".flowc").rglob(f"*{file['digest']}*") if each.is_file())
    path.unlink()
    answer = filed.get(f"run/{run.flow}/{run.id}/make/0/1/file/{number}")
    assert answer.status == 404
    assert b"was deleted from the store" in answer.body


def test_the_record_of_a_preview_is_small(served: Served) -> None:
    artifacts = served.project.latest().task("start", "0")["artifacts"]
    sizes = {
        name: len(json.dumps(ref["preview"], ensure_ascii=False).encode())
        for name, ref in artifacts.items()
        if "preview" in ref
    }
    assert {"table", "array", "text", "settings", "picture", "model"} == sizes.keys()
    assert max(sizes.values()) < 1200
