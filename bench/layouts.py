"""The layout of a graph of 1,000 steps, beside dagre, the layout that most pages of other programs use.

Both programs get the same boxes and lines, and measure only the layout, in the same round. A layout is computed once
before the measurement, which gives dagre's JavaScript time to be compiled.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench.environments import cache
from bench.figures import Bench, Figure
from bench.measure import module_output
from flowc.targets.pictures.layout import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAGRE = "@dagrejs/dagre@3.1.3"
STEPS = 1_000
_PROGRAM = """
const dagre = require("@dagrejs/dagre");
const { boxes, lines } = JSON.parse(require("fs").readFileSync(0, "utf8"));
function once() {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({});
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [name, [width, height]] of Object.entries(boxes)) graph.setNode(name, { width, height });
  for (const [from, to] of lines) graph.setEdge(from, to);
  const began = performance.now();
  dagre.layout(graph);
  return (performance.now() - began) / 1000;
}
once();
console.log(once());
"""


def graph(steps: int) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """Return the boxes and lines of a flow: each step follows one to three of the 20 steps before it."""
    chance = random.Random(1)
    boxes = {f"s{number}": (120.0, 44.0) for number in range(steps)}
    lines = [
        (f"s{before}", f"s{number}")
        for number in range(1, steps)
        for before in sorted(set(chance.choices(range(max(0, number - 20), number), k=chance.randint(1, 3))))
    ]
    return boxes, lines


def measure_layouts(bench: Bench) -> Iterator[Figure]:
    """Yield the duration of flowc's layout as a share of dagre's."""
    place = _dagre()
    boxes, lines = graph(STEPS)
    given = json.dumps({"boxes": boxes, "lines": lines})
    rounds = []
    for _ in range(bench.times):
        ours = float(module_output(bench.directory, "layouts"))
        command = ["node", "-e", _PROGRAM]
        done = subprocess.run(command, cwd=place, input=given, capture_output=True, text=True, check=True)
        rounds.append((ours, float(done.stdout)))
    ours, theirs = (statistics.median(each[at] for each in rounds) for at in (0, 1))
    ratios = [one / other for one, other in rounds]
    text = f"{ours * 1e3:.0f} ms, dagre {theirs:.1f} s: 1/{theirs / ours:.0f}"
    yield Figure("layout of 1,000 steps / dagre", statistics.median(ratios), 1 / 200, "×", min(ratios), text)


def _dagre() -> Path:
    """Return a directory in which Node finds dagre; install it on first use."""
    place = cache() / DAGRE.replace("/", "-")
    if not (place / "node_modules").exists():
        print(f"installing {DAGRE} into {place}", file=sys.stderr)
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", place, DAGRE], check=True)
    return place


def main() -> None:
    """Print the seconds of one layout."""
    boxes, lines = graph(STEPS)
    lay_out(boxes, lines)
    began = time.perf_counter()
    lay_out(boxes, lines)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
