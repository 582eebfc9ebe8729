"""`dump` of a flow's own file: paths without the flow's name, parameters and constants too, and Metaflow's output.

Results go to stdout; which task they are of, to stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowc.cli.classes import class_finder
from flowc.cli.common import find_run, open_store
from flowc.cli.dump import Choice, Dumped, Value, attempt_of, dump_options, dumped, print_json, stored, write_pickle
from flowc.cli.flow_file import find_task, flow_name, inner_path, tell
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
    """Print artifacts. Restoring a value runs code of its class, as in the flow itself.

    As under Metaflow, what is not there is left out: programs ask for all steps, also for those that did not run.
    """
    choice = Choice.of(private, include)
    run_id, tasks = _find(ctx, path)
    for task in tasks:
        tell(f"Dumping output of run_id={run_id} step={task.step} task_id={task_id(task.step, task.path)}")
        if file is None and not as_json:
            for name, value in choice.among(task.values).items():
                text = _shown(value, max_value_size)
                click.echo(f"{name} [size: {value.size} type: <class '{value.type}'>] = {text}")
    message, hint = choice.missing(tasks) if tasks else ("", None)
    if message:
        tell(f"{message}; {hint}" if hint else message)
    if file is not None:
        write_pickle(file, run_id, tasks, choice)
        tell(f"Artifacts written to {file}")
    elif as_json:
        print_json(tasks, choice, max_value_size)


def _find(ctx: click.Context, path: str) -> tuple[str, list[Dumped]]:
    """The id of a run and the tasks that the path names; none of a step, or of a run, that has left nothing."""
    run_id, step, *task = inner_path(ctx, path).split("/")
    store, flow = open_store(None), flow_name(ctx)
    if not task:
        runs = store.runs(flow)
        run = store.run(flow, runs[-1] if run_id == "latest" and runs else run_id)
        if not run.exists() or step not in run.steps():
            tell(f"{run.id}/{step} has no tasks")
            return run.id, []
    run = find_run(store, f"{flow}/{run_id}/{step}", least=3).run
    tasks = [one for one in _controls(run, step) if task in ([], [one.path], [task_id(step, one.path)])]
    if not (task and tasks):
        tasks = [*dumped(find_task(ctx, path), tell, may_be_none=True), *tasks]
    given = dict(_given(run))
    return run.id, [one._replace(values=given | dict(one.values)) for one in tasks]


def _controls(run: RunStore, step: str) -> Iterator[Dumped]:
    """The control tasks of unbounded foreach among a step's tasks, of those that are done."""
    from flowc_runtime.control import ControlTasks
    from flowc_runtime.index import Graph

    controls = ControlTasks(run, Graph(run.executes()))
    for path in controls.paths(step, run.paths(step)):
        if (record := controls.record(step, path)) is not None:
            yield Dumped(step, path, record, {name: stored(run, ref) for name, ref in record["artifacts"].items()})


def _given(run: RunStore) -> Iterator[tuple[str, Value]]:
    """What every task has: constants of the class, the run's parameters and configs, by what steps call them."""
    from flowc_runtime.files import seen_values

    flow = run.executes()
    first = attempt_of(run, flow.start, ROOT, 1)
    kept = first.get("constants", {}) if first is not None else {}
    for name, ref in kept.items():
        yield name, stored(run, ref)
    converted = {parameter.attribute or parameter.name for parameter in flow.parameters if parameter.converted}
    for name, value in seen_values(run.objects, flow, run.record()["parameters"], class_finder(run)).items():
        if not (name in converted and name in kept):  # what the class made of it
            yield name, _parameter(value)


def _parameter(value: Any) -> Value:
    from flowc_runtime.codecs import Encoded

    size, kind, text = Encoded(value, in_band=True).size, type(value).__qualname__, repr(value)
    return Value(size, kind, lambda: value, text, {"type": kind, "size": size, "repr": text})


def _shown(value: Value, limit: int) -> str:
    from flowc_runtime.errors import ArtifactError

    if value.size >= limit:
        return "< artifact too large >"
    try:
        return str(value.load())
    except ArtifactError as error:
        return f"{value.described} ({error})"
