"""Files given to a run as parameters: kept by their content in the store, once, and read by the steps that look.

A run's record has, for such a parameter, the file's name, its digest and its size; the content is a blob as it is,
however large: it is read in parts.

To a cluster the content goes with the name (`content`, in base64), in the code package (`packed`, the digest) or ahead
to the store (`sent`, the digest), as `files/DIGEST`: no run has it yet, so it is no blob that may be collected
(`beside` says when it goes).
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.base.file_parts import FileParts
from flowc_runtime.base.given_files import lasting
from flowc_runtime.store.backends.blobs import REMEDY
from flowc_runtime.store.backends.objects import blob_key, sha256
from flowc_runtime.store.values.parameters import ParameterError, config_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.model import Flow, Parameter
    from flowc_runtime.store.backends.objects import Buffer, Objects
    from flowc_runtime.store.values.codecs import Finder

MAX_PACKED = 1 << 16  # bytes: encoded twice on its way, it is as much as one variable of a pod may hold
PACKED_DIRECTORY = ".flowc-files"  # in the code package; hidden, so that no package of the user's has it
GIVE_AGAIN = "give the file again, to a new run or to `resume`, which stores it anew; `flowc fsck` reads the rest"
_CHUNK = 1 << 20


class FileRecord(TypedDict):
    """A file as a run's record names it: `file` as it was given, and the blob of its content."""

    file: str
    digest: str
    size: int


def find_file(path: str, beside: str | None = None) -> str:
    """The path of a file, `~` expanded; a default that is not in the working directory may be beside the flow."""
    expanded = os.path.expanduser(path)
    if beside is not None and not os.path.isabs(expanded) and not os.path.exists(expanded):
        other = os.path.join(beside, expanded)
        if os.path.exists(other):
            return other
    return expanded


def check_file(path: str, encoding: str | None) -> None:
    """Read a file through, as text if it has an encoding.

    Raises:
        ParameterError: it cannot be opened, or holds what is no text in that encoding.
    """
    try:
        with open(lasting(path), "rb") as file:
            if encoding is None:
                file.read(1)
                return
            decoder = codecs.getincrementaldecoder(encoding)()
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except OSError as error:
        raise ParameterError(f"could not open file '{path}' for reading: {error.strerror}") from None
    except UnicodeDecodeError as error:
        message = f"file '{path}' is not text in {encoding}: {error.reason}; name its encoding=, or say is_text=False"
        raise ParameterError(message) from None


def size_of(path: str) -> int:
    """Return how many bytes a file that people name has. Raises OSError."""
    return os.stat(lasting(path)).st_size


def store_file(objects: Objects, path: str) -> FileRecord:
    """Store a file's content once. Raises StoreError, OSError."""
    if asked := getattr(objects, "store_file", None):  # what asks another process to store
        record: FileRecord = asked(lasting(path))
        return {**record, "file": path}
    with open(lasting(path), "rb") as file:
        content = FileParts(file.fileno(), path)
        return FileRecord(file=path, digest=_store_whole(objects, content, content.nbytes), size=content.nbytes)


def store_again(objects: Objects, record: FileRecord) -> bool:
    """Store a run's file anew if it still has the content that it had then; else False. Raises StoreError."""
    try:
        with open(lasting(record["file"]), "rb") as file:
            if os.fstat(file.fileno()).st_size != record["size"] or _digest(file) != record["digest"]:
                return False
        return store_file(objects, record["file"])["digest"] == record["digest"]
    except OSError:
        return False


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _store_whole(objects: Objects, content: Sequence[Buffer], size: int) -> str:
    """Store content as a blob. No step makes it anew, so what has its name already is read, and replaced if damaged."""
    digest = sha256(content)
    _set_damaged_aside(objects, blob_key(digest), digest, size)
    return objects.create_blob(content)


def _set_damaged_aside(objects: Objects, key: str, digest: str, size: int) -> None:
    if objects.exists(key, size):
        with suppress(Damaged, NotFound):  # it was collected since
            objects.map_blob(digest, size, key=key)


def pack(path: str) -> dict[str, str]:
    """A file as it is passed to a cluster, among the arguments of a run: its name and content.

    Raises:
        OSError: it cannot be read.
    """
    with open(lasting(path), "rb") as file:
        return {"file": path, "content": base64.b64encode(file.read()).decode("ascii")}


def send_file(objects: Objects | None, path: str) -> dict[str, Any]:
    """Send a file ahead to the store of a cluster's runs, once; without a store only say how it would be named.

    Raises StoreError, OSError.
    """
    with open(lasting(path), "rb") as file:
        content = FileParts(file.fileno(), path)
        return {"file": path, "sent": _send(objects, content), "size": content.nbytes}


def _send(objects: Objects | None, content: FileParts) -> str:
    digest = sha256(content)
    # A collection looks at the age of what is there, and may delete it between two looks.
    key, size = _sent_key(digest), content.nbytes
    if objects is not None:
        _set_damaged_aside(objects, key, digest, size)
    while objects is not None and not objects.refresh(key, size):
        if not objects.create(key, content) and objects.exists(key) and not objects.exists(key, size):  # it was cut
            objects.put(key, b"".join(content))
    return digest


def _sent_key(digest: str) -> str:
    return f"files/{digest}"


def store_files(
    objects: Objects, parameters: Sequence[Parameter], values: Mapping[str, Any], code: str | None = None
) -> dict[str, Any]:
    """A run's values with every file, given by its path or as it was sent, stored and named by its record.

    `code` is the directory of the code package, where there is one. Raises StoreError, OSError.
    """
    stored = dict(values)
    for parameter in parameters:
        value = stored.get(parameter.name)
        if parameter.type != "file" or value is None:
            continue
        if isinstance(value, str):
            stored[parameter.name] = store_file(objects, value)
        elif "packed" in value:
            record = store_file(objects, f"{code}/{PACKED_DIRECTORY}/{value['packed']}")
            if record["digest"] != value["packed"]:
                what = f"expected sha256 {value['packed'][:12]}…, found sha256 {record['digest'][:12]}…"
                raise Damaged(f"file '{value['file']}' is damaged in the code package: {what}; deploy the flow again")
            stored[parameter.name] = {**record, "file": value["file"]}
        elif "digest" not in value:  # else it is stored already, by the run that is resumed
            content = _content(objects, value)
            digest = _store_whole(objects, [content], len(content))
            stored[parameter.name] = FileRecord(file=value["file"], digest=digest, size=len(content))
    return stored


def _content(objects: Objects, value: Mapping[str, Any]) -> bytes | memoryview:
    if "sent" not in value:
        return base64.b64decode(value["content"])
    try:
        objects.refresh(_sent_key(value["sent"]))  # `gc` deletes what has not been used for long
        return objects.map_blob(value["sent"], value.get("size"), key=_sent_key(value["sent"]))
    except NotFound as error:
        message = (
            f"file '{value['file']}', which was sent to the store ahead of the run, is gone: deploy the flow again"
        )
        raise NotFound(f"{message} ({error})") from error


def seen_values(
    objects: Objects, flow: Flow, recorded: Mapping[str, Any], find: Finder | None = None
) -> dict[str, Any]:
    """A run's parameters and configs by what its steps call them, from its IR and record; without parsers of files.

    `find` as in `codecs.unpickle`.
    """
    found: dict[str, Any] = {}
    for parameter in flow.parameters:
        value = recorded.get(parameter.name)
        if parameter.type == "file" and value is not None:
            value = read_file(objects, value, parameter.encoding)
        elif parameter.multiple and value is not None:
            value = tuple(value)
        found[parameter.attribute or parameter.name] = value
    values = config_values(flow.configs, find)
    return found | {config.attribute or config.name: values[config.name] for config in flow.configs}


def read_file(objects: Objects, record: FileRecord, encoding: str | None) -> str | bytes:
    """The content: bytes, or text with each line's end as `\\n`, as Python reads text.

    Raises UnicodeDecodeError, Damaged, NotFound.
    """
    try:
        content = objects.read_blob(record["digest"], record["size"], once=True)
    except Damaged as error:
        raise Damaged(f"file '{record['file']}': {str(error).replace(REMEDY, GIVE_AGAIN)}") from None
    if encoding is None:
        return content
    text = codecs.decode(content, encoding)
    return io.StringIO(text, newline=None).read() if "\r" in text else text
