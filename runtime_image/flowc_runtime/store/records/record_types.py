"""The types of the store's JSON records. Other programs read the records: fields may be added, but the meaning of a
field never changes.

An added field needs a new version of the records; `flowc_ir.versions` lists all versions.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from flowc_ir.late.typeddict import TypedDict
from flowc_ir.versions import RECORDS
from flowc_runtime.process.process import Process

RunState: TypeAlias = Literal["running", "succeeded", "failed", "interrupted", "killed"]
Outcome: TypeAlias = Literal["ok", "caught", "failed"]
Codec: TypeAlias = Literal["pickle5", "pickle5+batch", "pickle5+buffers", "plugin"]


class ExternalRecord(TypedDict):
    """An external file in an artifact's reference. An equal `mtime_ns` is only a hint that the file is unchanged."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class _Pickler(TypedDict):
    name: str


class PicklerRecord(_Pickler, total=False):
    """The pickler that wrote an artifact: the name of its entry point, and the distribution that contains the
    pickler."""

    distribution: str


class BatchRecord(TypedDict):
    """The batch that contains an artifact (`flowc_runtime.store.values.batches`), and the offset of the artifact."""

    digest: str
    size: int
    offset: int


class _Preview(TypedDict):
    kind: Literal["text", "json", "table", "array", "image"]


class PreviewRecord(_Preview, total=False):
    """A preview of an artifact, made by its task; at most 1 kB (`flowc_runtime.run.previews`).

    `text` and `json` have a `text`, and `cut` if the text is only the beginning. A `table` has its `shape`, and texts
    of its first `columns` and `rows`. An `array` has `shape` and `dtype`; `counts` are the columns of a histogram from
    `least` to `most`, `missing` is the number of elements that are no finite numbers, and `sampled` the number of
    elements that were read, if not all were. An `image` has `width` and `height` in pixels, its type `media`, and
    `data`: the base64 text of the image or of a thumbnail.
    """

    text: str
    cut: bool
    shape: list[int]
    columns: list[str]
    rows: list[list[str]]
    dtype: str
    least: float
    most: float
    counts: list[int]
    missing: int
    sampled: int
    media: str
    width: int
    height: int
    data: str


class _Artifact(TypedDict):
    digest: str
    size: int
    type: str
    codec: Codec
    repr: str


class ArtifactRef(_Artifact, total=False):
    """A reference to an artifact. `data` is the base64 text of the bytes of a small artifact, which has no blob.
    `batch` is the blob that contains the artifact together with other artifacts.

    `external` is the external file, if the artifact is an external file. `pickler` is the pickler that wrote the bytes,
    if it was not pickle. A reference has no version, because it is part of a record or a cache entry. `preview` exists
    only in the record of the task that made the artifact, and if it shows more than `repr`.
    """

    data: str
    batch: BatchRecord
    external: ExternalRecord
    pickler: PicklerRecord
    preview: PreviewRecord


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
    """A blob, such as one that contains files: its digest, and its size in bytes."""

    digest: str
    size: int


class RevisionRecord(TypedDict, total=False):
    """The git revision of the code. `branch` is missing for a detached head, and `commit` for a repository without
    commits.

    `dirty` lists the changes since the commit: `staged`, `unstaged` and `untracked`, or only `unknown`.
    """

    commit: str
    branch: str
    dirty: list[str]


class TriggerRecord(TypedDict):
    """An event that has started a run.

    If the end of another run started this run, `type` is `run`, and `id` is the last task of the other run.
    """

    type: Literal["event", "run"]
    name: str
    id: str
    timestamp: float


class RunRecord(_Run, total=False):
    """`run.json`, written once when the run starts. Times are seconds since the epoch.

    `project` contains the properties of `current` that describe the project, such as `project_name`; it is empty if the
    flow has no project. `tags` are the user tags at the start; the current tags are separate objects. `namespace` is
    the value of `current.namespace`. `package` is the code of a cluster run as a tar.gz; `sources` are the Python files
    of a local run (`sources.py`). `origin` is the id of the resumed run, and `resumed_from` the step from which tasks
    run again. `spun_from` is the task, RUN/STEP/PATH, whose inputs a run of `spin` uses. `trigger` lists the events
    that have started the run. `revision` is the code's git revision.
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
    """`status.json`, replaced while the run continues.

    `failed` is the failed task, `message` the type and text of its error. A cluster run is `failed` as soon as a task
    has failed; other tasks may continue until the time `ended`. `metrics` contains the last value of each metric that
    tasks outside of foreaches have recorded, by name.
    """

    version: int
    state: RunState
    changed: float
    tasks: int
    failed: str
    message: str
    ended: float
    metrics: dict[str, int | float]


class BeginRecord(TypedDict):
    """The record `PATH-N.begin.json`: attempt N of the task at PATH has started."""

    version: int
    began: float
    process: Process


class Frame(TypedDict):
    """One line of a traceback. The `file` of user code is relative to the root of the code package."""

    file: str
    line: int
    function: str
    text: str


class ErrorRecord(TypedDict, total=False):
    """The failure of an attempt, in its record. `frames` are the frames of user code, outermost first; a killed process
    has none.

    `note` contains details that depend on the machine, such as the peak memory. `ended_by_run`: the run stopped the
    attempt, because the run was interrupted or another task of its gang failed.
    """

    type: str
    message: str
    repr: str
    traceback: str
    frames: list[Frame]
    note: str
    ended_by_run: bool


class Exit(TypedDict, total=False):
    """The end of the process, as far as the writer of the record knows it; `peak_rss` is in bytes."""

    code: int
    signal: str
    peak_rss: int


class _Count(TypedDict):
    count: int


class Fanout(_Count, total=False):
    """The items of a foreach: the name of the artifact (`over`), the number of items, and the items.

    Large lists of items are split into chunks, which are listed in `chunks`, so that a task reads only the chunk that
    contains its item. The number `chunk` is the number of items in each chunk; the last chunk may have fewer. The
    record of a gang only contains `count`. If `unbounded` is true, the foreach is unbounded.
    """

    over: str
    unbounded: bool
    items: ArtifactRef
    chunk: int
    chunks: list[ArtifactRef]


class ParentsRecord(TypedDict):
    """The parent tasks at one node: the task at `path` or, with a `count`, the tasks at `path.0` to `path.count-1`.

    If an item can end at several nodes, because of a switch or a loop, there is one ParentsRecord for each of these
    nodes. The records of the tasks show at which of these nodes, and in which iteration of a loop, an item ended.
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
    """The names of values that a task has read: `parameters`, inherited `artifacts`, artifacts of a join's `inputs`.

    `*` means all artifacts. `place` lists the properties of the foreach that the task has read: `index`, `item`,
    `stack`.
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
    """A file that a task has read (`get`) or stored (`put`): its name below the data folder, and its blob.

    `place` is the path of a file that was stored without a copy and therefore has no blob. A file that a plugin's
    `catalog` keeps has no blob either; `place` is then the file's address in the catalog.
    """

    place: str
    catalog: str


class MetricRecord(TypedDict):
    """A metric of a task: its last value with step and time (seconds since the epoch), and the number of points."""

    value: int | float
    step: int
    time: float
    count: int


class AttemptRecord(_Attempt, total=False):
    """One attempt of a task, written when it has ended. `superseded`: another attempt finished before this attempt.

    `fanout` exists if the task opens a foreach or gang; `choice` is the next step of a switch. `origin` exists if the
    task was reused from another run: the times and the process then belong to the original attempt, and its log is in
    the original run. `cached` is the task whose artifacts this task uses (`@cache`). `constants` are the constants of
    the flow's class, in the record of the run's first task. `note` is a remark for users, such as that the step
    continued after its timeout. `metadata` are entries that decorators have added, each with `name`, `value` and
    `type`. `files` are the files that the task has read and stored; `catalog` is the blob, in JSON, with all files that
    following tasks can read. `mocked`: a patch replaced the step's code. `metrics` are the metrics that the task has
    recorded; `series` is the blob, in JSON, with all points of metrics that have more than one point.
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
    metrics: dict[str, MetricRecord]
    series: PackageRecord


class SpinRecord(TypedDict):
    """The object `spun/….json` of a run: the directory `path` on the machine `host` contains a task of `spin` that
    needs this run."""

    version: int
    host: str
    path: str
    when: float


class LeaseRecord(TypedDict):
    """The object `gc/sweeps/…`: the garbage collection in the process `process` may delete objects until the time
    `until`, in seconds since the epoch."""

    version: int
    until: float
    process: Process


class CardRecord(TypedDict):
    """The object `….data.json` beside a card: the data of the card's latest refresh, and a token that changes when the
    page must reload."""

    version: int
    reload_token: str
    data: object
    created_on: float


RECORD_VERSION = RECORDS.current
