"""axe-core, which checks the accessibility rules of WCAG and good practice, finds nothing on any page, in both colour
modes and at the width of a telephone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tools import npm
from ui.served import Served, focused, press

if TYPE_CHECKING:
    from tools.chromium import Page
    from ui.conftest import Visit


def faults(page: Page) -> list[str]:
    """Return what axe-core finds on a page, without the content of frames, which are cards."""
    script = npm.axe().read_text(encoding="utf-8")
    page.call("Runtime.evaluate", expression=script)
    page.wait("window.axe")
    found = json.loads(
        page.ask("""axe.run(document, { iframes: false, resultTypes: ["violations"] }).then((found) => JSON.stringify(
        found.violations.map((each) => [each.id, each.nodes.map((node) => node.html.slice(0, 200) + " " + node.failureSummary)])))""")
    )
    return [f"{name}: {each}" for name, nodes in found for each in nodes]


def addresses(runs: tuple[str, str]) -> list[str]:
    """Return the paths of one page of each kind, and of pages with errors."""
    return [
        "",
        "?status=failed",
        "?text=nothing",
        "?tags=a+and",
        "flow/MixFlow",
        f"run/MixFlow/{runs[0]}",
        f"run/MixFlow/{runs[1]}",
        f"run/MixFlow/{runs[0]}/each",
        f"run/MixFlow/{runs[0]}/start/0",
        f"run/MixFlow/{runs[0]}/each/0.1?attempt=1",
        f"run/MixFlow/{runs[1]}/end/0",
        "run/MixFlow/none",
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(mixed: Served, runs: tuple[str, str], visit: Visit, dark: bool) -> None:
    page = visit(mixed.url, dark=dark)
    found = []
    for path in addresses(runs):
        for width in (1280, 375):
            page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            page.call("Page.navigate", url=f"{mixed.url}{path}")
            page.wait(f"document.readyState === 'complete' && location.href === {f'{mixed.url}{path}'!r}")
            ground = page.ask("getComputedStyle(document.documentElement).backgroundColor")
            assert ground == ("rgb(18, 22, 27)" if dark else "rgb(255, 255, 255)")
            found += [f"{path} at {width} px: {each}" for each in faults(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_the_palette(mixed: Served, visit: Visit, dark: bool) -> None:
    page = visit(mixed.url, dark=dark)
    press(page, "k", ctrl=True)
    page.wait("document.querySelector('#palette').open")
    assert faults(page) == []


def test_axe_would_find_a_fault(mixed: Served, visit: Visit) -> None:
    page = visit(mixed.url)
    page.ask("document.querySelector('.filters input').parentElement.firstChild.remove()")
    page.ask("document.querySelector('#search').placeholder = ''")
    assert [each.partition(":")[0] for each in faults(page)] == ["label"]


def test_the_order_of_focus(mixed: Served, visit: Visit) -> None:
    """First comes a link that skips the head of the page, then the elements as one reads them."""
    page = visit(mixed.url)
    order = []
    for _ in range(21):
        press(page, "Tab")
        order.append(focused(page))
    assert order[:6] == ["Skip to the content", "flowc: all runs", "Runs", "Deployments", "palette-button", "theme"]
    assert order[6:17] == [
        "search",
        "flow",
        "status",
        "tags",
        "since",
        "until",
        "parameters",
        "sort",
        "Show",
        "Compare checked runs",
        "The list of runs",
    ]
    assert all("MixFlow/" in name for name in order[17:19])
    assert page.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page = visit(mixed.url)
    press(page, "Tab")
    assert page.ask("document.activeElement.getBoundingClientRect().left") >= 0
    press(page, "Enter")
    page.wait("document.activeElement.id === 'main'")
    press(page, "Tab")
    assert focused(page) == "search"


def test_what_a_screen_reader_says(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[1]}")
    assert page.ask("document.documentElement.lang") == "en"
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    said = {
        (node["role"]["value"], node["name"]["value"])
        for node in tree
        if not node["ignored"] and node.get("name", {}).get("value")
    }
    assert {
        ("link", "step end, failed, 0/1 tasks done, 1 failed"),
        ("region", "The graph of the flow"),
        ("region", "Timeline"),
        ("button", "Dark or light colours"),
        ("button", f"Copy: flowc show MixFlow/{runs[1]}"),
        ("heading", f"MixFlow/{runs[1]}"),
    } <= said
    assert any(role == "link" and name.startswith("each-0.1 #2: ok, ") for role, name in said)
