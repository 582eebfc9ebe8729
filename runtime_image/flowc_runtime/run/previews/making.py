"""Makes the preview of an artifact, when its task stores the artifact.

A page never unpickles an artifact, so it can only show what the task has written into its record. A preview has at most
LARGEST bytes. Making it calls no code of the user, such as the `__repr__` of a class, and imports no package; if the
value contains the value of a secret of the step, there is no preview. An error never affects the task.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import StepTimeout
from flowc_runtime.run.previews.short_texts import SecretFound, ShortTexts
from flowc_runtime.store.values.descriptions import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.run.previews import arrays, images, tables
    from flowc_runtime.store.records.record_types import PreviewRecord
    from flowc_runtime.store.values.codecs import UserValue
else:  # imported at first use: most tasks store no such values
    arrays = LateModule("flowc_runtime.run.previews.arrays")
    images = LateModule("flowc_runtime.run.previews.images")
    tables = LateModule("flowc_runtime.run.previews.tables")

LARGEST: Final = 1024
"""The largest size of a preview in bytes, as part of a record."""
_TEXT: Final = 960  # characters of a text


def preview_of(value: UserValue) -> PreviewRecord | None:
    """Return the preview of a value; None if there is none for its type, or if the value contains a secret."""
    texts = ShortTexts(ambient().secrets)
    try:
        for preview in _candidates(value, texts):
            text = json_text.dumps(preview, separators=(",", ":"), ensure_ascii=False)
            if len(text.encode()) <= LARGEST:
                texts.check(text)
                return preview
    except SecretFound:
        return None
    except StepTimeout:
        raise
    except Exception:  # the value may be broken, or another thread may be changing it
        return None
    return None


def _candidates(value: UserValue, texts: ShortTexts) -> Iterator[PreviewRecord]:
    """Yield previews of a value, largest first."""
    cls = type(value)
    package = cls.__module__.partition(".")[0]
    if cls is str:
        for limit in _limits():
            yield {"kind": "text", "text": texts.short(value, limit), "cut": len(value) > limit}
    elif cls in CONTAINERS:
        for limit in _limits():
            text = texts.json(value, limit)
            yield {"kind": "json", "text": text[:limit], "cut": len(text) > limit}
    elif cls is bytes:
        texts.check(value[: images.INLINE].decode("utf-8", "surrogateescape"))
        yield from images.of_bytes(value)
    elif package not in sys.modules:
        return
    elif package in ("numpy", "torch"):
        yield from arrays.previews(value, package, texts)
    elif package in ("pandas", "polars"):
        yield from tables.previews(value, package, texts)
    elif package == "PIL":
        yield from images.of_image(value)


def _limits() -> Iterator[int]:
    """Yield numbers of characters: a character has between one and six bytes in a record."""
    limit = float(_TEXT)
    while limit > _TEXT / 8:
        yield int(limit)
        limit *= 0.8
