"""The client's object for one run: its status, steps and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.errors import TagError
from flowc_runtime.base.index import with_task_id
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.tags import check_tags
from metaflow.client.base import MetaflowObject, when
from metaflow.client.step import Step
from metaflow.exception import MetaflowTaggingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from metaflow.client.code import MetaflowCode
    from metaflow.client.data import MetaflowData
    from metaflow.client.task import Task
    from metaflow.events import Trigger

__all__ = ["Run"]


class Run(MetaflowObject):
    """One run of a flow. The children are the steps that have started, newest first.

    `run["_parameters"]` is an additional step; iteration over the run leaves it out. Its only task has, as artifacts,
    the values that all tasks share, such as parameters and configs.

    >>> run = Flow("Letters").latest_successful_run
    >>> run.successful, run.status, run.data.letters
    (True, 'succeeded', 'ABC')
    >>> [step.id for step in run]
    ['end', 'join', 'each', 'start']
    >>> run["each"]["0.1"]["letter"].data
    'B'
    >>> run.metrics
    {'length/each-0.0': 1, 'length/each-0.1': 1, 'length/each-0.2': 1, 'score': 0.75}
    >>> run.finished, run.end_task.id, run.created_at < run.finished_at
    (True, 'end-0', True)
    >>> len(list(run.steps("good"))), len(list(run.steps("bad")))
    (4, 0)
    >>> run.code, run.trigger  # the run was local, and no event started it
    (None, None)
    >>> run["_parameters"].task.data.n, "_parameters" in run
    (3, True)
    """

    _PARTS: ClassVar[str] = "FlowName/RunID"
    _DEPTH: ClassVar[int] = 2
    _PARENT: ClassVar[str] = "Flow"
    # the user tags of the run after the last change through this object, or None before the first change
    _changed_tags: frozenset[str] | None = None

    if TYPE_CHECKING:  # for type checkers: the children of a run are steps

        def __iter__(self) -> Iterator[Step]:
            """Return the children."""
            ...

        def __getitem__(self, id: str) -> Step:
            """Return the child with this id. Raises KeyError."""
            ...

    # -- its status

    @property
    def successful(self) -> bool:
        """Whether the end step has succeeded. The value is False while the run is active."""
        end = self.end_task
        return end is not None and end.successful

    @property
    def finished(self) -> bool:
        """Whether the end step is done, so that the run is complete.

        A failed run is not finished; use `status` to tell it from an active run.
        """
        end = self.end_task
        return end is not None and end.finished

    @property
    def finished_at(self) -> datetime | None:
        """The time when the end step ended, in local time without a time zone, or None if the end step has not
        ended."""
        end = self.end_task
        return end.finished_at if end is not None else None

    @property
    def status(self) -> str:
        """The status: running, succeeded, failed, interrupted or killed.

        `killed` means that the run's process no longer exists and has not recorded the end of the run.

        Raises:
            RecordError: a record on which the status depends cannot be read.
        """
        return RunView(self._reader).own_status.readable().state

    @property
    def created_at(self) -> datetime:
        """The start time, in local time without a time zone."""
        return when(self._reader.record["created"])

    @property
    def origin_pathspec(self) -> str | None:
        """The pathspec `FLOW/RUN` of the run that this run resumes, or None if this run does not resume another run."""
        origin = self._reader.record.get("origin")
        return f"{self._parts[0]}/{origin}" if origin else None

    # -- its results

    @property
    def data(self) -> MetaflowData | None:
        """The artifacts of the end step: `run.data.accuracy`. The value is None if the end step has not started."""
        end = self.end_task
        return end.data if end is not None else None

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric that the run's tasks recorded, by name.

        If a metric is recorded inside a foreach, the task's id is appended to its name: `loss/train-0.3`. If several
        tasks outside of foreaches record a metric with the same name, the last task's value is used.
        """
        return {**RunView(self._reader).all_metrics}

    @property
    def end_task(self) -> Task | None:
        """The task of the end step, or None if the end step has not started."""
        try:
            return self._child(self._reader.end).task
        except KeyError:
            return None

    @property
    def code(self) -> MetaflowCode | None:
        """The run's code package, or None if the store has no code package of the run.

        Only runs on a cluster save their code.
        """
        from metaflow.client.code import code_of

        return code_of(self._reader)

    @property
    def trigger(self) -> Trigger | None:
        """The events that started the run, or None if no event started the run."""
        events = self._reader.record.get("trigger")
        if not events:
            return None
        from metaflow.events import Trigger

        # In older records, the event's id ends with the task's index path, such as `0`, instead of the task's id, such
        # as `end-0`.
        return Trigger([
            {**event, "id": "/".join(with_task_id(event["id"].split("/")))} if event["type"] == "run" else event
            for event in events
        ])  # fmt: skip

    @property
    def _graph_endpoints(self) -> tuple[str, str]:
        """The names of the first and the last step."""
        return self._reader.flow.start, self._reader.end

    def steps(self, *tags: str) -> Iterator[Step]:
        """Return the steps that have started, newest first. If the run lacks one of the given tags, return no steps.

        Tags belong to runs, so the method returns either all steps or none.
        """
        return self._children() if all(map(self._reader.has_tag, tags)) else iter(())

    # -- its tags

    @property
    def user_tags(self) -> frozenset[str]:
        """The user tags of the run, read at each access.

        Once tags were changed through this object, the value is the set of tags after the last of these changes. To see
        later changes by other programs, create a new object for the run.
        """
        return super().user_tags if self._changed_tags is None else self._changed_tags

    def add_tag(self, tag: str | Iterable[str]) -> None:
        """Add a tag, or several tags given as an iterable. A tag that is already a system tag of the run is not added.

        Raises:
            MetaflowTaggingError: a tag is invalid: not a string, empty, or longer than 500 characters.

        >>> run = Flow("Letters").latest_run
        >>> run.add_tag("reviewed")
        >>> "reviewed" in run.user_tags
        True
        """
        self.add_tags(tag)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add several tags given as an iterable, or one tag given as a string.

        Raises:
            MetaflowTaggingError: a tag is invalid, or the iterable is empty.
        """
        self.replace_tags((), _one_or_more(tags))

    def remove_tag(self, tag: str | Iterable[str]) -> None:
        """Remove a tag, or several tags given as an iterable; a missing tag is not an error.

        Raises:
            MetaflowTaggingError: the tag is a system tag, which cannot be removed.
        """
        self.remove_tags(_one_or_more(tag))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove several tags; a missing tag is not an error.

        Raises:
            MetaflowTaggingError: a tag is a system tag, which cannot be removed; the iterable is empty; or `tags` is a
                string, whose letters would be taken as tags.
        """
        self.replace_tags(tags, ())

    def replace_tag(self, tag_to_remove: str | Iterable[str], tag_to_add: str | Iterable[str]) -> None:
        """Replace one tag by another tag. Each argument can also be an iterable of tags.

        Raises:
            MetaflowTaggingError: for the same reasons as `replace_tags`.
        """
        self.replace_tags(_one_or_more(tag_to_remove), _one_or_more(tag_to_add))

    def replace_tags(self, tags_to_remove: Iterable[str], tags_to_add: Iterable[str]) -> None:
        """Remove tags and add other tags; a tag in both lists is kept.

        New tags are added before old tags are removed, so another process sees the old tags, the new tags, or both.

        Raises:
            MetaflowTaggingError: a system tag would be removed, a tag is invalid, an argument is a string or not
                iterable, or both arguments are empty. In case of an error, no tag is changed.

        >>> run = Flow("Letters").latest_run
        >>> run.add_tags(["new", "red"])
        >>> run.replace_tag("new", "old")
        >>> run.replace_tags(["old", "red"], ["older", "green"])
        >>> run.remove_tag("older")
        >>> run.remove_tags(["green", "never was"])
        >>> sorted(run.user_tags & {"new", "red", "old", "older", "green"})
        []
        """
        remove, add = _tag_list("tags_to_remove", tags_to_remove), _tag_list("tags_to_add", tags_to_add)
        try:
            add, remove = check_tags(add), check_tags(remove)
            if not add and not remove:
                raise TagError("there is no tag to add or to remove: give at least one")
            if fixed := sorted(set(remove) & self.system_tags):
                raise TagError(f"system tags cannot be removed: {', '.join(fixed)}")
            self._reader.store.add_tags(add)
            gone = set(remove) - set(add)
            self._reader.store.remove_tags(gone)
            # Another process may change tags at the same time, but this object shows only its own changes.
            self._changed_tags = super().user_tags.difference(gone).union(set(add) - self.system_tags)
        except TagError as error:
            raise MetaflowTaggingError(str(error)) from None

    # -- its steps

    def _exists(self) -> bool:
        return self._reader.exists()

    def _children(self) -> Iterator[Step]:
        from metaflow.client.lineage import in_order

        begun = self._reader.store.steps()
        order = begun  # sorted by step name if the graph cannot be read
        with unreadable.skipping():
            order = in_order(self._reader.flow)
        return (self._step(name) for name in reversed(order) if name in begun)

    def _child(self, id: str) -> Step:
        if not self._reader.has_step(id):
            raise KeyError(id)
        return self._step(id)

    def _step(self, name: str) -> Step:
        return Step._make(self, (*self._parts, name), self._reader)


def _one_or_more(tags: str | Iterable[str]) -> Iterable[str]:
    return [tags] if isinstance(tags, str) else tags


def _tag_list(name: str, tags: object) -> list[Any]:
    if isinstance(tags, str):  # a string is iterable, too, so each letter would become a tag
        raise MetaflowTaggingError(f"{name} is a list of tags, not a string")
    try:
        return list(tags)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise MetaflowTaggingError(f"{name} must be iterable, not of type {type(tags).__name__}") from None
