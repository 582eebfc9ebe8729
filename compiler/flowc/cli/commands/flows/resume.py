"""`resume`: a new run that reuses what an earlier one has done (docs/resume.md)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.commands.flows.run import run_like, start, words_of
from flowc.cli.options.common import ROOT, fail, open_store
from flowc.cli.options.definitions import RESUME_OPTIONS
from flowc.cli.options.loading import root_of
from flowc.cli.options.targets import LOCAL, deployment_named
from flowc.cli.running.classes import class_finder
from flowc.cli.running.run_kinds import Resumption, RunKind
from flowc.cli.words.run_names import hint_for
from flowc.cli.words.split import NO_NAMES
from flowc.opening import names_code
from flowc.targets import table
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import StoreError
from flowc_runtime.process.process import is_alive
from flowc_runtime.run.views.status_view import read_status
from flowc_runtime.store.backends.objects import LocalObjects
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.exact import from_exact, to_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from flowc.cli.options.loading import Checked
    from flowc_ir import Code, Config
    from flowc_runtime.store.records.store import RunStore

    Newest: TypeAlias = Callable[[Store, str], RunStore]

OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["step_to_rerun"], metavar="[STEP]", required=False),
    click.Option(["--origin-run-id"], metavar="RUN", help="Resume this run [default: your newest of the flow]."),
    *RESUME_OPTIONS,
)  # fmt: skip


def _find(chosen: Newest, store: Store, found: Checked, options: Mapping[str, Any]) -> Resumption:
    """The run that is meant. What cannot be resumed ends the program."""
    step = options["step_to_rerun"]
    if step is not None and step not in (known := sorted(node.id for node in found.flow.nodes)):
        run_id = step.rpartition("/")[2]
        is_run = store.run(found.flow.name, run_id).exists()
        hint = f"it is a run: --origin-run-id {run_id}" if is_run else hint_for(step, known, "steps")
        fail(f"flow '{found.flow.name}' has no step '{step}'", hint)
    run = _origin(chosen, store, found.flow.name, options)
    _check_ended(run, force=options["force"])
    parameters = run.record()["parameters"]
    run, step = settled(store, run, step)
    return Resumption(run, step, parameters)


def _origin(chosen: Newest, store: Store, flow: str, options: Mapping[str, Any]) -> RunStore:
    run_id = options["origin_run_id"]
    if run_id is None:
        return chosen(store, flow)
    run = store.run(flow, run_id.rpartition("/")[2])
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", command_on(store.objects.url, "flowc", "runs", flow))
    return run


def newest(store: Store, flow: str) -> RunStore:
    """The newest run of a flow that is one's own; without any, the program ends."""
    user = user_name()
    for run_id in reversed(store.runs(flow)):
        run = store.run(flow, run_id)
        try:
            if run.exists() and run.record()["user"] == user:
                read_status(run)
                run.executes()
                return run
        except StoreError as error:  # as a run that the loss of power has cut off at its beginning
            click.echo(f"note: run {flow}/{run_id} cannot be resumed: {error}", err=True)
    fail(
        f"user '{user}' has no run of flow '{flow}' in {store.objects.url}", "--origin-run-id says which run to resume"
    )


def _check_ended(run: RunStore, *, force: bool) -> None:
    if not read_status(run).is_running:
        return
    pathspec = f"{run.flow}/{run.id}"
    if is_alive(run.record()["process"]):
        fail(f"run {pathspec} is still going", "wait until it has ended, end it, or name another: --origin-run-id")
    if not force:
        fail(
            f"run {pathspec} has not said that it has ended, and it is not on this machine",
            "flowc status says how it does, flowc terminate ends it; --force resumes it all the same",
        )


def settled(store: Store, run: RunStore, step: str | None) -> tuple[RunStore, str | None]:
    """The run to reuse tasks of, and the step to begin with.

    A run that was itself a resumption, and was killed before it had a record of all that it reuses, has done nothing
    else: what is resumed is what it was to resume.
    """
    while (origin := (record := run.record()).get("origin")) and record["target"] == "local" and not run.has_reused():
        step = step or record.get("resumed_from")
        run = store.run(run.flow, origin)
        if not run.exists():
            fail(f"run {run.flow}/{origin}, which run {record['run']} was to resume, is gone")
    return run, step


def _configs(chosen: Newest, options: Mapping[str, Any], flow: str) -> Mapping[str, Config]:
    """The configs of the run that is meant."""
    with reading(options["store_url"]) as store:
        run, _ = settled(store, _origin(chosen, store, flow, options), None)
        return {config.name: _as_named_now(config, run) for config in run.executes().configs}


def _as_named_now(config: Config, run: RunStore) -> Config:
    """A config whose objects are of the classes that the flow has now: its file may have been renamed since."""
    if "$pickle" not in config.exact:
        return config
    try:
        return replace(config, exact=to_exact(from_exact(config.exact, class_finder(run))))
    except Exception as error:  # of the user's classes
        fail(f"config '{config.name}' of run {run.flow}/{run.id} cannot be restored: {error}")


@contextmanager
def reading(url: str | None) -> Iterator[Store]:
    """The store, for a program that is going to fork: what is remote is read by another process."""
    store = open_store(url)
    if isinstance(store.objects, LocalObjects):
        yield store
        return
    from flowc_emulator.processes.agent import Agent

    agent = Agent(store.objects.url)
    try:
        yield Store(agent)
    except KeyboardInterrupt:
        agent.leave()  # it may wait for a store that does not answer
        raise
    except BaseException:
        agent.close()
        raise
    agent.close()


def _kind(name: str, about: str, chosen: Newest) -> RunKind:
    return RunKind(
        name,
        about,
        OPTIONS,
        partial(_find, chosen),
        partial(_configs, chosen),
        elsewhere=partial(_elsewhere, chosen),
        keeps=frozenset({"origin_run_id"}),
    )


def _elsewhere(
    chosen: Newest, found: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, Any]
) -> int | None:
    """Resume on the deployment of a target; None if the run is to be on this machine."""
    name = options["target"]
    if name == LOCAL:
        if options["output"]:
            raise click.UsageError(f"--output writes what --target {table.DEFAULT} would submit")
        return None
    return table.operations_of(deployment_named(name)).resume(partial(_find, chosen), found, given, options)


KIND = _kind("resume", "Run FLOW again, without what an earlier run has done; STEP and what follows it run.", newest)


@run_like(
    KIND,
    "FLOW [STEP]",
    "Run FLOW again, without what an earlier run has done. Parameters that are given make the steps that read them run "
    "again: `flowc resume FLOW --help` lists them.",
)
def resume_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Resume a run."""
    start(ctx, words, KIND)


# -- retry -------------------------------------------------------------------------------------------------------------


def _newest_failed(store: Store, flow: str | None) -> RunStore:
    """The newest of one's own runs that did not succeed, and that no later run has resumed."""
    names = [flow] if flow is not None else store.flows()
    found = sorted(((name, run) for name in names for run in store.runs(name)), key=lambda entry: entry[1])
    user, resumed = user_name(), set[tuple[str, str | None]]()
    for name, run_id in reversed(found):
        run = store.run(name, run_id)
        with unreadable.going_on():
            if not run.exists() or (record := run.record())["user"] != user:
                continue
            resumed.add((name, record.get("origin")))
            if (name, run_id) not in resumed and read_status(run).state not in ("running", "succeeded"):
                run.executes()
                return run
    what = f"flow '{flow}'" if flow else "any flow"
    hint = command_on(store.objects.url, "flowc", "runs")
    fail(f"user '{user}' has no run of {what} in {store.objects.url} that failed and was not resumed", hint)


def _code_of(store: Store, run: RunStore) -> tuple[Path, Code]:
    """The root of the flow's code, here or beside the store, and where below it the flow is."""
    code = run.executes().code
    return root_of(store, code, f"flowc retry path/to/{code.file}"), code


RETRY = _kind("retry", "Resume your newest run of FLOW that failed.", _newest_failed)


@run_like(
    RETRY,
    "[FLOW]",
    "Resume your newest run, of FLOW or of any flow, that failed and was not resumed. FLOW is a file or a flow's name; "
    "all options are those of resume.",
)
def retry_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Find the run, then resume it."""
    given = words_of(ctx, words, RETRY)
    line = given.line
    if "--help" in words or names_code(line.file or ""):
        start(ctx, words, RETRY)
        return
    with reading(given.early(NO_NAMES).more["store_url"]) as store:
        run = _newest_failed(store, line.file)
        ctx.meta[ROOT], code = _code_of(store, run)
    start(ctx, [*line.before, "--flow", code.name, "--origin-run-id", run.id, code.file, *line.behind], KIND)
