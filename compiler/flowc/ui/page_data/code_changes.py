"""The difference between the recorded code of two runs, in lines with their kinds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.run.views.source_diff import diff_lines
from flowc_runtime.store.values.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_runtime.run.views.run_view import RunView

MOST_LINES: Final = 1500
"""The number of lines of a difference that are shown."""
LONGEST_LINE: Final = 500
"""The number of characters of a line that are shown."""
LARGEST: Final = 2_000_000
"""The number of characters of the changed files that are compared."""
_KINDS: Final = {"+": "added", "-": "removed", "@": "place", "\\": "place"}


class DiffLine(NamedTuple):
    """A line of a difference: its kind (`file`, `place`, `added`, `removed` or empty) and its text."""

    kind: str
    text: str


class CodeChanges(NamedTuple):
    """The difference between the code of two runs.

    Attributes:
        lines: the lines, at most MOST_LINES.
        more: whether further lines follow.
        problem: why the code cannot be compared; else empty.
    """

    lines: Sequence[DiffLine] = ()
    more: bool = False
    problem: str = ""


def code_changes(first: RunView, second: RunView) -> CodeChanges:
    """Return the difference from the code of a run to the code of another run."""
    files: list[Mapping[str, str]] = []
    for view in (first, second):
        try:
            found = read_sources(view.records.store.objects, view.records.record)
        except FlowcError as error:
            return CodeChanges(problem=f"The code of {view.pathspec} cannot be read: {error}")
        if found is None:
            return CodeChanges(problem=f"Run {view.pathspec} has no recorded code.")
        files.append(found)
    old, new = files
    changed = [path for path in old.keys() | new.keys() if old.get(path) != new.get(path)]
    if sum(len(old.get(path, "")) + len(new.get(path, "")) for path in changed) > LARGEST:
        return CodeChanges(problem=f"The {len(changed):,} changed files are too large to compare them here.")
    names = tuple(f"{mark} {view.pathspec}/" for mark, view in (("---", first), ("+++", second)))
    heads = (*names, "--- /dev/null", "+++ /dev/null")
    lines = [
        DiffLine("file" if line.startswith(heads) else _KINDS.get(line[:1], ""), line.rstrip("\n")[:LONGEST_LINE])
        for line in itertools.islice(diff_lines(first.pathspec, old, second.pathspec, new), MOST_LINES + 1)
    ]
    return CodeChanges(lines[:MOST_LINES], len(lines) > MOST_LINES)
