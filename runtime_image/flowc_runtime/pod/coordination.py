"""Functions for a task in a pod: find the address of the first task of its gang, and check whether its loop may
continue.

The tasks of a gang are pods, and each pod starts when the cluster has room for it. When the first task starts, it
writes a record with its pod's address; the other tasks wait for this record.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from flowc_ir import Gang, targets
from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.policies import HOSTNAME_TIMEOUT
from flowc_runtime.base.contract import LOOPS, POD_IP
from flowc_runtime.base.contract import PARALLEL_MAIN_IP as MAIN_IP
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import outer_path, parts

if TYPE_CHECKING:
    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.store.records.run_store import RunStore

_PAUSE_SECONDS = 0.5


class GangError(FlowcError):
    """The first task of a gang did not start in time, or failed."""


def meet(run: RunStore, graph: Graph, node: Node, path: str) -> None:
    """In the pod of a gang's task, set the environment variable `MF_PARALLEL_MAIN_IP` to the address of the pod of the
    gang's first task.

    Nothing is done for a task outside of gangs, or if the variable is already set. Otherwise the record of the first
    task's start is looked up every half second until it exists.

    Args:
        run: the run.
        graph: the graph of the flow.
        node: the step of this task.
        path: the index path of this task.

    Raises:
        GangError: the run failed, or the first task did not start within `hostname_resolution_timeout` seconds.
        StoreError: the store cannot be read.
    """
    split = graph.foreach_of(node)
    own = os.environ.get(POD_IP)
    if own is None or MAIN_IP in os.environ or split is None or not isinstance(split.next, Gang):
        return
    control = f"{outer_path(path, len(parts(path)) - 1)}.0"
    if path == control:
        os.environ[MAIN_IP] = own
        return
    patience = node.kubernetes.hostname_resolution_timeout if node.kubernetes else HOSTNAME_TIMEOUT
    deadline = time.monotonic() + patience
    while (address := _address(run, node.id, control)) is None:
        if run.status()["state"] == "failed":
            raise GangError(f"the run has failed while {node.id}/{path} waited for the first task of its gang")
        if time.monotonic() > deadline:
            raise GangError(
                f"{node.id}/{control}, the first task of the gang, has not started within {patience} s: perhaps the "
                "cluster has no room for it; set @kubernetes(hostname_resolution_timeout=…) to wait longer"
            )
        time.sleep(_PAUSE_SECONDS)
    os.environ[MAIN_IP] = address


def _address(run: RunStore, step: str, path: str) -> str | None:
    """Return the address of the pod that runs the last attempt of a task; None if no attempt has begun, or the last one
    has failed."""
    attempt, found = 1, None
    while (begun := run.beginning(step, path, attempt)) is not None:
        found = begun["process"].get("ip")
        attempt += 1
    ended = run.attempt(step, path, attempt - 1) if attempt > 1 else None
    return None if ended is not None and ended["outcome"] == "failed" else found


def too_far(graph: Graph, node: Node, path: str, choice: str) -> str | None:
    """Return why a loop cannot continue, or None if it can: Argo limits how deep its templates call each other.

    Args:
        graph: the graph of the flow.
        node: the step of the task that has ended.
        path: its index path.
        choice: the step that the task's switch has chosen; empty without a switch.
    """
    budget = os.environ.get(LOOPS)
    following = [choice] if choice else targets(node.next)
    again = [target for target in following if graph.repeats(node.id, target)]
    if not budget or not again:
        return None
    left, _, levels = budget.partition(":")
    target = graph.following(node.id, path, again[0])
    loops = [scope for scope in graph.scopes(node.id) if isinstance(scope, LoopScope)]
    sizes = dict(zip((loop.header for loop in loops), map(int, levels.split(",")), strict=True))
    used = 0
    for scope, part in zip(graph.scopes(again[0]), parts(target), strict=True):
        if isinstance(scope, LoopScope):
            used += int(part[1:]) // sizes[scope.header]
    if used <= int(left):
        return None
    number = int(parts(target)[-1][1:])
    return (
        f"the loop of step '{again[0]}' cannot begin iteration {number}: Argo's templates call each other at most 100 "
        "deep; do more in each iteration, or run the flow on one machine"
    )
