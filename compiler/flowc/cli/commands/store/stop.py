"""`flowc stop`: ends a run of this machine by a signal to its process, as Ctrl-C does."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from flowc.cli.options.common import fail, open_store, store_option
from flowc.cli.words.pathspecs import find_run
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.process.process import HAS_PIDFD, is_alive
from flowc_runtime.run.views.status_view import read_status

if TYPE_CHECKING:
    from flowc_runtime.process.process import Process
    from flowc_runtime.store.records.run_store import RunStore

PATIENCE: Final = 30.0
"""Seconds for which the command waits for the end of the run by default."""
_LOOK: Final = 0.1  # seconds between two looks at a process that has no pidfd


@click.command(
    "stop",
    help="End a run of this machine: its tasks get SIGTERM, and the run is recorded as interrupted. A run is FLOW/RUN; "
    "RUN may be `latest`. `flowc terminate` ends a run on a cluster.",
)
@click.argument("run", metavar="FLOW/RUN")
@click.option("--wait", "patience", type=click.FloatRange(min=0), default=PATIENCE, show_default=True,
              metavar="SECONDS", help="Wait this long for the end of the run.")  # fmt: skip
@store_option
def stop_command(run: str, patience: float, store_url: str | None) -> None:
    """Signal the run's process, and wait until it has ended."""
    found = find_run(open_store(store_url), run)
    if found.step is not None:
        raise click.UsageError(f"only a run can be stopped, not a step or a task: give FLOW/RUN instead of {run!r}")
    pathspec = f"{found.run.flow}/{found.run.id}"
    try:
        process = _process(found.run, pathspec)
    except FlowcError as error:
        fail(str(error))
    ended = end_process(process, pathspec, patience)
    if not ended:
        fail(f"run {pathspec} has got the signal, but it still runs after {patience:g} s", "it ends when its tasks end")
    click.echo(f"run {pathspec}: {read_status(found.run).state}")


def _process(run: RunStore, pathspec: str) -> Process:
    """Return the process of a run that is active on this machine; otherwise print an error and end the program."""
    status, record = read_status(run), run.record()
    if not status.is_running:
        fail(f"run {pathspec} is not active: {status.state}", "only an active run can be stopped")
    if record["target"] != "local":
        fail(f"run {pathspec} runs on {record['target']}, not on this machine", f"flowc terminate {run.id}")
    if is_alive(record["process"]) is None:
        fail(
            f"run {pathspec} runs on the machine {record['process'].get('host', 'of an unknown name')}, not here",
            "run flowc stop there",
        )
    return record["process"]


def end_process(process: Process, pathspec: str, patience: float) -> bool:
    """Send SIGTERM to the process of a run, unless it has ended, and wait for its end.

    Hazard: another process may have got the pid of a process that has ended. A pidfd names one process, and the start
    time is compared after the pidfd is opened; so no other process gets the signal.

    Args:
        process: the process in the run's record.
        pathspec: the run, for messages.
        patience: the longest wait in seconds.

    Returns:
        Whether the process has ended.

    Raises:
        SystemExit: the process may not be signalled; the error is printed.
    """
    pid = process.get("pid", 0)
    if pid <= 1 or pid == os.getpid():
        fail(f"the record of run {pathspec} names no process", "flowc fsck checks the store")
    try:
        if not HAS_PIDFD or sys.platform != "linux":  # macOS: the pid alone
            if is_alive(process):
                os.kill(pid, signal.SIGTERM)
            return _has_ended(process, patience)
        descriptor = os.pidfd_open(pid)
        try:
            if not is_alive(process):
                return True
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            return bool(select.select([descriptor], [], [], patience)[0])
        finally:
            os.close(descriptor)
    except ProcessLookupError:
        return True
    except PermissionError:
        fail(f"run {pathspec} was started by another user, whose processes you may not signal", "ask this user")


def _has_ended(process: Process, patience: float) -> bool:
    until = time.monotonic() + patience
    while is_alive(process):
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK)
    return True
