"""Measure other programs with the same work as flowc, each in a cached virtual environment and with two workers.

Metaflow runs flowc's flow files unchanged. The files in `flows/peers` are the flows of the other programs. Each file in
`flows/peers` does the same work as flowc's flow, in the way that the program's documentation recommends. Each task runs
in its own process if the measured program supports this.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from bench.environments import make_environment
from bench.measure import FLOWS, Use, new_directory, use
from metaflow.metaflow_version import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINEAR, FANOUT, ARRAY, IMPORT = "3 trivial steps", "100 small tasks and their sum", "256 MiB array, 3 steps", "import"
WORKS = (LINEAR, FANOUT, ARRAY, IMPORT)
SLOW = 30.0  # seconds: if the first run of a program takes longer, the program is not measured again
PEERS = FLOWS / "peers"
TWO_WORKERS = ("--max-workers", "2")
_REDUN = "import sys; from redun.cli import main; sys.exit(main())"
REDUN_INI = "[executors.default]\ntype = local\n\n[executors.process]\ntype = local\nmode = process\nmax_workers = 2\n"


@final
@dataclass(frozen=True)
class Peer:
    """A program, its packages on PyPI, and its arguments for each workload; `{place}` is the directory of the run."""

    name: str
    packages: tuple[str, ...]
    works: Mapping[str, list[str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    # further files for the directory of the run: path -> text
    files: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def use(self, python: str, work: str, directory: Path) -> Use:
        """Run the program once in a new directory."""
        place = new_directory(directory)
        for name, text in self.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
        variables = {name: value.replace("{place}", str(place)) for name, value in self.variables.items()}
        return use([python, *self.works[work]], place, variables)


@final
@dataclass(frozen=True)
class PeerFigure:
    """The median figures of a program for a workload, and the ratio of its wall time to flowc's wall time."""

    work: str
    peer: Peer
    wall: float
    cpu: float
    ratio: float


def _metaflow_works(module: str) -> dict[str, list[str]]:
    flows = {LINEAR: "linear", FANOUT: "fanout", ARRAY: "large"}
    works = {work: [str(FLOWS / f"{name}.py"), "run", *TWO_WORKERS] for work, name in flows.items()}
    return {**works, IMPORT: ["-c", f"import {module}"]}


def _works(file: str, module: str) -> dict[str, list[str]]:
    return {
        LINEAR: [str(PEERS / file), "linear"],
        FANOUT: [str(PEERS / file), "fanout"],
        IMPORT: ["-c", f"import {module}"],
    }


FLOWC = Peer("flowc", (), _metaflow_works("metaflow"))
OTHERS = (
    Peer("Metaflow", (f"metaflow=={API_VERSION}", "numpy"), _metaflow_works("metaflow")),
    Peer(
        "runnable",
        ("runnable==0.50.0",),
        {
            LINEAR: ["pipelines.py", "runnable", "chain", "3"],
            FANOUT: ["pipelines.py", "runnable", "map", "100"],
            IMPORT: ["-c", "import runnable"],
        },
        {"RUNNABLE_PRM_count": "0", "RUNNABLE_PRM_width": "100"},
        # runnable searches for the pipeline's modules in the working directory.
        {name: (FLOWS / name).read_text(encoding="utf-8") for name in ("pipelines.py", "plain_functions.py")},
        note="its local executor, which runs one task at a time",
    ),
    Peer(
        "Prefect",
        ("prefect==3.9.1",),
        _works("prefect_tasks.py", "prefect"),
        {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        note="starts a server for the run",
    ),
    Peer(
        "Dagster",
        ("dagster==1.13.29",),
        _works("dagster_jobs.py", "dagster"),
        {"DAGSTER_HOME": "{place}"},
        {"dagster.yaml": "telemetry:\n  enabled: false\n"},
        note="a new Python process for each op",
    ),
    Peer(
        "redun",
        ("redun==0.44.1",),
        {
            LINEAR: ["-c", _REDUN, "run", str(PEERS / "redun_tasks.py"), "linear"],
            FANOUT: ["-c", _REDUN, "run", str(PEERS / "redun_tasks.py"), "fanout"],
            IMPORT: ["-c", "import redun"],
        },
        files={".redun/redun.ini": REDUN_INI},
        note="a pool of processes, which tasks share",
    ),
    Peer(
        "Kedro",
        ("kedro==1.7.0",),
        _works("kedro_nodes.py", "kedro.runner"),
        note="a pool of processes; no records, no logs",
    ),
    Peer(
        "Kubeflow Pipelines",
        ("kfp==2.17.3",),
        {**_works("kfp_components.py", "kfp"), FANOUT: [str(PEERS / "kfp_components.py"), "fanout", "100"]},
        note="its local runner, without a virtual environment for each task",
    ),
    Peer(
        "Luigi",
        ("luigi==3.8.1",),
        {FANOUT: [str(PEERS / "luigi_tasks.py")], IMPORT: ["-c", "import luigi"]},
        note="a fork for each task; no records, no logs",
    ),
)


def version(peer: Peer) -> str:
    """Return the version that is measured, such as `2.19.39`; an empty text for flowc."""
    return peer.packages[0].partition("==")[2] if peer.packages else ""


def measure_peers(directory: Path, times: int) -> Iterator[PeerFigure]:
    """Yield the figures of each workload, flowc's first. In each of `times` rounds, every program runs once."""
    pythons = {FLOWC.name: sys.executable}
    for peer in OTHERS:
        name = f"{peer.name.lower().replace(' ', '-')}-{version(peer)}"
        pythons[peer.name] = make_environment(name, peer.packages)
    for work in WORKS:
        peers = [peer for peer in (FLOWC, *OTHERS) if work in peer.works]
        found = {peer.name: [peer.use(pythons[peer.name], work, directory)] for peer in peers}
        slow = {name for name, uses in found.items() if uses[0].wall > SLOW}
        for name, uses in found.items():
            if name not in slow:
                uses.clear()  # the first run of a fast program only filled its caches, so it is not counted
        for _ in range(times):
            for peer in peers:
                if peer.name not in slow:
                    found[peer.name].append(peer.use(pythons[peer.name], work, directory))
        ours = statistics.median(each.wall for each in found[FLOWC.name])
        for peer in peers:
            wall = statistics.median(each.wall for each in found[peer.name])
            cpu = statistics.median(each.cpu for each in found[peer.name])
            yield PeerFigure(work, peer, wall, cpu, wall / ours)
