"""The operations of the worker on the store. Lost requests are sent again, and damaged content is fetched again."""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.remote.creating import creation
from flowc_runtime.store.backends.remote.errors import Lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import obstore

    from flowc_runtime.store.backends.remote.asking import Asker

    Operation: TypeAlias = Callable[[Asker, str, dict[str, Any]], dict[str, Any]]
else:
    # imported at first use, because the package is optional, and a process that has used it must not fork
    obstore = LateModule("obstore")

# the key of an object's attributes under which Metaflow stores metadata, as JSON to preserve upper and lower case
METADATA: Final = "metaflow-user-attributes"
_CHUNK: Final = 8 << 20
_LARGE: Final = 1 << 17  # bytes; larger objects are sent with a check that the transfer makes progress
_PART: Final = 5 << 20  # minimum size, in bytes, of a part of a large object
_PARTS: Final = 9000
_WHOLE: Final = 3600.0  # seconds that sending an object in one request may take, as long as the store responds
_PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.2, 0)  # seconds between attempts to create an object
_MD5: Final = late_pattern(r'"?([0-9a-f]{32})"?')
_RESERVED: Final = frozenset({"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language",
                              "Cache-Control", "Storage-Class", METADATA})  # fmt: skip
_other_tags: set[str] = set()  # buckets whose ETags are not the MD5 of the content, because of KMS encryption


def _get(asker: Asker, key: str, item: dict[str, object]) -> dict[str, object]:
    """Fetch an object or a range into the file `path`.

    If the MD5 of the received object differs from the object's ETag, fetch the object once more.
    """
    whole = item.get("length") is None and not item.get("offset")

    def fetch() -> tuple[dict[str, Any], str, str]:
        return asker.ask(lambda client: _fetch(client, key, item), key)

    answer, digest, expected = fetch()
    if not whole or not expected or digest == expected or asker.url in _other_tags:
        return answer
    answer, again, expected = fetch()
    if again == digest:
        _other_tags.add(asker.url)
    elif again != expected:
        raise StoreError("its content was damaged twice, differently each time: check the network and this machine")
    return answer


def _fetch(client: Any, key: str, item: dict[str, Any]) -> tuple[dict[str, object], str, str]:
    """Fetch an object; return its properties, the MD5 of the received bytes, and the MD5 in the ETag, if any."""
    offset, length = item.get("offset") or 0, item.get("length")
    options: Any = {}
    if length is not None:
        options["range"] = (offset, offset + length)
    elif offset:
        options["range"] = {"offset": offset}
    answer = obstore.get(client, key, options=options)
    named = _MD5.fullmatch(answer.meta["e_tag"] or "")
    digest = hashlib.md5(usedforsecurity=False)
    with open(item["path"], "wb") as file:
        for chunk in answer.stream(min_chunk_size=_CHUNK):
            if named:
                digest.update(chunk)
            file.write(chunk)
    start, end = answer.range
    facts = {**_facts(answer), "path": item["path"], "size": end - start,
             "range": (answer.meta["size"], start, end - start)}  # fmt: skip
    return facts, digest.hexdigest(), named[1] if named else ""


def _info(asker: Asker, key: str, item: dict[str, object]) -> dict[str, Any]:
    return asker.ask(lambda client: _facts(obstore.get(client, key, options={"head": True})), key)


def _facts(answer: Any) -> dict[str, object]:
    attributes: dict[str, str] = dict(answer.attributes)
    metadata: dict[str, Any] = {name: value for name, value in attributes.items() if name not in _RESERVED}
    if METADATA in attributes:
        metadata = json_text.mapping(attributes[METADATA])
    return {
        "size": answer.meta["size"],
        "last_modified": answer.meta["last_modified"].timestamp(),
        "content_type": attributes.get("Content-Type"),
        "metadata": metadata or None,
    }


def _put(asker: Asker, key: str, item: dict[str, Any]) -> dict[str, object]:
    """Store `data` or the file `path`.

    `stored` in the answer is False if the object existed and was not overwritten.
    """
    attributes: dict[str, str] = {}
    if item.get("content_type"):
        attributes["Content-Type"] = item["content_type"]
    if item.get("metadata"):
        attributes[METADATA] = json_text.dumps(item["metadata"])
    # If the object exists, this check avoids sending the content. Another process may create the object after the
    # check; the condition in the request below then fails.
    if not item["overwrite"] and _exists(asker, key):
        return {"stored": False}
    source = item["data"] if item.get("path") is None else Path(item["path"])
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    if not item["overwrite"]:
        return {"stored": _create(asker, key, source, size, attributes)}
    _send(asker, key, source, size, attributes)
    return {"stored": True}


def _send(asker: Asker, key: str, source: Any, size: int, attributes: dict[str, str]) -> None:
    def request(client: Any) -> None:
        try:
            part = max(_PART, -(-size // _PARTS))
            obstore.put(client, key, source, attributes=attributes or None, chunk_size=part)
        except FileNotFoundError as error:
            if "NoSuchUpload" not in str(error):
                raise
            # obstore has repeated the request that completes the upload, because the first response was lost: the first
            # request may have stored the object.
            if not _has(client, key, source):
                raise Lost("the upload was lost") from error

    if size <= _LARGE:
        asker.ask(request, key)
    else:
        asker.send(request, key, size)


def _create(asker: Asker, key: str, source: Any, size: int, attributes: dict[str, str]) -> bool:
    """Create an object; return False if another object has the key.

    If the response to a request is lost, compare the stored content to decide whether the request created the object.
    """

    def put(client: Any) -> None:
        obstore.put(client, key, source, attributes=attributes or None, mode="create", use_multipart=False)

    def same(client: Any) -> bool | None:
        return _has(client, key, source)

    request = creation(put, same, same)
    for pause in _PAUSES:
        created = asker.ask(request, key) if size <= _LARGE else asker.send(request, key, size, limit=_WHOLE)
        if created is not None:
            return created
        time.sleep(pause)
    return False  # in each attempt, another writer was creating the object


def _has(client: Any, key: str, source: Any) -> bool | None:
    """Compare the stored object with this content: True if they are equal, False if they differ, None if no object has
    the key."""
    try:
        answer = obstore.get(client, key)
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as mine:
            return all(mine.read(len(piece)) == bytes(piece) for piece in answer.stream()) and not mine.read(1)
    except FileNotFoundError:
        return None


def _exists(asker: Asker, key: str) -> bool:
    try:
        asker.ask(lambda client: obstore.head(client, key), key)
    except NotFound:
        return False
    return True


def _list(asker: Asker, key: str, item: dict[str, object]) -> dict[str, object]:
    """Return the objects and the sub-directories directly below a directory."""
    listing = asker.ask(lambda client: obstore.list_with_delimiter(client, key.rstrip("/") or None), key)
    return {
        "objects": [(entry["path"], entry["size"]) for entry in listing["objects"]],
        "prefixes": [f"{prefix.rstrip('/')}/" for prefix in listing["common_prefixes"]],
    }


def _list_recursive(asker: Asker, key: str, item: dict[str, object]) -> dict[str, object]:
    """Return all objects below a directory. With `raw`, return all objects whose key begins with the given text."""
    directory = key.rpartition("/")[0] if item["raw"] else key
    start = key if item["raw"] else ""
    return {"objects": asker.ask(lambda client: _entries(client, directory, start), key)}


def _entries(client: Any, directory: str, start: str) -> list[tuple[str, int]]:
    objects: list[tuple[str, int]] = []
    for batch in obstore.list(client, directory.rstrip("/") or None, chunk_size=1000):
        objects += [(entry["path"], entry["size"]) for entry in batch if entry["path"].startswith(start)]
        if start and batch and batch[-1]["path"] > f"{start}\U0010ffff":  # the list is sorted, so no later key matches
            break
    return objects


OPERATIONS: dict[str, Operation] = {
    "get": _get,
    "info": _info,
    "put": _put,
    "list": _list,
    "list_recursive": _list_recursive,
}
