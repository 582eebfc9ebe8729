"""Tab completion for pathspecs: the names of flows, runs, steps and tasks in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


def pathspecs(store: Store, incomplete: str) -> Iterator[str]:
    """Yield candidates for the next part of FLOW/RUN/STEP/TASK; runs newest first.

    Args:
        store: the store.
        incomplete: the beginning of a pathspec.
    """
    done = incomplete.split("/")[:-1]
    before = "".join(f"{part}/" for part in done)
    if not done:
        yield from (f"{flow}/" for flow in store.flows())
    elif len(done) == 1:
        runs = store.runs(done[0])
        yield from (before + run for run in [*(["latest"] if runs else []), *reversed(runs)])
    elif (run := run_of(store, done)) is not None:
        steps = run.steps()
        if len(done) == 2:
            yield from (before + step for step in steps)
        elif len(done) == 3 and done[2] in steps:
            paths = run.attempts(done[2])
            yield from (before + task_id(done[2], path) for path in paths)
            if not incomplete.endswith("/"):  # an index path begins with a digit, and a task's id with the step's name
                yield from (before + path for path in paths)


def run_of(store: Store, parts: Sequence[str]) -> RunStore | None:
    """Return the run that the parts [FLOW, RUN] name; None if it is not in the store. RUN may be `latest`."""
    runs = store.runs(parts[0])
    name = runs[-1] if parts[1] == "latest" and runs else parts[1]
    return store.run(parts[0], name) if name in runs else None
