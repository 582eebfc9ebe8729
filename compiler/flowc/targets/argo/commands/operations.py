"""The operations on a cluster of commands of `flowc` that work without one too: `runs` and `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.argo.commands.place import PLACE, connected
from flowc.targets.deployment import Operations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.targets.argo.commands.resume import Find


def _list_runs(place: Mapping[str, str | None], flow: str | None, limit: int, as_json: bool) -> None:
    from flowc.targets.argo.commands.status import list_runs  # `flowc runs` without --cluster does not need it

    with connected(**place) as cluster:
        list_runs(cluster, flow, limit, as_json)


def _resume(find: Find, checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]) -> int:
    from flowc.targets.argo.commands.resume import resume_on_cluster

    return resume_on_cluster(find, checked, given, options)


OPERATIONS: Final = Operations(place=PLACE, list_runs=_list_runs, resume=_resume)
