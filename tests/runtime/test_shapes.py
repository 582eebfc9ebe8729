"""The descriptions in `shapes` have the same fields as the records' TypedDicts, and accept only valid records."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from flowc_ir.versions import CACHE, RECORDS
from flowc_runtime.base.errors import FormatError, RecordError
from flowc_runtime.run import caching
from flowc_runtime.store.records import record_types as records
from flowc_runtime.store.records import shapes
from flowc_runtime.store.records.key_places import check, place_of
from flowc_runtime.store.records.shapes import SHAPES, ObjectOf, find_fault
from stores import STORES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES: dict[str, Any] = {
    "run": records.RunRecord,
    "status": records.StatusRecord,
    "begin": records.BeginRecord,
    "attempt": records.AttemptRecord,
    "spin": records.SpinRecord,
    "lease": records.LeaseRecord,
    "card": records.CardRecord,
    "entry": caching.CacheEntry,
    "reads": caching.ReadsEntry,
}
INNER: list[tuple[Any, ObjectOf]] = [
    (records.Process, shapes._PROCESS),
    (records.PackageRecord, shapes._PACKAGE),
    (records.ErrorRecord, shapes._ERROR),
    (records.Fanout, shapes._FANOUT),
    (records.OriginRecord, shapes._ORIGIN),
    (records.ArtifactRef, shapes._REF),
]


@pytest.mark.parametrize(("kind", "shape"), [*((TYPES[kind], SHAPES[kind]) for kind in SHAPES), *INNER])
def test_the_fields_are_those_of_the_type(kind: Any, shape: ObjectOf) -> None:
    assert {*shape.required, *shape.optional} == kind.__annotations__.keys() - {"version"} | (
        {name for base in kind.__orig_bases__ if hasattr(base, "__annotations__") for name in base.__annotations__}
        - {"version"}
        if hasattr(kind, "__orig_bases__")
        else set()
    )
    if kind is not records.StatusRecord:  # `state` is always there
        assert shape.required.keys() == kind.__required_keys__ - {"version"}


def whole() -> dict[str, tuple[str, Any]]:
    """Return one object of each kind from the golden store: kind -> (key, content)."""
    found: dict[str, tuple[str, Any]] = {}
    store = STORES[-1] / "store"
    for path in sorted(store.rglob("*")):
        key = path.relative_to(store).as_posix()
        if path.is_file() and (kind := place_of(key).kind) in SHAPES:
            record = json.loads(path.read_text())
            if kind not in found or len(record) > len(found[kind][1]):
                found[kind] = key, record
    lease = {"version": RECORDS.current, "until": 1.0, "process": {"host": "h", "pid": 1}}
    return found | {"lease": ("gc/sweeps/1-a", lease)}


WHOLE = whole()


def test_every_kind_has_an_example() -> None:
    assert WHOLE.keys() == SHAPES.keys()


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.name)
def test_whole_records_pass(store: Path) -> None:
    paths = [path for path in (store / "store").rglob("*") if path.is_file()]
    kinds = {check_one(store / "store", path) for path in paths}
    assert kinds >= {"run", "ir", "status", "begin", "attempt", "spin", "card", "tag", "entry", "reads"}


def check_one(store: Path, path: Path) -> str:
    key = path.relative_to(store).as_posix()
    place = place_of(key)
    check(key, path.read_bytes(), "here")
    assert place.kind != "unknown", key
    return place.kind


def nested() -> bytes:
    return b'{"version": 2, "flow": ' + b"[" * 200_000


def damages(key: str, record: Any) -> dict[str, bytes]:
    """Return damaged versions of a record: kind of damage -> bytes."""
    text = json.dumps(record).encode()
    wrong = {name: [[]] if isinstance(value, dict) else {"runs": 3} for name, value in record.items()}
    return {
        "empty": b"",
        "cut": text[: len(text) // 2],
        "zeros": bytes(len(text)),
        "no JSON": b"<html></html>",
        "no text": b"\xff\xfe" * 20,
        "a list": b"[1, 2]",
        "another shape": b'{"runs": 3}',
        "wrong types": json.dumps(wrong | {"version": record.get("version", 1)}).encode(),
        "nested": nested(),
        "a huge number": text.replace(b'"version"', b'"x": ' + b"9" * 5000 + b', "version"'),
    }


@pytest.mark.parametrize("damage", damages("", {"version": 1}))
@pytest.mark.parametrize("kind", SHAPES)
def test_every_damage_of_every_kind_is_one_error(kind: str, damage: str) -> None:
    key, record = WHOLE[kind]
    with pytest.raises(RecordError) as caught:
        check(key, damages(key, record)[damage], "file:///store")
    assert not isinstance(caught.value, FormatError)
    assert str(caught.value).startswith(f"{key} in file:///store (")
    assert " is damaged: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.key, caught.value.subject) == (key, place_of(key).subject)


@pytest.mark.parametrize("kind", SHAPES)
def test_what_a_newer_flowc_wrote_is_no_damage(kind: str) -> None:
    key, record = WHOLE[kind]
    newer = (CACHE if kind in ("entry", "reads") else RECORDS).current + 1
    with pytest.raises(FormatError, match="written by a newer flowc"):
        check(key, json.dumps(record | {"version": newer}).encode(), "file:///store")


def fields(shape: ObjectOf, record: Any) -> list[tuple[str, Any]]:
    return [(name, record[name]) for name in (*shape.required, *shape.optional) if name in record]


@pytest.mark.parametrize("kind", SHAPES)
def test_a_field_of_another_type_is_found(kind: str) -> None:
    _, record = WHOLE[kind]
    for name, value in fields(SHAPES[kind], record):
        if name != "data":  # the field `data` of a card may have a value of any type
            wrong = 3 if isinstance(value, str | list | dict) else "3"
            assert f"'{name}' is {wrong!r}" in (find_fault(kind, {**record, name: wrong}, {}) or "")
    for name in SHAPES[kind].required:
        lacking = {key: value for key, value in record.items() if key != name}
        assert find_fault(kind, lacking, {}) == f"'{name}' is missing"


def changed(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value; in each, one part at some depth is missing or has another value."""
    yield from (None, True, -1, 1.5, 10**20, math.nan, "", "a" * 64, "0.1", [], {}, [3], {"a": 3})
    if isinstance(value, dict):
        for name, item in value.items():
            yield {key: each for key, each in value.items() if key != name}
            yield from ({**value, name: other} for other in changed(item))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in changed(item))


@pytest.mark.parametrize("kind", SHAPES)
def test_the_quick_check_finds_the_same_faults(kind: str) -> None:
    _, record = WHOLE[kind]
    examples = [record, *changed(record)]
    found = [shapes._fault(SHAPES[kind], each, "") is None for each in examples]
    assert [shapes._check_of(kind)(each) for each in examples] == found
    assert found[0]
    assert not all(found)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1, 1e15, True, "1"])
def test_a_time_that_no_calendar_has(number: Any) -> None:
    assert find_fault("run", {**WHOLE["run"][1], "created": number}, {})


def test_what_is_inside_is_looked_at() -> None:
    _, record = WHOLE["attempt"]
    ref = {"digest": "a" * 64, "size": 1, "type": "int", "codec": "pickle5", "repr": "1"}
    for artifacts, fault in (
        ({"x": ref | {"digest": "../../etc"}}, "'artifacts.x.digest' is '../../etc', not a sha256 in hex"),
        ({"x": ref | {"size": -1}}, "'artifacts.x.size' is -1"),
        ({"x": [ref]}, "'artifacts.x' is a list, not an object"),
    ):
        assert fault in (find_fault("attempt", {**record, "artifacts": artifacts}, {}) or "")
    assert "'parents.0.path'" in (
        find_fault("attempt", {**record, "parents": [{"step": "a", "path": "1", "count": None}]}, {}) or ""
    )


def test_a_record_of_another_task_is_found() -> None:
    key, record = WHOLE["attempt"]
    with pytest.raises(RecordError, match=r"'path' is '0\.77', not '0' as in its key"):
        check(key, json.dumps({**record, "path": "0.77"}).encode(), "here")
