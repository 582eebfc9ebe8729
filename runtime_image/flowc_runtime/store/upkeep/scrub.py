"""Remove the output of tasks from the store, for example a printed password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import NotFound
from flowc_runtime.process.logs import chunks, frame
from flowc_runtime.store.backends.local import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.backends.objects import Objects

WHEN = 32503680000.0  # the line that replaces removed output has a time in the year 3000
_MARK = "[REDACTED runtime {}]"


def scrub_log(objects: Objects, key: str, streams: Collection[Stream]) -> None:
    """Replace the output of the streams by a line that says that output was removed. A second call changes nothing.

    A log in a directory is replaced atomically, a log in a bucket chunk by chunk. If the function is interrupted, it
    must be called again.

    Args:
        objects: the store.
        key: the key of the log.
        streams: the streams to remove.

    Raises:
        StoreError: the store cannot be read or written.
    """
    if isinstance(objects, LocalObjects):
        objects.replace(key, _scrubbed(_pieces(objects, key), streams, mark=True))
        return
    names = objects.names(key)
    for number, name in enumerate(names):
        data = objects.get(f"{key}/{name}")
        objects.put(f"{key}/{name}", b"".join(_scrubbed([data], streams, mark=not number)))
    if not names:
        objects.put(f"{key}/{1:08}", b"".join(_scrubbed([], streams, mark=True)))


def _pieces(objects: Objects, key: str) -> Iterator[bytes]:
    try:
        yield from objects.pieces(key)
    except NotFound:  # an attempt without output has no log
        return


def _scrubbed(log: Iterable[bytes], streams: Collection[Stream], *, mark: bool) -> Iterator[bytes]:
    """Yield the frames of all other streams; with `mark`, first a line for each removed stream."""
    if mark:
        for stream in sorted(streams, reverse=True):
            yield frame(WHEN, stream, _MARK.format(stream).encode())
    for chunk in chunks(log):
        if chunk.stream not in streams:
            yield frame(*chunk)
