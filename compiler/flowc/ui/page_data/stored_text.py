"""Reads artifacts that are strings, without unpickling: the pickle of a string is the string between fixed bytes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from flowc_runtime.store.values.batches import CODEC, read_batched
from flowc_runtime.store.values.codecs import PLAIN

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef

LARGEST: Final = 64_000_000
"""The largest artifact, in bytes, that is read for a page."""
_PROTOCOL: Final = b"\x80\x05"
_FRAME: Final = b"\x95"  # followed by eight bytes with the length of the frame
_LENGTHS: Final = {b"\x8c": 1, b"X": 4, b"\x8d": 8}  # operations with a string, and the bytes of its length
_END: Final = b"\x94."  # memoize the object, return the object


def stored_text(objects: Objects, ref: ArtifactRef) -> str | None:
    """Return the text of an artifact that is a string; None if it is no string, or too large.

    Raises:
        NotFound: the artifact was deleted from the store.
        StoreError: the store cannot be read, or the bytes are damaged.
    """
    if ref["type"] != "str" or ref["size"] > LARGEST or ref["codec"] not in (PLAIN, CODEC):
        return None
    if "data" in ref:
        try:
            return text_of_pickle(base64.b64decode(ref["data"], validate=True))
        except ValueError:
            return None
    data = read_batched(objects, ref) if ref["codec"] == CODEC else objects.read_blob(ref["digest"], ref["size"])
    return text_of_pickle(data)


def text_of_pickle(data: bytes) -> str | None:
    """Return the string that a pickle contains; None if the pickle is not that of a single string."""
    at = len(_PROTOCOL)
    if data[at : at + 1] == _FRAME:
        at += 9
    width = _LENGTHS.get(data[at : at + 1])
    if width is None or not data.startswith(_PROTOCOL):
        return None
    begin = at + 1 + width
    end = begin + int.from_bytes(data[at + 1 : begin], "little")
    if data[end:] != _END:
        return None
    return data[begin:end].decode("utf-8", "replace")
