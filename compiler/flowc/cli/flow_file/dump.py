"""`python flow.py dump`: accepts paths without the flow's name, and prints artifacts in Metaflow's format.

`python flow.py dump` also prints parameters and constants. Results go to stdout; the line that names the task goes to
stderr.
"""

from __future__ import annotations

import click

from flowc.cli.commands.store.dump import (
    ArtifactFilter,
    Dumped,
    DumpedValue,
    dump_options,
    dumped,
    end_damaged,
    note_damage,
    of_every_task,
    print_json,
    write_pickle,
)
from flowc.cli.flow_file.common import tell
from flowc.cli.options.common import open_store
from flowc.cli.words.pathspecs import find_task, flow_name, inner_path
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.base.index import task_id
from flowc_runtime.run.views.run_records import RunRecords


@click.command("dump", help="Print the artifacts of a task, RUN/STEP/TASK, or of all tasks of a step, RUN/STEP.")
@click.argument("path", metavar="RUN/STEP[/TASK]")
@click.option("--max-value-size", type=click.IntRange(min=0), default=1000, show_default=True, metavar="BYTES",
              help="Print only values smaller than this; 0 prints only names.")  # fmt: skip
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
    """Print artifacts.

    As in Metaflow, a step without tasks is no error: programs call this command for all steps, even for steps that did
    not run.

    Hazard: loading a value runs code of the value's class.
    """
    choice = ArtifactFilter.of(private, include)
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
    end_damaged()


def _find(ctx: click.Context, path: str) -> tuple[str, list[Dumped]]:
    """Return the run's id and the tasks that the path names; the list is empty if the run or the step has no tasks."""
    run_id, step, *task = inner_path(ctx, path).split("/")
    store, flow = open_store(None), flow_name(ctx)
    if not task:
        runs = store.runs(flow)
        run = store.run(flow, runs[-1] if run_id == "latest" and runs else run_id)
        if not run.exists() or not RunRecords(run).has_step(step):
            tell(f"{run.id}/{step} has no tasks")
            return run.id, []
    found = find_task(ctx, path)
    given = dict(of_every_task(RunRecords(found.run)))
    tasks = dumped(found, tell, may_be_none=True)
    return found.run.id, [one._replace(values=given | dict(one.values)) for one in tasks]


def _shown(value: DumpedValue, limit: int) -> str:
    if value.size >= limit:
        return "< artifact too large >"
    try:
        return str(value.load())
    except ArtifactError as error:
        return f"{value.described} ({note_damage(error)})"
