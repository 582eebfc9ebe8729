"""The data of the page of an artifact: its versions over the runs of a flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from flowc.ui.page_data.shown_previews import shown_preview
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.store.ended.ended_runs import with_pack
from flowc_runtime.store.records.artifact_versions import versions_of_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.ui.page_data.shown_previews import ShownPreview
    from flowc_runtime.store.records.artifact_versions import ArtifactVersion
    from flowc_runtime.store.records.run_store import RunStore

RUNS: Final = 30
"""The number of runs of one page."""
SECONDS: Final = 1.5
"""The time after which a page shows what it has: the next page continues. At least one run is read."""


class VersionRow(NamedTuple):
    """A version of an artifact in a run, its preview, and whether the run before it has the same version."""

    version: ArtifactVersion
    preview: ShownPreview
    known: bool


class VersionPage(NamedTuple):
    """The versions of an artifact in some runs, newest first.

    Attributes:
        rows: the versions.
        looked: the number of runs that were read for the page.
        following: the number of runs before the next page, or None if there are no further runs.
        total: the number of runs of the flow.
    """

    rows: Sequence[VersionRow]
    looked: int
    following: int | None
    total: int


def version_page(
    runs: Sequence[RunStore], name: str, start: int, clock: Callable[[], float] = time.monotonic
) -> VersionPage:
    """Return the versions of an artifact in the runs after the newest `start` runs.

    Args:
        runs: all runs of the flow, oldest first.
        name: the name of the artifact.
        start: the number of newer runs, which earlier pages show.
        clock: returns a time in seconds.
    """
    listed = runs[::-1]
    found: list[ArtifactVersion] = []
    began, at = clock(), start
    while at < len(listed) and at < start + RUNS and (at == start or clock() - began < SECONDS):
        found += versions_of_run(with_pack(listed[at]), name)
        at += 1
    rows = []
    for number, version in enumerate(found):
        before = next((other.run for other in found[number:] if other.run != version.run), None)
        known = any(other.run == before and other.digest == version.digest for other in found[number:])
        preview = shown_preview(version.ref, version.ref.get("preview"))
        rows.append(VersionRow(version, preview, known))
    return VersionPage(rows, at - start, at if at < len(listed) else None, len(listed))
