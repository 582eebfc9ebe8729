"""Cards as a person sees them: in a browser, without a network, in the light and in the dark, and on paper."""

from __future__ import annotations

import json
import re
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from flowc.cli.card_server import Shown, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project
    from tools.chromium import Browser, Page


@pytest.fixture
def saved(shown: Project, tmp_path: Path, browser: Browser) -> Iterator[Opener]:
    opener = Opener(shown, tmp_path, browser)
    yield opener
    for page in opener.pages:
        page.close()


class Opener:
    """Opens cards of the run of `ShowFlow`, each from a file."""

    def __init__(self, project: Project, directory: Path, browser: Browser) -> None:
        self.project, self.directory, self.browser = project, directory, browser
        self.pages: list[Page] = []

    def __call__(self, task: str, *options: str, dark: bool = False, width: int = 1200) -> Page:
        file = self.directory / "card.html"
        done = self.project.python("flow.py", "card", "get", task, str(file), *options)
        assert done.code == 0, done.err
        page = self.browser.open(file.as_uri(), dark=dark, width=width)
        self.pages.append(page)
        return page


def contrast(page: Page, selector: str) -> float:
    """WCAG's contrast of a text and what is behind it."""
    script = """(selector) => {
        const element = document.querySelector(selector);
        const color = getComputedStyle(element).color;
        let under = element, ground = "rgba(0, 0, 0, 0)";
        while (ground === "rgba(0, 0, 0, 0)" && under) { ground = getComputedStyle(under).backgroundColor; under = under.parentElement; }
        return [color, ground];
    }"""
    colors = page.ask(f"({script})({json.dumps(selector)})")

    def luminance(color: str) -> float:
        parts = [int(float(part)) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted(map(luminance, colors))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_component_is_seen(saved: Opener, tmp_path: Path, dark: bool) -> None:
    page = saved("start", "--type", "default", dark=dark)
    assert page.text("h1")[:2] == ["start/0", "House prices"]
    assert page.text(".badge") == ["succeeded"]
    assert page.text(".box .value") == ["94.2 %", "20640"]
    assert page.text(".markdown table td") == ["1", "2"]
    assert page.text(".component.table tbody td") == [
        "<script>document.title = 'taken over'</script>", "1.5", "None", "lon", "2", "yes",
    ]  # fmt: skip
    assert page.ask("document.querySelector('progress').value") == 30
    assert page.ask("document.querySelector('figure img').naturalWidth") == 1
    assert page.text(".failure .title") == ["It was handled"]
    assert "def points():" in page.text(".pythonCode code")[0]
    assert '"yes"' in page.text(".yamlViewer pre")[0]
    assert page.text(".eventsTimeline .count") == ["2 events · finished"]
    assert page.ask("document.querySelectorAll('.chart svg path').length") > 4
    assert "start" in page.text(".dag .here text")
    assert {"alpha", "items"} <= set(page.text("td.name"))
    ground = page.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) is dark
    width, height = struct.unpack(">II", page.screenshot(tmp_path / "card.png")[16:24])
    assert (width, height > 1500) == (1200, True)
    assert page.problems() == []


def test_nothing_is_loaded_from_anywhere(saved: Opener) -> None:
    page = saved("start", "--type", "default")
    assert page.requests() == []
    refused = "fetch('http://127.0.0.1:9/').then(() => 'loaded', () => 'refused')"
    assert page.ask(refused) == "refused"
    assert page.ask(
        "new Promise((end) => { const i = new Image(); i.onload = () => end('loaded'); i.onerror = () => end('refused');"
        " i.src = 'http://127.0.0.1:9/x.png'; })"
    ) == "refused"  # fmt: skip
    assert any("Content Security Policy" in problem for problem in page.problems())


def test_text_of_others_stays_text(saved: Opener) -> None:
    page = saved("start", "--type", "default")
    assert page.ask("document.title").startswith("ShowFlow/")  # which each of the scripts would have changed
    assert page.ask("[...document.links].map((link) => link.protocol)") == []
    assert page.text(".markdown")[0].count("document.title = 'taken over'") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_can_be_read(saved: Opener, dark: bool) -> None:
    """The contrast of all kinds of text is at least that of WCAG's level AA."""
    page = saved("start", "--type", "default", dark=dark)
    for selector in (".way", ".badge", "h2", "dt", "td.name", "td .type", ".box .label", ".box.good .value", "th",
                     ".failure .title", ".failure pre", "small", ".eventsTimeline time", "summary", "button"):  # fmt: skip
        assert contrast(page, selector) >= 4.5, selector


def test_it_can_be_heard_and_used_by_keys(saved: Opener) -> None:
    page = saved("start", "--type", "default")
    assert page.ask("document.documentElement.lang") == "en"
    assert page.ask("[...document.images].every((image) => image.alt)")
    assert page.ask("document.querySelector('.chart').getAttribute('aria-label')") == "Loss"
    assert page.ask("document.querySelector('progress').getAttribute('aria-label')") == "Epochs"
    assert page.ask("document.querySelector('.dag').getAttribute('aria-label')") == "Steps: start, each, join, end"
    assert page.ask("[...document.querySelectorAll('.scroll')].every((part) => part.tabIndex === 0)")


def test_a_small_window_and_paper(saved: Opener) -> None:
    page = saved("start", "--type", "default", width=400)
    assert page.ask("document.documentElement.scrollWidth <= 400")
    assert page.pdf().startswith(b"%PDF")


def test_a_failure_is_shown(saved: Opener) -> None:
    page = saved("end")
    assert page.text(".badge") == ["failure caught"]
    assert page.text(".failure .title") == ["KeyError: 'as <asked>'"]
    assert 'raise KeyError("as <asked>")' in page.text(".failure pre")[0]
    assert page.problems() == []


def test_a_blank_card_has_what_was_put_on_it(saved: Opener) -> None:
    page = saved("start", "--type", "blank")
    assert (page.text("h1"), page.text("#own"), page.text("h2")) == (["Plain"], ["bold"], [])


def test_the_server_shows_cards_live(shown: Project, browser: Browser) -> None:
    """A card that is made anew is shown, while the page stays where it is."""
    run = shown.latest()
    server = make_server(Shown(shown.store, "ShowFlow", run.id, None, 30, 1), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = browser.open(f"http://127.0.0.1:{server.server_port}/")
        page.wait("document.querySelectorAll('nav button').length === 5")
        assert page.text("#state") == ["succeeded"]
        page.ask("[...document.querySelectorAll('nav button')].find((b) => b.textContent.includes('each/0.0')).click()")
        assert page.ask("document.getElementById('frame').sandbox.contains('allow-same-origin')") is False
        key = page.ask("shown")
        frame = browser.frame("/card/")
        frame.wait("document.body !== null && document.body.innerText.includes('item a')")
        html = shown.store.objects.get(key).decode()
        before = shown.store.objects.get(key.removesuffix(".html") + ".data.json")
        shown.store.objects.put(key, html.replace("item a", "item changed").encode())
        data = {"reload_token": "2", "data": {}, "created_on": 2}
        shown.store.objects.put(key.removesuffix(".html") + ".data.json", json.dumps(data).encode())
        frame.wait("document.body !== null && document.body.innerText.includes('item changed')")
        shown.store.objects.put(key, html.encode())  # other tests look at it too
        shown.store.objects.put(key.removesuffix(".html") + ".data.json", before)
        assert page.problems() == []
        page.close()
    finally:
        server.shutdown()
        server.server_close()
