"""`flowc debug`: runs a task again, in this process and under pdb, with its original inputs; nothing is stored."""

from __future__ import annotations

import code as interpreter
import os
import sys
from bdb import BdbQuit
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, open_store, store_option
from flowc.cli.options.loading import opened, root_of
from flowc.cli.running.ignoring import is_code
from flowc.cli.running.new_run import choices_of
from flowc.cli.words.pathspecs import find_run
from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.load_options import LoadOptions
from flowc_ir.counting import count
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.errors import ArtifactError, FlowcError
from flowc_runtime.base.index import Graph, task_pathspec
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.task.breakpoints import is_ours, make_pdb
from flowc_runtime.run.task.failures import describe
from flowc_runtime.run.task.task import Attempt, begin_cards
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.values.parameters import own_decorators
from metaflow import current
from metaflow.decorators import COMMAND_LINE, Applied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, FrameType, TracebackType

    from _typeshed import TraceFunction

    from flowc.cli.options.loading import Checked
    from flowc_runtime.store.records.record_types import ArtifactRef
    from flowc_runtime.store.records.store import Store


@click.command(
    "debug",
    help="Run the task FLOW/RUN/STEP/TASK again under pdb, with its original inputs; RUN may be `latest`. "
    "pdb stops at the step's first line and where the step raises an exception. Nothing is stored.",
)
@click.argument("pathspec")
@click.option("--post-mortem", is_flag=True, help="Stop only where the step raises an exception.")
@click.option("--inspect", is_flag=True, help="Do not run the step: open a Python prompt with `self` and `inputs`.")
@click.option("--file", "flow_file", metavar="FLOW",
              help="The flow's file or module [default: searched for here and beside the store].")  # fmt: skip
@store_option
def debug_command(
    pathspec: str, post_mortem: bool, inspect: bool, flow_file: str | None, store_url: str | None
) -> None:
    """Debug a task."""
    if post_mortem and inspect:
        raise click.UsageError("--post-mortem runs the step and --inspect does not: give only one of them")
    store = open_store(store_url)
    run, step, path = _find(store, pathspec)
    found = _load(store, run, step, flow_file)
    if step not in found.flow.by_id():
        fail(f"{found.flow.code.file} no longer has a step '{step}'")
    if not is_code(found, run.record()["code"]):
        click.echo("note: the flow's code has changed since the run; the current code is used", err=True)
    record = run.attempt(step, path, run.attempts(step)[path][-1])
    if record is not None and (origin := record.get("origin")):
        then = task_pathspec(run.flow, origin["run"], origin["step"], path=origin["path"])
        click.echo(f"note: the task was not run; the run reused it from {then}", err=True)
    attempt = _attempt(run, step, path, found)
    try:
        attempt.enter()
    except FlowcError as error:
        fail(f"cannot load the inputs of {step}/{path}: {error}")
    if inspect:
        _inspect(attempt)
    else:
        raise SystemExit(_debug(attempt, stop=not post_mortem))


def _find(store: Store, pathspec: str) -> tuple[RunStore, str, str]:
    """Return the run, the step and the index path (the foreach indexes and loop iterations) of the task that a pathspec
    names.

    If the pathspec names a step with several tasks, print an error and end the program.
    """
    run, step, path = find_run(store, pathspec, least=3)
    assert step is not None
    if path is None:
        paths = list(run.attempts(step))
        if len(paths) > 1:
            last = task_pathspec(run.flow, run.id, step, path=paths[-1])
            fail(f"step '{step}' has {len(paths)} tasks: name one of them", f"such as {last}")
        (path,) = paths
    return run, step, path


def _load(store: Store, run: RunStore, step: str, given: str | None) -> Checked:
    """Load the flow from its current file, with the run's configs, project and `--with` decorators.

    As in a run, the step's environment variables are set before the file is imported.
    """
    then = run.executes()
    code, values = then.code, {config.name: config for config in then.configs}
    os.environ.update(node.environment if (node := then.by_id().get(step)) else ())
    configs = ConfigSources(environment=os.environ, earlier=lambda _: values)
    added = [Applied(name, (), dict(arguments), COMMAND_LINE, 0) for name, arguments in own_decorators(then)]
    asked = LoadOptions(with_decorators=added, configs=configs)
    root = _root_in(given, code.file) if given else root_of(store, code, f"--file path/to/{code.file}")
    found = opened(given if given and root is None else code.file, asked, class_name=code.name, root=root)
    project = then.project if found.flow.project else None
    return found._replace(flow=replace(found.flow, project=project))


def _root_in(given: str, file: str) -> Path | None:
    """Return the part of the path `given` before `file`: the root of the flow's code. Return None if `given` does not
    end with `file`, or if `file` has no directory."""
    path = Path(given)
    inner = Path(file).parts
    if len(inner) == 1 or path.parts[-len(inner) :] != inner or not os.path.isfile(path):
        return None
    return Path(*path.parts[: -len(inner)])


def _attempt(run: RunStore, step: str, path: str, checked: Checked) -> Attempt:
    record = run.record()
    number = run.attempts(step)[path][-1]
    patient = replace(checked.flow, nodes=tuple(replace(node, timeout=None) for node in checked.flow.nodes))
    choices = choices_of(checked.flow)
    graph, place = Graph(patient), RunStore(MemoryObjects(run.objects), run.flow, run.id)
    return Attempt(
        Assignment(
            run=place,
            graph=graph,
            step=step,
            path=path,
            attempt=number,
            program=checked.program,
            parameters=record["parameters"],
            user=record["user"],
            claimed=True,
            tags=tuple(record.get("tags", ())),
            namespace=record.get("namespace"),
            origin=record.get("origin"),
            catalog=choices.catalog,
            secrets=choices.secrets,
            pickler=choices.pickler,
            cards=begin_cards(checked.program, place, graph, (step, path, number), forks=False),
        )
    )


# -- pdb and the prompt ------------------------------------------------------------------------------------------------


def _inspect(attempt: Attempt) -> None:
    attempt.job.program.start(attempt.flow)
    names = {"self": attempt.flow, "current": current}
    if attempt.state.inputs is not None:
        names["inputs"] = attempt.state.inputs
    interpreter.interact(banner=f"{_title(attempt)}: {', '.join(names)}", local=names, exitmsg="")


def _debug(attempt: Attempt, *, stop: bool) -> int:
    before = dict(attempt.state.inherited)
    click.echo(f"{_title(attempt)}: nothing is stored", err=True)
    if stop:
        sys.settrace(_stopper(attempt.job.program.code_of(attempt.job.node)))
    try:
        attempt.run_code()
    except BdbQuit:
        return 0
    except BaseException as error:
        sys.settrace(None)
        _post_mortem(error, attempt.job.program.directory)
        return 1
    finally:
        sys.settrace(None)
    _tell(attempt, before)
    return 0


def _stopper(code: CodeType | None) -> TraceFunction:
    """Return a trace function that starts pdb at the first line of the step's own code, not in its decorators."""

    def trace(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        if frame.f_code is not code:
            return None
        debugger = make_pdb()
        debugger.set_trace(frame)
        return debugger.trace_dispatch

    return trace


def _post_mortem(error: BaseException, root: str) -> None:
    click.echo(describe(error, root).get("traceback", ""), err=True, nl=False)
    debugger = make_pdb()
    debugger.reset()
    own = [trace for trace in _links(error) if not is_ours(trace.tb_frame)]
    if own:
        # `own[0]` is the outermost frame of user code; the debugger starts at the innermost frame
        debugger.interaction(None, own[0])


def _links(error: BaseException) -> list[TracebackType]:
    found: list[TracebackType] = []
    here = error.__traceback__
    while here is not None:
        found.append(here)
        here = here.tb_next
    return found


def _tell(attempt: Attempt, before: Mapping[str, ArtifactRef]) -> None:
    """Print the artifacts that the task has set or changed; nothing is stored in the run's store."""
    try:
        refs = attempt.state.store(attempt.flow)
    except ArtifactError as error:
        fail(f"cannot store artifact '{error.args[0]}': {error.args[1]}")
    changed = {name: ref for name, ref in refs.items() if name not in before or ref["digest"] != before[name]["digest"]}
    click.echo(f"{attempt.job.step} has ended; it set {count(len(changed), 'artifact')}{':' * bool(changed)}")
    for name, ref in changed.items():
        click.echo(f"  {name}: {ref['type']}, {ref['size']:,} bytes = {ref['repr']}")


def _title(attempt: Attempt) -> str:
    job = attempt.job
    return task_pathspec(job.run.flow, job.run.id, job.step, path=job.path)
