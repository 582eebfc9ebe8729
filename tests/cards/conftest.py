"""Fixtures: a run whose cards have every component, created once, and a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from project import Project
from tools.chromium import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOW = '''
    from metaflow import FlowSpec, Parameter, card, catch, current, step
    from metaflow.cards import (
        Artifact, Error, EventsTimeline, Html, Image, JSONViewer, Markdown, ProgressBar, PythonCode, Table, ValueBox,
        VegaChart, YAMLViewer,
    )

    PIXEL = bytes.fromhex(
        "47494638396101000100800000ff0000ffffff21f90401000000002c00000000010001000002024401003b"
    )
    BAD = "<script>document.title = 'taken over'</script>"


    def points():
        return [{"epoch": n, "loss": 1 / (n + 1) + 0.05 * (s == "test"), "set": s} for n in range(20) for s in ("train", "test")]


    class ShowFlow(FlowSpec):
        """A flow with cards."""

        alpha = Parameter("alpha", default=0.5)
        note = Parameter("note", default=BAD)

        @card
        @card(type="blank", id="plain", options={"title": "Plain"})
        @step
        def start(self):
            """Read the table of houses."""
            show = current.card
            show.append(Markdown(f"# House prices\\n\\n{BAD} [bad](javascript:alert(1)) *fine*\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |"))
            show.append(ValueBox("Accuracy", "94.2 %", "held out", theme="success", change_indicator="+1.2"))
            show.append(ValueBox("Rows", 20640))
            chart = {
                "title": "Loss", "data": {"values": points()}, "mark": "line", "height": 220,
                "encoding": {
                    "x": {"field": "epoch", "type": "quantitative"}, "y": {"field": "loss", "type": "quantitative"},
                    "color": {"field": "set", "type": "nominal"},
                },
            }
            show.append(VegaChart(chart, show_controls=True), id="chart")
            show.append(ProgressBar(max=40, value=30, label="Epochs", unit="epochs", metadata="8 s each"))
            show.append(Table([[BAD, 1.5, None], ["lon", 2, Markdown("*yes*")]], headers=["name", "weight", "kept"]))
            show.append(Image(PIXEL, label="One pixel"))
            show.append(Artifact({"depth": 3, "text": BAD}, name="settings"))
            try:
                raise ValueError(BAD)
            except ValueError as error:
                show.append(Error(error, "It was handled"))
            show.append(PythonCode(points))
            show.append(JSONViewer({"a": [1, {"b": BAD}]}))
            show.append(YAMLViewer({"depth": 3, "names": ["yes", "a b"]}))
            events = EventsTimeline("Agent")
            events.update({"action": "answer", "tokens": 312, "text": BAD}, payloads={"notes": Markdown("**fine**")})
            events.update({"action": "end"}, style_theme="error", priority="high", finished=True)
            show.append(events)
            show["plain"].append(Html("<b id='own'>bold</b>"))
            self.items = ["a", "b"]
            self.next(self.each, foreach="items")

        @card(id="numbered")
        @step
        def each(self):
            current.card.append(Markdown(f"item {self.input}"))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @catch(var="failure")
        @card
        @step
        def end(self):
            raise KeyError("as <asked>")


    if __name__ == "__main__":
        ShowFlow()
    '''


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with one run of `ShowFlow`."""
    project = Project(tmp_path_factory.mktemp("shown"))
    project.environment["METAFLOW_USER"] = "ann"
    project.write("flow.py", SHOW)
    project.run("flow.py")
    return project


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser without a window."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def other_warnings() -> None:
    """Let each test print warnings of cards again, because a process prints each warning only once."""
    from metaflow.plugins.cards import _warn

    _warn.printed.clear()
