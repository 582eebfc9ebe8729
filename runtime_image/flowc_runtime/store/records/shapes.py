"""The shapes of the store's JSON objects, by their kinds. The objects are checked when they are read, so that code can
rely on the types of fields.

Unlisted fields come from a later release of the same version, or from a user; they are not checked.
`tests/runtime/test_shapes.py` compares the lists with the types in `records`.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ObjectOf(NamedTuple):
    """A JSON object with required fields and optional fields."""

    required: Mapping[str, Shape]
    optional: Mapping[str, Shape] = {}


class EachOf(NamedTuple):
    """A JSON list or, if `container` is `dict`, a JSON object; all its values have the same shape."""

    container: type
    shape: Shape


class OneOf(NamedTuple):
    """A string that must be one of `words`."""

    words: tuple[str, ...]


class Between(NamedTuple):
    """A number of one of these types, at least `least` and below `most`."""

    types: tuple[type, ...]
    least: float
    most: float


class Matching(NamedTuple):
    """A string that a pattern matches completely."""

    pattern: re.Pattern[str]
    name: str


Shape: TypeAlias = "tuple[type, ...] | ObjectOf | EachOf | OneOf | Between | Matching | None"
"""A tuple of types lists the exact types: a bool is not an int. None allows any value."""
Check: TypeAlias = "Callable[[Any], bool]"

_TEXT: Final = (str,)
_OBJECT: Final = (dict,)
_TIME: Final = Between((int, float), 0, 2.5e11)  # seconds since the epoch, up to the year 9999
_COUNT: Final = Between((int,), 0, 2**63)
_NUMBER: Final = Between((int,), 1, 2**63)  # the number of an attempt
DIGEST: Final = Matching(late_pattern(r"[0-9a-f]{64}", re.ASCII), "a sha256 in hex")
_PATH: Final = Matching(late_pattern(r"0(?:[.~][0-9]+)*", re.ASCII), "an index path")
_NO: Final = type(None)

_PROCESS = ObjectOf(
    {},
    {"host": _TEXT, "pid": (int,), "started": _TEXT, "pod": _TEXT, "pod_uid": _TEXT, "node": _TEXT, "ip": _TEXT},
)
_PACKAGE = ObjectOf({"digest": DIGEST, "size": _COUNT})
_PREVIEW = ObjectOf(
    {"kind": _TEXT},
    {
        "text": _TEXT,
        "cut": (bool,),
        "shape": EachOf(list, _COUNT),
        "columns": EachOf(list, _TEXT),
        "rows": EachOf(list, EachOf(list, _TEXT)),
        "dtype": _TEXT,
        "least": (int, float),
        "most": (int, float),
        "counts": EachOf(list, _COUNT),
        "missing": _COUNT,
        "sampled": _COUNT,
        "media": _TEXT,
        "width": _COUNT,
        "height": _COUNT,
        "data": _TEXT,
    },
)
_REF = ObjectOf(
    {"digest": DIGEST, "size": _COUNT, "type": _TEXT, "codec": _TEXT, "repr": _TEXT},
    {
        "data": _TEXT,
        "batch": ObjectOf({"digest": DIGEST, "size": _COUNT, "offset": _COUNT}),
        "external": ObjectOf({"path": _TEXT, "size": _COUNT, "mtime_ns": (int,), "digest": _TEXT}),
        "pickler": ObjectOf({"name": _TEXT}, {"distribution": _TEXT}),
        "preview": _PREVIEW,
    },
)
_REFS = EachOf(dict, _REF)
_FANOUT = ObjectOf(
    {"count": _COUNT},
    {"over": _TEXT, "unbounded": (bool,), "items": _REF, "chunk": _NUMBER, "chunks": EachOf(list, _REF)},
)
_ORIGIN = ObjectOf({"run": _TEXT, "step": _TEXT, "path": _PATH, "attempt": _NUMBER})
_NAMES = EachOf(list, _TEXT)
_READS: Mapping[str, Shape] = {"parameters": _NAMES, "artifacts": _NAMES, "inputs": _NAMES, "place": _NAMES}
_METRICS = EachOf(dict, ObjectOf({"value": (int, float), "step": (int,), "time": _TIME, "count": _NUMBER}))
_ERROR = ObjectOf(
    {},
    {
        "type": _TEXT,
        "message": _TEXT,
        "repr": _TEXT,
        "traceback": _TEXT,
        "frames": EachOf(list, ObjectOf({"file": _TEXT, "line": (int,), "function": _TEXT, "text": _TEXT})),
        "note": _TEXT,
        "ended_by_run": (bool,),
    },
)

SHAPES: Mapping[str, ObjectOf] = {
    "run": ObjectOf(
        {
            "flow": _TEXT,
            "run": _TEXT,
            "created": _TIME,
            "user": _TEXT,
            "target": OneOf(("local", "argo", "stepfunctions")),
            "parameters": _OBJECT,
            "code": _TEXT,
            "process": _PROCESS,
        },
        {
            "project": _OBJECT,
            "system_tags": _NAMES,
            "tags": _NAMES,
            "namespace": (str, _NO),
            "package": _PACKAGE,
            "sources": _PACKAGE,
            "origin": (str, _NO),
            "resumed_from": _TEXT,
            "spun_from": _TEXT,
            "revision": ObjectOf({}, {"commit": _TEXT, "branch": _TEXT, "dirty": _NAMES}),
            "trigger": EachOf(
                list,
                ObjectOf({"type": OneOf(("event", "run")), "name": _TEXT, "id": _TEXT, "timestamp": (int, float)}),
            ),
        },
    ),
    "status": ObjectOf(
        {"state": OneOf(("running", "succeeded", "failed", "interrupted", "killed")), "changed": _TIME},
        {
            "tasks": _COUNT,
            "failed": _TEXT,
            "message": _TEXT,
            "ended": _TIME,
            "metrics": EachOf(dict, (int, float)),
        },
    ),
    "begin": ObjectOf({"began": _TIME, "process": _PROCESS}),
    "attempt": ObjectOf(
        {
            "flow": _TEXT,
            "run": _TEXT,
            "step": _TEXT,
            "path": _PATH,
            "attempt": _NUMBER,
            "outcome": OneOf(("ok", "caught", "failed")),
            "began": _TIME,
            "ended": _TIME,
            "parents": EachOf(list, ObjectOf({"step": _TEXT, "path": _PATH, "count": (int, _NO)})),
            "artifacts": _REFS,
            "exit": ObjectOf({}, {"code": (int,), "signal": _TEXT, "peak_rss": (int,)}),
            "process": _PROCESS,
            "code": _TEXT,
        },
        {
            "error": _ERROR,
            "origin": _ORIGIN,
            "cached": _ORIGIN,
            "reads": ObjectOf({}, _READS),
            "fanout": _FANOUT,
            "choice": _TEXT,
            "superseded": (bool,),
            "constants": _REFS,
            "note": _TEXT,
            "metadata": EachOf(list, EachOf(dict, _TEXT)),
            "files": EachOf(
                list,
                ObjectOf(
                    {"name": _TEXT, "digest": DIGEST, "size": _COUNT, "stage": OneOf(("get", "put"))},
                    {"place": _TEXT},
                ),
            ),
            "catalog": _PACKAGE,
            "mocked": (bool,),
            "metrics": _METRICS,
            "series": _PACKAGE,
        },
    ),
    "spin": ObjectOf({"host": _TEXT, "path": _TEXT, "when": _TIME}),
    "lease": ObjectOf({"until": _TIME, "process": _PROCESS}),
    "card": ObjectOf({"reload_token": _TEXT, "data": None, "created_on": _TIME}),
    "entry": ObjectOf(
        {
            "task": _ORIGIN,
            "modules": EachOf(dict, EachOf(list, _TEXT)),
            "assigned": _REFS,
            "deleted": _NAMES,
            "blobs": EachOf(list, DIGEST),
        },
        {"fanout": _FANOUT, "choice": _TEXT, "metrics": _METRICS, "series": _PACKAGE},
    ),
    "reads": ObjectOf({}, _READS),
}


def find_fault(kind: str, record: Mapping[str, object], identity: Mapping[str, object]) -> str | None:
    """Return the fault of a record, with the path of the faulty field, or None if there is no fault.

    Args:
        kind: a key of SHAPES.
        record: the record in the current version.
        identity: fields and the values that they must have, which are parts of the record's key.
    """
    shape = SHAPES[kind]
    if not _check_of(kind)(record):
        return _fault(shape, record, "")
    # If a kind has no required fields, its records may lack any single field, but a record with only unknown fields
    # besides `version` is faulty.
    if not shape.required and len(record) > 1 and record.keys().isdisjoint(shape.optional):
        return f"it has none of the fields {', '.join(shape.optional)}"
    for name, expected in identity.items():
        if record[name] != expected:
            return f"'{name}' is {record[name]!r}, not {expected!r} as in its key"
    return None


@functools.cache
def _check_of(kind: str) -> Check:
    return _check(SHAPES[kind])


def _check(shape: Shape) -> Check:
    """Return a function that checks whether a value has the shape; it is ten times faster than `_fault`.

    A program that lists runs checks tens of thousands of records, and nearly all of them have no fault.
    """
    match shape:
        case ObjectOf():
            return _check_fields(shape)
        case Matching():
            match_all = shape.pattern.fullmatch
            return lambda value: type(value) is str and match_all(value) is not None
        case Between():
            types, least, most = shape
            return lambda value: type(value) in types and least <= value < most
        case OneOf():
            return lambda value: type(value) is str and value in shape.words
        case EachOf():
            check_each = _check(shape.shape)
            if shape.container is dict:
                return lambda value: type(value) is dict and all(map(check_each, value.values()))
            return lambda value: type(value) is list and all(map(check_each, value))
        case None:
            return lambda value: True
        case types:
            return lambda value: type(value) in types


def _check_fields(shape: ObjectOf) -> Check:
    plain = [(name, inner) for name, inner in shape.required.items() if type(inner) is tuple]
    nested = [(name, _check(inner)) for name, inner in shape.required.items() if type(inner) is not tuple]
    optional = {name: _check(inner) for name, inner in shape.optional.items()}
    optional_names = optional.keys()

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        try:
            for name, types in plain:
                if type(value[name]) not in types:
                    return False
            for name, check in nested:
                if not check(value[name]):
                    return False
        except KeyError:  # the field is missing
            return False
        return all(optional[name](value[name]) for name in value.keys() & optional_names)

    return check


def _fault(shape: Shape, value: Any, place: str) -> str | None:
    kind = type(value)
    match shape:
        case ObjectOf():
            return _fault_of_fields(shape, value, place)
        case Matching():
            return None if kind is str and shape.pattern.fullmatch(value) else _not(value, place, shape.name)
        case Between():  # a NaN is outside of every range
            if kind in shape.types and shape.least <= value < shape.most:
                return None
            return _not(value, place, "a number that fits")
        case OneOf():
            if kind is str and value in shape.words:
                return None
            return _not(value, place, f"one of {', '.join(shape.words)}")
        case EachOf():
            if kind is not shape.container:
                return _not(value, place, _name(shape.container))
            entries = value.items() if kind is dict else enumerate(value)
            for at, each in entries:
                if fault := _fault(shape.shape, each, _below(place, at)):
                    return fault
            return None
        case None:
            return None
        case types:
            return None if kind in types else _not(value, place, " or ".join(map(_name, types)))


def _fault_of_fields(shape: ObjectOf, value: object, place: str) -> str | None:
    if type(value) is not dict:
        return _not(value, place, "an object")
    for name, inner in shape.required.items():
        if name not in value:
            return f"'{_below(place, name)}' is missing"
        if fault := _fault(inner, value[name], _below(place, name)):
            return fault
    for name in value.keys() & shape.optional.keys():
        if fault := _fault(shape.optional[name], value[name], _below(place, name)):
            return fault
    return None


def _below(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _not(value: object, place: str, wanted: str) -> str:
    told = repr(value) if type(value) in (str, int, float, bool, _NO) else _name(type(value))
    return f"'{place}' is {told if len(told) < 60 else f'{told[:60]}…'}, not {wanted}"


def _name(kind: type) -> str:
    return {dict: "an object", list: "a list", str: "text", _NO: "null", bool: "true or false"}.get(kind, "a number")
