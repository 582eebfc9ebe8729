"""Records with a digest of their own text, which stands at its end: `{"version":2,…,"digest":"abc…"}`.

The digest is the sha256 of the text without that field. It is checked where it stands so. A text that is written in
another way, by a person or an older flowc, is read as it is (docs/adr/0023-sealed-records.md).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELD: Final = "digest"
_HEAD: Final = b',"digest":"'
_TAIL: Final = b'"}'
_SIZE: Final = len(_HEAD) + 64 + len(_TAIL)
FAULT: Final = 'its text is not that of its digest (who edits a record by hand deletes its last field, "digest")'


def dump(record: Mapping[str, Any]) -> bytes:
    """Return a record as its bytes in the store; it has fields."""
    text = json_text.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return text[:-1] + _HEAD + _digest(text) + _TAIL


def is_whole(data: bytes) -> bool:
    """Return whether a record's bytes are those that were written, as far as they say so."""
    if data[-_SIZE : len(_HEAD) - _SIZE] != _HEAD or not data.endswith(_TAIL):
        return True
    return _digest(data[:-_SIZE] + b"}") == data[-64 - len(_TAIL) : -len(_TAIL)]


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()
