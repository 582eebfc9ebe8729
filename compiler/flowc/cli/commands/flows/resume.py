"""`resume` and `retry`: start a new run that reuses the finished tasks of an earlier run (docs/resume.md)."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict, cast

import click

from flowc.cli.commands.flows.run import asks_for_help, run_like, start, words_of
from flowc.cli.options.common import LOADED, ROOT, fail, open_store
from flowc.cli.options.definitions import RESUME_OPTIONS
from flowc.cli.options.loading import root_of
from flowc.cli.options.targets import LOCAL, deployment_named
from flowc.cli.running.classes import class_finder
from flowc.cli.running.patching import is_asked
from flowc.cli.running.run_kinds import Resumption, RunKind
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.run_names import hint_for, is_run_name
from flowc.cli.words.split import NO_NAMES
from flowc.cli.words.variables import take
from flowc.opening import names_code
from flowc.targets import table
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import StoreError
from flowc_runtime.process.process import is_alive
from flowc_runtime.run.views.status_view import read_status
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.exact import from_exact, to_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from flowc.cli.options.loading import Checked
    from flowc.cli.words.variables import AskedRetry
    from flowc_emulator.processes import agent as agents
    from flowc_ir import Code, Config
    from flowc_runtime.store.records.run_store import RunStore

    Newest: TypeAlias = Callable[[Store, str], RunStore]
    Find: TypeAlias = Callable[[Store, Checked, Mapping[str, object]], Resumption]

    class _Options(TypedDict):
        step_to_rerun: str | None
        origin_run_id: str | None
        force: bool
        store_url: str | None
else:  # imported at first use
    agents = LateModule("flowc_emulator.processes.agent")  # only remote stores need it

OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["step_to_rerun"], metavar="[STEP]", required=False),
    click.Option(["--origin-run-id"], metavar="RUN", help="Resume this run [default: your newest run of the flow]."),
    *RESUME_OPTIONS,
)  # fmt: skip
RETRY_OPTIONS: tuple[click.Parameter, ...] = (
    OPTIONS[0],
    click.Option(["--origin-run-id"], metavar="RUN", help="Resume this run [default: your newest failed run]."),
    *RESUME_OPTIONS,
)


def _find(
    chosen: Newest, store: Store, checked: Checked, options: Mapping[str, object], *, retries: bool = False
) -> Resumption:
    """Return the run to resume, the first step to execute and the run's parameters.

    If the run cannot be resumed, print an error and end the program. If `retries` is true, a run that succeeded cannot
    be resumed, unless the command line names a step.
    """
    given = cast("_Options", options)
    step = given["step_to_rerun"]
    if step is not None and step not in (known := sorted(node.id for node in checked.flow.nodes)):
        run_id = step.rpartition("/")[2]
        is_run = store.run(checked.flow.name, run_id).exists()
        hint = f"'{step}' is a run: give it by --origin-run-id {run_id}" if is_run else hint_for(step, known, "steps")
        fail(f"flow '{checked.flow.name}' has no step '{step}'", hint)
    run = _origin(chosen, store, checked.flow.name, options)
    _check_ended(run, force=given["force"])
    if retries and step is None and read_status(run).state == "succeeded":
        message = f"run {run.flow}/{run.id} succeeded: there is nothing to retry"
        fail(message, "name a step to run it and the steps after it again; or start a new run: `run`")
    parameters = run.record()["parameters"]
    run, step = settled(store, run, step)
    return Resumption(run, step, parameters)


def _origin(chosen: Newest, store: Store, flow: str, options: Mapping[str, object]) -> RunStore:
    given = cast("_Options", options)["origin_run_id"]
    if given is None:
        return chosen(store, flow)
    of_flow, _, run_id = given.strip("/").rpartition("/")
    if of_flow not in ("", flow):
        fail(f"'{given}' is a run of flow '{of_flow}', not of '{flow}'", "name a run of this flow")
    if run_id == "latest" and (runs := store.runs(flow)):
        run_id = runs[-1]
    run = store.run(flow, run_id)
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", command_on(store.objects.url, "flowc", "runs", flow))
    return run


def newest(store: Store, flow: str) -> RunStore:
    """Return the user's newest readable run of a flow; print a note for each newer run that cannot be read.

    Raises:
        SystemExit: the user has no readable run of the flow; the error is printed.
    """
    user = user_name()
    for run_id in reversed(store.runs(flow)):
        run = store.run(flow, run_id)
        try:
            if run.exists() and run.record()["user"] == user:
                read_status(run)
                run.executes()
                return run
        except StoreError as error:  # for example, a power loss while the run began
            click.echo(f"note: run {flow}/{run_id} cannot be resumed: {error}", err=True)
    fail(
        f"user '{user}' has no run of flow '{flow}' in {store.objects.url}", "give the run to resume by --origin-run-id"
    )


def _check_ended(run: RunStore, *, force: bool) -> None:
    if not read_status(run).is_running:
        return
    pathspec = f"{run.flow}/{run.id}"
    if is_alive(run.record()["process"]):
        fail(f"run {pathspec} is still active", "wait for its end, end it, or give another run by --origin-run-id")
    if not force:
        fail(
            f"run {pathspec} may still be active on another machine",
            "flowc status shows a cluster run, flowc terminate ends it; --force resumes it even if it is active",
        )


def settled(store: Store, run: RunStore, step: str | None) -> tuple[RunStore, str | None]:
    """Return the run whose tasks the new run reuses, and the first step to execute.

    The run to resume may itself have resumed an earlier run, and been killed before it recorded which tasks it reuses.
    A run that was killed so early has executed no task. The result is then the earlier run, and the first step that the
    killed run was to execute.

    Args:
        store: the store of the runs.
        run: the run to resume.
        step: the first step to execute, or None to execute only the tasks that the run did not finish.

    Raises:
        SystemExit: the earlier run no longer exists; the error is printed.
    """
    while (origin := (record := run.record()).get("origin")) and record["target"] == "local" and not run.has_reused():
        step = step or record.get("resumed_from")
        run = store.run(run.flow, origin)
        if not run.exists():
            fail(f"run {run.flow}/{origin}, which run {record['run']} resumed, no longer exists")
    return run, step


def _configs(chosen: Newest, options: Mapping[str, object], flow: str) -> Mapping[str, Config]:
    """Return the configs of the run to resume, by the config's name."""
    with reading(cast("_Options", options)["store_url"]) as store:
        run, _ = settled(store, _origin(chosen, store, flow, options), None)
        return {config.name: _as_named_now(config, run) for config in run.executes().configs}


def _as_named_now(config: Config, run: RunStore) -> Config:
    """Restore a config's pickled objects as instances of the flow's current classes.

    The module of a class may have been renamed since the run.
    """
    if "$pickle" not in config.exact:
        return config
    try:
        return replace(config, exact=to_exact(from_exact(config.exact, class_finder(run))))
    except Exception as error:  # user code may raise any exception
        fail(f"config '{config.name}' of run {run.flow}/{run.id} cannot be restored: {error}")


@contextmanager
def reading(url: str | None) -> Iterator[Store]:
    """Open a store for reading in a program that will fork later.

    Hazard: the client of a remote store has threads, and threads do not survive a fork. The client is therefore used in
    a separate process.

    Args:
        url: the address of the store, as in `open_store`.

    Raises:
        SystemExit: the store cannot be opened; the error is printed.
    """
    store = open_store(url)
    if isinstance(store.objects, LocalObjects):
        yield store
        return
    agent = agents.Agent(store.objects.url)
    try:
        yield Store(agent)
    except KeyboardInterrupt:
        agent.leave()  # `close` would wait for the store's response; `leave` does not
        raise
    except BaseException:
        agent.close()
        raise
    agent.close()


def _kind(
    name: str,
    about: str,
    chosen: Newest,
    options: Sequence[click.Parameter],
    flow: str = "FLOW",
    *,
    retries: bool = False,
) -> RunKind:
    find = partial(_find, chosen, retries=retries)
    return RunKind(
        name,
        about,
        options,
        find,
        partial(_configs, chosen),
        elsewhere=partial(_elsewhere, find),
        keeps=frozenset({"origin_run_id"}),
        flow=flow,
    )


def _elsewhere(
    find: Find, checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]
) -> int | None:
    """Resume a run on the orchestrator of the target that `--target` names.

    Return the exit code, or None if the run is to be resumed on this machine.
    """
    name = options["target"]
    assert isinstance(name, str)
    if name == LOCAL:
        if options["output"]:
            raise click.UsageError(f"--output needs --target {table.DEFAULT}, whose manifests it writes")
        return None
    if is_asked(options):
        raise click.UsageError("--mock and --patch are only for runs on this machine: leave out --target")
    return table.operations_of(deployment_named(name)).resume(find, checked, given, options)


KIND = _kind(
    "resume", "Resume a run of FLOW: run only what it did not finish, or STEP and the steps after it.", newest, OPTIONS
)


@run_like(
    KIND,
    "FLOW [STEP]",
    "Resume a run of FLOW: start a new run that reuses the tasks that the earlier run finished. With STEP, that step "
    "and the steps after it run again. If a parameter is given, the steps that read it run again; "
    "`flowc resume FLOW --help` lists the parameters.",
)
def resume_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Resume a run."""
    start(ctx, words, KIND)


# -- retry -------------------------------------------------------------------------------------------------------------


def _newest_failed(store: Store, flow: str | None) -> RunStore:
    """Return the user's newest failed run that no later run has resumed; end the program if there is no such run."""
    names = [flow] if flow is not None else store.flows()
    found = sorted(((name, run) for name in names for run in store.runs(name)), key=lambda entry: entry[1])
    user, resumed = user_name(), set[tuple[str, str | None]]()
    for name, run_id in reversed(found):
        run = store.run(name, run_id)
        with unreadable.skipping():
            if not run.exists() or (record := run.record())["user"] != user:
                continue
            resumed.add((name, record.get("origin")))
            if (name, run_id) not in resumed and read_status(run).state not in ("running", "succeeded"):
                run.executes()
                return run
    what = f"flow '{flow}'" if flow else "any flow"
    hint = command_on(store.objects.url, "flowc", "runs")
    fail(f"user '{user}' has no failed run of {what} in {store.objects.url} that was not resumed yet", hint)


def _code_of(store: Store, run: RunStore) -> tuple[Path, Code]:
    """Return the root directory of the flow's code, and the flow's file relative to it.

    The root is the working directory or the parent of the store's directory.
    """
    code = run.executes().code
    return root_of(store, code, f"flowc retry path/to/{code.file}"), code


RETRY = _kind(
    "retry",
    "Resume your newest failed run, of FLOW or of any flow, that was not resumed yet. FLOW is a file or a flow's name; "
    "FLOW/RUN is the failed run to resume.",
    _newest_failed,
    RETRY_OPTIONS,
    "[FLOW]",
    retries=True,
)


@run_like(RETRY, "[FLOW|FLOW/RUN] [STEP]", f"{RETRY.about} `retry` has the same options as `resume`.")
def retry_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Find the run, then resume it."""
    given = words_of(ctx, words, RETRY)
    line = given.line
    code_first = LOADED in ctx.meta or (line.file is not None and not is_run_name(line.file) and names_code(line.file))
    if asks_for_help(ctx, words) or code_first:
        start(ctx, words, RETRY)
        return
    with reading(cast("str | None", given.early(NO_NAMES).more["store_url"])) as store:
        named = line.file if line.file is not None and is_run_name(line.file) else None
        run = _newest_failed(store, line.file) if named is None else _run_named(store, named)
        ctx.meta[ROOT], code = _code_of(store, run)
    # A pipeline has no class, so `code.name` is empty.
    name = code.name or (run.flow if code.file.endswith(".py") else "")
    start(ctx, [*line.before, "--flow", name, "--origin-run-id", run.id, code.file, *line.behind], RETRY)


def _run_named(store: Store, pathspec: str) -> RunStore:
    """Return the run that FLOW/RUN, FLOW/latest or RUN names. Raises UsageError if the pathspec also names a step."""
    found = find_run(store, pathspec)
    if found.step is not None:
        run = f"{found.run.flow}/{found.run.id}"
        raise click.UsageError(f"'{pathspec}' is a part of a run: write {run} {found.step}, to begin with this step")
    found.run.executes()
    return found.run


def retry_run(ctx: click.Context, words: Sequence[str], asked: AskedRetry) -> None:
    """Retry the run that an environment variable names, with the arguments of `run`; then end the program."""
    click.echo(f"note: {asked.variable} is set: this retries run {asked.name}", err=True)
    if any(word == "--executor" or word.startswith("--executor=") for word in words):
        raise click.UsageError(
            f"--executor has no effect on the retry that {asked.variable} asks for: it runs on this machine; leave the "
            "option out, or unset the variable",
            ctx,
        )
    own = ctx.find_object(type) is not None  # `python flow.py run` does not read the setting `executor`
    if not own and not {"--local", "--mock"}.intersection(words) and mocks_or_notes(asked):
        words = ["--mock", *words]
    start(ctx, [*take(asked), *words], RETRY)


def mocks_or_notes(asked: AskedRetry, file: str | None = None) -> bool:
    """Return whether the setting `executor` is `mock`. If the setting is neither `mock` nor `local`, print a note that
    a retry ignores it.

    Args:
        asked: the run to retry; the retry always runs on this machine.
        file: the configuration file, or None for the current one.
    """
    found = configuration.lookup("executor", file)
    if found.value not in (LOCAL, "mock"):
        click.echo(
            f"note: the retry runs on this machine, not with the executor '{found.value}' ({found.place}); "
            f"unset {asked.variable} for a new run with it",
            err=True,
        )
    return found.value == "mock"


def note_other_flow(ctx: click.Context, words: Sequence[str], asked: AskedRetry) -> None:
    """Print a note that this run is new and not a retry, because the environment variable names a run of another
    pipeline of the program.

    If the named run does not exist, print an error and end the program.
    """
    given = words_of(ctx, words, RETRY)
    with reading(cast("str | None", given.early(NO_NAMES).more["store_url"])) as store:
        find_run(store, asked.name)
    take(asked)  # unsets the variable in this process; it stays set in the program that executes the pipelines
    click.echo(
        f"note: {asked.variable} names a run of flow '{asked.flow}': this is a new run of another flow", err=True
    )
