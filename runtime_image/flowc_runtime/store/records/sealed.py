"""Write and check records whose last field is a digest of their own text: `{"version":2,…,"digest":"abc…"}`.

The digest is the sha256 of the text without that field. The digest is checked only if it is the last field. A record
whose last field is not a digest was written by hand or by an older flowc, and is read without a check
(docs/adr/0023-sealed-records.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_ir.late.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELD: Final = "digest"
_HEAD: Final = b',"digest":"'
_TAIL: Final = b'"}'
_SIZE: Final = len(_HEAD) + 64 + len(_TAIL)
FAULT: Final = 'its text does not match its digest (if you edit a record by hand, delete its last field, "digest")'


def dump(record: Mapping[str, object]) -> bytes:
    """Return the bytes of a record for the store: compact JSON with the digest as its last field.

    Args:
        record: the record, with at least one field and without `digest`.

    Raises:
        TypeError: JSON cannot represent a part of the record.
        ValueError: the record contains itself.
    """
    text = json_text.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return text[:-1] + _HEAD + _digest(text) + _TAIL


def is_whole(data: bytes) -> bool:
    """Return False if a record ends with a digest that does not match the record's other bytes. Return True in all
    other cases, also if the record does not end with a digest."""
    if data[-_SIZE : len(_HEAD) - _SIZE] != _HEAD or not data.endswith(_TAIL):
        return True
    return _digest(data[:-_SIZE] + b"}") == data[-64 - len(_TAIL) : -len(_TAIL)]


def without_digest(data: bytes) -> bytes:
    """Return a record's bytes without the digest at their end, if they have one."""
    if data[-_SIZE : len(_HEAD) - _SIZE] != _HEAD or not data.endswith(_TAIL):
        return data
    return data[:-_SIZE] + b"}"


def _digest(text: bytes) -> bytes:
    return sha256([text]).encode()
