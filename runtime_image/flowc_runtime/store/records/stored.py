"""Parse the JSON objects of the store, with the same checks of version and shape for all kinds."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from flowc_ir import targets
from flowc_ir.schema import loads
from flowc_ir.versions import NewerError
from flowc_runtime.base.errors import DamagedRecord, FormatError, NotFound
from flowc_runtime.store.records import sealed, shapes
from flowc_runtime.store.records.tags import name_of, tag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_ir import Flow
    from flowc_ir.versions import Format
    from flowc_runtime.store.backends.objects import Objects

_NOBODY: Mapping[str, object] = {}


def parse(
    format: Format,
    kind: str,
    data: bytes,
    *,
    key: str,
    url: str,
    subject: str,
    identity: Mapping[str, object] = _NOBODY,
) -> Any:
    """Parse an object of the store, check it, and return it in the current version of its format.

    Args:
        format: the format, with its versions.
        kind: a key of `shapes.SHAPES`.
        data: the object's bytes.
        key: the object's key, for errors.
        url: the address of the store, for errors.
        subject: the object's description, such as `run Flow/1`.
        identity: fields and the values that the object's key requires. If the object has other values in these fields,
            another program has written the object.

    Raises:
        FormatError: the object was written by a newer flowc.
        DamagedRecord: the object is damaged.
    """
    if not data:
        raise damaged("it is empty", key, url, subject)
    if not sealed.is_whole(data):
        raise damaged(sealed.FAULT, key, url, subject)
    try:
        record = format.read(kind, format.parse(data))
    except NewerError as error:
        raise FormatError(f"{subject} was {error}", key, subject) from error
    except ValueError as error:
        raise damaged(str(error), key, url, subject) from error
    except RecursionError:
        raise damaged("it is nested too deeply", key, url, subject) from None
    record.pop(sealed.FIELD, None)
    if fault := shapes.find_fault(kind, record, identity):
        raise damaged(fault, key, url, subject)
    return record


def damaged(why: str, key: str, url: str, subject: str) -> DamagedRecord:
    """Return the error of an object that is damaged.

    Args:
        why: the fault.
        key: the object's key.
        url: the address of the store.
        subject: the object's description, such as `run Flow/1`.
    """
    from flowc_runtime.base.config.whereabouts import command_on  # imported here, because only errors need it

    fsck = command_on(url, "flowc", "fsck")
    message = f"{key} in {url} ({subject}) is damaged: {why}; restore it from a copy, or list what is lost: {fsck}"
    return DamagedRecord(message, key, subject, why)


def parse_flow(data: bytes, *, key: str, url: str, subject: str) -> Flow:
    """Parse an IR in the store, and return the flow.

    Args:
        data: the object's bytes.
        key: the object's key, for errors.
        url: the address of the store, for errors.
        subject: the description of the object's run.

    Raises:
        FormatError: a newer flowc wrote the IR.
        DamagedRecord: the flow is damaged, or leads to a step that it does not have.
    """
    try:
        flow = _loads(data)
    except NewerError as error:
        raise FormatError(f"{subject} was {error}", key, subject) from error
    except ValueError as error:
        raise damaged(str(error) if data else "it is empty", key, url, subject) from error
    except RecursionError:
        raise damaged("it is nested too deeply", key, url, subject) from None
    if lost := _lost_steps(flow):
        raise damaged(f"it has no step '{min(lost)}'", key, url, subject)
    return flow


@functools.lru_cache(maxsize=4)
def _loads(data: bytes) -> Flow:
    """Parse an IR. The result is cached, because a program that reads many runs of a flow parses the same IR again and
    again."""
    return loads(data.decode())


def _lost_steps(flow: Flow) -> set[str]:
    """Return the names of steps that a flow's graph references but does not contain."""
    named = {flow.start, *(target for node in flow.nodes for target in targets(node.next))}
    return (named | {node.joins for node in flow.nodes if node.joins is not None}) - {node.id for node in flow.nodes}


def parse_tag(name: str, read: Callable[[], bytes], *, key: str, url: str, subject: str) -> str:
    """Return the tag that an object represents.

    Args:
        name: the object's name.
        read: returns the object's bytes; called only for tags that do not fit into a name.
        key: the object's key, for errors.
        url: the address of the store, for errors.
        subject: the description of the object's run.

    Raises:
        DamagedRecord: the object's content is not text, or does not match its name.
    """
    try:
        tag = tag_of(name, read)
    except UnicodeDecodeError as error:
        raise damaged(f"its tag is not text: {error}", key, url, subject) from error
    if name_of(tag)[0] != name:
        raise damaged("its name does not match its tag", key, url, subject)
    return tag


def tag_at(objects: Objects, key: str, name: str, subject: str) -> str | None:
    """Return the tag that an object represents, or None if the tag was just removed or the object is not a tag. Raises
    RecordError."""
    if not name or "/" in name:
        return None
    try:
        return parse_tag(name, lambda: objects.get(key), key=key, url=objects.url, subject=subject)
    except NotFound:
        return None
