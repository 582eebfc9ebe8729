"""Store and read the files that are the values of a run's parameters of type `file`. A step that accesses the parameter
gets the file's content. The run's record contains only the file's name, digest and size. The store keeps each content
once, as a blob without any encoding. A file is stored in parts, so its size is not limited.

A run on a cluster gets the content in one of three ways: together with the name (`content`, in base64), from the code
package (`packed`, the digest), or from an object `files/DIGEST` that was stored before the run (`sent`, the digest).
The object `files/DIGEST` is not a blob, because garbage collection would delete a blob that no run references yet. The
module `beside` describes when the objects below `files/` are deleted.
"""

from __future__ import annotations

import base64
import codecs
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.base.file_parts import FileParts
from flowc_runtime.base.input_files import lasting
from flowc_runtime.store.backends.blobs import REMEDY
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values.parameters import ParameterError, config_values

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Mapping, Sequence

    from flowc_ir.model import Flow, Parameter
    from flowc_runtime.store.backends.objects import Buffer, Objects
    from flowc_runtime.store.values.codecs import Finder
    from flowc_runtime.store.values.parameters import Value
else:  # imported at first use, because the import costs start-up time
    hashlib = LateModule("hashlib")

MAX_PACKED = 1 << 16  # Bytes: after two encodings, a larger file would not fit into an environment variable of a pod.
PACKED_DIRECTORY = ".flowc-files"  # A directory of the code package, with a name that no Python package can have.
GIVE_AGAIN = (
    "pass the file again to a new run or to `resume`, which then stores it; check the other objects with `flowc fsck`"
)
_CHUNK = 1 << 20


class FileRecord(TypedDict):
    """A file in a run's record: `file` is the path as the user wrote it, `digest` and `size` are those of the blob."""

    file: str
    digest: str
    size: int


def find_file(path: str, beside: str | None = None) -> str:
    """Return the path of a file with `~` expanded.

    Args:
        path: the path as the user wrote it.
        beside: the directory in which a relative path is looked up if the working directory has no such file.
    """
    expanded = os.path.expanduser(path)
    if beside is not None and not os.path.isabs(expanded) and not os.path.exists(expanded):
        other = os.path.join(beside, expanded)
        if os.path.exists(other):
            return other
    return expanded


def check_file(path: str, encoding: str | None) -> None:
    """Check that a file can be read; with an encoding, also check that the whole file is text in this encoding.

    Args:
        path: the path of the file.
        encoding: the encoding of the file's text, or None for bytes.

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
    """Store a file's content as a blob; return the file's record.

    Raises:
        StoreError: the store cannot be written.
        OSError: the file cannot be read.
    """
    if (agent := objects.agent_process) is not None:
        record = cast("FileRecord", agent.store_file(lasting(path)))
        return {**record, "file": path}
    with open(lasting(path), "rb") as file:
        content = FileParts(file.fileno(), path)
        return FileRecord(file=path, digest=_store_whole(objects, content, content.nbytes), size=content.nbytes)


def store_again(objects: Objects, record: FileRecord) -> bool:
    """Store a run's file again if the file still has the recorded content; return whether the content is the same.

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
    """Store content as a blob; return its digest. An existing blob is checked, and replaced if it is damaged.

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
    """Return a file as an argument of a cluster run: its name (`file`), and its content in base64 (`content`).

    Raises:
        OSError: the file cannot be read.
    """
    with open(lasting(path), "rb") as file:
        return {"file": path, "content": base64.b64encode(file.read()).decode("ascii")}


def send_file(objects: Objects | None, path: str) -> dict[str, Value]:
    """Store a file before the runs on a cluster that use it; return the argument that refers to the file.

    Args:
        objects: the store; None stores nothing and only returns the argument.
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
    # This is a loop, because garbage collection may delete the old object between two of the calls.
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
        values: the values, by the parameter's name; a file is a path, or the result of `pack` or `send_file`.
        code: the directory of the code package, if there is one.

    Raises:
        Damaged: a file in the code package or in the store does not match its digest.
        NotFound: a file that was sent to the store was deleted.
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
        elif "digest" not in value:  # a file with a `digest` is stored already, by the resumed run
            content = _content(objects, value)
            digest = _store_whole(objects, [content], len(content))
            stored[parameter.name] = FileRecord(file=value["file"], digest=digest, size=len(content))
    return stored


def _content(objects: Objects, value: Mapping[str, Value]) -> bytes | memoryview:
    if "sent" not in value:
        return base64.b64decode(value["content"])
    try:
        # `gc` deletes files that were not used for a long time, so renew the file's time
        objects.refresh(_sent_key(value["sent"]))
        return objects.map_blob(value["sent"], value.get("size"), key=_sent_key(value["sent"]))
    except NotFound as error:
        message = (
            f"file '{value['file']}', which was sent to the store ahead of the run, is gone: deploy the flow again"
        )
        raise NotFound(f"{message} ({error})") from error


def seen_values(
    objects: Objects, flow: Flow, recorded: Mapping[str, Value], find: Finder | None = None
) -> dict[str, Value]:
    """Return the values of a run's parameters and configs by attribute name, without running user-defined parsers.

    Args:
        objects: the store.
        flow: the flow.
        recorded: the values in the run's record, by the parameters' names.
        find: returns a class that cannot be imported, as in `codecs.unpickle`.

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
    r"""Return the content of a recorded file: bytes, or text in which every line end is `
    `.

        Args:
            objects: the store.
            record: the record of the file.
            encoding: the encoding of the text, or None for bytes.

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
