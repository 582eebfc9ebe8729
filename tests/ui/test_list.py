"""The list of runs in a browser: filters in the URL, orders, and further rows while the reader scrolls."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from project import Project
from ui.flows import MIXED
from ui.many import copy_runs
from ui.served import Served, click, press, serving, type_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.chromium import Page
    from ui.conftest import Visit

COPIES = 400


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a served store with one real run and COPIES copies of its record, of which each tenth failed."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("many"))) as project:
        project.write("mix.py", MIXED)
        copy_runs(project.run("mix.py"), project.store, COPIES)
        with serving(project) as served:
            yield served


def rates(page: Page) -> list[int]:
    """Return the parameter `rate` of each row, without the real run."""
    texts = page.text("tr[data-key] .values .value:first-child")
    return [int(text.partition("=")[2]) for text in texts if text != "rate=0.5"]


def set_field(page: Page, name: str, value: str) -> None:
    """Type a value into a field of the filters, or choose it."""
    page.ask(f"document.querySelector('.filters [name={name}]').focus()")
    if page.ask("document.activeElement.nodeName") == "SELECT":
        page.ask(f"document.activeElement.value = '{value}'")
    else:
        type_text(page, value)


def test_filters_are_in_the_url(mixed: Served, visit: Visit) -> None:
    """The URL contains the filters that are set and nothing else, so a reader can send it to somebody."""
    page = visit(mixed.url)
    assert page.problems() == []
    assert page.text("tr[data-key] .state") == ["failed", "succeeded"]
    for name, value, states in (
        ("status", "failed", ["failed"]),
        ("tags", "first", ["succeeded"]),
        ("parameters", "rate<0.3", ["failed"]),
        ("text", "end failed as asked", ["failed"]),
        ("flow", "MixFlow", ["failed", "succeeded"]),
        ("since", "1d", ["failed", "succeeded"]),
        ("until", "2020-01-01", []),
        ("sort", "oldest", ["succeeded", "failed"]),
    ):
        page.call("Page.navigate", url=mixed.url)
        page.wait("document.readyState === 'complete' && !location.search")
        set_field(page, name, value)
        click(page, ".filters button")
        page.wait("document.readyState === 'complete' && location.search")
        assert page.ask("[...new URLSearchParams(location.search)]") == [[name, value]]
        assert page.text("tr[data-key] .state") == states, name
        assert page.ask(f"document.querySelector('.filters [name={name}]').value") == value
    assert page.problems() == []


def test_enter_in_a_field_filters(mixed: Served, visit: Visit) -> None:
    page = visit(mixed.url)
    set_field(page, "text", "no such text")
    press(page, "Enter")
    page.wait("location.search === '?text=no+such+text' && document.querySelector('.empty')")
    assert page.text(".empty") == ["No run matches these filters."]


def test_a_filter_that_is_not_valid_is_explained(mixed: Served, visit: Visit) -> None:
    page = visit(f"{mixed.url}?tags=a+and")
    assert "'a and'" in page.text(".problem")[0]
    assert page.text("main a") == ["All runs"]


def test_orders(many: Served, visit: Visit) -> None:
    page = visit(f"{many.url}?sort=oldest")
    assert rates(page)[:5] == [0, 1, 2, 3, 4]
    page = visit(many.url)
    assert rates(page)[:5] == [COPIES - 1 - number for number in range(5)]
    page = visit(f"{many.url}?sort=longest")
    assert {rate % 7 for rate in rates(page)[:40]} == {6}
    page = visit(f"{many.url}?sort=status")
    assert {*page.text("tr[data-key] .state")[:40]} == {"failed"}


def test_scrolling_loads_all_rows_once_and_in_order(many: Served, visit: Visit) -> None:
    """The first page has 50 rows; the live changes that arrive while the reader scrolls keep the rows that came later."""
    page = visit(many.url)
    assert len(rates(page)) == 50
    page.ask("""(async () => {
        while (document.querySelectorAll("tr[data-key]").length < 401) {
            scrollTo(0, document.body.scrollHeight);
            await new Promise(requestAnimationFrame);
        }
    })()""")
    assert rates(page) == [*reversed(range(COPIES))]
    assert page.ask("document.querySelector('tr.more')") is None
    page.ask("document.querySelector('#live_rows').addEventListener('changed', () => { window.changed = true; })")
    many.project.store.run("MixFlow", many.project.store.runs("MixFlow")[-1]).add_tags(["marked"])
    page.wait("window.changed && [...document.querySelectorAll('.tag')].some((tag) => tag.innerText === 'marked')")
    assert rates(page) == [*reversed(range(COPIES))]
    # rows that are not visible cost no layout
    assert page.ask("getComputedStyle(document.querySelector('tr[data-key]')).contentVisibility") == "auto"
    assert page.problems() == []


def test_without_a_script_a_link_leads_to_further_rows(many: Served) -> None:
    body = many.get("?status=failed&sort=oldest").body.decode()
    assert body.count("data-key=") == COPIES // 10
    body = many.get("?sort=oldest").body.decode()
    assert 'href="./?sort=oldest&amp;start=50"' in body
    assert body.count("data-key=") == 50
    assert many.get("?sort=oldest&start=400").body.decode().count("data-key=") == 1
