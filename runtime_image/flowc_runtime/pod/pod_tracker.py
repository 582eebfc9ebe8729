"""Send the metrics of a pod's task, or the end of the run, to the run's tracker."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from flowc_runtime.run.metrics import publishing
    from flowc_runtime.run.metrics.publishing import PublishMessage, PublishOrder
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use: only pods with a tracker need this module
    publishing = LateModule("flowc_runtime.run.metrics.publishing")

_PATIENCE: Final = 60.0  # seconds to wait for the tracker


def send(run: RunStore, *messages: PublishMessage) -> None:
    """Send messages to the tracker that the pod's environment names; a failure is only printed to the pod's log.

    If no messages are given, the tracker only creates its entry for the run.

    Args:
        run: the run.
        messages: the messages about the task of this pod, or about the end of the run.
    """
    setting = os.environ.get(contract.TRACKER)
    if not setting:
        return
    order: PublishOrder = {
        "tracker": setting,
        "store": run.objects.url,
        "flow": run.flow,
        "run": run.id,
        "partial": True,
    }
    lines = "".join(f"{json_text.dumps(each)}\n" for each in (order, *messages))
    try:
        done = subprocess.run(
            publishing.COMMAND, input=lines.encode(), stdout=subprocess.PIPE, timeout=_PATIENCE, check=False
        )
        warning = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode and not warning:  # the tracker's library has ended the process without a message
            warning = f"the tracker '{setting}' lacks metrics, since its process has ended with code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        warning = f"the tracker '{setting}' lacks metrics of {run.flow}/{run.id}: {error}"
    if warning:
        print(f"flowc: warning: {warning}", file=sys.stderr, flush=True)
