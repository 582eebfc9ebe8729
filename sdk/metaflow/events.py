"""The events that started a run, as `current.trigger` and the client's `Run.trigger` return them."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.ambient import project_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["EventName", "MetaflowEvent", "Trigger", "namespaced_event_name"]


class EventName:
    """The name of an event that belongs to a flow's project and branch. Calling the object returns the full name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name

    def __call__(self, context: object = None) -> str:
        """Return `mfns.PROJECT.BRANCH.NAME` in a task of a flow with @project, otherwise `mfns.NAME`."""
        return self.within(project_value("project_name"), project_value("branch_name"))

    def within(self, project: str | None, branch: str | None) -> str:
        """Return the full name of the event in a branch of a project: `mfns.PROJECT.BRANCH.NAME`.

        Args:
            project: the name of the project, or None.
            branch: the branch of the project, or None.
        """
        return ".".join(["mfns", *(part for part in (project, branch) if part), self.name])

    def __repr__(self) -> str:
        return f"namespaced_event_name({self.name!r})"


def namespaced_event_name(event_name: str) -> EventName:
    """Return an event name that is specific to the flow's project and branch, for `@trigger(event=…)`.

    The prefix `mfns` is the same as in Metaflow, so programs that publish events for Metaflow's flows need no change.
    """
    return EventName(event_name)


class MetaflowEvent(NamedTuple):
    """An event that started a run."""

    name: str
    """The event's name; the event for the end of a run is named `metaflow.FLOW.end`."""
    id: str
    """The unique id; for the end of a run, the pathspec of the run's last task."""
    timestamp: datetime | None
    """The time when the event occurred."""
    type: str
    """`event`, or `run` if the event is the end of a run."""


class Trigger:
    """The events that started the run, the newest first."""

    def __init__(self, _meta: Sequence[Mapping[str, object]] | None = None) -> None:
        """Create the trigger.

        Args:
            _meta: events as dicts with `name`, `id`, `type` (`event` or `run`) and `timestamp` (seconds since 1970, or
                None).
        """
        self._events = sorted(map(_event, _meta or ()), key=_when, reverse=True)

    @classmethod
    def from_runs(cls, run_objs: Sequence[Any]) -> Trigger:
        """Return a trigger that contains one event for each given run, the end of the run.

        Args:
            run_objs: a list of the client's `Run` objects; runs whose end step has not started are left out.
        """
        return cls(
            [
                {
                    "type": "run",
                    "timestamp": run.finished_at.timestamp() if run.finished_at else None,
                    "name": f"metaflow.{run.path_components[0]}.{run.end_task.path_components[2]}",
                    "id": run.end_task.pathspec,
                }
                for run in run_objs
                if run.end_task is not None
            ]
        )

    @property
    def event(self) -> MetaflowEvent | None:
        """The newest event."""
        return self._events[0] if self._events else None

    @property
    def events(self) -> list[MetaflowEvent] | None:
        """All events, the newest first, or None if there are no events."""
        return list(self._events) or None

    @property
    def run(self) -> Any:
        """The client's `Run` of the newest event that is the end of a run, or None if no event is the end of a run.

        Raises:
            MetaflowNotFound: the run is not in the store.
        """
        runs = self.runs
        return runs[0] if runs else None

    @property
    def runs(self) -> list[Any] | None:
        """The client's `Run` of each event that is the end of a run, or None if no event is the end of a run.

        Raises:
            MetaflowNotFound: a run is not in the store.
        """
        return [_run_of(event) for event in self._events if event.type == "run"] or None

    def __getitem__(self, key: str) -> Any:
        """Return the event with this name. If the key is the name of a flow, return the flow's run whose end is one of
        the events.

        Args:
            key: the name of a flow or of an event.

        Raises:
            KeyError: no event has this name.
            MetaflowNotFound: the run is not in the store.
        """
        for event in self._events:
            if _key(event) == key:
                return _run_of(event) if event.type == "run" else event
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(_key(event) == key for event in self._events)

    def __iter__(self) -> Iterator[MetaflowEvent]:
        return iter(self._events)

    def __repr__(self) -> str:
        return f"Trigger({self._events})"


def _event(record: Mapping[str, Any]) -> MetaflowEvent:
    seconds = record.get("timestamp")
    time = None if seconds in (None, "") else datetime.fromtimestamp(float(seconds))
    return MetaflowEvent(record["name"], record["id"], time, record["type"])


def _key(event: MetaflowEvent) -> str:
    return event.id.split("/")[0] if event.type == "run" else event.name


def _when(event: MetaflowEvent) -> float:
    return event.timestamp.timestamp() if event.timestamp else float("-inf")


def _run_of(event: MetaflowEvent) -> object:
    """Return the client's `Run` of an event that is the end of a run."""
    # The event's id is the pathspec of the run or of one of the run's tasks. The run may belong to another user, so its
    # namespace is not checked.
    return import_module("metaflow").Run("/".join(event.id.split("/")[:2]), _namespace_check=False)
