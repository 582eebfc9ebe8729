"""Encode values that JSON cannot represent, such as results of a config's parser, as JSON with tags.

`{"$tuple": [1, 2]}`, `{"$set": …}`, `{"$frozenset": …}`, `{"$bytes": base64}`; `{"$dict": [[key, value], …]}` if a key
is not a string or looks like a tag; `{"$pickle": [type, base64]}` for every other object. Sets are sorted.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_runtime.store.values.codecs import Encoded, unpickle
from flowc_runtime.store.values.descriptions import short_repr, type_name

if TYPE_CHECKING:
    from flowc_runtime.store.values.codecs import Finder, UserValue

_ATOMS: Final = (type(None), bool, int, float, str)
_GROUPS: Final[dict[type, str]] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_MAKE: Final[dict[str, type]] = {tag: cls for cls, tag in _GROUPS.items()}


def is_json(value: UserValue) -> bool:
    """Return whether JSON preserves the value: only dicts with string keys, lists, strings, numbers, bools, None."""
    if type(value) is dict:
        return all(type(key) is str and is_json(inner) for key, inner in value.items())
    return all(map(is_json, value)) if type(value) is list else type(value) in _ATOMS


def to_exact(value: object) -> str:
    """Return the value as JSON with tags.

    Raises:
        ArtifactError: the value contains an object that cannot be pickled.
        RecursionError: the value is nested too deeply, or contains itself.
    """
    return json_text.dumps(_tagged(value), ensure_ascii=False)


def from_exact(text: str, find: Finder | None = None) -> UserValue:
    """Return the value that JSON with tags encodes.

    Args:
        text: the result of `to_exact`.
        find: returns a class that cannot be imported, by its module and name.

    Raises:
        ArtifactError: a class is missing.
        Exception: any error of the value's classes.
    """
    return _untagged(json_text.loads(text), find)


def exact_type(text: str) -> str:
    """Return the name of the type of the value that JSON with tags encodes."""
    value = json_text.loads(text)
    if not isinstance(value, dict) or not _looks_tagged(value):
        return type(value).__name__
    ((tag, inner),) = value.items()
    return str(inner[0]) if tag == "$pickle" and isinstance(inner, list) else tag.removeprefix("$")


def without_subclasses(value: UserValue) -> UserValue:
    """Convert instances of subclasses of dict, list, str and numbers, which some parsers return, to the plain types."""
    if isinstance(value, dict):
        return {without_subclasses(key): without_subclasses(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_subclasses(inner) for inner in value]
    if type(value) is tuple:
        return tuple(map(without_subclasses, value))
    base = next((atom for atom in (bool, int, float, str) if isinstance(value, atom)), None)
    return value if base is None or type(value) is base else base(value)


def readable(value: UserValue) -> UserValue:
    """Return a JSON value that shows the value to people: tuples and sets become lists, other objects a short text."""
    if isinstance(value, dict):
        return {str(key): readable(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(readable, value), key=str)
    if isinstance(value, list | tuple):
        return [readable(inner) for inner in value]
    return value if type(value) in _ATOMS else short_repr(value)


def _tagged(value: UserValue) -> UserValue:
    cls = type(value)
    if cls in _ATOMS:
        return value
    if cls is list:
        return [_tagged(inner) for inner in value]
    if cls is dict and all(type(key) is str for key in value) and not _looks_tagged(value):
        return {key: _tagged(inner) for key, inner in value.items()}
    if cls is dict:
        return {"$dict": [[_tagged(key), _tagged(inner)] for key, inner in value.items()]}
    if cls is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if cls in _GROUPS:
        inner = [_tagged(one) for one in value]
        return {_GROUPS[cls]: inner if cls is tuple else sorted(inner, key=json_text.dumps)}
    # The pickle contains its buffers: only blobs of artifacts have buffers outside of the pickle.
    data = base64.b64encode(Encoded(value, in_band=True).stream).decode("ascii")
    return {"$pickle": [type_name(cls), data]}


def _looks_tagged(value: dict[str, UserValue]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def _untagged(value: UserValue, find: Finder | None) -> UserValue:
    if isinstance(value, list):
        return [_untagged(inner, find) for inner in value]
    if not isinstance(value, dict):
        return value
    if not _looks_tagged(value):
        return {key: _untagged(inner, find) for key, inner in value.items()}
    ((tag, inner),) = value.items()
    match tag:
        case "$dict":
            return {_untagged(key, find): _untagged(one, find) for key, one in inner}
        case "$bytes":
            return base64.b64decode(inner)
        case "$pickle":
            return unpickle(base64.b64decode(inner[1]), find=find)
        case _:
            return _MAKE[tag](_untagged(inner, find))
