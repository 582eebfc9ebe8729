"""Pictures of flows: what they show, and that Graphviz, Mermaid and a browser can read them."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import yaml

import flowc_ir as ir
from flowc.targets.pictures.picture import FlowPicture, duration, picture_of
from flowc.targets.pictures.picture_targets import DOT, MERMAID, SVG
from flowc_ir.graphs.analysis import Analysis
from ir.test_golden_ir import CASES
from project import ROOT
from targets.argo import flows
from tools import apt, chromium, npm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from project import Project
    from tools.chromium import Browser, Page

SVG_NAME = "{http://www.w3.org/2000/svg}"
AWKWARD = '"quoted" <b>bold</b> & &lt; #quot; `code` \\N \\n %%{init: {}}%% 1. *a* _b_ ]) -->|x| 日本語 é'


def everything() -> ir.Flow:
    """Return a flow with all kinds of splits and all policies that pictures show."""
    shape: flows.Shape = [
        "start", ("fork", "both", [["left", ("each", "collect", ["train"])], ["right"]]), ("choose", "meet", [["odd"], []]),
        ("loop", "again", ["turn"]), "end",
    ]  # fmt: skip
    made = flows.flow(shape, doc="Train all models.\n\nEach night.")
    made = flows.with_policies(
        made, "train", retry=ir.Retry(times=3, wait_seconds=120), catch=ir.Catch(var="failure"), doc="Train one model.\n\nSlow.",
        timeout=ir.Timeout(seconds=5400),
    )  # fmt: skip
    schedule = ir.Schedule(crons=("0 6 * * *",), where=made.where, timezone="Europe/Berlin")
    return replace(made, schedule=schedule)


def awkward() -> ir.Flow:
    """Return a flow with names that are keywords of Mermaid or Graphviz, and texts with special characters."""
    names = ["start", "end", "node", "graph", "class", "subgraph", "Überschrift", "click"]
    made = flows.flow([*names, ("choose", "style", [["default"], ["strict"]]), "digraph"], doc=AWKWARD)
    nodes = [replace(node, doc=f"{AWKWARD}\n\nMore.") for node in made.nodes]
    at = names.index("click")
    switch = nodes[at].next
    assert isinstance(switch, ir.Switch)
    arms = ((AWKWARD, "default"), ("a\nb\x00\ud800", "strict"))
    nodes[at] = replace(nodes[at], next=ir.Switch(condition="way", arms=arms))
    return replace(made, name="Awkward", nodes=tuple(nodes))


def picture(flow: ir.Flow) -> FlowPicture:
    return picture_of(Analysis(flow))


def shown_texts(drawn: FlowPicture) -> set[str]:
    """Return the texts that a picture of any kind must contain."""
    texts = {drawn.name, *drawn.notes, *(arrow.label for arrow in drawn.arrows)}
    for box in drawn.boxes:
        texts |= {box.name, box.about, *box.marks}
    return texts - {""}


# -- contents ----------------------------------------------------------------------------------------------------------


def test_a_picture_shows_splits_joins_loops_and_policies() -> None:
    drawn = picture(everything())
    boxes = {box.name: box for box in drawn.boxes}
    assert drawn.notes == ("Train all models.", "schedule 0 6 * * * (Europe/Berlin)")
    assert boxes["start"].marks == ("branches into 2",)
    assert boxes["left"].marks == ("foreach items",)
    assert boxes["train"].marks == ("retry 3×, 2 min apart", "catch failure", "timeout 1 h 30 min")
    assert (boxes["train"].about, boxes["train"].many, boxes["collect"].many) == ("Train one model.", True, False)
    assert boxes["collect"].marks == ("joins left",)
    assert boxes["both"].marks == ("joins start", "switch on way")
    assert (boxes["turn"].marks, boxes["again"].marks) == (("loop",), ("switch on again",))
    assert {name: box.shape for name, box in boxes.items()} == {
        "start": "end", "left": "step", "right": "step", "train": "step", "collect": "join", "both": "switch", "odd": "step",
        "meet": "step", "turn": "step", "again": "switch", "end": "end",
    }  # fmt: skip
    kinds = {arrow.ends: (arrow.kind, arrow.label) for arrow in drawn.arrows}
    assert kinds["left", "train"] == ("each", "each of items")
    assert kinds["both", "odd"] == ("choice", "0")
    assert kinds["both", "meet"] == ("choice", "1")
    assert kinds["again", "turn"] == ("again", "True")
    assert kinds["start", "left"] == ("next", "")


def test_a_gang_is_shown() -> None:
    made = flows.flow(["start", ("each", "join", ["work"]), "end"])
    nodes = (replace(made.nodes[0], next=ir.Gang(body="work")), *made.nodes[1:])
    drawn = picture(replace(made, nodes=nodes))
    assert drawn.boxes[0].marks == ("gang",)
    assert (drawn.arrows[0].kind, drawn.arrows[0].label) == ("gang", "all at once")


def test_a_default_arm_and_the_limit_of_a_loop_are_shown() -> None:
    made = flows.flow(["start", ("loop", "again", ["turn"]), "end"])
    again = next(node for node in made.nodes if node.id == "again")
    limited = ir.Switch(condition="done", arms=((False, "turn"),), default="end", loop=ir.LoopLimit(iterations=4))
    nodes = tuple(replace(node, next=limited) if node is again else node for node in made.nodes)
    drawn = picture(replace(made, nodes=nodes))
    assert drawn.boxes[2].marks == ("switch on done", "at most 4 iterations")
    assert [arrow.label for arrow in drawn.arrows] == ["", "", "False", "otherwise"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (90, "1 min 30 s"), (7200, "2 h"), (90_061, "1 d 1 h")]
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_long_texts_are_shortened() -> None:
    made = flows.with_policies(flows.flow(["start", "end"]), "start", doc="word " * 100)
    box = picture(made).boxes[0]
    assert len(box.about) <= 44 and box.about.endswith("wor…")
    assert box.doc.count("word") == 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("target", ["mermaid", "dot", "svg"])
def test_pictures_of_the_golden_flows(
    case: Path, target: str, golden: Callable[[Path, str], None], fresh_imports: None
) -> None:
    from flowc.frontends.metaflow.flowspec import load

    flow = load(case / "flow.py").flow
    assert flow is not None
    emit = {"mermaid": MERMAID, "dot": DOT, "svg": SVG}[target].emit
    text = emit(picture(flow))
    assert text == emit(picture(flow))
    # SVG pictures are large, so only three of them are golden files
    if target != "svg" or case.name in ("loop_with_foreach", "policies", "switch"):
        golden(case / f"picture.{target}", text)


def test_the_document_s_picture(project: Project) -> None:
    """The file docs/train.svg equals the picture of the flow in docs/pictures.md."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/pictures.md").read_text(), re.DOTALL)
    project.write("train.py", source)
    assert project.flowc("compile", "train.py", "--target", "svg").out == (ROOT / "docs/train.svg").read_text()


# -- the command -------------------------------------------------------------------------------------------------------

FLOW = '''
    from metaflow import FlowSpec, Parameter, step

    def today(context):
        raise SystemExit("a picture calls no function of the user's")

    class Drawn(FlowSpec):
        """A flow."""

        day = Parameter("day", default=today)
        needed = Parameter("needed", required=True)

        @step
        def start(self):
            """Read all."""
            self.next(self.end)

        @step
        def end(self):
            pass
    '''


@pytest.mark.parametrize(
    ("target", "begins", "next_"),
    [("mermaid", "---\n", ""), ("dot", "digraph ", "; dot -Tpdf -O flow.out"), ("svg", "<svg ", "")],
)
def test_compile_draws(project: Project, target: str, begins: str, next_: str) -> None:
    project.write("flow.py", FLOW)
    done = project.flowc("compile", "flow.py", "--target", target)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert "Read all." in done.out
    from_ir = project.flowc("ir", "flow.py")
    project.write("ir.json", from_ir.out)
    written = project.flowc("compile", "ir.json", "--target", target, "-o", "flow.out")
    assert (written.code, written.err) == (0, f"flow.out: {len(done.out.encode()):,} bytes{next_}\n")
    assert (project.root / "flow.out").read_text() == done.out
    assert "--image" not in project.flowc("compile", "--target", target, "--help").out


# -- SVG ---------------------------------------------------------------------------------------------------------------


def svg_texts(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG_NAME}text")]


@pytest.mark.parametrize("made", [everything, awkward])
def test_svg_is_well_formed_and_has_titles(made: Callable[[], ir.Flow]) -> None:
    drawn = picture(made())
    root = ElementTree.fromstring(SVG.emit(drawn).encode())
    assert root.tag == f"{SVG_NAME}svg"
    assert set(svg_texts(root)) == shown_texts(drawn)
    titles = [title.text or "" for title in root.iter(f"{SVG_NAME}title")]
    assert titles[0] == drawn.name
    assert len(titles) == 1 + len(drawn.boxes) + len(drawn.arrows)
    steps = [group for group in root.iter(f"{SVG_NAME}g") if "step" in group.get("class", "").split()]
    for box, group in zip(drawn.boxes, steps, strict=True):
        title = group.find(f"{SVG_NAME}title")
        assert title is not None and title.text is not None
        assert title.text.startswith(box.name) and box.doc in title.text
        assert group.get("role") == "graphics-symbol"
    description = root.find(f"{SVG_NAME}desc")
    assert description is not None and drawn.doc in (description.text or "")
    assert root.get("aria-labelledby") == root[0].get("id")


def test_svg_loads_nothing() -> None:
    text = SVG.emit(picture(everything()))
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in text and "@import" not in text and "href" not in text
    assert re.findall(r"url\(([^)]*)\)", text) == ["#flow-head"] * text.count("url(")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = chromium.Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


COLORS = """[...document.querySelectorAll('text')].map((text) => {
    const ground = text.parentElement.querySelector('.box') ?? document.querySelector('.page');
    return [text.textContent, getComputedStyle(text).fill, getComputedStyle(ground).fill];
})"""
OUTSIDE = """[...document.querySelectorAll('.step')].flatMap((step) => {
    const box = step.querySelector('.box').getBBox();
    return [...step.querySelectorAll('text')].filter((text) => {
        const own = text.getBBox();
        return own.x < box.x || own.x + own.width > box.x + box.width || own.y < box.y || own.y + own.height > box.y + box.height;
    }).map((text) => text.textContent);
})"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("made", [everything, awkward])
def test_svg_is_readable_in_a_browser(
    browser: Browser, tmp_path: Path, made: Callable[[], ir.Flow], dark: bool
) -> None:
    file = tmp_path / "flow.svg"
    file.write_text(SVG.emit(picture(made())), encoding="utf-8")
    page = browser.open(file.as_uri(), dark=dark)
    colors = page.ask(COLORS)
    assert len(colors) > 10
    assert [name for name, text, ground in colors if contrast(text, ground) < 4.5] == []
    ground = page.ask("getComputedStyle(document.querySelector('.page')).fill")
    assert (luminance(ground) < 0.1) is dark
    assert page.ask(OUTSIDE) == []
    assert page.problems() == [] and page.requests() == []
    page.close()


# -- Graphviz and Mermaid ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [everything, awkward])
def test_graphviz_reads_it(made: Callable[[], ir.Flow]) -> None:
    program = apt.program("dot", packages=("graphviz",))
    if program is None:
        pytest.skip("NOT TESTED: what Graphviz reads, as there is no dot")
    drawn = picture(made())
    done = subprocess.run([program, "-Tsvg"], input=DOT.emit(drawn).encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    root = ElementTree.fromstring(done.stdout)
    assert set(svg_texts(root)) == shown_texts(drawn)
    titles = [title.text for title in root.iter(f"{SVG_NAME}title")]
    assert {box.name for box in drawn.boxes} < set(titles)
    tooltips = {link.get("{http://www.w3.org/1999/xlink}title") for link in root.iter(f"{SVG_NAME}a")}
    assert {box.doc or box.name for box in drawn.boxes} <= tooltips


@pytest.fixture(scope="module")
def mermaid(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Return a page of the browser that has loaded Mermaid and nothing else."""
    file = tmp_path_factory.mktemp("mermaid") / "page.html"
    file.write_text(
        f'<!doctype html><meta charset="utf-8"><script src="{npm.mermaid().as_uri()}"></script><div id="here"></div>'
    )
    page = browser.open(file.as_uri())
    page.wait("window.mermaid")
    page.ask("mermaid.initialize({startOnLoad: false})")
    yield page
    page.close()


def rendered(page: Page, text: str) -> dict[str, Any]:
    """Let Mermaid draw the text; return the title, the labels and the lines of the drawing."""
    script = """(async (text) => {
        const kind = await mermaid.parse(text);
        const {svg} = await mermaid.render('picture', text);
        document.getElementById('here').innerHTML = svg;
        const texts = (selector) => [...document.querySelectorAll(selector)].map((e) => e.innerText.trim());
        return {
            kind: kind.diagramType, nodes: texts('#here .nodes .node .nodeLabel'), labels: texts('#here .edgeLabels span.edgeLabel'),
            edges: document.querySelectorAll('#here .edgePaths path').length,
            title: document.querySelector('#here .flowchartTitleText')?.textContent,
            name: document.querySelector('#here svg > title')?.textContent,
            description: document.querySelector('#here svg > desc')?.textContent,
        };
    })"""
    found: dict[str, Any] = page.ask(f"{script}({json.dumps(text)})")
    return found


@pytest.mark.parametrize("made", [everything, awkward])
def test_mermaid_reads_it(mermaid: Page, made: Callable[[], ir.Flow]) -> None:
    drawn = picture(made())
    text = MERMAID.emit(drawn)
    title = ": ".join((drawn.name, *drawn.notes)).translate(str.maketrans("&<>", "＆＜＞"))
    assert yaml.safe_load(text.split("---\n")[1]) == {"title": title}
    found = rendered(mermaid, text)
    assert found["kind"].startswith("flowchart")
    assert found["title"] == title
    assert (found["name"], found["description"]) == (drawn.name, drawn.doc)
    assert found["nodes"] == ["\n".join(filter(None, (box.name, box.about, *box.marks))) for box in drawn.boxes]
    assert [label for label in found["labels"] if label] == [arrow.label for arrow in drawn.arrows if arrow.label]
    assert found["edges"] == len(drawn.arrows)
