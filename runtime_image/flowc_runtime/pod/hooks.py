"""Exit hooks: functions of the flow's file that are called after a run has ended, each in its own process."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING

from flowc_runtime.base.contract import STORE
from flowc_runtime.process import leftovers
from flowc_runtime.process.process import adopt_orphans, load_prctl, spawn
from flowc_runtime.process.watch import Ended, Output, Watcher
from flowc_runtime.run.task import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_ir import ExitHook, Flow
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.process.process import Child
    from flowc_runtime.process.watch import Reaper
    from flowc_runtime.run.program import Program
    from flowc_runtime.store.records.run_store import RunStore


def run_hooks(
    flow: Flow,
    run: RunStore,
    load: Callable[[], Program],
    output: Callable[[str, Stream, bytes], None],
    failed: Callable[[str, str], None],
    *,
    successful: bool,
    start: Callable[[int, Sequence[int]], tuple[Child, Reaper | None]] | None = None,
) -> None:
    """Call the exit hooks of a run that has ended, one after the other.

    Hazard: each hook is a fork of this process, unless `start` is given. So this process must not have used a remote
    store before: a fork does not copy the client's threads.

    Args:
        flow: the flow.
        run: the run that has ended.
        load: returns the flow's program; called in the hook's process.
        output: called with the hook's name and each piece of its output.
        failed: called with the hook's name and the reason if a hook fails; the run keeps its state.
        successful: whether the run succeeded.
        start: a function that starts the process of a hook, given the hook's number and a list of descriptors; it
            replaces the fork of this process. The new process must close these descriptors, which belong to this
            process.
    """
    adopt_orphans(load_prctl())
    wanted = "success" if successful else "error"
    for number, hook in enumerate(flow.exit_hooks):
        if hook.on == wanted:
            problem = _run(hook, output, partial(start, number) if start else partial(_fork, hook, run, load))
            if problem is not None:
                failed(hook.function, problem)


def _fork(
    hook: ExitHook, run: RunStore, load: Callable[[], Program], close: Sequence[int]
) -> tuple[Child, Reaper | None]:
    return spawn(lambda _control: call_hook(hook, run, load), prctl=load_prctl(), close=close), None


def _run(
    hook: ExitHook,
    output: Callable[[str, Stream, bytes], None],
    start: Callable[[Sequence[int]], tuple[Child, Reaper | None]],
) -> str | None:
    """Start a hook's process and wait for its end; return the reason if the hook failed, otherwise None."""
    others = set(leftovers.children())
    with Watcher() as watcher:
        watcher.add(*start(watcher.descriptors()))
        while True:
            for event in watcher.poll(None):
                match event:
                    case Output(_, stream, data):
                        output(hook.function, stream, data)
                    case Ended():
                        leftovers.end_adopted(others, asked_groups=watcher.asked_groups())
                        return _problem(event)


def _problem(event: Ended) -> str | None:
    if event.signal is not None:
        return f"it was killed by {failures.signal_name(event.signal)}"
    return f"it ended with exit code {event.code}" if event.code else None


def call_hook(hook: ExitHook, run: RunStore, load: Callable[[], Program]) -> int:
    """Call a hook in this process, which runs nothing else; return the exit code, 1 for an exception.

    Args:
        hook: the hook.
        run: the run that has ended; a hook with a parameter `run` gets the run as an object of the client.
        load: returns the flow's program.
    """
    # The client in the hook, and flows that the hook starts, use this store.
    os.environ[STORE] = run.objects.url
    try:
        program = load()
        function, given = program.function(hook.function), {}
        if any(it.name == "run" or it.kind is it.VAR_KEYWORD for it in inspect.signature(function).parameters.values()):
            given["run"] = program.client_run(run)
        function(**given)
    except SystemExit as error:
        return 0 if error.code in (None, 0) else 1
    except BaseException as error:
        trace = traceback.TracebackException.from_exception(error)
        trace.stack = traceback.StackSummary.from_list([entry for entry in trace.stack if entry.filename != __file__])
        sys.stderr.write("".join(trace.format()))
        return 1
    return 0
