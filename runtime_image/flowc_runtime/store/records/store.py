"""The store: runs, attempts, artifacts and logs as objects under keys (docs/adr/0003-store.md)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, RecordError, TagError
from flowc_runtime.base.index import path_order, task_pathspec
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.objects import PIECE, Objects
from flowc_runtime.store.records import lost_records, unreadable
from flowc_runtime.store.records.key_places import ASIDE, RECORD_NAME
from flowc_runtime.store.records.runs import first_status
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.stored import parse, parse_flow, parse_tag
from flowc_runtime.store.records.tags import check_tags, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc_ir import Flow
    from flowc_runtime.base.errors import LostRecord
    from flowc_runtime.store.backends.durability import Disk
    from flowc_runtime.store.records.record_types import AttemptRecord, BeginRecord, RunRecord, StatusRecord


_TIME = re.compile(r"\d{8}-\d{6}(?:-\d{3})?")  # as in the ids that flowc gives


class Store:
    """All that flows have left behind, under one root."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @classmethod
    def open(cls, url: str) -> Store:
        """The store at an address: a directory or `file://…`. Nothing is read or made yet. Raises StoreError."""
        return cls(open_objects(url))

    def flows(self) -> list[str]:
        """The names of the flows that have run."""
        return _inside(self.objects, "flows")

    def runs(self, flow: str) -> list[str]:
        """The run ids of a flow, oldest first."""
        return sorted(self.run_ids(flow), key=lambda run: (self._began(flow, run), run))

    def run_ids(self, flow: str) -> list[str]:
        """The run ids of a flow, in no order: one listing, where `runs` may read records."""
        return _inside(self.objects, f"flows/{_quote(flow)}/runs")

    def has_runs(self, flow: str) -> bool:
        """Whether the flow has run."""
        return bool(self.run_ids(flow))

    def _began(self, flow: str, run: str) -> str:
        """When a run began, as text that sorts: ids of ours say it, what `argo submit` made up is looked up."""
        if said := _TIME.search(run):
            return said[0]
        try:
            return time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.run(flow, run).record()["created"]))
        except NotFound:  # its first task has not got that far
            return "9"
        except RecordError:  # so that it is not taken for the newest
            return ""

    def tagged(self, flow: str) -> dict[str, set[str]]:
        """The user tags of the runs of a flow that have any: run id -> tags. One listing, however many runs."""
        prefix = f"flows/{_quote(flow)}/tags"
        found: dict[str, set[str]] = {}
        for key in self.objects.names_below(prefix):
            run, _, name = key.partition("/")
            with unreadable.going_on():
                tag = _tag_at(self.objects, f"{prefix}/{key}", name, f"run {flow}/{unquote(run)}")
                if tag is not None:
                    found.setdefault(unquote(run), set()).add(tag)
        return found

    def run(self, flow: str, run: str) -> RunStore:
        """One run, whether or not it exists."""
        return RunStore(self.objects, flow, run)


class RunStore:
    """The records and logs of one run."""

    def __init__(self, objects: Objects, flow: str, run: str) -> None:
        self.objects = objects
        self.flow = flow
        self.id = run
        self._prefix = f"flows/{_quote(flow)}/runs/{_quote(run)}"
        self._tags = f"flows/{_quote(flow)}/tags/{_quote(run)}"
        self._aside: frozenset[str] | None = None

    @property
    def prefix(self) -> str:
        """The key that all of the run is under, but its tags."""
        return self._prefix

    @property
    def tags_prefix(self) -> str:
        """The key that its tags are under."""
        return self._tags

    # -- the run itself

    def create(self, record: RunRecord, ir: str) -> bool:
        """Begin the run; False if a run of this id exists. The IR goes first: a run that exists has one."""
        self.objects.create(f"{self._prefix}/ir.json", [ir.encode()])
        return self.objects.create(f"{self._prefix}/run.json", [dump(record)])

    def hold(self, origin: str) -> None:
        """Make sure of the run that this one resumes: from now on no collection deletes it. Raises NotFound."""
        sweeps.wait(self.objects)
        if not RunStore(self.objects, self.flow, origin).exists():
            message = f"run {self.flow}/{origin}, which was to be resumed, has been deleted"
            self.set_status({"state": "failed", "changed": time.time(), "message": message})
            raise NotFound(message)

    def exists(self) -> bool:
        """Whether the run has begun, also if its record is lost."""
        return self.objects.exists(f"{self._prefix}/run.json") or self.find_loss("run.json") is not None

    def record(self) -> RunRecord:
        """The run's record. Raises NotFound, RecordError."""
        return cast("RunRecord", self._load("run", "run.json"))

    def ir(self) -> str:
        """The IR that the run executes, as JSON text. Raises NotFound."""
        return self.objects.get(f"{self._prefix}/ir.json").decode()

    def executes(self) -> Flow:
        """Return the flow that the run executes. Raises NotFound, FormatError, RecordError."""
        key = f"{self._prefix}/ir.json"
        return parse_flow(self._get("ir.json"), key=key, url=self.objects.url, subject=self._subject())

    def status(self) -> StatusRecord:
        """How the run is doing; a run that has only begun is running."""
        return self.written_status() or first_status(self.record())

    def written_status(self) -> StatusRecord | None:
        """Return the status that was written; None if the run has only begun. Raises RecordError."""
        try:
            return cast("StatusRecord", self._load("status", "status.json"))
        except NotFound:
            return None

    def set_status(self, status: StatusRecord, disk: Disk | None = None) -> None:
        """Replace the run's status; with a `disk` it is there when this returns."""
        (disk or self.objects).put(f"{self._prefix}/status.json", dump({"version": RECORDS.current, **status}))

    def delete(self) -> None:
        """Delete the run; one that is interrupted can be done again. Blobs are deleted by `collect`."""
        objects: Any = self.objects
        objects.delete_below(self._tags)
        objects.delete_below(self._prefix, last=("status.json", "ir.json", "run.json"))

    # -- tags: an object for each, so that who changes one never undoes what another has changed

    def system_tags(self) -> set[str]:
        """The tags that the run was made with and keeps for good. Raises NotFound."""
        return set(self.record().get("system_tags", ()))

    def user_tags(self) -> set[str]:
        """The tags that people have given the run."""
        found: set[str] = set()
        for name in self.objects.names(self._tags):
            with unreadable.going_on():
                tag = _tag_at(self.objects, f"{self._tags}/{name}", name, self._subject())
                found |= {tag} if tag is not None else set()
        return found

    def tag_names(self) -> list[str]:
        """The names of the objects of those tags (`tags.name_of`), whatever is in them."""
        return self.objects.names(self._tags)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Tag the run; what is a system tag of it already is left at that. Raises TagError."""
        wanted = check_tags(tags)
        system = self.system_tags() if wanted else set()
        for tag in wanted:
            if tag not in system:
                name, content = name_of(tag)
                self.objects.create(f"{self._tags}/{name}", [content])

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Take tags off the run; one that it does not have is no error. Raises TagError for system tags."""
        wanted = check_tags(tags)
        if fixed := sorted(set(wanted) & self.system_tags()):
            raise TagError(f"system tags stay: {', '.join(fixed)}")
        for tag in wanted:
            self.objects.delete(f"{self._tags}/{name_of(tag)[0]}")

    # -- tasks

    def begin(self, step: str, path: str, attempt: int, record: BeginRecord) -> bool:
        """Claim an attempt's number; False if it is taken."""
        return self.objects.create(self._task(step, f"{path}-{attempt}.begin.json"), [dump(record)])

    def finish(self, record: AttemptRecord, disk: Disk | None = None) -> bool:
        """Write the record of an attempt that has ended, last of all it names; a `disk` has it when this returns.

        The first that is done becomes the task's record; one that is done after it is kept as superseded (False).
        """
        step, path = record["step"], record["path"]
        to = disk or self.objects
        if record["outcome"] != "failed":
            if to.create(self._task(step, f"{path}.json"), [dump(record)]):
                return True
            record["superseded"] = True
        to.create(self._task(step, f"{path}-{record['attempt']}.json"), [dump(record)])
        return record["outcome"] == "failed"

    def reuse(self, record: AttemptRecord) -> None:
        """Write the record, with its `origin`, of a task that is not run; it has this one attempt and no beginning."""
        self.objects.create(self._task(record["step"], f"{record['path']}.json"), [dump(record)])

    def reuse_all(self, records: Sequence[AttemptRecord]) -> None:
        """The same for several: at once, where each is a request."""
        many = getattr(self.objects, "create_many", None)
        if many is None:
            for record in records:
                self.reuse(record)
        else:
            many([(self._task(record["step"], f"{record['path']}.json"), dump(record)) for record in records])

    def done_tasks(self, step: str, at_once: int = 1024) -> dict[str, bytes] | None:
        """The records of all tasks of a step that are done, by path; None where it is no faster than `task`.

        They are JSON, for `parse_task`: there may be very many.
        """
        many = getattr(self.objects, "get_many", None)
        if many is None:
            return None
        paths = [path for path, attempt, _ in self._names(step) if attempt is None]
        found: list[bytes] = []
        for at in range(0, len(paths), at_once):
            found += many([self._task(step, f"{path}.json") for path in paths[at : at + at_once]])
        return dict(zip(paths, found, strict=True))

    def parse_task(self, step: str, path: str, data: bytes) -> AttemptRecord:
        """Return the record of a task that `done_tasks` has read. Raises RecordError."""
        return cast("AttemptRecord", self._parse("attempt", f"tasks/{_quote(step)}/{path}.json", data, step, path))

    def set_reused(self, tasks: int) -> None:
        """Say that all that is reused has its record; before that, none of the run's own tasks has begun."""
        self.objects.create(f"{self._prefix}/reused.json", [dump({"tasks": tasks})])

    def has_reused(self) -> bool:
        """Whether all that is reused has its record."""
        return self.objects.exists(f"{self._prefix}/reused.json")

    def task_key(self, step: str, path: str) -> str:
        """Where the record of a task that is done is."""
        return self._task(step, f"{path}.json")

    def task(self, step: str, path: str) -> AttemptRecord:
        """The record of a task that is done. Raises NotFound."""
        return cast("AttemptRecord", self._load("attempt", f"tasks/{_quote(step)}/{path}.json", step, path))

    def is_done(self, step: str, path: str) -> bool:
        """Whether a task is done, without reading its record."""
        return self.objects.exists(self._task(step, f"{path}.json"))

    def done(self, step: str) -> set[str]:
        """The index paths of the tasks of a step that are done: one listing, however many."""
        return {path for path, attempt, _ in self._names(step) if attempt is None}

    def attempt(self, step: str, path: str, attempt: int) -> AttemptRecord | None:
        """The record of one attempt; None if it has not begun, still runs, or its process vanished."""
        for name in (f"{path}-{attempt}.json", f"{path}.json"):
            try:
                record = cast("AttemptRecord", self._load("attempt", f"tasks/{_quote(step)}/{name}", step, path))
            except NotFound:
                continue
            if record["attempt"] == attempt:
                return record
        return None

    def beginning(self, step: str, path: str, attempt: int) -> BeginRecord | None:
        """The record of an attempt's beginning; None if it has not begun."""
        try:
            name = f"tasks/{_quote(step)}/{path}-{attempt}.begin.json"
            return cast("BeginRecord", self._load("begin", name, step, path))
        except NotFound:
            return None

    def has_begun(self, step: str, path: str, attempt: int) -> bool:
        """Whether an attempt has begun, without reading its record."""
        return self.objects.exists(self._task(step, f"{path}-{attempt}.begin.json"))

    def steps(self) -> list[str]:
        """The steps of which a task has begun."""
        return _inside(self.objects, f"{self._prefix}/tasks")

    def attempts(self, step: str) -> dict[str, list[int]]:
        """The attempts begun of each task of a step: index path -> attempt numbers, in the order of the paths.

        A task that is reused has one attempt.
        """
        found: dict[str, set[int]] = {}
        for path, attempt, _ in self._names(step):
            numbers = found.setdefault(path, set())  # of a task that has begun, the beginning is there as well
            if attempt is not None:
                numbers.add(attempt)
        return {path: sorted(found[path]) or [1] for path in sorted(found, key=path_order)}

    def tasks_run(self, step: str) -> set[str]:
        """The paths of the tasks of a step that were run in this run, not reused."""
        return {path for path, _, begins in self._names(step) if begins}

    def paths(self, step: str) -> list[str]:
        """The index paths of a step's tasks that have begun or were taken from another run, in their order."""
        return sorted({path for path, _, _ in self._names(step)}, key=path_order)

    def _names(self, step: str) -> Iterator[tuple[str, int | None, bool]]:
        """The records of a step's tasks by their names: path, number of the attempt, whether it is of its beginning.

        What else is there, such as an editor's copy, is none of ours.
        """
        for name in self.objects.names(f"{self._prefix}/tasks/{_quote(step)}"):
            if parts := RECORD_NAME.fullmatch(name):
                path, attempt, begins = parts.groups()
                yield path, int(attempt) if attempt is not None else None, begins is not None

    # -- cards and logs

    def cards_key(self, step: str, path: str, attempt: int) -> str:
        """Where the cards of an attempt are: keys under this one."""
        return f"{self._prefix}/cards/{_quote(step)}/{path}-{attempt}"

    def has_cards(self, step: str) -> bool:
        """Whether a task of the step has a card."""
        return bool(self.objects.names(f"{self._prefix}/cards/{_quote(step)}"))

    def log_key(self, step: str, path: str, attempt: int) -> str:
        """Where the log frames of an attempt are appended."""
        return f"{self._prefix}/logs/{_quote(step)}/{path}-{attempt}.log"

    def log(self, step: str, path: str, attempt: int, size: int = PIECE) -> Iterator[bytes]:
        """The log frames of an attempt, in pieces; of a task that is reused, of when it ran. Nothing if it is empty."""
        key, empty = self.log_key(step, path, attempt), True
        for piece in self._pieces(key, size):
            empty = False
            yield piece
        if empty and (source := self.log_source(step, path, attempt)) != key:
            yield from self._pieces(source, size)

    def log_source(self, step: str, path: str, attempt: int) -> str:
        """Where the log frames of an attempt are read: of a task that is reused, in the run that ran it."""
        try:
            record = self.task(step, path)
            origin = record.get("cached") or record.get("origin")  # what is reused may have been cached there
        except NotFound:
            origin = None
        except RecordError as error:
            unreadable.tell(error)
            origin = None
        if origin is None:
            return self.log_key(step, path, attempt)
        run = RunStore(self.objects, self.flow, origin["run"])
        return run.log_key(origin["step"], origin["path"], origin["attempt"])

    def _pieces(self, key: str, size: int) -> Iterator[bytes]:
        try:
            yield from self.objects.pieces(key, size=size)
        except NotFound:
            return

    def _task(self, step: str, name: str) -> str:
        return f"{self._prefix}/tasks/{_quote(step)}/{name}"

    def _load(self, kind: str, name: str, *task: str) -> Any:
        """Read an object of the run, or of a task of it (step, path)."""
        return self._parse(kind, name, self._get(name, *task), *task)

    def _get(self, name: str, *task: str) -> bytes:
        """The bytes of an object of the run. Raises NotFound, LostRecord."""
        try:
            return self.objects.get(f"{self._prefix}/{name}")
        except NotFound:
            if (loss := self.find_loss(name, *task)) is not None:
                raise loss from None
            raise

    def find_loss(self, name: str, *task: str) -> LostRecord | None:
        """Return the error of an object of the run that is not there; None if it need not be there."""
        if self._aside is None:  # one listing: there may be many tasks that are not done
            self._aside = frozenset(map(lost_records.key_before, self.objects.names_below(f"{ASIDE}/{self._prefix}")))
        what = f"{self._prefix}/{name}", self.objects.url, self._subject(*task)
        if name in self._aside:
            return lost_records.moved_aside(*what)
        # Whole keys, since a directory may be there before the first object in it.
        if name in lost_records.NEEDED and self.objects.names_below(f"{self._prefix}/tasks"):
            return lost_records.lost(*what)
        return None

    def _parse(self, kind: str, name: str, data: bytes, *task: str) -> Any:
        identity: dict[str, object] = {}
        if kind in ("run", "attempt"):
            identity = {"flow": self.flow, "run": self.id, **dict(zip(("step", "path"), task, strict=False))}
        key, url, subject = f"{self._prefix}/{name}", self.objects.url, self._subject(*task)
        return parse(RECORDS, kind, data, key=key, url=url, subject=subject, identity=identity)

    def _subject(self, *task: str) -> str:
        if not task:
            return f"run {self.flow}/{self.id}"
        step, path = task
        return f"task {task_pathspec(self.flow, self.id, step, path=path)}"


def _inside(objects: Objects, prefix: str) -> list[str]:
    """The names under a prefix that hold further ones, unquoted; a file there is none of ours."""
    return [unquote(name[:-1]) for name in objects.names(prefix) if name.endswith("/")]


def _quote(name: str) -> str:
    """A name as one part of a key."""
    return "%2E" * len(name) if name in (".", "..") else quote(name, safe="")


def _tag_at(objects: Objects, key: str, name: str, subject: str) -> str | None:
    """The tag that an object stands for; None if it has just been removed, or is none. Raises RecordError."""
    if not name or "/" in name:
        return None
    try:
        return parse_tag(name, lambda: objects.get(key), key=key, url=objects.url, subject=subject)
    except NotFound:
        return None
