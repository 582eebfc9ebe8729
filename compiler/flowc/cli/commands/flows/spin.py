"""`spin`: runs one step alone, with the inputs of a task of an earlier run (docs/resume.md)."""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, TypedDict, cast

import click

from flowc.cli.commands.flows.resume import newest, reading
from flowc.cli.commands.flows.run import run_like, start
from flowc.cli.commands.flows.spin_artifacts import overrides
from flowc.cli.options.common import fail, fail_with, top
from flowc.cli.options.loading import Checked
from flowc.cli.options.parameters import run_values
from flowc.cli.rendering.working import working
from flowc.cli.running import new_run
from flowc.cli.running.beginning import interruption_recorded
from flowc.cli.running.environment import isolate
from flowc.cli.running.run_kinds import RunKind
from flowc.cli.running.starting import begin_starts, state_before
from flowc.cli.words.pathspecs import find_path
from flowc.cli.words.run_names import hint_for
from flowc.revision import Look
from flowc_emulator.console.text_console import make_console
from flowc_emulator.plan import Only, Plan
from flowc_emulator.supervisor import Supervisor
from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.late.dataclass import replace
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.schema import dumps
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import FlowcError, StoreError
from flowc_runtime.base.index import ROOT, Graph, split_id, task_id, task_pathspec
from flowc_runtime.process.scratch import ScratchDirectory
from flowc_runtime.run.task.attempts import begin_record
from flowc_runtime.store.backends.layered import SPIN_NAME, put_on
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.upkeep.spun import need
from flowc_runtime.store.values.files import store_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_emulator.scheduling.seeds import Seeds
    from flowc_runtime.store.records.run_store import RunStore

    class _Options(TypedDict):
        pathspec: str
        skip_decorators: bool
        artifacts_module: str | None
        persist: bool
        scratch: str | None
        store_url: str | None
        params_files: Sequence[str]
        environment: str
        log_format: str
        start: str
        run_id_file: str | None
        tags: Sequence[str]


OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["pathspec"], metavar="[RUN/]STEP[/TASK]"),
    click.Option(["--skip-decorators/--no-skip-decorators"], help="Run the step without its decorators."),
    click.Option(["--artifacts-module"], type=click.Path(dir_okay=False), metavar="FILE",
                 help="A Python file with ARTIFACTS = {name: value}; the values replace artifacts of the inputs."),
    click.Option(["--persist/--no-persist"], help=f"Keep the artifacts in {SPIN_NAME}, where inspect_spin reads them."),
    click.Option(["--flowc.scratch", "scratch"], type=click.Path(file_okay=False), metavar="DIR", hidden=True,
                 help="Without --persist: keep the task in this directory, which the caller removes."),
)  # fmt: skip


class SpinInputs(NamedTuple):
    """The task of an earlier run whose inputs `spin` uses, with the run's parameters.

    `url` is the address of the store.
    """

    run: str
    step: str
    path: str
    parameters: Mapping[str, object]
    url: str


def _spin(checked: Checked, seeds: Seeds, given: dict[str, list[str]], values: dict[str, object], kind: RunKind) -> int:
    options = cast("_Options", values)
    kept = SPIN_NAME if options["persist"] else options["scratch"]
    scratch = None if kept else ScratchDirectory("spin")
    root = scratch.name if scratch is not None else os.path.abspath(str(kept))
    try:
        with reading(options["store_url"]) as store:
            inputs = _find_inputs(store, Graph(checked.flow), options["pathspec"])
            put_on(root, inputs.url)
            if options["persist"]:
                _spare(store.run(checked.flow.name, inputs.run), root)
        if options["skip_decorators"]:
            checked = _plain(checked, inputs.step)
        with interruption_recorded():
            return _perform(checked, seeds, inputs, Store.open(root), given, options)
    except FlowcError as error:
        fail_with(error)
    except OSError as error:
        fail(str(error))
    finally:
        if scratch is not None:
            scratch.close()


def _spare(run: RunStore, root: str) -> None:
    """Record that results of `spin`, in the directory `root`, use data of the run, so that `flowc gc` keeps the run.

    Print a note if the record cannot be written.
    """
    try:
        need(run, root)
    except StoreError as error:
        click.echo(f"note: flowc gc may delete the run whose data the result uses: {error}", err=True)


def _find_inputs(store: Store, graph: Graph, pathspec: str) -> SpinInputs:
    name = graph.flow.name
    run_id, step, task = _split(graph, pathspec)
    if step not in graph.nodes:
        fail(f"flow '{name}' has no step '{step}'", hint_for(step, sorted(graph.nodes), "steps"))
    run = newest(store, name) if run_id == "latest" else store.run(name, run_id)
    if not run.exists():
        fail(f"flow '{name}' has no run '{run_id}'", command_on(store.objects.url, "flowc", "runs", name))
    path = _path(run, graph, step, task)
    return SpinInputs(run.id, step, path, run.record()["parameters"], store.objects.url)


def _split(graph: Graph, pathspec: str) -> tuple[str, str, str | None]:
    """Split [RUN/]STEP[/TASK] into the run's id, the step and the task.

    Without RUN, the id is `latest`. STEP may be omitted if TASK is a task's id, which contains the step.
    """
    parts = pathspec.strip("/").removeprefix(f"{graph.flow.name}/").split("/")
    if len(parts) == 1 or parts[0] in graph.nodes:
        parts = ["latest", *parts]
    if len(parts) == 2:
        parts = [parts[0], *split_id(parts[1])]
    if len(parts) > 3 or not all(parts):
        fail(f"not a path: {pathspec!r}", "give STEP, STEP/TASK, RUN/STEP or RUN/STEP/TASK")
    run_id, step, task = [*parts, None][:3]
    assert run_id is not None
    assert step is not None
    return run_id, step, task


def _path(run: RunStore, graph: Graph, step: str, task: str | None) -> str:
    """Return the index path (the foreach indexes and loop iterations) of a task. If `task` is None, the task is the
    step's last task in the run.

    If the step has no task in the run, return the index path that the step's first task would have.
    """
    if task is not None:
        return find_path(run, step, task)
    known = run.attempts(step)
    if not known:
        marks = ("~0" if isinstance(scope, LoopScope) else ".0" for scope in graph.scopes(step))
        return ROOT + "".join(marks)
    return list(known)[-1]


def _plain(checked: Checked, step: str) -> Checked:
    """Return the flow, with all decorators removed from one step."""
    node = checked.flow.by_id()[step]
    bare = replace(
        node, retry=None, catch=None, timeout=None, environment=(), secrets=(), cards=(), packages=None
    )  # the remaining decorators have no effect on this machine
    checked.program.undecorate(node)
    nodes = tuple(bare if other.id == step else other for other in checked.flow.nodes)
    return checked._replace(flow=replace(checked.flow, nodes=nodes))


def _perform(
    checked: Checked, seeds: Seeds, inputs: SpinInputs, store: Store, given: dict[str, list[str]], options: _Options
) -> int:
    tags, user, choices = new_run.checked_tags(), user_name(), new_run.choices_of(checked.flow)
    instead, values = overrides(checked, store.objects, options["artifacts_module"])
    parameters = run_values(checked, given, options["params_files"], before={**inputs.parameters, **values})
    with working("storing the files given as parameters"):
        parameters = store_files(store.objects, checked.flow.parameters, parameters)
    own = replace(checked.flow, nodes=(checked.flow.by_id()[inputs.step],))
    remote = not inputs.url.startswith("file://")
    isolation = isolate(checked._replace(flow=own), options["environment"], remote=remote)
    spun_from = f"{inputs.run}/{inputs.step}/{inputs.path}"
    with closing(Look(str(checked.package.root))) as look:
        run = new_run.begin_run(store, checked, parameters, user, {"spun_from": spun_from}, look)
    # `begin` must precede `tell_of`, which publishes the run's id.
    run.begin(inputs.step, inputs.path, 1, begin_record(time.time()))
    new_run.tell_of(run, run, options, step_name=inputs.step, task_id=task_id(inputs.step, inputs.path))
    console = make_console(options["log_format"], quiet=bool(top().quiet))
    origin = task_pathspec(run.flow, inputs.run, inputs.step, path=inputs.path)
    console.note(f"{inputs.step} runs with the inputs of {origin}")
    new_run.note_unused(console)
    starts = begin_starts(checked, options["start"], state_before(), console.note)
    if starts is not None:
        starts.begin(run, dumps(checked.flow), parameters)
    began = time.monotonic()
    plan = Plan(
        run=run,
        records=run,
        isolation=isolation,
        graph=Graph(checked.flow),
        program=checked.program,
        parameters=parameters,
        user=user,
        max_workers=1,
        seeds=seeds,
        tags=tags,
        namespace=new_run.namespace_for(user),
        catalog=choices.catalog,
        only=Only(
            step=inputs.step,
            path=inputs.path,
            inputs=inputs.run,
            overrides=instead,
            bare=options["skip_decorators"],
        ),
        starts=starts,
        secrets=choices.secrets,
        pickler=choices.pickler,
    )
    try:
        result = Supervisor(plan, console).run()
    finally:
        if starts is not None:
            starts.close()
    new_run.tell_end(console, run, result, began)
    if not result.ok and result.signal is None and not options["scratch"]:
        click.echo(f"log: {_log_line(run, inputs, persisted=options['persist'])}", err=True)
    return new_run.exit_code(result)


def _log_line(run: RunStore, inputs: SpinInputs, *, persisted: bool) -> str:
    """Return the command that prints the log of the failed task.

    Without `--persist` the log is not kept, so the result is the `spin` command with `--persist` added.
    """
    task = task_pathspec(run.flow, run.id, inputs.step, path=inputs.path)
    if persisted:
        return f"flowc logs {task} --store {SPIN_NAME}"
    program = click.get_current_context().find_root().info_name
    return f"not kept; to keep it: {program} {shlex.join(sys.argv[1:])} --persist"


KIND = RunKind(
    "spin",
    "Run one step of FLOW alone, with the inputs of its task in your newest run or in RUN.",
    OPTIONS,
    execute=_spin,
    without=("local", "max_workers", "max_num_splits", "durability", "mock", "patches", "patches_file", "ui"),
    keeps=frozenset({"skip_decorators", "no_skip_decorators", "artifacts_module", "persist", "no_persist"}),
)


@run_like(
    KIND,
    "FLOW [RUN/]STEP[/TASK]",
    "Run one step of FLOW alone, with the inputs that its task had in an earlier run: your newest run, or RUN. "
    "The earlier run is not changed. Without --persist, the result is not kept.",
)
def spin_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run one step alone, with the inputs of a task of an earlier run."""
    start(ctx, words, KIND)
