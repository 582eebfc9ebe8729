"""The tasks that a resumed run reuses from its origin run.

A task is reused if it is finished in the origin run, matches the new flow, and all of its parents are reused. Artifacts
are not copied: the new record refers to the same artifacts and names the original task. Logs stay in the origin run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, cast, final

from flowc_ir import Branch, Foreach, Gang, Switch, json_text, targets
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.errors import Damaged, NotFound, RecordError
from flowc_runtime.base.index import Graph, item_path, outer_path
from flowc_runtime.run.parents import Parents
from flowc_runtime.run.task.attempts import Result
from flowc_runtime.store.backends.blobs import DIRECTORY
from flowc_runtime.store.backends.marks import verify_always
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.records.needed_blobs import blob_of, file_blobs, refs
from flowc_runtime.store.upkeep.power_loss import described, lost_artifact
from flowc_runtime.store.values.files import FileRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import AttemptRecord, OriginRecord
    from flowc_runtime.store.records.run_store import RunStore

_AT_ONCE = 1024  # The number of waiting records at which all of them are written.
_LONGEST = 100  # The maximum length of a value in the reason why a step runs again.


class _OrderFields(TypedDict):
    origin: str
    step: str | None
    given: list[str]


@final
@dataclass(frozen=True, slots=True)
class Order:
    """The data that the pods of a resumed run need to reuse results: the origin run, the step to resume from, and the
    parameters with new values."""

    origin: str
    step: str | None
    given: tuple[str, ...]

    @property
    def text(self) -> str:
        """This object as text, for an environment variable of the pods.

        The text is escaped, so that neither Argo nor the kubelet expands parts of it.
        """
        text = json_text.dumps({"origin": self.origin, "step": self.step, "given": self.given})
        return text.replace("{{", "{\\u007b").replace("$", "\\u0024")

    @classmethod
    def of(cls, text: str | None) -> Order | None:
        """Parse the text of an `Order`; return None if the text is None or empty.

        Raises:
            ValueError: the text is not JSON.
            KeyError: a field is missing.
        """
        if not text:
            return None
        order = cast("_OrderFields", json_text.mapping(text))  # `text` wrote it
        return cls(order["origin"], order["step"], tuple(order["given"]))


@final
class Reuse:
    """Finds the tasks of the run `origin` whose results a new run with this graph and these parameters can reuse.

    The step `resumed_from` and the steps in `patched` always run. `reasons` contains an entry for each step that runs
    again although `origin` has finished tasks of this step: step name → reason.
    """

    def __init__(
        self,
        origin: RunStore,
        graph: Graph,
        parameters: Mapping[str, object],
        resumed_from: str | None = None,
        patched: Collection[str] = (),
    ) -> None:
        self.origin, self._graph = origin, graph
        self._changed = _changed(origin.record()["parameters"], parameters)
        self._unfit = _unfit(Graph(origin.executes()), graph)
        if resumed_from is not None:
            self._unfit[resumed_from] = "it was asked for"
        self._unfit |= dict.fromkeys(patched, "it is patched")
        self._lost = _lost_blobs(origin.objects)
        self._read = set[str]() if verify_always() else None  # digests of intact blobs
        self._gangs: dict[tuple[str, str], bool] = {}
        self._ahead: dict[str, dict[str, bytes] | None] = {}
        self._taken: list[AttemptRecord] = []
        self.reasons: dict[str, str] = {}

    def find(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record to reuse for a task. Return None if the task must run; `reasons` may then contain the
        reason.

        Args:
            step: the task's step.
            path: the task's index path. The caller has checked that all parents of the task are reused.

        Raises:
            StoreError: the store cannot be read.
        """
        record = self._find(step, path)
        if record is not None and (split := self._gang_of(step)) is not None:
            gang = step, outer_path(path, len(self._graph.scopes(split)))
            if gang not in self._gangs:
                self._gangs[gang] = self._has_gang(split, *gang)
            return record if self._gangs[gang] else None
        return record

    def take(self, run: RunStore, record: AttemptRecord) -> Result:
        """Create the record of a reused task in the new run, and return the task's result.

        Args:
            run: the new run. `flush` writes the record into this run; `take` itself calls `flush` if many records are
                waiting.
            record: the record that `find` returned.

        Raises:
            StoreError: the store cannot be written.
        """
        task: OriginRecord = {
            "run": record["run"],
            "step": record["step"],
            "path": record["path"],
            "attempt": record["attempt"],
        }
        reused: AttemptRecord = {**record, "run": run.id, "attempt": 1, "origin": record.get("origin") or task}
        self._taken.append(reused)
        if len(self._taken) >= _AT_ONCE:
            self.flush(run)
        count = record["fanout"]["count"] if "fanout" in record else 0
        metrics = {name: metric["value"] for name, metric in record.get("metrics", {}).items()}
        return Result(outcome=record["outcome"], count=count, choice=record.get("choice", ""), metrics=metrics)

    def flush(self, run: RunStore) -> None:
        """Write the records that `take` has created and not yet written.

        Raises:
            StoreError: the store cannot be written.
        """
        run.reuse_all(self._taken)
        self._taken.clear()

    def following(self) -> list[str]:
        """Return the steps of `origin` that run again only because they follow a step in `reasons`."""
        found, waiting = set[str](), list(self.reasons)
        while waiting:
            following = set(targets(self._graph.nodes[waiting.pop()].next)) - found
            found |= following
            waiting += following
        known = set(self.origin.steps()) if found else set[str]()
        return [node.id for node in self._graph.flow.nodes if node.id in (found & known) - self.reasons.keys()]

    def follows(self, run: RunStore, step: str, path: str) -> bool:
        """Return whether all parents of a task are reused from the earlier run, according to their records in the new
        run.

        Pods call this function: on a cluster there is no flowc scheduler that knows the parents.

        Args:
            run: the new run.
            step: the task's step.
            path: the task's index path.

        Raises:
            ProtocolError: a parent is not done.
            StoreError: the store cannot be read.
        """
        node, graph = self._graph.nodes[step], self._graph
        parents = Parents(run, graph, step, path)
        if node.joins is None:
            found = parents.one()
            return found is None or "origin" in found[2]
        ends = graph.ends(node)
        if isinstance(graph.nodes[node.joins].next, Branch):
            return all("origin" in parents.ended(arm, None)[2] for arm in ends)
        if "origin" not in run.task(node.joins, path):
            return False
        # A foreach may have many tasks: a single listing shows which of them ran in this run.
        return not any(at.startswith(f"{path}.") for end in ends[0] for at in run.tasks_run(end.id))

    def _find(self, step: str, path: str) -> AttemptRecord | None:
        record = self._done(step, path)
        if record is None:
            return None
        if record.get("mocked"):
            self.reasons.setdefault(step, "it was mocked")
            return None
        if damage := self._damage(record):
            self.reasons.setdefault(step, ", ".join(damage))
            return None
        if (what := lost_artifact(self.origin.objects, record)) is not None:
            self.reasons.setdefault(step, f"{what} of {step}/{path} is lost")
            return None
        if (why := self._unfit.get(step)) is None:
            # A record of an old release does not list the names that the task read; a change of any parameter then
            # prevents reuse.
            read = record.get("reads", {}).get("parameters", self._changed)
            changed = [self._changed[name] for name in read if name in self._changed]
            if not changed:
                return record
            why = ", ".join(changed)
        self.reasons.setdefault(step, why)
        return None

    def _damage(self, record: AttemptRecord) -> list[str]:
        """Return messages about damaged results of a task. With `verify` = `always`, all results are read."""
        if not self._lost and self._read is None:
            return []
        blobs = [(described(name), *blob) for name, ref in refs(record) if (blob := blob_of(ref)) is not None]
        blobs += [(what, file["digest"], file["size"]) for what, file in file_blobs(record)]
        names = [what for what, digest, size in blobs if self._is_damaged(digest, size)]
        return [f"its {what} was found damaged" for what in dict.fromkeys(names)]

    def _is_damaged(self, digest: str, size: int) -> bool:
        if digest not in self._lost and self._read is not None and digest not in self._read:
            try:
                self.origin.objects.map_blob(digest, size)
            except Damaged:
                self._lost.add(digest)
            except NotFound:  # the blob is missing, not damaged; `lost_artifact` reports it
                return False
            else:
                self._read.add(digest)
        return digest in self._lost

    def _done(self, step: str, path: str) -> AttemptRecord | None:
        if step not in self._ahead:
            self._ahead[step] = self.origin.done_tasks(step)
        ahead = self._ahead[step]
        try:
            if ahead is not None:
                return self.origin.parse_task(step, path, ahead[path]) if path in ahead else None
            return self.origin.task(step, path)
        except NotFound:
            return None
        except RecordError as error:  # the record cannot be read, for example because a power failure truncated it
            self.reasons.setdefault(step, f"the record of {step}/{path} is lost: {error}")
            return None

    def _gang_of(self, step: str) -> str | None:
        """Return the split that starts the gang of a step's tasks, or None if the step is not a gang."""
        before = self._graph.predecessors[step]
        return before[0].id if before and isinstance(before[0].next, Gang) else None

    def _has_gang(self, split: str, step: str, path: str) -> bool:
        """Return True if every task of a gang can be reused. Otherwise no task of the gang is reused."""
        opened = self._done(split, path)
        count = opened["fanout"]["count"] if opened is not None and "fanout" in opened else -1
        complete = count >= 0 and all(self._find(step, item_path(path, number)) is not None for number in range(count))
        if not complete:
            self.reasons.setdefault(step, "not all tasks of its gang are done")
        return complete


def _lost_blobs(objects: Objects) -> set[str]:
    """Return the digests of blobs that were moved aside as damaged and have not been stored again."""
    # If a blob was moved aside more than once, its later names end with a number.
    names = objects.names_below(f"{DIRECTORY}/blobs")
    digests = {name.rpartition("/")[2].partition(".")[0] for name in names}
    return {digest for digest in digests if not objects.exists(blob_key(digest))}


def _unfit(old: Graph, new: Graph) -> dict[str, str]:
    """Compare two versions of a flow: return the steps whose tasks of the old version do not fit the new version, with
    reasons."""
    found = {}
    for step, node in new.nodes.items():
        before = old.nodes.get(step)
        if before is None:
            continue
        if {node.id for node in old.predecessors[step]} != {node.id for node in new.predecessors[step]}:
            found[step] = "its preceding steps have changed"
        elif (old.scopes(step), before.joins) != (new.scopes(step), node.joins):
            found[step] = "its position relative to foreach, branches and loops has changed"
        elif type(before.next) is not type(node.next) and any(
            isinstance(following, Foreach | Gang | Switch) for following in (before.next, node.next)
        ):
            found[step] = "its transition has changed"
        elif isinstance(node.next, Foreach) and isinstance(before.next, Foreach) and node.next.over != before.next.over:
            found[step] = f"its foreach now iterates over self.{node.next.over}"
        elif isinstance(node.next, Switch) and node.next != before.next:
            found[step] = "its switch has changed"
    return found


def _changed(before: Mapping[str, object], parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters whose values differ: name → description of the change. Files are compared by content."""
    found = {}
    for name in before.keys() & parameters.keys():
        was, now = before[name], parameters[name]
        if _digest(was) != _digest(now) or (_digest(was) is None and _text(was) != _text(now)):
            found[name] = f"parameter '{name}' was {_told(was)} and is {_told(now)}"
    return found


def _is_file(value: object) -> TypeGuard[FileRecord]:
    """Return whether the recorded value of a parameter is a file."""
    return isinstance(value, dict) and value.keys() == FileRecord.__annotations__.keys()


def _digest(value: object) -> str | None:
    """Return the digest of a parameter's file, or None if the value is not a file."""
    return value["digest"] if _is_file(value) else None


def _told(value: object) -> str:
    if _is_file(value):
        return f"{value['file']} ({value['size']:,} bytes, {value['digest'][:8]}…)"
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(value: object) -> str:
    return json_text.dumps(value, sort_keys=True, ensure_ascii=False)
