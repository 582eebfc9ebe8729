"""The manners of the pages: keys, colours, small windows, paper, a path below a proxy, no other hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from ui.served import Served, click, focused, press, serving, type_text
from ui.sub_path import proxy
from ui.test_access import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.chromium import Page
    from ui.conftest import Visit

# -- keys


def test_the_palette_leads_to_steps_flows_and_runs(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}")
    press(page, "k", ctrl=True)
    page.wait("document.querySelector('#palette').open")
    assert focused(page) == "Go to"
    assert page.text("#palette li")[0] == "All runs"
    type_text(page, "ris")
    assert page.text("#palette li")[0].startswith("step risky")
    assert page.ask("document.querySelector('#palette input').getAttribute('aria-activedescendant')") == "palette-0"
    press(page, "ArrowDown")
    assert page.ask("document.querySelectorAll('#palette li')[1].ariaSelected") == "true"
    press(page, "ArrowUp")
    press(page, "Enter")
    page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'risky'")
    # a run that is not on this page
    press(page, "k", ctrl=True)
    type_text(page, runs[1])
    page.wait(f"document.querySelector('#palette li').innerText === 'MixFlow/{runs[1]}'")
    press(page, "Enter")
    page.wait(f"document.readyState === 'complete' && document.querySelector('h1').innerText === 'MixFlow/{runs[1]}'")
    # a search of all runs
    click(page, "#palette-button")
    type_text(page, "no such run")
    page.wait("document.querySelector('#palette li').innerText === 'Search runs for “no such run”'")
    press(page, "Enter")
    page.wait("document.readyState === 'complete' && document.querySelector('#search')?.value === 'no such run'")
    press(page, "k", ctrl=True)
    press(page, "Escape")
    page.wait("!document.querySelector('#palette').open")
    assert page.problems() == []


def test_j_and_k_move_through_rows(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}")
    found = []
    for key in ("j", "j", "j", "k", "k", "k"):
        press(page, key)
        found.append(focused(page))
    assert found == ["start", "each", "join", "each", "start", "start"]
    assert page.ask("""(() => {
        const row = document.activeElement.closest("tr"), other = row.nextElementSibling;
        return getComputedStyle(row).backgroundColor !== getComputedStyle(other).backgroundColor;
    })()""")
    for _ in range(9):
        press(page, "j")
    assert focused(page) == "end"
    press(page, "Enter")
    page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'end'")


def test_a_slash_leads_to_the_search(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(mixed.url)
    press(page, "/")
    assert focused(page) == "search"
    type_text(page, "j/k")
    press(page, "j")
    assert page.ask("document.activeElement.value") == "j/kj"
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}/start/0")
    press(page, "/")
    assert focused(page) == "log-search"
    page = visit(f"{mixed.url}flow/MixFlow")
    press(page, "/")
    assert focused(page) == "Go to"


def test_a_command_is_copied(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[0]}")
    page.ask("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    click(page, ".copy")
    page.wait("window.copied")
    assert page.ask("window.copied") == f"flowc show MixFlow/{runs[0]}"
    page.wait("document.querySelector('.copy').innerText === 'copied'")
    # pages without https have no clipboard, except for pages of this machine
    page.ask("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.ask("document.addEventListener('copy', () => { window.selected = document.activeElement.value; })")
    click(page, "p:nth-of-type(2) .copy")
    page.wait("window.selected")
    assert page.ask("window.selected") == f"flowc logs MixFlow/{runs[0]}"
    assert page.problems() == []


# -- colours, small windows, paper


def colours(page: Page) -> tuple[str, str]:
    """Return the colours of the text and of the background."""
    text, ground = page.ask("""(({ color, backgroundColor }) => [color, backgroundColor])(
        getComputedStyle(document.documentElement))""")
    return text, ground


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_reader_selects_dark_or_light_colours(mixed: Served, visit: Visit, dark: bool) -> None:
    page = visit(mixed.url, dark=dark)
    page.ask("localStorage.clear()")
    page.ask("window.earlier = true; location.reload()")
    page.wait("!window.earlier && document.readyState === 'complete'")
    first = colours(page)
    press(page, "j")  # until the script has run, a click would do nothing
    click(page, "#theme")
    second = colours(page)
    assert first != second
    assert page.ask("getComputedStyle(document.documentElement).colorScheme") == ("light" if dark else "dark")
    other = visit(f"{mixed.url}flow/MixFlow", dark=dark)
    assert colours(other) == second
    # the choice is known before the first paint
    assert mixed.get().body.index(b"theme.js") < mixed.get().body.index(b"<body")
    click(other, "#theme")
    assert colours(other) == first
    other.ask("localStorage.clear()")


def test_no_page_is_wider_than_a_telephone(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(mixed.url, width=375)
    for path in addresses(runs):
        page.call("Page.navigate", url=f"{mixed.url}{path}")
        page.wait(f"document.readyState === 'complete' && location.href === {f'{mixed.url}{path}'!r}")
        assert page.ask("document.documentElement.scrollWidth") <= 375, path
        assert (
            page.ask(
                "Math.min(...[...document.querySelectorAll('main a, main button')].map((e) => parseFloat(getComputedStyle(e).fontSize)))"
            )
            >= 11
        )


def test_a_printed_page_is_light_and_complete(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[1]}", dark=True)
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    for theme in ("", "dark"):
        page.ask(f"document.documentElement.dataset.theme = '{theme}'")
        text, ground = colours(page)
        assert sum(map(int, re.findall(r"\d+", text)[:3])) < 150
        assert ground == "rgb(255, 255, 255)"
    hidden = page.ask("""["header", "footer", ".copy"].map(
        (name) => getComputedStyle(document.querySelector(name)).display)""")
    assert hidden == ["none", "none", "none"]
    cut = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    page.call("Emulation.setDeviceMetricsOverride", width=720, height=1000, deviceScaleFactor=1, mobile=False)
    assert page.ask(cut) == 0
    assert page.pdf().startswith(b"%PDF")


# -- a path below a proxy, and no other hosts


@pytest.fixture(scope="module")
def behind(mixed: Served) -> Iterator[Served]:
    """Return a second server of the same store, for the path /team/runs of another name."""
    with serving(mixed.project, "--public-url", "http://127.0.0.1/team/runs/") as served:
        yield served


@pytest.mark.parametrize("strips", [True, False], ids=["stripped", "kept"])
def test_below_a_path_of_a_proxy(behind: Served, runs: tuple[str, str], visit: Visit, strips: bool) -> None:
    with proxy(behind.port, "/team/runs", strips=strips) as (url, seen):
        page = visit(f"{url}?token={behind.token}")
        assert page.ask("location.href") == url
        page.wait("document.querySelector('#link').textContent === 'live'")
        click(page, f"a.row[href$='{runs[0]}']")
        page.wait("document.readyState === 'complete' && document.querySelector('.graph')")
        click(page, ".graph a")
        page.wait("document.readyState === 'complete' && document.querySelector('h1').innerText === 'start'")
        click(page, "tbody a.row")
        page.wait("document.readyState === 'complete' && document.querySelector('#log .line')")
        press(page, "/")
        type_text(page, "warning")
        page.wait("document.querySelector('#log-count').innerText === '1 line found'")
        page.ask("document.querySelector('.card iframe').scrollIntoView()")
        press(page, "k", ctrl=True)
        type_text(page, runs[1])
        page.wait(f"document.querySelector('#palette li').innerText === 'MixFlow/{runs[1]}'")
        press(page, "Enter")
        page.wait("document.readyState === 'complete' && document.querySelector('.failure')")
        click(page, ".brand")
        page.wait("document.readyState === 'complete' && document.querySelector('#search')")
        assert page.ask("location.href") == url
        for path in ("none", "run/a/b/c/d/e/f", "run/MixFlow/..%2f..%2fx"):
            page.call("Page.navigate", url=f"{url}{path}")
            page.wait("document.readyState === 'complete' && document.querySelector('.problem')")
            assert page.ask("document.querySelector('main a').href") == url
        assert [text for text in page.problems() if "404" not in text] == []
        assert [path for path in seen if not path.startswith("/team/runs/") and path != "/favicon.ico"] == []
        assert any("/card/" in path for path in seen)


def test_no_request_leaves_the_page(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(mixed.url)
    for path in addresses(runs):
        page.call("Page.navigate", url=f"{mixed.url}{path}")
        page.wait(f"document.readyState === 'complete' && location.href === {f'{mixed.url}{path}'!r}")
        page.ask("scrollTo(0, document.body.scrollHeight)")
        page.ask("new Promise((next) => requestAnimationFrame(() => setTimeout(next)))")
    hosts = {urlsplit(url).netloc for url in page.requests() if urlsplit(url).scheme != "about"}
    assert hosts == {f"127.0.0.1:{mixed.port}"}
    assert any("/card/" in url for url in page.requests())


def test_no_file_of_the_page_names_another_host() -> None:
    """Neither the templates nor the scripts contain an address of another host."""
    from flowc.ui.rendering import HERE

    files = [*(HERE / "static").iterdir(), *(HERE / "templates").iterdir()]
    assert len(files) > 10
    for file in files:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"(?:https?:)?//\w[\w.-]*\.\w+[^\s\"'`]*", text) == [], file.name
