"""`dump` of a flow's own file: paths without the flow's name, and Metaflow's output.

Results go to stdout; which task they are of, to stderr.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flowc.cli.common import fail, writing
from flowc.cli.flow_file import find_task, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_runtime.store import RunStore


class _Value(NamedTuple):
    """An artifact or a parameter, not loaded yet."""

    size: int
    type: str
    load: Callable[[], Any]
    described: str


@click.command("dump", help="Print the artifacts of a task, RUN/STEP/TASK, or of all tasks of a step, RUN/STEP.")
@click.argument("path", metavar="RUN/STEP[/TASK]")
@click.option("--private/--no-private", help="Also those that begin with an underscore.")
@click.option("--max-value-size", type=click.IntRange(min=0), default=1000, show_default=True, metavar="BYTES",
              help="Print only smaller values; 0 prints names only.")  # fmt: skip
@click.option("--include", metavar="A,B", help="Only these.")
@click.option("--file", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the values to FILE, as a pickle of {RUN/STEP/TASK: {name: value}}.")  # fmt: skip
@click.pass_context
def dump_command(
    ctx: click.Context, path: str, private: bool, max_value_size: int, include: str | None, file: str | None
) -> None:
    """Print artifacts. Restoring a value runs code of its class, as in the flow itself."""
    found = find_task(ctx, path)
    assert found.step is not None
    only = {name.strip() for name in include.split(",")} if include else None
    dumped: dict[str, dict[str, Any]] = {}
    for task, values in _tasks(found.run, found.step, found.path):
        chosen = {
            name: value
            for name, value in sorted(values.items())
            if (private or not name.startswith("_")) and (only is None or name in only)
        }
        tell(f"Dumping output of run_id={found.run.id} step={found.step} task_id={task}")
        if file is not None:
            pathspec = f"{found.run.id}/{found.step}/{task}"
            dumped[pathspec] = {name: _loaded(name, value) for name, value in chosen.items()}
            continue
        for name, value in chosen.items():
            click.echo(f"{name} [size: {value.size} type: <class '{value.type}'>] = {_shown(value, max_value_size)}")
    if file is not None:
        with writing(file), open(file, "wb") as out:
            pickle.dump(dumped, out, protocol=4)
        tell(f"Artifacts written to {file}")


def _tasks(run: RunStore, step: str, path: str | None) -> Iterator[tuple[str, dict[str, _Value]]]:
    """The tasks that are done, with their artifacts and the run's parameters and configs, by what steps call them."""
    from flowc.ir.schema import loads
    from flowc_runtime.errors import NotFound
    from flowc_runtime.files import seen_values

    seen = seen_values(run.objects, loads(run.ir()), run.record()["parameters"])
    parameters = {name: _parameter(value) for name, value in seen.items()}
    for task in [path] if path is not None else list(run.attempts(step)):
        try:
            record = run.task(step, task)
        except NotFound:
            if path is not None:
                fail(f"task {step}/{task} has not finished, so it has no artifacts", f"logs {run.id}/{step}/{task}")
            tell(f"task {step}/{task} has not finished, so it has no artifacts")
            continue
        yield task, parameters | {name: _artifact(run, ref) for name, ref in record["artifacts"].items()}


def _parameter(value: Any) -> _Value:
    return _Value(len(pickle.dumps(value, 5)), type(value).__qualname__, lambda: value, repr(value))


def _artifact(run: RunStore, ref: Any) -> _Value:
    from flowc_runtime.codecs import load_value

    return _Value(ref["size"], ref["type"], lambda: load_value(run.objects, ref), ref["repr"])


def _shown(value: _Value, limit: int) -> str:
    from flowc_runtime.errors import ArtifactError

    if value.size >= limit:
        return "< artifact too large >"
    try:
        return str(value.load())
    except ArtifactError as error:
        return f"{value.described} ({error})"


def _loaded(name: str, value: _Value) -> Any:
    from flowc_runtime.errors import ArtifactError

    try:
        return value.load()
    except ArtifactError as error:
        fail(f"artifact '{name}': {error}")
