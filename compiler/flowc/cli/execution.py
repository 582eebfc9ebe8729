"""What `run` and `resume` do when the flow is known: a run on this machine, from its record to its end."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from flowc.cli import new_run
from flowc.cli.common import Checked, fail, open_store, top
from flowc.cli.environment import isolate
from flowc.cli.parameters import run_values
from flowc.diagnostics import describe
from flowc_runtime.settings import datastore_of, user_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc.cli.run import Kind
    from flowc_emulator.agent import Agent
    from flowc_emulator.supervisor import RunResult
    from flowc_runtime.index import Graph
    from flowc_runtime.reuse import Reuse
    from flowc_runtime.store import RunStore, Store
    from metaflow._legacy.hooks import FlowHooks

    Given = Mapping[str, Sequence[str]]


def run_here(found: Checked, seeds: Any, given: Given, options: Mapping[str, Any], kind: Kind) -> int:
    """Run the flow, or what is left of it; the exit code. Raises FlowcError."""
    from flowc_emulator.console import make_console
    from flowc_emulator.supervisor import Plan, Supervisor
    from flowc_runtime.index import Graph
    from flowc_runtime.objects import LocalObjects
    from flowc_runtime.store import Store

    tags, user, graph = new_run.tags_given(), user_name(), Graph(found.flow)
    store = open_store(options["store_url"])
    remote = not isinstance(store.objects, LocalObjects)
    isolation = isolate(found, options["environment"], remote=remote)
    with _agent(store.objects.url if remote else None) as agent:
        # From its record on, a run that is told to end says so: the supervisor takes these signals, late.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        records, parameters, reuse = _begin(Store(agent) if agent else store, graph, found, given, options, kind)
        run = store.run(records.flow, records.id)
        new_run.tell_of(run, records, options)
        workers = options["max_workers"] or os.cpu_count() or 1
        console = make_console(options["log_format"], quiet=bool(top().quiet))
        console.run_began(f"{run.flow}/{run.id}", workers, store.objects.url)
        new_run.note_unused(console)
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
            namespace=new_run.namespace_for(user),
            max_splits=options["max_num_splits"],
            cache=top().cache is not False,
            start=options["start"],
            reuse=reuse,
        )
        _call_hooks(found, records, lambda hooks: hooks.run_begins(run.id))
        result = Supervisor(plan, console).run()
        _call_hooks(
            found, None, lambda hooks: hooks.run_ended(None if result.ok else RuntimeError("the run has failed"))
        )
    new_run.tell_end(console, run, result, began)
    if found.flow.exit_hooks and result.signal is None:
        from flowc_emulator.exit_hooks import call_exit_hooks

        call_exit_hooks(found.flow, found.cls, run, console, successful=result.ok)
    _tell_failures(result, run, found)
    return new_run.exit_code(result)


@contextmanager
def _agent(url: str | None) -> Iterator[Agent | None]:
    """The process that uses the remote store of this address; none, if there is no remote store."""
    if url is None:
        yield None
        return
    from flowc_emulator.agent import Agent

    agent = Agent(url)
    try:
        yield agent
    except BaseException:
        agent.leave()  # what was forked may hold it still
        raise
    agent.close()


def _begin(
    store: Store, graph: Graph, found: Checked, given: Given, options: Mapping[str, Any], kind: Kind
) -> tuple[RunStore, dict[str, Any], Reuse | None]:
    """The run with its record, its parameters, and what it reuses. Raises FlowcError."""
    from flowc_runtime.files import store_files
    from flowc_runtime.reuse import Reuse

    resumption = kind.find(store, found, options) if kind.find else None
    before = resumption.parameters if resumption else {}
    ds_type = datastore_of(store.objects.url)
    parameters = run_values(found, given, options["params_files"], ds_type=ds_type, before=before)
    parameters = store_files(store.objects, found.flow.parameters, parameters)
    reuse = Reuse(resumption.origin, graph, parameters, resumption.step) if resumption else None
    more = resumption.record() if resumption else {}
    return new_run.begin_run(store, found, parameters, user_name(), more), parameters, reuse


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
            new_run.cannot_begin(run, message)
        fail(message)


def _tell_failures(result: RunResult, run: RunStore, found: Checked) -> None:
    """The one error at the end."""
    if result.failures:
        from flowc.cli.failure import render_failure

        sys.stdout.flush()
        click.echo(render_failure(result.failures, run, found.flow, found.package.root), err=True, nl=False)
