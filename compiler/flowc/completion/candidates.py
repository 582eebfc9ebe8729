"""The candidates for values on the command line: files, settings, and names in the store.

A candidate is a text that may complete the word at the cursor. The functions of this module do not use click, and run
no user code.
"""

from __future__ import annotations

import os
from itertools import islice

from flowc.completion.stored_names import StoredNames
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.config.whereabouts import default_url
from flowc_runtime.base.errors import FlowcError

TYPE_CHECKING = False  # `typing` is not imported, because its import takes time
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
MOST = 200  # the maximum number of candidates per completion


def matching(found: Callable[[], Iterable[str]], incomplete: str) -> list[str]:
    """Return the first candidates that begin with a word. If the store or a file cannot be read, return no candidates.

    Args:
        found: returns all candidates.
        incomplete: the word at the cursor.
    """
    try:
        names = dict.fromkeys(name for name in found() if name.startswith(incomplete))
    except (FlowcError, OSError, SystemExit):
        return []
    return [*islice(names, MOST)]


def pathspecs(store: StoredNames, incomplete: str) -> Iterator[str]:
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
        steps = store.steps(done[0], run)
        if len(done) == 2:
            yield from (before + step for step in steps)
        elif len(done) == 3 and done[2] in steps:
            paths = store.tasks(done[0], run, done[2])
            yield from (before + task for task in paths.values())
            if not incomplete.endswith("/"):  # an index path begins with a digit, and a task's id with the step's name
                yield from (before + path for path in paths)


def run_of(store: StoredNames, parts: Sequence[str]) -> str | None:
    """Return the id of the run that the parts [FLOW, RUN] name, or None if there is no such run. RUN may be
    `latest`."""
    runs = store.runs(parts[0])
    name = runs[-1] if parts[1] == "latest" and runs else parts[1]
    return name if name in runs else None


def flows(store: StoredNames, _: str) -> Iterator[str]:
    """Yield the names of the flows in the store."""
    yield from store.flows()


def flows_or_runs(store: StoredNames, incomplete: str) -> Iterator[str]:
    """Yield candidates for FLOW[/RUN]: names of flows; after a slash, the runs of the flow."""
    yield from pathspecs(store, incomplete) if "/" in incomplete else store.flows()


def artifacts(store: StoredNames, incomplete: str) -> Iterator[str]:
    """Yield candidates for FLOW/NAME, the name of an artifact. The artifacts are those of the flow's newest run, in one
    task of each step."""
    flow, slash, _ = incomplete.partition("/")
    if not slash:
        yield from (f"{known}/" for known in store.flows())
    elif (newest := run_of(store, [flow, "latest"])) is not None:
        run = store.whole.run(flow, newest)
        for step in run.steps():
            done = next(iter(run.done(step)), None)
            if done is not None:
                yield from (f"{flow}/{name}" for name in sorted(run.task(step, done)["artifacts"]))


def states(store: StoredNames, _: str) -> Iterator[str]:
    """Yield the possible states of runs, such as `failed`."""
    yield from ("running", "succeeded", "failed", "interrupted", "killed")


def tags(store: StoredNames, _: str) -> Iterator[str]:
    """Yield the tags of all runs in the store."""
    whole = store.whole
    yield from sorted({tag for flow in whole.flows() for tags in whole.tagged(flow).values() for tag in tags})


def files(incomplete: str) -> Iterator[str]:
    """Yield Python files, YAML files and directories."""
    directory, _, begun = incomplete.rpartition("/")
    top = f"{directory}/" if directory or incomplete.startswith("/") else ""
    for name in sorted(os.listdir(top or ".")):
        hidden = name.startswith((".", "__")) and not begun.startswith((".", "__"))
        is_directory = os.path.isdir(f"{top}{name}")
        if not hidden and (is_directory or name.endswith((".py", ".yaml", ".yml"))):
            yield f"{top}{name}{'/' if is_directory else ''}"


IN_STORE: dict[str, Callable[[StoredNames, str], Iterable[str]]] = {
    "pathspec": pathspecs,
    "FLOW/RUN": pathspecs,
    "FLOW": flows,
    "FLOW[/RUN]": flows_or_runs,
    "FLOW/NAME[@DIGEST]": artifacts,
    "STATUS": states,
    "TAG": tags,
    "tags": tags,
}
"""Maps the metavar or the name of a parameter to the function that lists the parameter's candidates."""


def values(kind: str, word: str, command: str) -> list[str]:
    """Return the candidates of a kind that begin with a word; names of flows, runs and tags are read from the default
    store.

    Args:
        kind: the kind of the candidates: a key of IN_STORE, `setting`, `flow file`, or `words` for the argument FLOW of
            `command`.
        word: the word at the cursor.
        command: the command.
    """

    def found() -> Iterator[str]:
        if kind == "setting":
            yield from BY_KEY
        elif kind in ("words", "flow file"):
            if command == "retry":
                yield from flows(StoredNames(default_url()), word)
            yield from files(word)
        else:
            yield from IN_STORE[kind](StoredNames(default_url()), word)

    return matching(found, word)
