"""Measure the cost of compiling a flow to Argo, relative to a Python start, to the cost of a longer flow, and to the
cost at another commit.

`python -m bench.compiling FLOW.py` compiles a flow's file in this process. Kubernetes' limit for the size of an object
is not applied, because the manifest of a flow with thousands of steps exceeds it.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environments import make_checkout
from bench.figures import Bench, Figure
from bench.measure import ROOT, Use, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = ["-m", "flowc", "compile", "--target", "argo", "chain.py", "-o", "argo.yaml"]


def write_chain(path: Path, steps: int) -> None:
    """Write a flow with linear steps of a few lines each."""
    names = ["start", *(f"step_{number}" for number in range(1, steps - 1)), "end"]
    lines = ["from metaflow import FlowSpec, step", "", "", "class ChainBench(FlowSpec):"]
    for name, following in zip(names, [*names[1:], None], strict=True):
        last = f"self.next(self.{following})" if following else "pass"
        lines += ["    @step", f"    def {name}(self):", f"        self.last = {name!r}", f"        {last}", ""]
    path.write_text("\n".join(lines))


def measure_compiler(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of compiling flows to Argo. The programs of a figure run alternately; CPU times are compared."""
    places = {steps: _flow_of(bench.directory, steps) for steps in (100, 1000, 4000)}
    bare = [sys.executable, "-c", "pass"]
    ours = {steps: ([sys.executable, *MANIFEST], place) for steps, place in places.items()}
    used = _alternately(bench.times, {"bare": (bare, places[100]), "100": ours[100], "1000": ours[1000]})
    yield _ratio("compile 100 steps / python -c pass", 16, used, "100", "bare")
    yield _ratio("compile 1,000 steps / 100 steps", 2.2, used, "1000", "100")

    unlimited = [sys.executable, "-m", "bench.compiling"]
    used = _alternately(
        bench.times, {str(steps): ([*unlimited, str(places[steps] / "chain.py")], ROOT) for steps in (1000, 4000)}
    )
    yield _ratio("compile 4,000 steps / 1,000 steps", 4.4, used, "4000", "1000")

    if bench.baseline is not None:
        python = make_checkout(bench.baseline, "argo")
        for steps, target in ((100, 0.5), (1000, 0.35)):
            both = {"now": ours[steps], "before": ([python, *MANIFEST], places[steps])}
            used = _alternately(bench.times, both)
            yield _ratio(f"compile {steps:,} steps / commit {bench.baseline[:7]}", target, used, "now", "before")
    size = (places[100] / "argo.yaml").stat().st_size
    yield Figure("the YAML of 100 steps", size / 1e3, 100, "kB")
    for place in places.values():
        shutil.rmtree(place)


def _flow_of(directory: Path, steps: int) -> Path:
    place = directory / f"chain-{steps}"
    place.mkdir()
    write_chain(place / "chain.py", steps)
    return place


def _alternately(times: int, programs: Mapping[str, tuple[list[str], Path]]) -> dict[str, list[Use]]:
    """Measure programs alternately, after a run of each that fills caches."""
    rounds = [{name: use(command, place) for name, (command, place) in programs.items()} for _ in range(times + 1)][1:]
    return {name: [each[name] for each in rounds] for name in programs}


def _ratio(name: str, target: float, used: dict[str, list[Use]], ours: str, other: str) -> Figure:
    ratios = [one.cpu / another.cpu for one, another in zip(used[ours], used[other], strict=True)]
    cpu = {each: statistics.median(use.cpu for use in used[each]) for each in (ours, other)}
    return Figure(
        name, statistics.median(ratios), target, "×", min(ratios), f"CPU {cpu[ours]:.2f} s, {cpu[other]:.2f} s"
    )


def main(path: Path) -> None:
    """Compile a flow; the size of the manifest is not limited."""
    from flowc.frontends.metaflow.flowspec import load
    from flowc.targets.argo import Settings, compile_flow
    from flowc.targets.argo.checking import limits

    limits.MAX_TEMPLATE_BYTES = limits.MAX_CONFIG_MAP_BYTES = 1 << 30
    loaded = load(path)
    assert loaded.flow is not None, loaded.diagnostics
    assert compile_flow(loaded.flow, loaded.package, Settings()).to_yaml()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
