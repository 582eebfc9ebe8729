"""`resume`: a new run that reuses what an earlier one has done (docs/resume.md)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.common import fail, open_store, user_name
from flowc.cli.run import Kind, Resumption, RunCommand, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.cli.common import Checked
    from flowc_runtime.store import RunStore, Store

OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["step_to_rerun"], metavar="[STEP]", required=False),
    click.Option(["--origin-run-id"], metavar="RUN", help="The run to resume [default: your newest of the flow]."),
    click.Option(["--force"], is_flag=True, help="Also a run of which nobody here can tell whether it has ended."),
)


def find(store: Store, found: Checked, options: Mapping[str, Any]) -> Resumption:
    """The run that is meant. What cannot be resumed ends the program."""
    step = options["step_to_rerun"]
    if step is not None and step not in (known := sorted(node.id for node in found.flow.nodes)):
        fail(f"flow '{found.flow.name}' has no step '{step}'", f"steps: {', '.join(known)}")
    run = _origin(store, found.flow.name, options)
    _check_ended(run, force=options["force"])
    parameters = run.record()["parameters"]
    run, step = settled(store, run, step)
    return Resumption(run, step, parameters)


def _origin(store: Store, flow: str, options: Mapping[str, Any]) -> RunStore:
    run_id = options["origin_run_id"]
    if run_id is None:
        return _newest(store, flow)
    run = store.run(flow, run_id.rpartition("/")[2])
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", f"flowc runs {flow}")
    return run


def _newest(store: Store, flow: str) -> RunStore:
    user = user_name()
    for run_id in reversed(store.runs(flow)):
        run = store.run(flow, run_id)
        if run.exists() and run.record()["user"] == user:
            return run
    fail(f"{user} has no run of flow '{flow}' in {store.objects.url}", "--origin-run-id says which run to resume")


def _check_ended(run: RunStore, *, force: bool) -> None:
    from flowc.cli.read import status_of
    from flowc_runtime.process import is_alive

    if status_of(run)["state"] != "running":
        return
    pathspec = f"{run.flow}/{run.id}"
    if is_alive(run.record()["process"]):
        fail(f"run {pathspec} is still going", "wait until it has ended, or end it")
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


def configs(options: Mapping[str, Any], flow: str) -> Mapping[str, str | None]:
    """The configs of the run that is meant."""
    from flowc.ir.schema import loads

    with reading(options["store_url"]) as store:
        run, _ = settled(store, _origin(store, flow, options), None)
        return {config.name: config.value for config in loads(run.ir()).configs}


@contextmanager
def reading(url: str | None) -> Iterator[Store]:
    """The store, for a program that is going to fork: what is remote is read by another process."""
    from flowc_runtime.objects import LocalObjects
    from flowc_runtime.store import Store

    store = open_store(url)
    if isinstance(store.objects, LocalObjects):
        yield store
        return
    from flowc_emulator.agent import Agent

    agent = Agent(store.objects.url)
    try:
        yield Store(agent)
    finally:
        agent.close()


KIND = Kind(
    "resume",
    "Run FLOW again, without what an earlier run has done; STEP and what follows it run.",
    OPTIONS,
    find,
    configs,
)


class ResumeCommand(RunCommand):
    """`resume`, which takes its words as `run` does."""

    kind = KIND


@click.command(
    "resume",
    cls=ResumeCommand,
    help="Run FLOW again, without what an earlier run has done. Parameters that are given make the steps that read "
    "them run again: `flowc resume FLOW --help` lists them.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": True},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="FLOW [STEP]")
@click.pass_context
def resume_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Resume a run."""
    start(ctx, words, KIND)
