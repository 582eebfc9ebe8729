"""Taking what tasks wrote out of the store again: a password that was printed, for example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import NotFound
from flowc_runtime.process.logs import chunks, frame
from flowc_runtime.store.backends.objects import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.backends.objects import Objects

WHEN = 32503680000.0  # the year 3000: when a line was written that replaces what had been
_MARK = "[REDACTED runtime {}]"


def scrub_log(objects: Objects, key: str, streams: Collection[Stream]) -> None:
    """Replace what was written to the streams by a line that says so. Done twice, it changes nothing more.

    A local log is exchanged at once; of one in a bucket, each chunk is. Killed in between, it is to be done again.
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
    except NotFound:  # it has written nothing
        return


def _scrubbed(log: Iterable[bytes], streams: Collection[Stream], *, mark: bool) -> Iterator[bytes]:
    """The frames of the other streams; before them, if asked for, what stands for these."""
    if mark:
        for stream in sorted(streams, reverse=True):
            yield frame(WHEN, stream, _MARK.format(stream).encode())
    for chunk in chunks(log):
        if chunk.stream not in streams:
            yield frame(*chunk)
