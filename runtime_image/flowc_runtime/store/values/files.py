"""Files that are parameters of a run. The store keeps each content once; steps read it when they access the parameter.

For such a parameter, a run's record has the file's name, digest and size. The content is stored as a blob without any
encoding. It is read in parts, so its size is not limited.

The content reaches a cluster in one of three ways: beside the name (`content`, in base64), in the code package
(`packed`, the digest), or in the store ahead of the run (`sent`, the digest), as `files/DIGEST`. It is not a blob
there, since no run refers to it yet and a collection would delete it (`beside` says when it is deleted).
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.base.file_parts import FileParts
from flowc_runtime.base.input_files import lasting
from flowc_runtime.store.backends.blobs import REMEDY
from flowc_runtime.store.backends.objects import blob_key, sha256
from flowc_runtime.store.values.parameters import ParameterError, config_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.model import Flow, Parameter
    from flowc_runtime.store.backends.objects import Buffer, Objects
    from flowc_runtime.store.values.codecs import Finder
    from flowc_runtime.store.values.parameters import Value

MAX_PACKED = 1 << 16  # bytes: after two encodings, the most that one variable of a pod can contain
PACKED_DIRECTORY = ".flowc-files"  # in the code package; hidden, so that no user package has the name
GIVE_AGAIN = "pass the file again to a new run or to `resume`, which stores it again; check the rest with `flowc fsck`"
_CHUNK = 1 << 20


class FileRecord(TypedDict):
    """A file in a run's record: `file` is the path as the user wrote it, `digest` and `size` name the blob."""

    file: str
    digest: str
    size: int


def find_file(path: str, beside: str | None = None) -> str:
    """Return the path of a file with `~` expanded.

    Args:
        path: the path as the user wrote it.
        beside: the directory in which a relative path is also looked up if the file is missing.
    """
    expanded = os.path.expanduser(path)
    if beside is not None and not os.path.isabs(expanded) and not os.path.exists(expanded):
        other = os.path.join(beside, expanded)
        if os.path.exists(other):
            return other
    return expanded


def check_file(path: str, encoding: str | None) -> None:
    """Check that a file can be read; with an encoding, read all of it as text.

    Args:
        path: the path of the file.
        encoding: the encoding of its text; None for bytes.

    Raises:
        ParameterError: the file cannot be opened, or is not text in that encoding.
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
        message = f"file '{path}' is not text in {encoding}: {error.reason}; pass its encoding=, or is_text=False"
        raise ParameterError(message) from None


def size_of(path: str) -> int:
    """Return the size in bytes of a file or of a pipe's content.

    Raises:
        OSError: the file cannot be read.
    """
    return os.stat(lasting(path)).st_size


def store_file(objects: Objects, path: str) -> FileRecord:
    """Store a file's content once; return its record.

    Raises:
        StoreError: the store cannot be written.
        OSError: the file cannot be read.
    """
    if asked := getattr(objects, "store_file", None):  # what asks another process to store
        record: FileRecord = asked(lasting(path))
        return {**record, "file": path}
    with open(lasting(path), "rb") as file:
        content = FileParts(file.fileno(), path)
        return FileRecord(file=path, digest=_store_whole(objects, content, content.nbytes), size=content.nbytes)


def store_again(objects: Objects, record: FileRecord) -> bool:
    """Store a run's file again if it still has the recorded content; return whether it has.

    Raises:
        StoreError: the store cannot be written.
    """
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
    """Store content as a blob; return its digest. An existing blob is checked, and replaced if damaged.

    No step can compute the content of a file again, so a damaged blob must not remain.
    """
    digest = sha256(content)
    _set_damaged_aside(objects, blob_key(digest), digest, size)
    return objects.create_blob(content)


def _set_damaged_aside(objects: Objects, key: str, digest: str, size: int) -> None:
    if objects.exists(key, size):
        with suppress(Damaged, NotFound):  # collected meanwhile
            objects.map_blob(digest, size, key=key)


def pack(path: str) -> dict[str, str]:
    """Return a file as an argument of a run on a cluster: its name (`file`), and its content in base64 (`content`).

    Raises:
        OSError: the file cannot be read.
    """
    with open(lasting(path), "rb") as file:
        return {"file": path, "content": base64.b64encode(file.read()).decode("ascii")}


def send_file(objects: Objects | None, path: str) -> dict[str, Value]:
    """Store a file, once, ahead of a cluster's runs; return the argument that names it.

    Args:
        objects: the store; None only names the file.
        path: the path of the file.

    Returns:
        A dictionary with the keys `file`, `sent` (the digest) and `size` in bytes.

    Raises:
        StoreError: the store cannot be written.
        OSError: the file cannot be read.
    """
    with open(lasting(path), "rb") as file:
        content = FileParts(file.fileno(), path)
        return {"file": path, "sent": _send(objects, content), "size": content.nbytes}


def _send(objects: Objects | None, content: FileParts) -> str:
    digest = sha256(content)
    # A collection deletes old objects, perhaps between two of these calls.
    key, size = _sent_key(digest), content.nbytes
    if objects is not None:
        _set_damaged_aside(objects, key, digest, size)
    while objects is not None and not objects.refresh(key, size):
        if not objects.create(key, content) and objects.exists(key) and not objects.exists(key, size):  # incomplete
            objects.put(key, b"".join(content))
    return digest


def _sent_key(digest: str) -> str:
    return f"files/{digest}"


def store_files(
    objects: Objects, parameters: Sequence[Parameter], values: Mapping[str, Value], code: str | None = None
) -> dict[str, Value]:
    """Store all files among a run's values; return the values with a FileRecord in place of each file.

    Args:
        objects: the store.
        parameters: the flow's parameters.
        values: by the parameter's name; a file is a path, or a dictionary of `pack` or `send_file`.
        code: the directory of the code package, if there is one.

    Raises:
        Damaged: a file in the code package or in the store does not match its digest.
        NotFound: a file that was sent to the store is gone.
        StoreError: the store cannot be read or written.
        OSError: a file cannot be read.
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
        elif "digest" not in value:  # otherwise the resumed run has stored it
            content = _content(objects, value)
            digest = _store_whole(objects, [content], len(content))
            stored[parameter.name] = FileRecord(file=value["file"], digest=digest, size=len(content))
    return stored


def _content(objects: Objects, value: Mapping[str, Value]) -> bytes | memoryview:
    if "sent" not in value:
        return base64.b64decode(value["content"])
    try:
        objects.refresh(_sent_key(value["sent"]))  # `gc` deletes files that were not used for long
        return objects.map_blob(value["sent"], value.get("size"), key=_sent_key(value["sent"]))
    except NotFound as error:
        message = (
            f"file '{value['file']}', which was sent to the store ahead of the run, is gone: deploy the flow again"
        )
        raise NotFound(f"{message} ({error})") from error


def seen_values(
    objects: Objects, flow: Flow, recorded: Mapping[str, Value], find: Finder | None = None
) -> dict[str, Value]:
    """Return a run's parameters and configs by their attribute names, from its IR and record, without running parsers.

    Args:
        objects: the store.
        flow: the flow.
        recorded: the values in the run's record, by the parameters' names.
        find: finds classes, as in `codecs.unpickle`.

    Raises:
        Damaged: the content of a file does not match its digest.
        NotFound: the content of a file is missing.
        UnicodeDecodeError: a file is not text in its encoding.
    """
    found: dict[str, Value] = {}
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
    r"""Return the content of a recorded file: bytes, or text with each line's end as `\n`.

    Args:
        objects: the store.
        record: the file.
        encoding: the encoding of the text; None for bytes.

    Raises:
        UnicodeDecodeError: the content is not text in this encoding.
        Damaged: the content does not match its digest.
        NotFound: the content is missing.
    """
    try:
        content = objects.read_blob(record["digest"], record["size"], once=True)
    except Damaged as error:
        raise Damaged(f"file '{record['file']}': {str(error).replace(REMEDY, GIVE_AGAIN)}") from None
    if encoding is None:
        return content
    text = codecs.decode(content, encoding)
    return io.StringIO(text, newline=None).read() if "\r" in text else text
