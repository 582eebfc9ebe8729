"""`flowc run`: a flow on this machine, with the flow's parameters as options."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from flowc.cli.common import TOP, Checked, fail, load_flow, open_store, top, user_name
from flowc.cli.configs import EARLIER
from flowc.cli.environment import chosen, isolate
from flowc.cli.options import PREFIX, add_top, beside, scan, split_top, top_of_environment
from flowc.cli.parameters import given_texts, parameter_options, run_values
from flowc.diagnostics import describe
from flowc_runtime import settings
from flowc_runtime.errors import TagError
from flowc_runtime.tags import check_tags, system_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowc_emulator.supervisor import RunResult
    from flowc_runtime.objects import Objects
    from flowc_runtime.store import RunStore, Store
    from metaflow._legacy.hooks import FlowHooks

CONFIG_OPTIONS = ("config", "config-value")
"""Of `flowc run` these are always the configs'; a flow's own file has those before the command."""


class Resumption(NamedTuple):
    """The run that a new one resumes, the step that was asked for, and the parameters to keep."""

    origin: RunStore
    step: str | None
    parameters: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What the new run's record says of it."""
        found: dict[str, Any] = {"origin": self.origin.id}
        if self.step is not None:
            found["resumed_from"] = self.step
        if trigger := self.origin.record().get("trigger"):
            found["trigger"] = trigger
        return found


class Kind(NamedTuple):
    """What `run` and `resume` differ in: `params` are more of them, `find` finds what is resumed.

    `configs` gives the configs that a flow of this name has because the run that is resumed had them; `elsewhere` may
    do all of it in another place than this machine. `execute` does it in another way, `without` some options of `run`.
    """

    name: str
    about: str
    params: Sequence[click.Parameter] = ()
    find: Callable[[Store, Checked, Mapping[str, Any]], Resumption] | None = None
    configs: Callable[[Mapping[str, Any], str], Mapping[str, str | None]] | None = None
    execute: Callable[[Checked, Any, dict[str, list[str]], dict[str, Any], Kind], int] | None = None
    without: Collection[str] = ()
    elsewhere: Callable[[Checked, Mapping[str, Sequence[str]], Mapping[str, Any]], int | None] | None = None


RUN = Kind("run", "Run FLOW on this machine.")


class RunCommand(click.Command):
    """`run`, which takes its words as they are: what it takes depends on the flow among them."""

    kind = RUN

    def known_params(self) -> list[click.Parameter]:
        """The options that `run` has for every flow."""
        from flowc_emulator.seeds import Seeds

        return _command(None, Seeds(), self.kind, own=True).params


class _Run(click.Command):
    """`flowc run` takes configs among its options; a flow's own command line has them before the command."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        found = super().get_params(ctx)
        return found if ctx.find_object(type) is None else [param for param in found if param.expose_value]


@click.command(
    "run",
    cls=RunCommand,
    help="Run FLOW on this machine. The flow's parameters are options too: `flowc run FLOW --help` lists them.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": True},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="FLOW")
@click.pass_context
def run_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run a flow."""
    start(ctx, words, RUN)


def start(ctx: click.Context, words: Sequence[str], kind: Kind) -> None:
    """Find the flow among the words, then parse them again with the options that its parameters add."""
    from flowc_emulator.seeds import Seeds

    own = ctx.find_object(type) is not None
    early = scan(ctx, words, own=own, more=[param for param in kind.params if isinstance(param, click.Option)])
    if not own and early.file is None:
        if "--help" in words or not words:
            click.echo(_command(None, Seeds(), kind, own=False).get_help(ctx))
            ctx.exit(0 if words else 2)
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    before = top(ctx) if own else top_of_environment()
    ctx.meta[TOP] = before
    seeds = Seeds()
    _keep_from_obstore()
    with seeds.watch():
        given = add_top(ctx, early.top)
        if kind.configs is not None:
            if given.config or given.config_value:
                fail(
                    "a resumed run has the configs of the run that it resumes", "give them to `run`, which begins anew"
                )
            ctx.meta[EARLIER] = partial(kind.configs, early.more)
        found = load_flow(ctx, early.file, early.class_name)
    ctx.meta[TOP] = before
    command = _command(found, seeds, kind, own=own)
    prefix = f"{PREFIX}_{kind.name.upper()}"
    with command.make_context(ctx.info_name, list(words), parent=ctx.parent, auto_envvar_prefix=prefix) as inner:
        command.invoke(inner)


def _keep_from_obstore() -> None:
    """Let the flow's own code, which may ask the client at once, use a bucket through a process made for it."""
    from flowc_runtime import remote

    def ask(url: str) -> Objects:
        from flowc_emulator.agent import Agent

        agent = Agent(url)
        atexit.register(agent.leave)
        return agent

    remote.asked_of = ask


def _command(found: Checked | None, seeds: Any, kind: Kind, *, own: bool) -> click.Command:
    """The command with the options of the flow's parameters."""
    taken = [parameter.name for parameter in found.flow.parameters] if found else []
    if not own:
        taken = [name for name in taken if name not in CONFIG_OPTIONS]
    params: list[click.Parameter] = [*kind.params]
    params += [option for option in beside(taken, own=own) if option.name not in kind.without]
    if not own:
        params.insert(0, click.Argument(["file"], metavar="FLOW"))
    hiding = {*(() if own else CONFIG_OPTIONS), *(name[2:] for param in kind.params for name in param.opts)}
    params += parameter_options(found, without=tuple(hiding)) if found else ()

    def callback(**options: Any) -> None:
        assert found is not None
        given = given_texts(found.flow, options)
        add_top(click.get_current_context(), split_top(options))
        if kind.elsewhere is not None and (code := kind.elsewhere(found, given, options)) is not None:
            raise SystemExit(code)
        options["environment"] = chosen(click.get_current_context())
        raise SystemExit((kind.execute or _run)(found, seeds, given, options, kind))

    about = found.flow.doc if found and found.flow.doc and kind is RUN else kind.about
    return click.Command(kind.name, params=params, callback=callback, help=about)


def _run(found: Checked, seeds: Any, given: dict[str, list[str]], options: dict[str, Any], kind: Kind) -> int:
    from flowc_emulator.console import make_console
    from flowc_emulator.supervisor import Plan, Supervisor
    from flowc_runtime.errors import FlowcError
    from flowc_runtime.files import store_files
    from flowc_runtime.index import Graph
    from flowc_runtime.objects import LocalObjects
    from flowc_runtime.reuse import Reuse
    from flowc_runtime.store import Store

    given_top = top()
    try:
        tags = tuple(check_tags(given_top.tags))
    except TagError as error:
        fail(str(error))
    store = open_store(options["store_url"])
    ds_type = store.objects.url.partition("://")[0].replace("file", "local")
    isolation = isolate(found, options["environment"], remote=not isinstance(store.objects, LocalObjects))
    agent = None
    if not isinstance(store.objects, LocalObjects):
        from flowc_emulator.agent import Agent

        agent = Agent(store.objects.url)
    user = user_name()
    namespace = f"user:{user}" if given_top.namespace is None else given_top.namespace or None
    # From its record on, a run that is told to end says so: the supervisor takes these signals, and takes them late.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    asked = Store(agent) if agent else store
    graph, reuse = Graph(found.flow), None
    try:
        resumption = kind.find(asked, found, options) if kind.find else None
        before = resumption.parameters if resumption else {}
        parameters = run_values(found, given, options["params_files"], ds_type=ds_type, before=before)
        parameters = store_files(asked.objects, found.flow.parameters, parameters)
        if resumption is not None:
            reuse = Reuse(resumption.origin, graph, parameters, resumption.step)
        more = resumption.record() if resumption else {}
        records = begin_run(asked, found, parameters, user, tags, namespace, more)
    except BaseException as error:
        if agent is not None:
            agent.close()
        if not isinstance(error, FlowcError):
            raise
        fail(str(error))
    run = store.run(records.flow, records.id)
    if options["run_id_file"]:
        with open(options["run_id_file"], "w", encoding="utf-8") as file:
            file.write(run.id)
    if options["runner_attribute_file"]:
        attributes = {"run_id": run.id, "flow_name": run.flow, "metadata": f"local@{store.objects.url}"}
        with open(options["runner_attribute_file"], "w", encoding="utf-8") as file:
            json.dump(attributes, file)
    workers = options["max_workers"] or os.cpu_count() or 1
    console = make_console(options["log_format"], quiet=bool(given_top.quiet))
    pathspec = f"{run.flow}/{run.id}"
    console.run_began(pathspec, workers, store.objects.url)
    if unused := settings.unused():
        console.note(f"flowc does not use {', '.join(unused)}")
    began = time.monotonic()
    plan = Plan(
        run=run,
        records=records,
        agent=agent,
        isolation=isolation,
        graph=graph,
        cls=found.cls,
        parameters=parameters,
        user=user,
        max_workers=workers,
        seeds=seeds,
        tags=tags,
        namespace=namespace,
        max_splits=options["max_num_splits"],
        cache=given_top.cache is not False,
        reuse=reuse,
    )
    try:
        _call_hooks(found, records, lambda hooks: hooks.run_begins(run.id))
        result = Supervisor(plan, console).run()
        _call_hooks(
            found, None, lambda hooks: hooks.run_ended(None if result.ok else RuntimeError("the run has failed"))
        )
    except BaseException:
        if agent is not None:
            agent.leave()
        raise
    if agent is not None:
        agent.close()
    state = "succeeded" if result.ok else "interrupted" if result.signal else "failed"
    console.run_ended(pathspec, state, result.tasks, time.monotonic() - began)
    if found.flow.exit_hooks and result.signal is None:
        from flowc_emulator.exit_hooks import call_exit_hooks

        call_exit_hooks(found.flow, found.cls, run, console, successful=result.ok)
    return _conclude(result, run, found)


def _call_hooks(found: Checked, run: RunStore | None, call: Callable[[FlowHooks], None]) -> None:
    """Call what decorators of extensions do around a run; it has failed if it cannot begin."""
    from metaflow.user_decorators._errors import PreparationError

    hooks: FlowHooks | None = getattr(found.cls, "_flowc_hooks", None)
    try:
        if hooks is not None:
            call(hooks)
    except PreparationError as error:
        message = f"{error}: {describe(error.__cause__ or error)}"
        if run is not None:
            run.set_status({"state": "failed", "changed": time.time(), "message": message})
        fail(message)


def begin_run(
    store: Store,
    found: Checked,
    parameters: dict[str, Any],
    user: str,
    tags: tuple[str, ...],
    namespace: str | None,
    more: Mapping[str, Any],
) -> RunStore:
    """Make the run's record, with `more` in it, under an id that nobody has."""
    from flowc.cli.triggers import trigger_events
    from flowc.ir.schema import dumps
    from flowc_runtime import projects
    from flowc_runtime.process import this_process
    from flowc_runtime.records import RECORD_VERSION, RunRecord

    more = {**more, "trigger": events} if (events := trigger_events(store, found.flow)) else more
    while True:
        created = time.time()
        run = store.run(found.flow.name, new_run_id(created))
        record = RunRecord(
            version=RECORD_VERSION,
            flow=run.flow,
            run=run.id,
            created=created,
            user=user,
            target="local",
            parameters=parameters,
            code=found.flow.code.digest,
            process=this_process(),
            project=projects.values(found.flow),
            system_tags=[*system_tags(user, "dev", created), *projects.tags(found.flow.project)],
            tags=list(tags),
            namespace=namespace,
        )
        record.update(cast("RunRecord", more))
        if run.create(record, dumps(found.flow)):
            run.add_tags(tags)
            if origin := record.get("origin"):
                run.hold(origin)
            return run


def new_run_id(now: float) -> str:
    """An id that sorts by time, for people and for Kubernetes names: `20261120-091500-482kxz`, in UTC.

    After the seconds come the milliseconds and three letters that keep runs of the same moment apart.
    """
    clock = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    letters = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(3))
    return f"{clock}-{int(now * 1000) % 1000:03}{letters}"


def _conclude(result: RunResult, run: RunStore, found: Checked) -> int:
    """The one error at the end, and the exit code."""
    if result.failures:
        from flowc.cli.failure import render_failure

        sys.stdout.flush()
        click.echo(render_failure(result.failures, run, found.flow, found.package.root), err=True, nl=False)
    if result.signal is not None:
        return 128 + result.signal
    return 0 if result.ok else 1
