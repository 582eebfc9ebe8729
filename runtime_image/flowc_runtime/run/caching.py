"""Steps with @cache: a task whose code and whose inputs are those of an earlier one takes over what that has left.

Which inputs count is what the earlier task has looked at: artifacts, parameters, its item, what the inputs of a join
have. They count by their digests. Under `cache/STEP` there are, for a step and its code, the sets of what its tasks
have looked at, `reads/SET`, and what tasks have left by the values of that, `VALUES`: a look-up is a few small objects.
With what a task has left go the modules that it had from outside of the code package, which have to be the same.

STEP is a digest of JSON in which fields at their default are left out: a field that is added to the IR leaves it as it
is. It does not have the version of the entries either, so that what an older flowc has left goes on counting.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypedDict, cast, final

from flowc_ir import json_text
from flowc_ir.generated import policy_writer, writer
from flowc_ir.versions import CACHE
from flowc_runtime.base.errors import FormatError, NotFound, RecordError
from flowc_runtime.process import outside_modules
from flowc_runtime.run import first_cache
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.objects import sha256 as digest_of
from flowc_runtime.store.records.needed_blobs import refs
from flowc_runtime.store.records.record_types import ReadsRecord
from flowc_runtime.store.records.sealed import dump
from flowc_runtime.store.records.stored import parse
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.json_text import Json
    from flowc_runtime.process.outside_modules import Modules
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.state import Inputs, TaskState
    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord, Fanout

EVERY = "*"  # among the names of artifacts: all of them
MOST_SETS = 8  # of what tasks of one step look at; then all of these count for a task
_KINDS = ("artifacts", "inputs", "parameters", "place")


class CachedTask(TypedDict):
    """The task that has left an entry."""

    run: str
    step: str
    path: str
    attempt: int


class _CacheEntry(TypedDict):
    version: int
    task: CachedTask
    modules: Modules
    assigned: dict[str, ArtifactRef]
    deleted: list[str]
    blobs: list[str]


class CacheEntry(_CacheEntry, total=False):
    """What a task has left: the artifacts it `assigned` and those it `deleted`, and all `blobs` that they need."""

    fanout: Fanout
    choice: str


class ReadsEntry(ReadsRecord, total=False):
    """`reads/SET`: what a task has looked at."""

    version: int


@final
class Situation:
    """What the code of a task can look at, by digest, before it runs."""

    def __init__(self, job: Assignment, state: TaskState, parameters: Mapping[str, Any], inputs: Inputs[Any] | None):
        self._job = job
        self._objects = job.run.objects
        self._parameters = dict(parameters)
        self._inherited = dict(state.inherited)
        self._inputs = inputs
        self._frames = [
            [frame.index, frame.num_splits, digest_of(codecs.Encoded(frame.item).parts)] for frame in state.frames
        ]
        self._prefix = f"cache/{_digest(self._identity())}"
        self.refused: FormatError | None = None  # what a newer flowc has left; the task runs, and leaves it as it is
        self.unreadable: list[RecordError] = []  # what is damaged; the task runs, and leaves it anew

    def _identity(self) -> list[Any]:
        """What has to be the same besides what is looked at."""
        node, flow = self._job.node, self._job.graph.flow
        configs = [[config.name, config.text] for config in flow.configs]
        # A field at its default is left out of each part, so that the keys outlive fields that are added.
        about: list[Json] = [
            dict(node.environment) or [],  # the keys of every release have [] for no environment
            writer.write_packages(node.packages) if node.packages else None,
            writer.write_transition(node.next),
            writer.write_catch(node.catch) if node.catch else None,
            [policy_writer.write_plugin(plugin) for plugin in node.plugins],
            dict(flow.with_decorators) or [],
        ]
        return [flow.name, node.id, node.cache, list(sys.version_info[:2]), configs, about]

    def recall(self) -> tuple[CacheEntry, ReadsRecord] | None:
        """What a task in the same situation has left, here or where the first release left it; what that looked at."""
        first = f"cache/{_digest(first_cache.identity(self._job.graph.flow, self._job.node))}"
        try:
            return self._recall(self._prefix) or self._recall(first)
        except FormatError as error:
            self.refused = error
            return None

    def _recall(self, prefix: str) -> tuple[CacheEntry, ReadsRecord] | None:
        for reads in self._sets(prefix):
            key = f"{prefix}/{self._values(reads)}"
            try:
                entry = cast("CacheEntry", self._load("entry", key))
            except NotFound:
                continue
            except RecordError as error:
                self._note(error)
                continue
            if not outside_modules.unchanged(entry["modules"]):
                continue
            # They may be about to be collected: from here on they are not.
            sizes = {ref["digest"]: ref["size"] for _, ref in refs(entry)}
            refreshed = (self._objects.refresh(blob_key(digest), sizes.get(digest)) for digest in entry["blobs"])
            if all(refreshed) and self._objects.refresh(key):
                self._objects.refresh(f"{prefix}/reads/{_digest(reads)}")
                return entry, reads
        return None

    def keep(self, record: AttemptRecord, assigned: Mapping[str, ArtifactRef]) -> None:
        """Leave what a task has done for those in the same situation. Its code has `assigned` these artifacts."""
        if self.refused is not None:
            return
        try:
            reads, known = record["reads"], self._sets(self._prefix)
        except FormatError:  # a newer flowc has left something while this task ran
            return
        if reads not in known:
            if len(known) >= MOST_SETS:
                reads = _union([reads, *known])
            entry = ReadsEntry(version=CACHE.current, **reads)
            self._objects.put(f"{self._prefix}/reads/{_digest(reads)}", dump(entry))
        left: dict[str, Any] = {"assigned": dict(assigned)}
        left["deleted"] = sorted(self._inherited.keys() - record["artifacts"].keys())
        left |= {name: value for name, value in record.items() if name in ("fanout", "choice")}
        task = {name: value for name, value in record.items() if name in ("run", "step", "path", "attempt")}
        modules = outside_modules.imported(self._job.program.directory)
        blobs = sorted({ref["digest"] for _, ref in refs(left) if "data" not in ref})
        left |= {"version": CACHE.current, "task": task, "modules": modules, "blobs": blobs}
        self._objects.put(f"{self._prefix}/{self._values(reads)}", dump(left))

    def artifacts(self, entry: CacheEntry) -> dict[str, ArtifactRef]:
        """All artifacts of a task that takes over an entry: what it did not look at is handed on as it is now."""
        kept = {name: ref for name, ref in self._inherited.items() if name not in entry["deleted"]}
        found: dict[str, ArtifactRef] = kept | entry["assigned"]
        return {name: found[name] for name in sorted(found)}

    def _sets(self, prefix: str) -> list[ReadsRecord]:
        found: list[ReadsRecord] = []
        for name in self._objects.names(f"{prefix}/reads"):
            try:
                reads = self._load("reads", f"{prefix}/reads/{name}")
            except NotFound:  # collected since
                continue
            except RecordError as error:
                self._note(error)
                continue
            del reads[CACHE.key]
            found.append(reads)
        return found

    def _note(self, error: RecordError) -> None:
        """Go on without what is damaged. Raises FormatError for what a newer flowc has left."""
        if isinstance(error, FormatError):
            raise error
        self.unreadable.append(error)

    def _load(self, kind: str, key: str) -> Any:
        subject = f"what a task of step '{self._job.step}' left in the cache"
        return parse(CACHE, kind, self._objects.get(key), key=key, url=self._objects.url, subject=subject)

    def _values(self, reads: ReadsRecord) -> str:
        """The digest of the values of what was looked at."""
        place = reads.get("place", [])
        facts: list[Any] = [[name, self._parameters.get(name)] for name in reads.get("parameters", [])]
        facts.append(_values_of(self._inherited, reads.get("artifacts", [])))
        if "stack" in place:
            facts.append(self._frames)
        elif self._frames:
            index, _, item = self._frames[-1]
            facts.append([index if "index" in place else None, item if "item" in place else None])
        if self._inputs is not None:
            facts += self._of_inputs(reads.get("inputs", []))
        return _digest([reads, facts])

    def _of_inputs(self, names: Sequence[str]) -> list[Any]:
        """Of each input; which step it comes from can be seen without looking at an artifact."""
        assert self._inputs is not None
        if not names and not self._inputs._flowc_differ():
            return [len(self._inputs)]
        states = [self._inputs._flowc_state(number) for number in range(len(self._inputs))]
        return [[state.step, _values_of(state.inherited, names)] for state in states]


def _values_of(refs: Mapping[str, ArtifactRef], names: Sequence[str]) -> list[Any]:
    """The digests of these artifacts; None where there is none of the name."""
    wanted = sorted(refs) if EVERY in names else names
    return [[name, refs[name]["digest"] if name in refs else None] for name in wanted]


def _union(several: Sequence[ReadsRecord]) -> ReadsRecord:
    each: list[dict[str, Any]] = [dict(reads) for reads in several]
    every: Any = {kind: sorted({name for reads in each for name in reads.get(kind, ())}) for kind in _KINDS}
    return every  # type: ignore[no-any-return]


def _digest(value: Any) -> str:
    return sha256(json_text.dumps(value, sort_keys=True).encode()).hexdigest()
