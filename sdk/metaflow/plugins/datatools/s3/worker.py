"""The process that talks to the store: requests on stdin, answers on stdout, until stdin ends.

An answer is an object's facts, or {"error": kind, "message": text} with a kind of `errors.BY_KIND`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from flowc.ir import json_text
from flowc_runtime.remote_errors import is_conflict, is_transient
from metaflow.plugins.datatools.s3.channel import receive, send

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA: Final = "metaflow-user-attributes"  # as Metaflow stores it: JSON, so that names keep their case
_CHUNK: Final = 8 << 20
_PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.2, 0)  # seconds between attempts to create an object
_RESERVED: Final = frozenset({"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language",
                              "Cache-Control", "Storage-Class", METADATA})  # fmt: skip


def main() -> None:
    """Serve until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints here must not break an answer
    try:
        import obstore  # noqa: F401  # only to say at once that it is missing
    except ModuleNotFoundError:
        problem: str | None = "metaflow.S3 needs obstore: pip install 'flowc[s3]'; in @pypi, add it to the packages"
    except ImportError as error:  # such as a shared library that is not there
        problem = f"metaflow.S3 needs obstore, which cannot be loaded ({error}): pip install 'flowc[s3]'"
    else:
        problem = None
    while (request := receive(requests)) is not None:
        operation, items, settings = request
        send(answers, problem or _serve(operation, items, settings))


def _serve(operation: str, items: list[dict[str, Any]], settings: dict[str, str]) -> list[dict[str, Any]] | str:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings)
    try:
        workers = int(settings.get("METAFLOW_S3_WORKER_COUNT") or 64)
        retries = int(settings.get("METAFLOW_S3_RETRY_COUNT") or 7)
    except ValueError as error:
        return f"METAFLOW_S3_WORKER_COUNT and METAFLOW_S3_RETRY_COUNT are whole numbers: {error}"
    endpoint = settings.get("METAFLOW_S3_ENDPOINT_URL") or settings.get("AWS_ENDPOINT_URL_S3")
    endpoint = endpoint or settings.get("AWS_ENDPOINT_URL")
    identity = tuple(sorted(settings.items()))
    function = _OPERATIONS[operation]

    def one(item: dict[str, Any]) -> dict[str, Any]:
        bucket, _, key = item["url"].removeprefix("s3://").partition("/")
        try:
            return function(_open(bucket, endpoint, retries, item.get("encryption"), identity), key, item)
        except Exception as error:
            return _explain(error, item["url"])

    if len(items) == 1:
        return [one(items[0])]
    with ThreadPoolExecutor(max(1, min(workers, len(items)))) as pool:
        return [*pool.map(one, items)]


@cache
def _open(bucket: str, endpoint: str | None, retries: int, encryption: str | None, _identity: object) -> Any:
    from obstore.store import S3Store

    config: Any = {}
    if endpoint:
        config["endpoint"] = endpoint
    if encryption:
        config["aws_server_side_encryption"] = encryption
    allow = (endpoint or "").startswith("http://") or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    return S3Store(
        bucket,
        config=config,
        client_options={"allow_http": allow, "connect_timeout": timedelta(seconds=10), "timeout": timedelta(hours=1)},
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=180)},
    )


# -- operations --------------------------------------------------------------------------------------------------------


def _get(store: Any, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """Fetch an object, or a part of it, into the file `path`."""
    import obstore

    offset, length = item.get("offset") or 0, item.get("length")
    options: Any = {}
    if length is not None:
        options["range"] = (offset, offset + length)
    elif offset:
        options["range"] = {"offset": offset}
    answer = obstore.get(store, key, options=options)
    with open(item["path"], "wb") as file:
        for chunk in answer.stream(min_chunk_size=_CHUNK):
            file.write(chunk)
    start, end = answer.range
    return {**_facts(answer), "path": item["path"], "size": end - start,
            "range": (answer.meta["size"], start, end - start)}  # fmt: skip


def _info(store: Any, key: str, item: dict[str, Any]) -> dict[str, Any]:
    import obstore

    return _facts(obstore.get(store, key, options={"head": True}))


def _facts(answer: Any) -> dict[str, Any]:
    attributes: dict[str, str] = dict(answer.attributes)
    metadata: dict[str, Any] = {name: value for name, value in attributes.items() if name not in _RESERVED}
    if METADATA in attributes:
        metadata = json_text.loads(attributes[METADATA])
    return {
        "size": answer.meta["size"],
        "last_modified": answer.meta["last_modified"].timestamp(),
        "content_type": attributes.get("Content-Type"),
        "metadata": metadata or None,
    }


def _put(store: Any, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """Store `data` or the file `path`; `stored` says whether it was, or was there before."""
    from pathlib import Path

    import obstore

    attributes: dict[str, str] = {}
    if item.get("content_type"):
        attributes["Content-Type"] = item["content_type"]
    if item.get("metadata"):
        attributes[METADATA] = json_text.dumps(item["metadata"])
    if not item["overwrite"] and _exists(store, key):  # spares sending what is there; the condition below decides
        return {"stored": False}
    source = item["data"] if item.get("path") is None else Path(item["path"])
    if not item["overwrite"]:
        return {"stored": _create(store, key, source, attributes)}
    obstore.put(store, key, source, attributes=attributes or None)
    return {"stored": True}


def _create(store: Any, key: str, source: Any, attributes: dict[str, str]) -> bool:
    """Store what must not be there yet; False if it is another's. Where an answer was lost, what is there decides."""
    import obstore

    for pause in _PAUSES:
        try:
            obstore.put(store, key, source, attributes=attributes or None, mode="create", use_multipart=False)
            return True
        except Exception as error:
            if not is_conflict(error) and not (is_transient(error) and pause):
                raise
        if (same := _is_there(store, key, source)) is not None:
            return same
        time.sleep(pause)
    return False  # another one is always at it


def _is_there(store: Any, key: str, source: Any) -> bool | None:
    """Whether an object has this content; None if there is none."""
    import obstore

    try:
        answer = obstore.get(store, key)
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as mine:
            return all(mine.read(len(piece)) == bytes(piece) for piece in answer.stream()) and not mine.read(1)
    except FileNotFoundError:
        return None


def _exists(store: Any, key: str) -> bool:
    import obstore

    try:
        obstore.head(store, key)
    except FileNotFoundError:
        return False
    return True


def _list(store: Any, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """The next level under a prefix that is a directory: its objects, then its further prefixes."""
    import obstore

    found = obstore.list_with_delimiter(store, key.rstrip("/") or None)
    return {
        "objects": [(entry["path"], entry["size"]) for entry in found["objects"]],
        "prefixes": [f"{prefix.rstrip('/')}/" for prefix in found["common_prefixes"]],
    }


def _list_recursive(store: Any, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """Every object under a directory; if `raw`, every object whose key begins with these letters."""
    import obstore

    directory = key.rpartition("/")[0] if item["raw"] else key
    objects: list[tuple[str, int]] = []
    if not item["raw"]:
        key = ""
    for batch in obstore.list(store, directory.rstrip("/") or None, chunk_size=1000):
        objects += [(entry["path"], entry["size"]) for entry in batch if entry["path"].startswith(key)]
        if key and batch and batch[-1]["path"] > f"{key}\U0010ffff":  # keys come in order: nothing follows
            break
    return {"objects": objects}


_OPERATIONS: dict[str, Callable[[Any, str, dict[str, Any]], dict[str, Any]]] = {
    "get": _get,
    "info": _info,
    "put": _put,
    "list": _list,
    "list_recursive": _list_recursive,
}


# -- errors ------------------------------------------------------------------------------------------------------------

_DENIED: Final = ("InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch", "AccessDenied", "403 Forbidden",
                  "401 Unauthorized", "permission", "not authenticated")  # fmt: skip


def _explain(error: Exception, url: str) -> dict[str, Any]:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    told = _told(text)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or any(word in text for word in _DENIED):
        return {"error": "denied", "message": f"{url}: access denied ({told}); look at AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL or METAFLOW_S3_ENDPOINT_URL"}  # fmt: skip
    if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
        return {"error": "missing", "message": f"{url}: no such bucket" if "NoSuchBucket" in text else url}
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"error": "disk", "message": f"no space left on the local disk for {url}"}
    if "416 Range" in text or "Range started at" in text:
        return {"error": "range", "message": f"{url} has no such range: {told}"}
    if isinstance(error, ValueError):
        return {"error": "url", "message": f"{url}: {told}"}
    return {"error": "failed", "message": f"{url}: {told}"}


def _told(text: str) -> str:
    """The part of obstore's message that a person needs."""
    if code := re.search(r"<Code>(\w+)</Code>(?:.*?<Message>(.*?)</Message>)?", text, re.DOTALL):
        return ": ".join(part for part in code.groups() if part)
    lines = text.partition("Debug source")[0].strip().splitlines()
    return lines[0][:300] if lines else "no reason given"
