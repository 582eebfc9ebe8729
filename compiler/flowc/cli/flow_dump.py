"""`dump` of a flow's own file: paths without the flow's name, parameters and constants too, and Metaflow's output.

Results go to stdout; which task they are of, to stderr.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.dump import Choice, Value, attempt_of, dump_options, dumped, print_json, stored, write_pickle
from flowc.cli.flow_file import find_task, tell
from flowc_runtime.index import ROOT, task_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store import RunStore


@click.command("dump", help="Print the artifacts of a task, RUN/STEP/TASK, or of all tasks of a step, RUN/STEP.")
@click.argument("path", metavar="RUN/STEP[/TASK]")
@click.option("--max-value-size", type=click.IntRange(min=0), default=1000, show_default=True, metavar="BYTES",
              help="Print only smaller values; 0 prints names only.")  # fmt: skip
@dump_options
@click.pass_context
def dump_command(
    ctx: click.Context,
    path: str,
    max_value_size: int,
    private: bool,
    include: str | None,
    file: str | None,
    as_json: bool,
) -> None:
    """Print artifacts. Restoring a value runs code of its class, as in the flow itself."""
    found = find_task(ctx, path)
    choice = Choice.of(private, include)
    given = dict(_given(found.run))
    tasks = [task._replace(values=given | dict(task.values)) for task in dumped(found, tell)]
    for task in tasks:
        tell(f"Dumping output of run_id={found.run.id} step={found.step} task_id={task_id(task.step, task.path)}")
        if file is None and not as_json:
            for name, value in choice.among(task.values).items():
                text = _shown(value, max_value_size)
                click.echo(f"{name} [size: {value.size} type: <class '{value.type}'>] = {text}")
    choice.check(tasks)
    if file is not None:
        write_pickle(file, found, tasks, choice)
        tell(f"Artifacts written to {file}")
    elif as_json:
        print_json(tasks, choice, max_value_size)


def _given(run: RunStore) -> Iterator[tuple[str, Value]]:
    """What every task has: constants of the class, the run's parameters and configs, by what steps call them."""
    from flowc_runtime.files import seen_values

    flow = run.executes()
    first = attempt_of(run, flow.start, ROOT, 1)
    kept = first.get("constants", {}) if first is not None else {}
    for name, ref in kept.items():
        yield name, stored(run, ref)
    converted = {parameter.attribute or parameter.name for parameter in flow.parameters if parameter.converted}
    for name, value in seen_values(run.objects, flow, run.record()["parameters"]).items():
        if not (name in converted and name in kept):  # what the class made of it
            yield name, _parameter(value)


def _parameter(value: Any) -> Value:
    size, kind, text = len(pickle.dumps(value, 5)), type(value).__qualname__, repr(value)
    return Value(size, kind, lambda: value, text, {"type": kind, "size": size, "repr": text})


def _shown(value: Value, limit: int) -> str:
    from flowc_runtime.errors import ArtifactError

    if value.size >= limit:
        return "< artifact too large >"
    try:
        return str(value.load())
    except ArtifactError as error:
        return f"{value.described} ({error})"
