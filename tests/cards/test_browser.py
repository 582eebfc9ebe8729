"""Cards in a real browser: without a network, in light and dark mode, and in print."""

from __future__ import annotations

import json
import re
import signal
import struct
from typing import TYPE_CHECKING

import pytest

from metaflow import default_metadata, default_namespace, metadata, namespace
from metaflow.cards import EventsTimeline, VegaChart, get_cards
from metaflow.plugins.cards import _page
from metaflow.plugins.cards._draw import draw

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
    """Opens cards of the run of `ShowFlow` from files."""

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
    """Return the contrast ratio, as WCAG defines it, between an element's text and its background."""
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
    assert page.text("h1")[:2] == ["start-0", "House prices"]
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
    # if a browser executed the injected script, the page's title would change
    assert page.ask("document.title").startswith("ShowFlow/")
    assert page.ask("[...document.links].map((link) => link.protocol)") == []
    assert page.text(".markdown")[0].count("document.title = 'taken over'") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_can_be_read(saved: Opener, dark: bool) -> None:
    """Every kind of text has at least the contrast that WCAG's level AA requires."""
    page = saved("start", "--type", "default", dark=dark)
    for selector in (".way", ".badge", "h2", "dt", "td.name", "td.type", ".word", ".box .label", ".box.good .value", "th",
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


LIVE = """
    import os, time
    from metaflow import FlowSpec, card, current, step
    from metaflow.cards import Html, Markdown, ProgressBar, VegaChart

    class LiveFlow(FlowSpec):
        @card
        @step
        def start(self):
            current.card.append(Markdown("read [more](https://example.org/)"))
            self.next(self.end)

        @card(refresh_interval=0)
        @step
        def end(self):
            bar, points = ProgressBar(max=2, label="Rounds"), []
            chart = VegaChart({"data": {"values": points}, "mark": "point", "encoding": {"x": {"field": "n"}}})
            current.card.extend([bar, chart])
            for done in (1, 2):
                bar.update(done)
                points.append({"n": done})
                while not os.path.exists(f"go-{done}"):
                    current.card.refresh()
                    time.sleep(0.02)

    if __name__ == "__main__":
        LiveFlow()
    """


def test_two_browsers_see_a_run_go_on(project: Project, browser: Browser) -> None:
    """Two browsers show different cards, which update in place. When Ctrl-C ends the server, both pages show that the
    server has ended."""
    project.write("live.py", LIVE)
    flow = project.start("live.py", "run")
    server = project.start("-u", "live.py", "card", "server", "--port", "0", "--poll-interval", "1")
    try:
        assert server.stderr is not None
        url = next(line for line in server.stderr if "http://" in line).split()[-1]
        one = browser.open(url)
        one.wait("document.querySelectorAll('nav button').length === 2")
        assert one.text("nav button")[0].split() == ["end-0", "running", "default"]
        # the page first shows the card that was created first, which may not be the card of `end`: select that card
        one.ask("document.querySelector('nav button').click()")
        end = browser.frame(one.ask("shown").split("/")[-1])
        end.wait("document.body !== null && document.body.innerText.includes('1 / 2')")
        other = browser.open(url, dark=True, width=500)
        other.wait("document.querySelectorAll('nav button').length === 2")
        other.ask("[...document.querySelectorAll('nav button')].find((b) => b.textContent.includes('start')).click()")
        start = browser.frame(other.ask("shown").split("/")[-1])
        start.wait("document.body !== null && document.links.length === 1")
        assert start.ask("document.links[0].target") == "_blank"  # a link in a card opens in a new tab
        end.ask("window.mark = 'the same page'")
        (project.root / "go-1").touch()
        end.wait("document.body.innerText.includes('2 / 2') && document.querySelectorAll('.chart svg path').length > 2")
        (project.root / "go-2").touch()
        assert flow.wait(60) == 0
        end.wait("document.querySelector('.badge').innerText === 'succeeded'")
        assert end.ask("window.mark") == "the same page"
        one.wait("document.getElementById('state').innerText === 'succeeded'")
        assert "start-0" in other.text("nav button[aria-current=true]")[0]
        other.ask("location.reload()")
        other.wait("document.querySelector('nav button[aria-current=true]')?.innerText.includes('start-0')")
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
        one.wait("document.getElementById('state').innerText === 'the server has ended'")
        one.close()
        other.close()
    finally:
        for process in (flow, server):
            process.kill()
            process.communicate()


def test_a_notebook_shows_the_pages_in_frames(shown: Project, browser: Browser, tmp_path: Path) -> None:
    """Cards in a notebook show their charts, and their frames cannot access the notebook."""
    metadata(str(shown.root))
    namespace(None)
    try:
        cards = get_cards(f"ShowFlow/{shown.latest().id}/start/0")
    finally:
        default_metadata()
        default_namespace()
    file = tmp_path / "notebook.html"
    file.write_text(f"<!DOCTYPE html><title>Notebook</title>{cards._repr_html_()}", encoding="utf-8")
    page = browser.open(file.as_uri())
    assert page.text("p b") == ["Card blank, id plain", "Card default"]
    assert page.ask("[...document.querySelectorAll('iframe')].map((frame) => frame.title)") == [
        "Card blank (plain)", "Card default",
    ]  # fmt: skip
    assert page.ask("document.querySelectorAll('iframe')[1].contentDocument") is None
    frames = [frame for frame in browser.frames("about:srcdoc") if frame.text("h1")[:1] == ["start-0"]]
    frames[0].wait("document.querySelectorAll('.chart svg path').length > 4")
    assert page.ask("document.title") == "Notebook"
    page.close()


def test_a_chart_that_is_folded_away_is_drawn_when_it_is_seen(browser: Browser, tmp_path: Path) -> None:
    events = EventsTimeline("Agent")
    events.update(
        {"n": 1},
        payloads={
            "chart": VegaChart({"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}})
        },
    )
    file = tmp_path / "card.html"
    file.write_text(_page.page("Agent", draw(events.render()), vega=True))
    page = browser.open(file.as_uri())
    page.ask("document.querySelector('summary').click()")
    page.wait("document.querySelector('.chart svg')?.getBoundingClientRect().width > 300")
    assert page.problems() == []
    page.close()
