"""`flowc run`: a flow on this machine, with the flow's parameters as options."""

from __future__ import annotations

import os
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.common import Checked, fail, load_flow, open_store, store_option, user_name
from flowc.cli.configs import config_options, takes_configs
from flowc.cli.parameters import given_texts, parameter_options, run_values
from flowc.cli.params_files import params_file_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_emulator.supervisor import RunResult
    from flowc_runtime.store import RunStore, Store

RUN_OPTIONS: Sequence[Any] = (
    click.option("--local", is_flag=True, help="On this machine, a process per attempt: what happens anyway."),
    click.option("--max-workers", type=click.IntRange(min=1), metavar="N", help="Tasks at once [default: CPUs]."),
    click.option("--run-id-file", type=click.Path(dir_okay=False), metavar="F", help="Write the run's id to F first."),
    click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
                 help="Lines for people, or JSON lines on stdout."),
    click.option("--flow", "class_name", metavar="CLASS", help="The flow's class, if the file has several."),
    params_file_option,
    store_option,
)  # fmt: skip


class _Run(click.Command):
    """`flowc run` takes configs among its options; a flow's own command line has them before the command."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        found = super().get_params(ctx)
        return found if ctx.find_object(type) is None else [param for param in found if param.expose_value]


@click.command(
    "run",
    cls=_Run,
    help="Run FLOW on this machine. The flow's parameters are options too: `flowc run FLOW --help` lists them.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": True},
    add_help_option=False,
)
@takes_configs
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="FLOW")
@click.pass_context
def run_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Find the flow among the words, then parse them again with the options that its parameters add."""
    from flowc_emulator.seeds import Seeds

    cls = ctx.find_object(type)
    file, class_name = _find_flow(words) if cls is None else (None, None)
    if cls is None and file is None:
        if "--help" in words or not words:
            click.echo(_command(None, Seeds(), None, own=False).get_help(ctx))
            ctx.exit(0 if words else 2)
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    seeds = Seeds()
    with seeds.watch():
        found = load_flow(ctx, file, class_name)
    command = _command(found, seeds, file, own=cls is not None)
    with command.make_context(ctx.info_name, list(words), parent=ctx.parent) as inner:
        command.invoke(inner)


def _find_flow(words: Sequence[str]) -> tuple[str | None, str | None]:
    """The flow's file: the first word that is neither an option nor an option's value; and --flow."""
    flags = {"--local", "--help"}
    file, class_name, skip = None, None, False
    for word, following in zip(words, [*words[1:], None], strict=False):
        if skip:
            skip = False
        elif word.startswith("-"):
            name, equals, value = word.partition("=")
            if name == "--flow":
                class_name = value if equals else following
            skip = not equals and name not in flags
        elif file is None:
            file = word
    return file, class_name


def _command(found: Checked | None, seeds: Any, file: str | None, *, own: bool) -> click.Command:
    """The command with the options of the flow's parameters."""
    params: list[click.Parameter] = []

    def collect(function: Any) -> list[click.Parameter]:
        for option in reversed(RUN_OPTIONS):
            function = option(function)
        return list(reversed(function.__click_params__))

    params += collect(lambda: None)
    if not own:
        params.insert(0, click.Argument(["file"], metavar="FLOW"))
    if not own:  # a flow's own command line has them before the command, so that a parameter may be called `config`
        params += config_options()
    params += parameter_options(found, without=() if own else ("config", "config-value")) if found else ()

    def callback(**options: Any) -> None:
        assert found is not None
        given = given_texts(found.flow, options)
        raise SystemExit(_run(found, seeds, given, options))

    about = found.flow.doc if found and found.flow.doc else "Run FLOW on this machine."
    return click.Command("run", params=params, callback=callback, help=about)


def _run(found: Checked, seeds: Any, given: dict[str, list[str]], options: dict[str, Any]) -> int:
    from flowc_emulator.console import make_console
    from flowc_emulator.supervisor import Plan, Supervisor
    from flowc_runtime.errors import FlowcError
    from flowc_runtime.files import store_files
    from flowc_runtime.index import Graph
    from flowc_runtime.objects import LocalObjects
    from flowc_runtime.store import Store

    store = open_store(options["store_url"])
    ds_type = store.objects.url.partition("://")[0].replace("file", "local")
    parameters = run_values(found, given, options["params_files"], ds_type=ds_type)
    agent = None
    if not isinstance(store.objects, LocalObjects):
        from flowc_emulator.agent import Agent

        agent = Agent(store.objects.url)
    user = user_name()
    try:
        opened = Store(agent) if agent else store
        parameters = store_files(opened.objects, found.flow.parameters, parameters)
        records = _begin(opened, found, parameters, user)
    except FlowcError as error:
        if agent is not None:
            agent.close()
        fail(str(error))
    run = store.run(records.flow, records.id)
    if options["run_id_file"]:
        with open(options["run_id_file"], "w", encoding="utf-8") as file:
            file.write(run.id)
    workers = options["max_workers"] or os.cpu_count() or 1
    console = make_console(options["log_format"])
    pathspec = f"{run.flow}/{run.id}"
    console.run_began(pathspec, workers, store.objects.url)
    began = time.monotonic()
    plan = Plan(
        run=run,
        records=records,
        agent=agent,
        graph=Graph(found.flow),
        cls=found.cls,
        parameters=parameters,
        user=user,
        max_workers=workers,
        seeds=seeds,
    )
    result = Supervisor(plan, console).run()
    if agent is not None:
        agent.close()
    state = "succeeded" if result.ok else "interrupted" if result.signal else "failed"
    console.run_ended(pathspec, state, result.tasks, time.monotonic() - began)
    return _conclude(result, run, found)


def _begin(store: Store, found: Checked, parameters: dict[str, Any], user: str) -> RunStore:
    """Make the run's record under an id that nobody has."""
    from flowc.ir.schema import dumps
    from flowc_runtime.process import this_process
    from flowc_runtime.records import RECORD_VERSION, RunRecord

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
        )
        if run.create(record, dumps(found.flow)):
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
