"""A run on this machine, from its record to its end, for `run` and `resume`. The flow is already loaded."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, cast

import click

from flowc.cli.options.common import fail, open_store, require_page, tell_error, top
from flowc.cli.options.loading import Checked
from flowc.cli.options.parameters import run_values
from flowc.cli.rendering.working import working
from flowc.cli.running import new_run
from flowc.cli.running.beginning import interruption_recorded
from flowc.cli.running.environment import isolate
from flowc.cli.running.patching import patches_of, runs_no_code
from flowc.cli.running.run_tracker import begin_tracking, ending_tracking, tracker_here
from flowc.cli.running.starting import begin_starts, judge, note_harmless, state_before
from flowc.cli.words.option_values import number, text, texts, word
from flowc.diagnostics import describe
from flowc.revision import Look
from flowc_emulator.scheduling.worker_slots import default_places
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.schema import dumps
from flowc_runtime.base.config.settings import datastore_of, user_name
from flowc_runtime.base.errors import Damaged, FlowcError, StoreError
from flowc_runtime.base.index import Graph
from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.marks import verify_always
from flowc_runtime.store.values.files import store_again, store_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc.cli.rendering.failure import pathspec_of, render_failure
    from flowc.cli.rendering.what_next import logs_line, resume_line
    from flowc.cli.running.pickles import pickles_written
    from flowc.cli.running.run_kinds import RunKind
    from flowc.cli.running.secret_checks import check_secrets
    from flowc.ui.starting_page import open_page
    from flowc_emulator.console.protocol import Console
    from flowc_emulator.console.text_console import make_console
    from flowc_emulator.exit_hooks import call_exit_hooks
    from flowc_emulator.plan import Plan, RunResult
    from flowc_emulator.processes.agent import Agent
    from flowc_emulator.scheduling.seeds import Seeds
    from flowc_emulator.supervisor import Supervisor
    from flowc_ir import Flow
    from flowc_runtime.process.scratch import remove_left
    from flowc_runtime.run.patches import Patch
    from flowc_runtime.run.reuse import Reuse
    from flowc_runtime.store.backends.durability import Mode
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
    from flowc_runtime.store.upkeep.power_loss import is_lost
    from flowc_runtime.store.values.files import FileRecord
    from metaflow.user_decorators import _errors as decorator_errors

    OptionTexts = Mapping[str, Sequence[str]]
else:  # imported at first use: the help of `run` does not need them
    decorator_errors = LateModule("metaflow.user_decorators._errors")
    open_page = LateFunction("flowc.ui.starting_page:open_page")  # only --ui needs it
    pickles_written = LateFunction("flowc.cli.running.pickles:pickles_written")
    logs_line = LateFunction("flowc.cli.rendering.what_next:logs_line")
    resume_line = LateFunction("flowc.cli.rendering.what_next:resume_line")
    pathspec_of = LateFunction("flowc.cli.rendering.failure:pathspec_of")
    render_failure = LateFunction("flowc.cli.rendering.failure:render_failure")
    check_secrets = LateFunction("flowc.cli.running.secret_checks:check_secrets")
    make_console = LateFunction("flowc_emulator.console.text_console:make_console")
    Plan = LateFunction("flowc_emulator.plan:Plan")
    Supervisor = LateFunction("flowc_emulator.supervisor:Supervisor")
    Reuse = LateFunction("flowc_runtime.run.reuse:Reuse")
    Store = LateFunction("flowc_runtime.store.records.store:Store")
    remove_left = LateFunction("flowc_runtime.process.scratch:remove_left")
    is_lost = LateFunction("flowc_runtime.store.upkeep.power_loss:is_lost")
    call_exit_hooks = LateFunction("flowc_emulator.exit_hooks:call_exit_hooks")
    Agent = LateFunction("flowc_emulator.processes.agent:Agent")  # only remote stores need it


def run_here(checked: Checked, seeds: Seeds, texts: OptionTexts, options: Mapping[str, object], kind: RunKind) -> int:
    """Run the flow, or the remaining tasks of a resumed run; return the exit code.

    Args:
        checked: the flow.
        seeds: the seeds of the run's random numbers.
        texts: the values of parameters on the command line as strings, by the parameter's name.
        options: the values of the command's options.
        kind: the command that runs the flow.

    Raises:
        FlowcError: the store cannot be read or written before the first task starts.
        click.UsageError: a parameter is missing or wrong.
        SystemExit: the run cannot begin, or the store fails during the run; the error is printed.
        Interrupted: a signal arrived before the first task. If the run has begun, it is recorded as interrupted.
    """
    if options["ui"]:
        require_page()
    tags, user, graph = new_run.checked_tags(), user_name(), Graph(checked.flow)
    store = open_store(text(options, "store_url"))
    remote = not isinstance(store.objects, LocalObjects)
    patches = patches_of(checked, options)
    mock = any(patch["mock"] for patch in patches.values())
    choices = new_run.choices_of(checked.flow)
    # For a resumed run, secrets are not checked before the run: reused tasks need no secrets, and the other tasks check
    # their own secrets.
    if kind.find is None and any(node.secrets for node in checked.flow.nodes):
        check_secrets(checked.flow, choices.secrets, [*patches])
    tracker = tracker_here(mock=mock)
    isolation = None if mock else isolate(checked, text(options, "environment"), remote=remote)
    console = make_console(word(options, "log_format"), quiet=bool(top().quiet))
    with ExitStack() as stack:
        starts = None
        if mock and runs_no_code(checked.flow, patches):
            note_harmless(judge(checked, state_before()))
        else:
            starts = begin_starts(checked, word(options, "start"), state_before(), console.note)
        if starts is not None:
            stack.callback(starts.close)
        # `Look` starts git. Git must start after `begin_starts`, which examines the effects of the import: git's
        # process must not count as an effect.
        look = Look(str(checked.package.root))
        stack.callback(look.close)
        agent = stack.enter_context(_agent(store.objects.url if remote else None))
        stack.enter_context(interruption_recorded())
        records, parameters, reuse = _begin(
            Store(agent) if agent else store, graph, checked, texts, options, kind, look, patches
        )
        run = store.run(records.flow, records.id)
        mode = cast("Mode", options["durability"])  # click has checked that the value is a `Mode`
        disk = Disk.of(run.objects, mode)
        if disk is not None:
            stack.callback(disk.close)
        new_run.tell_of(run, records, options, disk)
        wanted = number(options, "max_workers")
        workers, processors = (wanted, None) if wanted else default_places()
        console.run_began(f"{run.flow}/{run.id}", workers, store.objects.url, exact=processors is None)
        if options["ui"]:
            console.note(f"the page of the run is {open_page(run)}")
        new_run.note_unused(console)
        if starts is not None:
            functions = stack.enter_context(pickles_written(checked.package))
            starts.begin(run, dumps(checked.flow), parameters, functions)
        plan = Plan(
            run=run,
            records=records,
            agent=agent,
            isolation=isolation,
            graph=graph,
            program=checked.program,
            parameters=parameters,
            user=user,
            max_workers=workers,
            processors=processors,
            seeds=seeds,
            tags=tags,
            namespace=new_run.namespace_for(user),
            max_splits=number(options, "max_num_splits"),
            cache=top().cache is not False,
            disk=disk,
            durable=mode == "task",
            catalog=choices.catalog,
            reuse=reuse,
            starts=starts,
            patches=patches,
            secrets=choices.secrets,
            pickler=choices.pickler,
            tracking=begin_tracking(tracker, records, store.objects.url),
        )
        result = _supervise(plan, console, checked, options)
    if not result.ok:
        remove_left()  # deletes the temporary directories that killed tasks have left
        _tell_failures(result, run, checked, options)
    return new_run.exit_code(result)


def _supervise(plan: Plan, console: Console, checked: Checked, options: Mapping[str, object]) -> RunResult:
    """Call the hooks before a run, run the plan, and call the hooks after the run.

    Return the result of the run. Raises FlowcError.
    """
    run, began = plan.run, time.monotonic()
    with ending_tracking(plan.tracking, console) as ended:
        _call_hooks(plan.records, lambda: checked.program.run_begins(run.id), plan.disk)
        try:
            result = Supervisor(plan, console).run()
        except FlowcError as error:  # for example, the store is unreachable
            fail(str(error), f"repair that, then: {resume_line(run, options)}")
        ended(result)
    failure = None if result.ok else RuntimeError("the run has failed")
    _call_hooks(None, lambda: checked.program.run_ended(failure))
    new_run.tell_end(console, run, result, began)
    if checked.flow.exit_hooks and result.signal is None and not any(each["mock"] for each in plan.patches.values()):
        call_exit_hooks(checked.flow, checked.program, run, console, plan.starts, successful=result.ok)
    return result


@contextmanager
def _agent(url: str | None) -> Iterator[Agent | None]:
    """Yield a new process that uses the remote store with this address, or None for a local store."""
    if url is None:
        yield None
        return
    agent = Agent(url)
    try:
        yield agent
    except BaseException:
        agent.leave()  # Hazard: do not wait for the agent's end: forks of this process may keep its pipe open
        raise
    agent.close()


def _begin(
    store: Store,
    graph: Graph,
    checked: Checked,
    given: OptionTexts,
    options: Mapping[str, object],
    kind: RunKind,
    look: Look,
    patches: Mapping[str, Patch],
) -> tuple[RunStore, dict[str, object], Reuse | None]:
    """Create a run with its record; return the run, its parameters, and the tasks to reuse if it resumes another run.

    Raises FlowcError.
    """
    resumption = kind.find(store, checked, options) if kind.find else None
    before = resumption.parameters if resumption else {}
    ds_type = datastore_of(store.objects.url)
    parameters = run_values(checked, given, texts(options, "params_files"), ds_type=ds_type, before=before)
    with working("storing the files given as parameters"):
        parameters = store_files(store.objects, checked.flow.parameters, parameters)
    if resumption:
        _check_files(store, checked.flow, parameters)
    patched = [step for step, patch in patches.items() if patch["kind"] != "nothing"]
    reuse = Reuse(resumption.origin, graph, parameters, resumption.step, patched) if resumption else None
    more = resumption.record() if resumption else {}
    run = new_run.begin_run(store, checked, parameters, user_name(), more, look, mocked=bool(patches))
    return run, parameters, reuse


def _check_files(store: Store, flow: Flow, values: Mapping[str, object]) -> None:
    """Check the files that a resumed run takes over from the earlier run.

    If a file is missing or damaged in the store, store the original file again. Raises StoreError if the original
    file no longer exists on this machine.
    """
    for parameter in flow.parameters:
        if parameter.type != "file" or values.get(parameter.name) is None:
            continue
        value = cast("FileRecord", values[parameter.name])  # `store_files` has replaced the file's path by a record
        if (why := _fault_of_file(store, value)) and not store_again(store.objects, value):
            name = parameter.name
            raise StoreError(f"{why} {value['file']}, the file of parameter '{name}': give --{name} again")


def _fault_of_file(store: Store, value: FileRecord) -> str:
    if is_lost(store.objects, value):
        return "the store has lost"
    if verify_always():
        try:
            store.objects.map_blob(value["digest"], value["size"])
        except Damaged:
            return "the store has a damaged copy of"
    return ""


def _call_hooks(run: RunStore | None, call: Callable[[], None], disk: Disk | None = None) -> None:
    """Call hooks of decorators of extensions.

    An error in a hook ends the program, and is recorded as the run's failure.
    """
    try:
        call()
    except decorator_errors.PreparationError as error:
        message = f"{error}: {describe(error.__cause__ or error)}"
        if run is not None:
            new_run.cannot_begin(run, message, disk)
        fail(message)


def _tell_failures(result: RunResult, run: RunStore, checked: Checked, options: Mapping[str, object]) -> None:
    """Print why a run failed or could not be saved, and the commands that print the run's logs and resume the run."""
    sys.stdout.flush()
    if result.unsaved is not None:
        tell_error(result.unsaved, "when the disk works again, `flowc resume` runs the incomplete tasks")
    if result.failures:
        click.echo(render_failure(result.failures, checked.flow, checked.package.root), err=True, nl=False)
        click.echo(f"log: {logs_line(run, pathspec_of(result.failures[0], run), options)}", err=True)
    elif top().quiet or options["log_format"] == "json":
        return  # the run was interrupted by a person or a program
    click.echo(f"resume: {resume_line(run, options)}", err=True)
