"""The formats of stored objects: their versions, the changes in each version, and the check of versions
(docs/adr/0010-versions.md).

If a field is added or removed or gets another type, the format gets a new version, whose `adds` or `drops` lists the
field. `tests/ir/test_versions.py` compares these lists with the fields of the Python classes. A type that several kinds
of objects contain, such as a reference to an artifact, belongs to the format of each of these kinds. The digest at the
end of a record does not depend on the version; `flowc_runtime.store.records.sealed` checks it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias, final

from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_ir.json_text import Json

    Upgrade: TypeAlias = Callable[[str, dict[str, Json]], dict[str, Json]]


class SchemaError(ValueError):
    """An object has no known version, or has a wrong field; the message has the path, such as `nodes[3].next`."""


@final
class NewerError(SchemaError):
    """A newer flowc wrote the object, in a version that this flowc cannot read. The message is the rest of a sentence
    that begins with "X was": "written by a newer flowc …"."""

    def __init__(self, name: str, found: int, known: int) -> None:
        super().__init__(
            f"written by a newer flowc ({name} of version {found}; this flowc reads up to {known}): "
            "upgrade flowc, `pip install -U flowc`"
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FormatVersion:
    """One version of a format, and how it differs from the version before.

    Attributes:
        adds: the fields that are new or have another type, as `Type.field: type`.
        drops: the removed fields, as `Type.field`.
        upgrade: a function that converts an object of the previous version to this version; it gets the object's kind
            and the object. The function is needed if a field gets another name or meaning, or if a new field has no
            default.
        released: whether a release of flowc writes this version; a released version never changes.
    """

    number: int
    adds: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    upgrade: Upgrade | None = None
    released: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The format of one or more kinds of objects.

    `key` is the name of the field in which an object has its version number. `versions` lists the versions that this
    flowc reads, oldest first; flowc writes the last one. Objects of the kinds in `unnumbered` contain no version number
    if they have the oldest version. Since the version `marks`, `{"$float": …}` is read as a number (see `json_text`);
    in earlier versions it is an ordinary dict of a user's data.
    """

    name: str
    key: str
    versions: tuple[FormatVersion, ...]
    unnumbered: frozenset[str] = frozenset()
    marks: int = 0

    @property
    def current(self) -> int:
        """Return the version that this flowc writes."""
        return self.versions[-1].number

    def check(self, kind: str, number: object) -> int:
        """Return the number of an object's version.

        Args:
            kind: the kind of the object, such as `attempt`; it matters only for `unnumbered` kinds.
            number: the value of the object's field `key`; None if the object does not have this field.

        Raises:
            NewerError: a newer flowc wrote the object.
            SchemaError: the number is not a version of this format.
        """
        oldest = self.versions[0].number
        if number is None and kind in self.unnumbered:
            return oldest
        if number is None:
            raise SchemaError(f"'{self.key}' is missing: the version of its format, such as {self.current}")
        if type(number) is not int or number < oldest:  # not `isinstance`, because True is an int
            raise SchemaError(f"'{self.key}' is {number!r}, not the version of its format, such as {self.current}")
        if number > self.current:
            raise NewerError(self.name, number, self.current)
        return number

    def parse(self, text: str | bytes) -> Json:
        """Parse the JSON of an object of any version and return its value.

        Raises:
            ValueError: the text is not JSON.
        """
        value = json_text.loads(text)
        if json_text.is_plain(text):
            return value
        number = value.get(self.key) if isinstance(value, dict) else None
        return value if type(number) is int and number >= self.marks else json_text.plain(text)

    def read(self, kind: str, data: object) -> dict[str, Json]:
        """Convert an object of a known version to the current version, and return it.

        Args:
            kind: the kind of the object, such as `attempt`.
            data: the parsed JSON; its fields are not checked.

        Raises:
            NewerError: a newer flowc wrote the object.
            SchemaError: the data is not an object, or has no version of this format.
        """
        if not isinstance(data, dict):
            raise SchemaError(f"an object, not {type(data).__name__}")
        number = self.check(kind, data.get(self.key))
        for version in self.versions:
            if version.number > number and version.upgrade is not None:
                data = version.upgrade(kind, data)
        return {**data, self.key: self.current}


_TEXTS: Final = frozenset({"attributes", "default", "options", "value", "with_decorators"})
"""The fields of version 1 of the IR that contain JSON as text."""


def _mark_numbers(_: str, flow: dict[str, Json]) -> dict[str, Json]:
    """Escape users' dicts of the form `{"$float": …}`, because later versions of the IR read this form as a number."""
    return _marked_fields(flow, texts=False)


def _marked_fields(part: dict[str, Json], *, texts: bool) -> dict[str, Json]:
    return {  # the keys of `environment` are names of users' variables, not of fields
        key: item if key == "environment" else _marked(item, texts=texts or key in _TEXTS) for key, item in part.items()
    }


def _marked(part: Json, *, texts: bool) -> Json:
    match part:
        case dict():
            return _marked_fields(part, texts=texts)
        case list():
            return [_marked(item, texts=texts) for item in part]
        case str() if texts and not json_text.is_plain(part):
            with suppress(ValueError):  # not every `value` is JSON: a toleration's `value` is plain text
                return json_text.dumps(json_text.plain(part), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return part


IR = Format(
    name="IR",
    key="flowc",
    versions=(
        FormatVersion(number=1, released=True),
        FormatVersion(
            number=2,
            adds=(
                "Node.run: Function | Merge | Method | Notebook | Shell | Stub",
                "Node.info: null | str",
                "Node.elsewhere: list[str]",
                "Flow.elsewhere: list[str]",
                "Parameter.converted: bool",
                "Parameter.type: 'any' | 'bool' | 'file' | 'float' | 'int' | 'json' | 'str'",
                "Function.module: str",
                "Function.name: str",
                "Notebook.file: str",
                "Shell.command: str",
                "Config.exact: str",
                "Foreach.item: str",
                "Switch.default: null | str",
                "Switch.loop: LoopLimit | null",
                "LoopLimit.iterations: int",
                "LoopLimit.index: str",
                "Function.returns: list[Return]",
                "Function.end_event: str",
                "Notebook.returns: list[Return]",
                "Shell.returns: list[Return]",
                "Return.name: str",
                "Return.kind: 'json' | 'metric' | 'pickled'",
                "Reducer.name: str",
                "Reducer.function: Function",
                "Merge.reducers: list[Reducer]",
                "Node.files: StepFiles | null",
                "StepFiles.get: list[str]",
                "StepFiles.put: list[str]",
                "StepFiles.copy: bool",
                "StepFiles.folder: str",
                "Node.override: str",
                "Resources.assumed: list[str]",
            ),
            upgrade=_mark_numbers,
        ),
    ),
)

_ARTIFACT_REFERENCES: Final = (
    "ArtifactRef.codec: 'pickle5' | 'pickle5+batch' | 'pickle5+buffers' | 'plugin'",
    "ArtifactRef.batch: BatchRecord",
    "BatchRecord.digest: str",
    "BatchRecord.size: int",
    "BatchRecord.offset: int",
    "ArtifactRef.pickler: PicklerRecord",
    "PicklerRecord.name: str",
    "PicklerRecord.distribution: str",
    "ArtifactRef.preview: PreviewRecord",
    "PreviewRecord.kind: 'array' | 'image' | 'json' | 'table' | 'text'",
    "PreviewRecord.text: str",
    "PreviewRecord.cut: bool",
    "PreviewRecord.shape: list[int]",
    "PreviewRecord.columns: list[str]",
    "PreviewRecord.rows: list[list[str]]",
    "PreviewRecord.dtype: str",
    "PreviewRecord.least: float",
    "PreviewRecord.most: float",
    "PreviewRecord.counts: list[int]",
    "PreviewRecord.missing: int",
    "PreviewRecord.sampled: int",
    "PreviewRecord.media: str",
    "PreviewRecord.width: int",
    "PreviewRecord.height: int",
    "PreviewRecord.data: str",
)
"""The fields of references to artifacts, which records and cache entries have added in the same way."""

RECORDS = Format(
    name="records",
    key="version",
    versions=(
        FormatVersion(number=1, released=True),
        FormatVersion(
            number=2,
            adds=(
                "AttemptRecord.note: str",
                "ErrorRecord.ended_by_run: bool",
                "RunRecord.sources: PackageRecord",
                "RunRecord.revision: RevisionRecord",
                "RunRecord.target: 'argo' | 'local' | 'stepfunctions'",
                "RevisionRecord.commit: str",
                "RevisionRecord.branch: str",
                "RevisionRecord.dirty: list[str]",
                "AttemptRecord.metadata: list[dict[str, str]]",
                "AttemptRecord.files: list[TaskFileRecord]",
                "AttemptRecord.catalog: PackageRecord",
                "TaskFileRecord.name: str",
                "TaskFileRecord.digest: str",
                "TaskFileRecord.size: int",
                "TaskFileRecord.stage: 'get' | 'put'",
                "TaskFileRecord.place: str",
                "TaskFileRecord.catalog: str",
                "AttemptRecord.mocked: bool",
                *_ARTIFACT_REFERENCES,
                "AttemptRecord.metrics: dict[str, MetricRecord]",
                "AttemptRecord.series: PackageRecord",
                "MetricRecord.value: float | int",
                "MetricRecord.step: int",
                "MetricRecord.time: float",
                "MetricRecord.count: int",
                "StatusRecord.metrics: dict[str, float | int]",
                "StatusRecord.version: int",
                "SpinRecord.version: int",
                "LeaseRecord.version: int",
                "CardRecord.version: int",
            ),
        ),
    ),
    unnumbered=frozenset({"status", "spin", "lease", "card"}),
    marks=2,
)

CACHE = Format(
    name="cache entries",
    key="version",
    versions=(
        FormatVersion(number=2, released=True),
        FormatVersion(
            number=3,
            adds=(
                "ReadsEntry.version: int",
                *_ARTIFACT_REFERENCES,
                "CacheEntry.metrics: dict[str, MetricRecord]",
                "CacheEntry.series: PackageRecord",
                "MetricRecord.value: float | int",
                "MetricRecord.step: int",
                "MetricRecord.time: float",
                "MetricRecord.count: int",
                "PackageRecord.digest: str",
                "PackageRecord.size: int",
            ),
        ),
    ),
    unnumbered=frozenset({"reads"}),
    marks=3,
)

MANIFESTS = Format(
    name="manifests",
    key="flowc.dev/version",
    versions=(
        FormatVersion(number=1, released=True),
        FormatVersion(number=2, adds=("annotation flowc.dev/version",)),
    ),
    unnumbered=frozenset({"manifest"}),
)

FORMATS = (IR, RECORDS, CACHE, MANIFESTS)
