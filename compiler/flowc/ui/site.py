"""`Site`: what all requests share, and `SitePage`: what a page's function returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, final

from flowc.ui.page_data.cluster_look import ClusterLook
from flowc.ui.page_data.recorded_schedules import RecordedSchedules
from flowc.ui.page_data.run_rows import RunIndex
from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import NotFound
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.ended.ended_runs import with_pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ui.acting.action_processes import Actions
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store


class PageNotFound(Exception):
    """There is no such page: a run, step, task or file that does not exist."""


class BadAddress(Exception):
    """The query of a page's URL is not valid; the message says why."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all requests share.

    Attributes:
        store: the store.
        index: the rows of its runs.
        schedules: the schedules of its flows.
        prefix: the path below which a proxy serves the page, without a slash at the end; empty for the top.
        token: the secret that a browser must know; empty if the page is only reachable from this machine.
        hosts: the names in the `Host` header that are accepted, in lower case and without a port; empty for all.
        actions: the actions that readers may start; None if the page only shows.
        cluster: what is deployed on the cluster.
    """

    store: Store
    index: RunIndex
    schedules: RecordedSchedules
    prefix: str = ""
    token: str = ""
    hosts: frozenset[str] = frozenset()
    actions: Actions | None = None
    cluster: ClusterLook = field(default_factory=ClusterLook)

    @classmethod
    def of(
        cls,
        store: Store,
        *,
        prefix: str = "",
        token: str = "",
        hosts: frozenset[str] = frozenset(),
        actions: Actions | None = None,
    ) -> Site:
        """Create the site of a store."""
        index = RunIndex(store)
        return cls(
            store=store,
            index=index,
            schedules=RecordedSchedules(index),
            prefix=prefix,
            token=token,
            hosts=hosts,
            actions=actions,
        )

    def run(self, flow: str, run: str) -> RunView:
        """Return a new view of a run. Raises PageNotFound."""
        return _view(self.store.run(flow, run))

    def runs(self, runs: Sequence[tuple[str, str]]) -> list[RunView]:
        """Return new views of several runs, given as flow and run id; a bucket is listed once for each flow.

        Raises:
            PageNotFound: a run does not exist.
        """
        listed: dict[tuple[str, str], RunStore] = {}
        if self.store.objects.ended_listing is not None:
            flows = {flow for flow, _ in runs}
            listed = {(run.flow, run.id): run for flow in flows for run in self.index.listed(flow)}
        return [_view(listed.get((flow, run)) or self.store.run(flow, run)) for flow, run in runs]


def _view(run: RunStore) -> RunView:
    view = RunView.of(with_pack(run))
    if isinstance(view.error, NotFound) and not view.records.store.steps():
        missing(f"there is no run {run.flow}/{run.id} in this store")
    return view


class SitePage(NamedTuple):
    """A page: the name of its template, the template's values, and the title.

    `lasting` is true if the page no longer changes, so that the browser need not ask for changes.
    """

    template: str
    values: Mapping[str, object]
    title: str
    lasting: bool = False


def missing(what: str) -> NoReturn:
    """Raise PageNotFound with this message."""
    raise PageNotFound(what)
