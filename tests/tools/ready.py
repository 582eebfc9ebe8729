"""Programs that tests need besides Python: created before the tests start, with a line for each slow one.

PYTHONPATH=tests python -m tools.ready
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster import go_builds
from tools import apt, chromium, gobuild, npm, versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A prerequisite of tests.

    `there` returns whether it exists; `make` creates it, or raises an error with the reason.
    """

    what: str
    usual: str  # the usual time
    without: str  # the tests that are skipped if the prerequisite is missing
    there: Callable[[], bool]
    make: Callable[[], object]


def gateway() -> Path:
    """Return the directory with the program of the S3 gateway. Raises GoUnavailable."""
    return go_builds.build(go_builds.S3, gobuild.cache() / "cluster" / "bin")


PARTS = (
    Part(
        f"building versitygw {versions.VERSITYGW}, an S3 gateway, with Go (kept in {gobuild.cache()})",
        "one to three minutes",
        "stores in a bucket are not tested",
        lambda: go_builds.place(go_builds.S3, gobuild.cache() / "cluster" / "bin").exists(),
        gateway,
    ),
    Part(
        "installing Debian's Chromium",
        "one to two minutes",
        "cards and the pages of flowc ui are not tested in a browser",
        lambda: apt.found(*chromium.NAMES) is not None,
        chromium.install,
    ),
    Part(
        "installing Debian's Graphviz",
        "half a minute",
        "what Graphviz reads is not tested",
        lambda: apt.found("dot") is not None,
        lambda: apt.program("dot", packages=("graphviz",)),
    ),
    Part(
        f"fetching Mermaid {versions.MERMAID} from npm (kept in {gobuild.cache()})",
        "half a minute",
        "what Mermaid reads is not tested",
        lambda: npm.mermaid_place().exists(),
        npm.fetch_mermaid,
    ),
    Part(
        f"fetching axe-core {versions.AXE} from npm (kept in {gobuild.cache()})",
        "some seconds",
        "the accessibility of pages is not tested",
        lambda: npm.axe_place().exists(),
        npm.fetch_axe,
    ),
    Part(
        f"fetching asl-validator {versions.ASL_VALIDATOR} from npm (kept in {gobuild.cache()})",
        "half a minute",
        "state machines are not tested",
        lambda: npm.state_machines_place().exists(),
        npm.fetch_state_machines,
    ),
)


def main() -> None:
    """Create missing prerequisites. A prerequisite that cannot be created is reported, and its tests are skipped."""
    for part in PARTS:
        if part.there():
            continue
        print(f"{part.what}: usually {part.usual}, once", flush=True)
        start = time.monotonic()
        try:
            made = part.make()
        except (gobuild.GoUnavailable, npm.NpmError) as error:
            made = None
            print(f"  {error}", flush=True)
        print(f"  {f'done in {time.monotonic() - start:.0f} s' if made else part.without}", flush=True)


if __name__ == "__main__":
    main()
