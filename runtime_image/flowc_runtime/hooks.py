"""Exit hooks: functions of the flow's file that are called when a run has ended, each in a process of its own."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from flowc_runtime import failures, leftovers
from flowc_runtime.process import adopt_orphans, load_prctl, spawn
from flowc_runtime.watch import Ended, Output, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.ir import ExitHook, Flow
    from flowc_runtime.logs import Stream
    from flowc_runtime.store import RunStore


def run_hooks(
    flow: Flow,
    run: RunStore,
    load: Callable[[], Mapping[str, Any]],
    output: Callable[[str, Stream, bytes], None],
    failed: Callable[[str, str], None],
    *,
    successful: bool,
) -> None:
    """Call the hooks of a run that has ended so, one after the other; this process must not have used a remote store.

    `load` gives the names of the flow's module, in the hook's process; `output` is given what a hook writes, with its
    name, and `failed` how it failed, which changes nothing.
    """
    adopt_orphans(load_prctl())
    wanted = "success" if successful else "error"
    for hook in flow.exit_hooks:
        if hook.on == wanted:
            problem = _run(hook, flow, run, load, output)
            if problem is not None:
                failed(hook.function, problem)


def _run(
    hook: ExitHook,
    flow: Flow,
    run: RunStore,
    load: Callable[[], Mapping[str, Any]],
    output: Callable[[str, Stream, bytes], None],
) -> str | None:
    """Call one hook in a child; how it failed, if it did."""
    others = set(leftovers.children())
    with Watcher() as watcher:
        child = spawn(lambda _control: _call(hook, flow, run, load), prctl=load_prctl(), close=watcher.descriptors())
        watcher.add(child)
        while True:
            for event in watcher.poll(None):
                match event:
                    case Output(_, stream, data):
                        output(hook.function, stream, data)
                    case Ended():
                        leftovers.end_adopted(others)
                        return _problem(event)


def _problem(event: Ended) -> str | None:
    if event.signal is not None:
        return f"it was killed by {failures.signal_name(event.signal)}"
    return f"it ended with exit code {event.code}" if event.code else None


def _call(hook: ExitHook, flow: Flow, run: RunStore, load: Callable[[], Mapping[str, Any]]) -> int:
    os.environ["FLOWC_STORE"] = run.objects.url  # where the client, and what the hook starts, look for other runs
    try:
        names = load()
        function, given = names[hook.function], {}
        if any(it.name == "run" or it.kind is it.VAR_KEYWORD for it in inspect.signature(function).parameters.values()):
            given["run"] = names[flow.code.name]._flowc_run(run)
        function(**given)
    except SystemExit as error:
        return 0 if error.code in (None, 0) else 1
    except BaseException as error:
        told = traceback.TracebackException.from_exception(error)
        told.stack = traceback.StackSummary.from_list([entry for entry in told.stack if entry.filename != __file__])
        sys.stderr.write("".join(told.format()))
        return 1
    return 0
