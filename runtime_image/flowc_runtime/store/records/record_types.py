"""The JSON records of the store. They are what other programs read: a field is added, never given another meaning.

A field that is added makes a new version of the records: `flowc_ir.versions` lists it.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

from flowc_ir.versions import RECORDS
from flowc_runtime.process.process import Process

RunState: TypeAlias = Literal["running", "succeeded", "failed", "interrupted", "killed"]
Outcome: TypeAlias = Literal["ok", "caught", "failed"]
Codec: TypeAlias = Literal["pickle5", "pickle5+buffers"]


class ExternalRecord(TypedDict):
    """A file as an artifact's reference names it. `mtime_ns` is only a hint that it has not changed."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class _Artifact(TypedDict):
    digest: str
    size: int
    type: str
    codec: Codec
    repr: str


class ArtifactRef(_Artifact, total=False):
    """An artifact as a record names it. `data` is the bytes themselves, base64, of an artifact too small for a blob.

    `external` is the file that it stands for. A reference has no version: it is part of a record or a cache entry.
    """

    data: str
    external: ExternalRecord


class _Run(TypedDict):
    version: int
    flow: str
    run: str
    created: float
    user: str
    target: Literal["local", "argo"]
    parameters: dict[str, Any]
    code: str
    process: Process


class PackageRecord(TypedDict):
    """Files in the store: the digest of a blob, and its bytes."""

    digest: str
    size: int


class RevisionRecord(TypedDict, total=False):
    """Which revision of a git repository the code is. A detached head has no `branch`, a new repository no `commit`.

    `dirty` says what differs from the commit: `staged`, `unstaged` and `untracked`, or `unknown` alone.
    """

    commit: str
    branch: str
    dirty: list[str]


class TriggerRecord(TypedDict):
    """An event that has started a run: `type` is `run` where another's end is the event, and `id` its last task."""

    type: Literal["event", "run"]
    name: str
    id: str
    timestamp: float


class RunRecord(_Run, total=False):
    """`run.json`, written once when the run begins. Times are seconds since the epoch.

    `project` is what @project says, by the names of `current`'s properties; empty where the flow has no project.
    `tags` are the user's at that time: which the run has now, their objects say. `namespace` is what `current` says.
    `package` is the code, a tar.gz, for runs on a cluster, `sources` the Python files of others (`sources.py`).
    `origin` is the id of the run that this one resumes, `resumed_from` the step that it was asked to begin with.
    `spun_from` is the task, RUN/STEP/PATH, whose inputs a run of `spin` has. `trigger` are the events that have started
    it. `revision` is that of the code, where it is in a git repository.
    """

    project: dict[str, Any]
    system_tags: list[str]
    tags: list[str]
    namespace: str | None
    package: PackageRecord
    sources: PackageRecord
    origin: str | None
    resumed_from: str
    spun_from: str
    trigger: list[TriggerRecord]
    revision: RevisionRecord


class StatusRecord(TypedDict, total=False):
    """`status.json`, replaced as the run goes on. `failed` names the task, `message` has its error's type and text.

    A run on a cluster has failed as soon as a task has; other tasks may go on until `ended`, when none is left.
    """

    version: int
    state: RunState
    changed: float
    tasks: int
    failed: str
    message: str
    ended: float


class BeginRecord(TypedDict):
    """`PATH-N.begin.json`: attempt N has begun."""

    version: int
    began: float
    process: Process


class Frame(TypedDict):
    """One line of a traceback. `file` is relative to the root of the code package, if it is the user's own."""

    file: str
    line: int
    function: str
    text: str


class ErrorRecord(TypedDict, total=False):
    """Why an attempt failed. `frames` are the user's own, outermost first; a killed process has none.

    `note` is what differs from machine to machine, such as the peak memory. `ended_by_run`: the attempt did not fail of
    its own, since the run was interrupted or another task of its gang failed.
    """

    type: str
    message: str
    repr: str
    traceback: str
    frames: list[Frame]
    note: str
    ended_by_run: bool


class Exit(TypedDict, total=False):
    """How the process ended, as far as is known to the writer; `peak_rss` is in bytes."""

    code: int
    signal: str
    peak_rss: int


class _Count(TypedDict):
    count: int


class Fanout(_Count, total=False):
    """What a foreach fans out over: the artifact's name, the number of items and the items themselves.

    Many or large items are stored as `chunks` of `chunk` items each, so that a task reads only what it needs. A gang
    has its `count` only. `unbounded`: what it goes over says so of itself.
    """

    over: str
    unbounded: bool
    items: ArtifactRef
    chunk: int
    chunks: list[ArtifactRef]


class ParentsRecord(TypedDict):
    """The tasks before this one at one node: `path`, or with a `count` those of the items `path.0` to `path.count-1`.

    Where a switch or a loop ends an item, this names each node that may have; which one has, and in which iteration,
    their records say.
    """

    step: str
    path: str
    count: int | None


class _Attempt(TypedDict):
    version: int
    flow: str
    run: str
    step: str
    path: str
    attempt: int
    outcome: Outcome
    began: float
    ended: float
    parents: list[ParentsRecord]
    artifacts: dict[str, ArtifactRef]
    exit: Exit
    process: Process
    code: str


class OriginRecord(TypedDict):
    """The attempt, of another run of the flow, that a record was taken over from."""

    run: str
    step: str
    path: str
    attempt: int


class ReadsRecord(TypedDict, total=False):
    """What a task has looked at: `parameters`, `artifacts` that it began with, and those of the `inputs` of a join.

    They are names; `*` is all artifacts. `place` has what it asked of its place in foreach: `index`, `item`, `stack`.
    """

    parameters: list[str]
    artifacts: list[str]
    inputs: list[str]
    place: list[str]


class AttemptRecord(_Attempt, total=False):
    """One attempt of a task, written when it has ended. `superseded`: another attempt had finished before it.

    `fanout` is there if it opens a foreach or gang; `choice`, the step that a switch leads to, if it is left by one.
    `origin` says that the task was not run, but reused: its times and its process are those of then, its log is there.
    `cached` is the task whose artifacts it has because it would have done the same (`@cache`).
    `constants` are those of the flow's class, in the record of the run's first task.
    `note` tells people what the outcome does not: that the step went on after its timeout.
    `metadata` is what decorators have said of the task: `name`, `value` and `type` of each.
    """

    error: ErrorRecord
    origin: OriginRecord
    cached: OriginRecord
    reads: ReadsRecord
    fanout: Fanout
    choice: str
    superseded: bool
    constants: dict[str, ArtifactRef]
    note: str
    metadata: list[dict[str, str]]


class SpinRecord(TypedDict):
    """`spun/….json` of a run: `spin` has kept a task that needs the run in the directory `path` of `host`."""

    version: int
    host: str
    path: str
    when: float


class LeaseRecord(TypedDict):
    """`gc/sweeps/…`: what `process` collects may be deleted until then, in seconds since the epoch."""

    version: int
    until: float
    process: Process


class CardRecord(TypedDict):
    """`….data.json` beside a card: what its page was told at the latest refresh, and whether it is to reload."""

    version: int
    reload_token: str
    data: Any
    created_on: float


RECORD_VERSION = RECORDS.current
