"""The page of a task in a browser: its log with colours, search, permanent links, download, and 50,000 lines."""

from __future__ import annotations

import contextlib
import gzip
from typing import TYPE_CHECKING

import pytest

from project import Project
from ui.flows import LONG
from ui.served import Served, click, press, serving, type_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.chromium import Page
    from ui.conftest import Visit

LINES = 50_000


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """Return a served store, and the URL of a task with a log of LINES lines."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("long"))) as project:
        project.write("long.py", LONG)
        run = project.run("long.py")
        with serving(project) as served:
            yield served, f"{served.url}run/LongFlow/{run.id}/start/0"


def numbers(page: Page) -> list[int]:
    """Return the numbers of the loaded lines."""
    found: list[int] = page.ask("[...document.querySelectorAll('#log .line')].map((line) => Number(line.id.slice(1)))")
    return found


def test_colours_and_streams(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}/start/0")
    assert page.text("#log .line > span") == ["red plain bold green", "a warning"]
    colours = page.ask(
        "[...document.querySelectorAll('#log .line > span, #log span span')].map((e) => getComputedStyle(e).color)"
    )
    assert len({*colours}) == 4  # plain, red, green, stderr
    assert page.ask("getComputedStyle(document.querySelector('#log .a-f2, #log .a-f10')).fontWeight") == "700"
    assert page.text("#log-count") == ["2 lines"]
    assert page.problems() == []


def test_attempts_and_artifacts(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}/each/0.1")
    assert page.text(".tabs a") == ["attempt 1 failed", "attempt 2 ok"]
    assert page.text(".tabs [aria-current]") == ["attempt 2 ok"]
    names = page.text("#live_artifacts tbody td:first-child")
    assert "square" in names
    click(page, ".tabs a")
    page.wait("document.readyState === 'complete' && document.querySelector('.failure')")
    assert "the first attempt of item 1" in page.ask("document.querySelector('#log').textContent")
    assert page.problems() == []


def test_a_card_is_in_a_frame(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}/start/0")
    frame = page.ask("document.querySelector('.card iframe').sandbox.value")
    assert "allow-scripts" in frame
    assert "allow-same-origin" not in frame
    assert page.ask("document.querySelector('.card iframe').contentDocument") is None


def test_the_log_can_be_downloaded(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}/start/0")
    url = page.ask("[...document.links].find((link) => link.innerText === 'download').href")
    answer = mixed.get(url.removeprefix(mixed.url))
    assert answer.body == b"\x1b[31mred\x1b[0m plain \x1b[1;32mbold green\x1b[0m\na warning\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="MixFlow-{runs[0]}-start-0-1.log"'


def test_the_first_page_of_a_long_log_is_small(long: tuple[Served, str], visit: Visit) -> None:
    """The page with its style and its script has at most 150 kB, uncompressed."""
    served, url = long
    parts = [
        served.get(path).body
        for path in (url.removeprefix(served.url), "static/ui.js", "static/theme.js", "static/ui.css")
    ]
    assert sum(map(len, parts)) <= 150_000, [len(part) for part in parts]
    assert sum(len(gzip.compress(part)) for part in parts) <= 50_000
    page = visit(url)
    assert numbers(page) == [*range(LINES - 499, LINES + 1)]
    assert page.text("#log-count") == ["50,000 lines"]
    assert (
        page.ask(
            "(() => { const box = document.querySelector('#log'); return box.scrollHeight - box.scrollTop - box.clientHeight; })()"
        )
        < 2
    )


def test_scrolling_up_loads_earlier_lines_in_place(long: tuple[Served, str], visit: Visit) -> None:
    page = visit(long[1])
    shift = page.ask("""(async () => {
        const box = document.querySelector("#log"), line = document.getElementById("L49520");
        line.scrollIntoView({ block: "start" });
        const before = line.getBoundingClientRect().top;
        while (!document.getElementById("L49001")) await new Promise(requestAnimationFrame);
        return line.getBoundingClientRect().top - before;
    })()""")
    assert abs(shift) < 2
    # as a person who scrolls to the top again and again
    took = page.ask("""(async () => {
        const box = document.querySelector("#log"), took = [];
        for (let loaded = 0; loaded < 8; loaded += 1) {
            const first = document.querySelector("#log .line").id;
            box.scrollTop = 0;
            took.push(document.querySelectorAll("#log .chunk").length);
            while (document.querySelector("#log .line").id === first) await new Promise(requestAnimationFrame);
        }
        return took;
    })()""")
    found = numbers(page)
    assert found == [*range(found[0], LINES + 1)]
    assert found[0] <= LINES - 4_500
    assert (
        len(took) == len(set(took)) == 8
    )  # each part is an element of its own, which costs no layout while it is not visible
    assert page.ask("getComputedStyle(document.querySelector('#log .chunk.settled')).contentVisibility") == "auto"
    assert page.problems() == []


def test_a_search_finds_lines_of_the_whole_log(long: tuple[Served, str], visit: Visit) -> None:
    page = visit(long[1])
    press(page, "/")
    assert page.ask("document.activeElement.id") == "log-search"
    type_text(page, "LINE 777 of")
    page.wait("document.querySelector('#log-count').innerText === '1 line found'")
    assert numbers(page) == [777]
    assert page.ask("CSS.highlights.get('found').size") == 1
    # the number of the found line leads to its neighbours
    click(page, "#L777 a")
    page.wait("document.getElementById('L776') && document.querySelector('#log-count').innerText === '50,000 lines'")
    assert page.ask("location.hash") == "#L777"
    assert page.ask("document.querySelector('#log-search').value") == ""
    assert page.ask("document.querySelector('#L777').classList.contains('here')")
    page.ask("document.querySelector('#log-search').focus()")
    type_text(page, "accuracy")
    page.wait("document.querySelector('#log-count').innerText === 'the first 500 lines found'")
    press(page, "Escape")
    page.wait("document.querySelector('#log-count').innerText === '50,000 lines' && document.getElementById('L50000')")
    assert page.problems() == []


def test_a_line_has_a_permanent_link(long: tuple[Served, str], visit: Visit) -> None:
    page = visit(f"{long[1]}#L12345")
    page.wait("document.querySelector('#L12345.here')")
    box, line = page.ask("""["#log", "#L12345"].map((name) => {
        const { top, bottom } = document.querySelector(name).getBoundingClientRect();
        return [top, bottom];
    })""")
    assert box[0] <= line[0] <= line[1] <= box[1]
    # further lines follow while the reader scrolls down
    page.ask("""(async () => {
        const box = document.querySelector("#log");
        while (!document.getElementById("L13500")) {
            box.scrollTop = box.scrollHeight;
            await new Promise(requestAnimationFrame);
        }
    })()""")
    found = numbers(page)
    assert found == [*range(found[0], found[-1] + 1)]
    assert found[-1] < LINES
