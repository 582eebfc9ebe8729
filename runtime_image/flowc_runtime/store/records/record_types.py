"""The JSON records of the store. Other programs read them: fields may be added, but keep their meaning.

An added field needs a new version of the records, which `flowc_ir.versions` lists.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from flowc_ir.versions import RECORDS
from flowc_runtime.process.process import Process

RunState: TypeAlias = Literal["running", "succeeded", "failed", "interrupted", "killed"]
Outcome: TypeAlias = Literal["ok", "caught", "failed"]
Codec: TypeAlias = Literal["pickle5", "pickle5+buffers", "plugin"]


class ExternalRecord(TypedDict):
    """The file of an artifact's reference. `mtime_ns` is only a hint that it has not changed."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class _Pickler(TypedDict):
    name: str


class PicklerRecord(_Pickler, total=False):
    """The pickler that wrote an artifact, and the distribution that has it. `name` is that of its entry point."""

    distribution: str


class _Artifact(TypedDict):
    digest: str
    size: int
    type: str
    codec: Codec
    repr: str


class ArtifactRef(_Artifact, total=False):
    """A reference to an artifact. `data` is the base64 text of the bytes of a small artifact, which has no blob.

    `external` is the external file. `pickler` is what wrote the bytes, if not pickle. A reference has no version: it
    is part of a record or a cache entry.
    """

    data: str
    external: ExternalRecord
    pickler: PicklerRecord


class _Run(TypedDict):
    version: int
    flow: str
    run: str
    created: float
    user: str
    target: Literal["local", "argo", "stepfunctions"]
    parameters: dict[str, object]
    code: str
    process: Process


class PackageRecord(TypedDict):
    """Files in the store: the digest of the blob and its size in bytes."""

    digest: str
    size: int


class RevisionRecord(TypedDict, total=False):
    """The git revision of the code. A detached head has no `branch`, a new repository no `commit`.

    `dirty` lists the changes since the commit: `staged`, `unstaged` and `untracked`, or only `unknown`.
    """

    commit: str
    branch: str
    dirty: list[str]


class TriggerRecord(TypedDict):
    """An event that has started a run. For the end of another run, `type` is `run` and `id` its last task."""

    type: Literal["event", "run"]
    name: str
    id: str
    timestamp: float


class RunRecord(_Run, total=False):
    """`run.json`, written once when the run starts. Times are seconds since the epoch.

    `project` is the project by the names of `current`'s properties; empty if the flow has none. `tags` are the user
    tags at the start; the current ones are separate objects. `namespace` is that of `current`. `package` is the code of
    a cluster run, a tar.gz; `sources` are the Python files of other runs (`sources.py`). `origin` is the id of the
    resumed run, `resumed_from` the step from which to run again. `spun_from` is the task, RUN/STEP/PATH, whose inputs a
    run of `spin` uses. `trigger` lists the events that have started the run. `revision` is the code's git revision.
    """

    project: dict[str, object]
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
    """`status.json`, replaced while the run continues. `failed` names the task, `message` its error's type and text.

    A cluster run is `failed` as soon as a task has failed; other tasks may continue until `ended`.
    """

    version: int
    state: RunState
    changed: float
    tasks: int
    failed: str
    message: str
    ended: float


class BeginRecord(TypedDict):
    """`PATH-N.begin.json`: attempt N has started."""

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
    """The failure of an attempt. `frames` are those of user code, outermost first; a killed process has none.

    `note` has details that depend on the machine, such as the peak memory. `ended_by_run`: the run ended the attempt,
    because the run was interrupted or another task of its gang failed.
    """

    type: str
    message: str
    repr: str
    traceback: str
    frames: list[Frame]
    note: str
    ended_by_run: bool


class Exit(TypedDict, total=False):
    """The end of the process, as far as the writer knows it; `peak_rss` is in bytes."""

    code: int
    signal: str
    peak_rss: int


class _Count(TypedDict):
    count: int


class Fanout(_Count, total=False):
    """The items of a foreach: the artifact's name, the number of items and the items themselves.

    Many or large items are stored as `chunks` of `chunk` items each, so that a task reads only what it needs. A gang
    has only its `count`. `unbounded`: the items come from an unbounded foreach.
    """

    over: str
    unbounded: bool
    items: ArtifactRef
    chunk: int
    chunks: list[ArtifactRef]


class ParentsRecord(TypedDict):
    """The parent tasks at one node: `path`, or with a `count` those of the items `path.0` to `path.count-1`.

    If an item can end at several nodes, with a switch or a loop, this lists all of them; the records of the tasks show
    which node ended the item, and in which iteration.
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
    """The attempt of another run from which a record was reused."""

    run: str
    step: str
    path: str
    attempt: int


class ReadsRecord(TypedDict, total=False):
    """The values that a task has read: `parameters`, initial `artifacts`, and those of the `inputs` of a join.

    They are names; `*` means all artifacts. `place` lists the read properties of its foreach: `index`, `item`, `stack`.
    """

    parameters: list[str]
    artifacts: list[str]
    inputs: list[str]
    place: list[str]


class _TaskFile(TypedDict):
    name: str
    digest: str
    size: int
    stage: Literal["get", "put"]


class TaskFileRecord(_TaskFile, total=False):
    """A file that a task got or put: its name below the data folder, and its blob.

    `place` is the path of a file that was put without a copy; it has no blob. A file that the `catalog` of a package
    keeps has no blob either; `place` is its address there.
    """

    place: str
    catalog: str


class AttemptRecord(_Attempt, total=False):
    """One attempt of a task, written when it has ended. `superseded`: another attempt finished before it.

    `fanout` exists if the task opens a foreach or gang; `choice` is the next step of a switch. `origin`: the task was
    reused; its times and process are the original ones, and its log is in the original run. `cached` is the task whose
    artifacts it uses (`@cache`). `constants` are those of the flow's class, in the record of the run's first task.
    `note` is a remark for users, such as that the step continued after its timeout. `metadata` are the facts that
    decorators have recorded: `name`, `value` and `type` of each. `files` are those that the task got and put, `catalog`
    is the JSON object with all files that tasks after it can get. `mocked`: a
    patch replaced the step's code.
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
    files: list[TaskFileRecord]
    catalog: PackageRecord
    mocked: bool


class SpinRecord(TypedDict):
    """`spun/….json` of a run: `spin` has kept a task that needs the run, in the directory `path` on `host`."""

    version: int
    host: str
    path: str
    when: float


class LeaseRecord(TypedDict):
    """`gc/sweeps/…`: `process` may delete the collected objects until this time, in seconds since the epoch."""

    version: int
    until: float
    process: Process


class CardRecord(TypedDict):
    """`….data.json` beside a card: the data of the latest refresh, and whether the page must reload."""

    version: int
    reload_token: str
    data: object
    created_on: float


RECORD_VERSION = RECORDS.current
