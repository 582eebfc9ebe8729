"""The records and logs of one run, as objects with keys (docs/adr/0003-store.md)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from flowc_ir.late import LateFunction
from flowc_ir.versions import RECORDS
from flowc_runtime.base.errors import NotFound, RecordError, TagError
from flowc_runtime.base.index import path_order, task_pathspec
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.objects import PIECE
from flowc_runtime.store.records import lost_records, unreadable
from flowc_runtime.store.records.key_places import ASIDE, RECORD_NAME, names_inside, quote_name
from flowc_runtime.store.records.runs import first_status
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.stored import parse, parse_flow, tag_at
from flowc_runtime.store.records.tags import check_tags, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc_ir import Flow
    from flowc_runtime.base.errors import LostRecord
    from flowc_runtime.store.backends.durability import Disk
    from flowc_runtime.store.backends.objects import Collectable, Objects
    from flowc_runtime.store.records.record_types import AttemptRecord, BeginRecord, RunRecord, StatusRecord

# imported at first use: only a store in a bucket needs the module, which itself imports this module
_ENDED = "flowc_runtime.store.ended.ended_runs"
_note_status: LateFunction[[RunStore, StatusRecord], None] = LateFunction(f"{_ENDED}:note_status")
_forget: LateFunction[[RunStore], None] = LateFunction(f"{_ENDED}:forget")


class RunStore:
    """The records and logs of one run.

    Arguments identify a task by its step and its index path; attempts count from 1. Every method raises StoreError if
    the store cannot be used, and its subclass RecordError for an object that is damaged, lost or from a newer flowc.
    """

    def __init__(self, objects: Objects, flow: str, run: str) -> None:
        self.objects = objects
        self.flow = flow
        self.id = run
        self._prefix = f"flows/{quote_name(flow)}/runs/{quote_name(run)}"
        self._tags = f"flows/{quote_name(flow)}/tags/{quote_name(run)}"
        self._aside: frozenset[str] | None = None

    @property
    def prefix(self) -> str:
        """The prefix of all keys of the run, except for its tags."""
        return self._prefix

    @property
    def tags_prefix(self) -> str:
        """The prefix of the keys of the run's tags."""
        return self._tags

    # -- methods about the run as a whole

    def create(self, record: RunRecord, ir: str) -> bool:
        """Create the run; return False if its id exists. The IR (JSON text) is written first: every run has an IR."""
        self.objects.create(f"{self._prefix}/ir.json", [ir.encode()])
        return self.objects.create(f"{self._prefix}/run.json", [dump(record)])

    def hold(self, origin: str) -> None:
        """Ensure that garbage collection does not delete `origin`, the run that this run resumes.

        Raises:
            NotFound: the resumed run has been deleted; this run is then recorded as failed.
        """
        sweeps.wait(self.objects)
        if not RunStore(self.objects, self.flow, origin).exists():
            message = f"run {self.flow}/{origin}, which was to be resumed, has been deleted"
            self.set_status({"state": "failed", "changed": time.time(), "message": message})
            raise NotFound(message)

    def exists(self) -> bool:
        """Return whether the run has started, even if its record is lost."""
        return self.objects.exists(f"{self._prefix}/run.json") or self.find_loss("run.json") is not None

    def record(self) -> RunRecord:
        """Return the run's record.

        Raises:
            NotFound: the run does not exist, or its first task has not written the record yet.
        """
        return cast("RunRecord", self._load("run", "run.json"))

    def ir(self) -> str:
        """Return the IR that the run executes, as JSON text, unchecked.

        Raises:
            NotFound: the IR does not exist.
        """
        return self.objects.get(f"{self._prefix}/ir.json").decode()

    def executes(self) -> Flow:
        """Return the flow that the run executes.

        Raises:
            NotFound: the run does not exist.
        """
        key = f"{self._prefix}/ir.json"
        return parse_flow(self._get("ir.json"), key=key, url=self.objects.url, subject=self._subject())

    def status(self) -> StatusRecord:
        """Return the run's status; a run without a recorded status is running. Raises NotFound."""
        return self.written_status() or first_status(self.record())

    def written_status(self) -> StatusRecord | None:
        """Return the recorded status, or None if no status is recorded yet."""
        try:
            return cast("StatusRecord", self._load("status", "status.json"))
        except NotFound:
            return None

    def set_status(self, status: StatusRecord, disk: Disk | None = None) -> None:
        """Replace the run's status. The argument has no `version`, which this method adds. With a `disk`, wait until
        the status is on the disk."""
        (disk or self.objects).put(f"{self._prefix}/status.json", dump({"version": RECORDS.current, **status}))
        if (agent := self.objects.agent_process) is not None:
            agent.note_status(self.flow, self.id, status)
        elif self.objects.ended_listing is not None:
            _note_status(self, status)

    def delete(self) -> None:
        """Delete the run; an interrupted deletion can be repeated. Blobs are deleted by `collect`."""
        objects = cast("Collectable", self.objects)
        if objects.ended_listing is not None:
            _forget(self)
        objects.delete_below(self._tags)
        objects.delete_below(self._prefix, last=("status.json", "ir.json", "run.json"))

    # -- tags: each tag is a separate object, so that concurrent changes never undo each other

    def system_tags(self) -> set[str]:
        """Return the system tags of the run, which never change.

        Raises:
            NotFound: the run has no record.
        """
        return set(self.record().get("system_tags", ()))

    def user_tags(self) -> set[str]:
        """Return the user tags of the run."""
        found: set[str] = set()
        for name in self.objects.names(self._tags):
            with unreadable.skipping():
                tag = tag_at(self.objects, f"{self._tags}/{name}", name, self._subject())
                found |= {tag} if tag is not None else set()
        return found

    def tag_names(self) -> list[str]:
        """Return the user tags in the form in which keys contain them (`tags.name_of`); no object is read."""
        return self.objects.names(self._tags)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add user tags to the run; strings that are system tags of the run are left out.

        Raises:
            TagError: a tag is invalid.
            NotFound: the run has no record.
        """
        wanted = check_tags(tags)
        system = self.system_tags() if wanted else set()
        for tag in wanted:
            if tag not in system:
                name, content = name_of(tag)
                self.objects.create(f"{self._tags}/{name}", [content])

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove user tags of the run; a missing tag is not an error.

        Raises:
            TagError: a tag is invalid, or a system tag.
            NotFound: the run has no record.
        """
        wanted = check_tags(tags)
        if fixed := sorted(set(wanted) & self.system_tags()):
            raise TagError(f"system tags cannot be removed: {', '.join(fixed)}")
        for tag in wanted:
            self.objects.delete(f"{self._tags}/{name_of(tag)[0]}")

    # -- tasks

    def begin(self, step: str, path: str, attempt: int, record: BeginRecord) -> bool:
        """Claim an attempt's number; return False if it is taken."""
        return self.objects.create(self._task(step, f"{path}-{attempt}.begin.json"), [dump(record)])

    def finish(self, record: AttemptRecord, disk: Disk | None = None) -> bool:
        """Write the record of an ended attempt, after all objects that it names; with a `disk`, wait for the disk.

        The record of the first completed attempt becomes the task's record. If a completed attempt is
        not the first, `record` is marked as superseded and written under the attempt's number, and the result is False.
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
        """Write the record of a reused task, which has one attempt, an `origin`, and no record of a start."""
        self.objects.create(self._task(record["step"], f"{record['path']}.json"), [dump(record)])

    def reuse_all(self, records: Sequence[AttemptRecord]) -> None:
        """Call `reuse` for several records, in parallel if the store is remote."""
        agent = self.objects.agent_process
        if agent is None:
            for record in records:
                self.reuse(record)
        else:
            agent.create_many(
                [(self._task(record["step"], f"{record['path']}.json"), dump(record)) for record in records]
            )

    def done_tasks(self, step: str, at_once: int = 1024) -> dict[str, bytes] | None:
        """Return the records of all completed tasks of a step, by path.

        The result is None if the store cannot read several objects at once: then `task` reads each record equally fast.
        The records are JSON text for `parse_task`; `at_once` records are requested together.
        """
        agent = self.objects.agent_process
        if agent is None:
            return None
        paths = [path for path, attempt, _ in self._names(step) if attempt is None]
        found: list[bytes] = []
        for at in range(0, len(paths), at_once):
            found += agent.get_many([self._task(step, f"{path}.json") for path in paths[at : at + at_once]])
        return dict(zip(paths, found, strict=True))

    def parse_task(self, step: str, path: str, data: bytes) -> AttemptRecord:
        """Return the record of a task from the JSON that `done_tasks` has read."""
        return cast("AttemptRecord", self._parse("attempt", f"tasks/{quote_name(step)}/{path}.json", data, step, path))

    def set_reused(self, tasks: int) -> None:
        """Write a marker which shows that the records of all reused tasks are written. Call this method before any task
        of the run starts."""
        self.objects.create(f"{self._prefix}/reused.json", [dump({"tasks": tasks})])

    def has_reused(self) -> bool:
        """Return whether the marker of `set_reused` exists: the records of all reused tasks are written."""
        return self.objects.exists(f"{self._prefix}/reused.json")

    def task_key(self, step: str, path: str) -> str:
        """Return the key of the record of a completed task."""
        return self._task(step, f"{path}.json")

    def task(self, step: str, path: str) -> AttemptRecord:
        """Return the record of a completed task.

        Raises:
            NotFound: the task is not completed.
        """
        return cast("AttemptRecord", self._load("attempt", f"tasks/{quote_name(step)}/{path}.json", step, path))

    def is_done(self, step: str, path: str) -> bool:
        """Return whether a task is completed, without reading its record."""
        return self.objects.exists(self._task(step, f"{path}.json"))

    def done(self, step: str) -> set[str]:
        """Return the index paths of a step's completed tasks, with one listing."""
        return {path for path, attempt, _ in self._names(step) if attempt is None}

    def attempt(self, step: str, path: str, attempt: int) -> AttemptRecord | None:
        """Return the record of an ended attempt, or None if the attempt has not started, is active, or its process
        vanished."""
        for name in (f"{path}-{attempt}.json", f"{path}.json"):
            try:
                record = cast("AttemptRecord", self._load("attempt", f"tasks/{quote_name(step)}/{name}", step, path))
            except NotFound:
                continue
            if record["attempt"] == attempt:
                return record
        return None

    def beginning(self, step: str, path: str, attempt: int) -> BeginRecord | None:
        """Return the record of an attempt's start, or None if the attempt has not started."""
        try:
            name = f"tasks/{quote_name(step)}/{path}-{attempt}.begin.json"
            return cast("BeginRecord", self._load("begin", name, step, path))
        except NotFound:
            return None

    def has_begun(self, step: str, path: str, attempt: int) -> bool:
        """Return whether an attempt has started, without reading its record."""
        return self.objects.exists(self._task(step, f"{path}-{attempt}.begin.json"))

    def steps(self) -> list[str]:
        """Return the steps that have started tasks."""
        return names_inside(self.objects, f"{self._prefix}/tasks")

    def attempts(self, step: str) -> dict[str, list[int]]:
        """Return a step's started attempts: index path -> numbers, sorted by path; a reused task has one attempt."""
        found: dict[str, set[int]] = {}
        for path, attempt, _ in self._names(step):
            numbers = found.setdefault(path, set())  # stays empty for a reused task, which has no record of a start
            if attempt is not None:
                numbers.add(attempt)
        return {path: sorted(found[path]) or [1] for path in sorted(found, key=path_order)}

    def tasks_run(self, step: str) -> set[str]:
        """Return the paths of a step's tasks that ran in this run, without reused tasks."""
        return {path for path, _, begins in self._names(step) if begins}

    def paths(self, step: str) -> list[str]:
        """Return the index paths of a step's started and reused tasks, in order."""
        return sorted({path for path, _, _ in self._names(step)}, key=path_order)

    def _names(self, step: str) -> Iterator[tuple[str, int | None, bool]]:
        """Yield (index path, attempt number, begins) for each record of a step's tasks. The attempt number is None in
        the record of a completed task. `begins` is true for the record of an attempt's start."""
        for name in self.objects.names(f"{self._prefix}/tasks/{quote_name(step)}"):
            if parts := RECORD_NAME.fullmatch(name):
                path, attempt, begins = parts.groups()
                yield path, int(attempt) if attempt is not None else None, begins is not None

    # -- cards and logs

    def cards_key(self, step: str, path: str, attempt: int) -> str:
        """Return the prefix of the keys of an attempt's cards."""
        return f"{self._prefix}/cards/{quote_name(step)}/{path}-{attempt}"

    def has_cards(self, step: str) -> bool:
        """Return whether a task of the step has a card."""
        return bool(self.objects.names(f"{self._prefix}/cards/{quote_name(step)}"))

    def log_key(self, step: str, path: str, attempt: int) -> str:
        """Return the key to which the log frames of an attempt are appended."""
        return f"{self._prefix}/logs/{quote_name(step)}/{path}-{attempt}.log"

    def log(self, step: str, path: str, attempt: int, size: int = PIECE) -> Iterator[bytes]:
        """Yield an attempt's log frames in pieces of at most `size` bytes; the log of a reused task is the log of the
        original task."""
        key, empty = self.log_key(step, path, attempt), True
        for piece in self._pieces(key, size):
            empty = False
            yield piece
        if empty and (source := self.log_source(step, path, attempt)) != key:
            yield from self._pieces(source, size)

    def log_source(self, step: str, path: str, attempt: int) -> str:
        """Return the key from which an attempt's log is read; the log of a reused task is in the original run."""
        try:
            record = self.task(step, path)
            # if the task reused the results of a cached task, the log is that of the cached task
            origin = record.get("cached") or record.get("origin")
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
        return f"{self._prefix}/tasks/{quote_name(step)}/{name}"

    def _load(self, kind: str, name: str, *task: str) -> Any:
        """Read and parse an object of the run, or of its task (step, path)."""
        return self._parse(kind, name, self._get(name, *task), *task)

    def _get(self, name: str, *task: str) -> bytes:
        """Return the bytes of an object of the run. Raises NotFound, LostRecord."""
        try:
            return self.objects.get(f"{self._prefix}/{name}")
        except NotFound:
            if (loss := self.find_loss(name, *task)) is not None:
                raise loss from None
            raise

    def find_loss(self, name: str, *task: str) -> LostRecord | None:
        """Return the error for a missing object of the run (or of a task), or None if the run need not have the
        object."""
        if self._aside is None:  # listed once: many unfinished tasks may be looked up
            self._aside = frozenset(map(lost_records.key_before, self.objects.names_below(f"{ASIDE}/{self._prefix}")))
        what = f"{self._prefix}/{name}", self.objects.url, self._subject(*task)
        if name in self._aside:
            return lost_records.moved_aside(*what)
        # Whole keys are listed, because a directory may exist before its first object.
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
