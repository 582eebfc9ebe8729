"""The operations on a cluster that `flowc runs`, `flowc resume` and `flowc run` call; these commands also work without
a cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.argo.commands.place import PLACE, connected
from flowc.targets.deployment import Operations
from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.executors.executor import ExecutorResult
    from flowc.targets.argo.commands.list_flows import list_flows
    from flowc.targets.argo.commands.resume import Find, resume_on_cluster
    from flowc.targets.argo.commands.run import run_on_cluster
    from flowc.targets.argo.commands.status import list_runs
    from flowc.targets.deployment import DeployedRow
else:  # imported at first use, because a command needs at most one of these functions
    list_flows = LateFunction("flowc.targets.argo.commands.list_flows:list_flows")
    list_runs = LateFunction("flowc.targets.argo.commands.status:list_runs")
    resume_on_cluster = LateFunction("flowc.targets.argo.commands.resume:resume_on_cluster")
    run_on_cluster = LateFunction("flowc.targets.argo.commands.run:run_on_cluster")


def _list_runs(place: Mapping[str, str | None], flow: str | None, limit: int, as_json: bool) -> None:
    with connected(**place) as cluster:
        list_runs(cluster, flow, limit, as_json)


def _resume(find: Find, checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]) -> int:
    return resume_on_cluster(find, checked, given, options)


def _run(checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]) -> ExecutorResult:
    return run_on_cluster(checked, given, options)


def _list_flows(place: Mapping[str, str | None]) -> Sequence[DeployedRow]:
    return list_flows(place)


OPERATIONS: Final = Operations(place=PLACE, list_runs=_list_runs, resume=_resume, run=_run, list_flows=_list_flows)
