"""The page of a run in a browser: its graph, its steps, its timeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ui.served import Served

if TYPE_CHECKING:
    from conftest import Visit


def test_each_step_of_the_graph_is_a_link(mixed: Served, runs: tuple[str, str], visit: Visit) -> None:
    page = visit(f"{mixed.url}run/MixFlow/{runs[1]}")
    assert page.problems() == []
    links = page.ask("[...document.querySelectorAll('.graph a')].map((a) => [a.getAttribute('aria-label'), a.href.baseVal])")
    assert dict((label.split(",")[0], href) for label, href in links) == {
        f"step {name}": f"{runs[1]}/{name}" for name in ("start", "each", "join", "risky", "end")
    }
    assert "step end, failed, 0/1 tasks done, 1 failed" in dict(links)
    page.screenshot(__import__("pathlib").Path("/tmp/shot-run.png"))
