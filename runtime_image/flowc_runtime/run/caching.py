"""The cache of steps with @cache: a task reuses the results of an earlier task with the same code and inputs.

Only the inputs that the earlier task read are compared, by digest: artifacts, parameters, the foreach item, artifacts
of a join's inputs. The directory `cache/STEP` contains the entries of one step with one version of its code. In this
directory, each object `reads/SET` lists the names that a task read. Each other object, `cache/STEP/VALUES`, is an entry
with the results of a task; VALUES is the digest of the values that the task read. A lookup reads a few small objects.
An entry also lists the modules that the task imported from outside the code package: the entry is used only if these
modules are unchanged.

STEP is the digest of a JSON text that describes the step. The text contains no fields with default values, so a field
that a later release adds to the IR does not change STEP. STEP does not depend on the format version of the entries, so
that entries of older releases stay valid.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, final

from flowc_ir import json_text
from flowc_ir.generated import policy_writer, writer
from flowc_ir.late.digest import sha256
from flowc_ir.late.typeddict import TypedDict
from flowc_ir.versions import CACHE
from flowc_runtime.base.errors import FormatError, NotFound, RecordError
from flowc_runtime.process import outside_modules
from flowc_runtime.run import first_cache
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.records.needed_blobs import blob_of, refs
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
    from flowc_runtime.store.records.record_types import (
        ArtifactRef,
        AttemptRecord,
        Fanout,
        MetricRecord,
        PackageRecord,
    )

EVERY = "*"  # In a list of artifact names, this entry means all artifacts.
MOST_SETS = 8  # The largest number of `reads` objects of a step; more objects are replaced by their union.
_ReadKind: TypeAlias = Literal["artifacts", "inputs", "parameters", "place"]
_KINDS: Final[tuple[_ReadKind, ...]] = ("artifacts", "inputs", "parameters", "place")


class CachedTask(TypedDict):
    """The task that wrote a cache entry."""

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
    """The results of a task, for later tasks with equal inputs: the artifacts that it `assigned`, the names of the
    artifacts that it `deleted`, and the digests of the `blobs` that contain the assigned artifacts."""

    fanout: Fanout
    choice: str
    metrics: dict[str, MetricRecord]
    series: PackageRecord


class ReadsEntry(ReadsRecord, total=False):
    """The content of an object `reads/SET`: the names that a task read."""

    version: int


@final
class Situation:
    """The digests of all inputs that a task's code can read. The digests are computed before the code runs."""

    def __init__(
        self, job: Assignment, state: TaskState, parameters: Mapping[str, object], inputs: Inputs[object] | None
    ):
        self._job = job
        self._objects = job.run.objects
        self._parameters = dict(parameters)
        self._inherited = dict(state.inherited)
        self._inputs = inputs
        self._frames = [
            [frame.index, frame.num_splits, sha256(codecs.Encoded(frame.item).parts)] for frame in state.frames
        ]
        self._prefix = f"cache/{_digest(self._identity())}"
        # the error if a newer flowc wrote a cache entry; this task then runs, and writes no entry
        self.refused: FormatError | None = None
        self.unreadable: list[RecordError] = []  # errors of damaged entries: the task runs and replaces them

    def _identity(self) -> list[object]:
        """Return the parts of the flow that must be unchanged so that results can be reused. The values that the task
        reads are compared separately."""
        node, flow = self._job.node, self._job.graph.flow
        configs = [[config.name, config.text] for config in flow.configs]
        # No part contains fields with default values, so that new fields of the IR do not change existing keys.
        about: list[Json] = [
            # `or []`, as in every release: another value would change the keys of existing entries
            dict(node.environment) or [],
            writer.write_packages(node.packages) if node.packages else None,
            writer.write_transition(node.next),
            writer.write_catch(node.catch) if node.catch else None,
            [policy_writer.write_plugin(plugin) for plugin in node.plugins],
            dict(flow.with_decorators) or [],
        ]
        return [flow.name, node.id, node.cache, list(sys.version_info[:2]), configs, about]

    def recall(self) -> tuple[CacheEntry, ReadsRecord] | None:
        """Find the cache entry of an earlier task with equal inputs; return the entry and the names that the earlier
        task read, or None.

        If no entry is found, the entries that flowc's first release wrote are looked up too, because their keys differ.
        Errors of damaged entries are collected in `unreadable`. If a newer flowc has written an entry, the error is
        stored in `refused`, and the result is None.

        Raises:
            StoreError: the store cannot be read.
        """
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
            # Refreshing the blobs protects them from a garbage collection that may be running.
            sizes = dict(filter(None, (blob_of(ref) for _, ref in refs(entry))))
            refreshed = (self._objects.refresh(blob_key(digest), sizes.get(digest)) for digest in entry["blobs"])
            if all(refreshed) and self._objects.refresh(key):
                self._objects.refresh(f"{prefix}/reads/{_digest(reads)}")
                return entry, reads
        return None

    def keep(self, record: AttemptRecord, assigned: Mapping[str, ArtifactRef]) -> None:
        """Write a cache entry with the results of a task. If a newer flowc has written entries, nothing is written.

        Args:
            record: the task's record, with the names that it read.
            assigned: the artifacts that the task's code assigned.

        Raises:
            StoreError: the store cannot be written.
        """
        if self.refused is not None:
            return
        try:
            reads, known = record["reads"], self._sets(self._prefix)
        except FormatError:  # a newer flowc wrote an entry while this task ran
            return
        if reads not in known:
            if len(known) >= MOST_SETS:
                reads = _union([reads, *known])
            entry = ReadsEntry(version=CACHE.current, **reads)
            self._objects.put(f"{self._prefix}/reads/{_digest(reads)}", dump(entry))
        left: dict[str, object] = {"assigned": dict(assigned)}
        left["deleted"] = sorted(self._inherited.keys() - record["artifacts"].keys())
        left |= {name: value for name, value in record.items() if name in ("fanout", "choice", "metrics", "series")}
        task = {name: value for name, value in record.items() if name in ("run", "step", "path", "attempt")}
        modules = outside_modules.imported(self._job.program.directory)
        blobs = sorted({
            *(blob[0] for _, ref in refs(left) if (blob := blob_of(ref)) is not None),
            *([record["series"]["digest"]] if "series" in record else []),
        })  # fmt: skip
        left |= {"version": CACHE.current, "task": task, "modules": modules, "blobs": blobs}
        self._objects.put(f"{self._prefix}/{self._values(reads)}", dump(left))

    def artifacts(self, entry: CacheEntry) -> dict[str, ArtifactRef]:
        """Return all artifacts of a task that reuses an entry: those of the entry, and all other inherited
        artifacts."""
        kept = {name: ref for name, ref in self._inherited.items() if name not in entry["deleted"]}
        found: dict[str, ArtifactRef] = kept | entry["assigned"]
        return {name: found[name] for name in sorted(found)}

    def _sets(self, prefix: str) -> list[ReadsRecord]:
        found: list[ReadsRecord] = []
        for name in self._objects.names(f"{prefix}/reads"):
            try:
                reads = cast("ReadsEntry", self._load("reads", f"{prefix}/reads/{name}"))  # `parse` checks the fields
            except NotFound:  # `flowc gc` has deleted the object since the listing
                continue
            except RecordError as error:
                self._note(error)
                continue
            found.append(cast("ReadsRecord", {kind: names for kind, names in reads.items() if kind != CACHE.key}))
        return found

    def _note(self, error: RecordError) -> None:
        """Collect the error about a damaged object of the cache in `unreadable`. If a newer flowc wrote the object,
        raise its FormatError instead."""
        if isinstance(error, FormatError):
            raise error
        self.unreadable.append(error)

    def _load(self, kind: str, key: str) -> object:
        subject = f"the cache entry of a task of step '{self._job.step}'"
        return parse(CACHE, kind, self._objects.get(key), key=key, url=self._objects.url, subject=subject)

    def _values(self, reads: ReadsRecord) -> str:
        """Return the digest of this task's values for the names in `reads`."""
        place = reads.get("place", [])
        facts: list[object] = [[name, self._parameters.get(name)] for name in reads.get("parameters", [])]
        facts.append(_values_of(self._inherited, reads.get("artifacts", [])))
        if "stack" in place:
            facts.append(self._frames)
        elif self._frames:
            index, _, item = self._frames[-1]
            facts.append([index if "index" in place else None, item if "item" in place else None])
        if self._inputs is not None:
            facts += self._of_inputs(reads.get("inputs", []))
        return _digest([reads, facts])

    def _of_inputs(self, names: Sequence[str]) -> list[object]:
        """Return, for each input of the join, the input's step and the digests of the artifacts in `names`.

        If `names` is empty and all inputs come from the same step, return only the number of inputs. If the inputs may
        come from different steps, return their steps, too, because the code can see the steps.
        """
        assert self._inputs is not None
        if not names and not self._inputs._flowc_differ():
            return [len(self._inputs)]
        states = [self._inputs._flowc_state(number) for number in range(len(self._inputs))]
        return [[state.step, _values_of(state.inherited, names)] for state in states]


def _values_of(refs: Mapping[str, ArtifactRef], names: Sequence[str]) -> list[object]:
    """Return a list [name, digest] for each artifact in `names`, or for all artifacts if `names` contains EVERY. The
    digest of a missing artifact is None."""
    wanted = sorted(refs) if EVERY in names else names
    return [[name, refs[name]["digest"] if name in refs else None] for name in wanted]


def _union(several: Sequence[ReadsRecord]) -> ReadsRecord:
    every = {kind: sorted({name for reads in several for name in reads.get(kind, ())}) for kind in _KINDS}
    return cast("ReadsRecord", every)  # the keys of a ReadsRecord are _KINDS


def _digest(value: object) -> str:
    return sha256([json_text.dumps(value, sort_keys=True).encode()])
