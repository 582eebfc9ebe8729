"""The stream of a page's changes: one stream of server-sent events for each open page.

The server makes the page's data again at short intervals, and sends each block of the page whose HTML has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SHORTEST: Final = 0.5
"""Seconds between two looks at the store."""
LONGEST: Final = 10.0
"""Seconds between two looks if making the page takes long."""
_SHARE: Final = 4  # a page is made at most for one of this number of seconds
_SILENCE: Final = 15.0  # seconds after which a comment is sent, so that no proxy closes the stream
_PASSING: Final = re.compile(r"(<time[^>]*>)[^<]*")
"""The text of a time, such as `5 s ago`: the page's script changes it while time passes."""


def stream(blocks: Callable[[], list[tuple[str, str]] | None]) -> StreamingResponse:
    """Return the response that sends changed blocks as events with JSON: `{"id": …, "html": …}`.

    Args:
        blocks: returns the names and the HTML of the page's blocks, or None if the page no longer changes.
    """
    return StreamingResponse(
        _events(blocks),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no", "cache-control": "no-store"},
    )


async def _events(blocks: Callable[[], list[tuple[str, str]] | None]) -> AsyncIterator[str]:
    known: dict[str, bytes] = {}
    spoke = time.monotonic()
    yield "retry: 2000\n\n"
    while True:
        began = time.monotonic()
        made = await run_in_threadpool(blocks)
        if made is None:
            yield "event: end\ndata: {}\n\n"
            return
        for name, html in made:
            digest = hashlib.sha256(_PASSING.sub(r"\1", html).encode()).digest()
            if known.get(name) != digest:
                known[name] = digest
                spoke = time.monotonic()
                yield f"data: {json_text.shown({'id': name, 'html': html})}\n\n"
        if time.monotonic() - spoke > _SILENCE:
            spoke = time.monotonic()
            yield ": still here\n\n"
        took = time.monotonic() - began
        await asyncio.sleep(min(LONGEST, max(SHORTEST, took * _SHARE)))
