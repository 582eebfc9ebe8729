"""The previews of artifacts as pages show them. Records may come from other programs, so each field may be missing."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from flowc.ui.wording import encodable
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_runtime.store.records.record_types import ArtifactRef, PreviewRecord

_IMAGES: Final = ("image/png", "image/jpeg")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]+")
_MOST: Final = 64  # numbers, columns or rows of a preview; flowc writes fewer


class ShownPreview(NamedTuple):
    """A preview.

    Attributes:
        kind: `text`, `json`, `table`, `array` or `image`; `repr` if there is only the line in `text`.
        text: the text, or the shape and the type of an array.
        cut: whether the text is only the beginning.
        size: the numbers of rows and columns of a table, or of pixels of an image, as text.
        columns: the names of the columns of a table.
        rows: the first rows of a table.
        counts: the columns of a histogram; empty without one.
        least: the least number of the histogram.
        most: the greatest number of the histogram.
        missing: the number of elements of an array that are no finite numbers.
        sampled: the number of elements that were read; 0 if all were.
        source: the image as a URL; empty without one.
    """

    kind: str
    text: str = ""
    cut: bool = False
    size: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    counts: Sequence[int] = ()
    least: float = 0.0
    most: float = 0.0
    missing: int = 0
    sampled: int = 0
    source: str = ""


def shown_preview(ref: ArtifactRef, preview: PreviewRecord | None) -> ShownPreview:
    """Return the preview of an artifact; without one, the one-line text of its reference."""
    if preview is not None:
        kind = preview["kind"]
        shape, text = preview.get("shape", []), preview.get("text", "")
        if kind in ("text", "json"):
            return ShownPreview(kind, encodable(text), cut=preview.get("cut", False))
        if kind == "table" and shape:
            return _table(preview, shape)
        if kind == "array":
            return _array(preview, shape)
        if kind == "image":
            data, media = preview.get("data", ""), preview.get("media", "")
            source = f"data:{media};base64,{data}" if media in _IMAGES and _BASE64.fullmatch(data) else ""
            size = f"{preview.get('width', 0):,} × {preview.get('height', 0):,} pixels"
            return ShownPreview("image", size=size, source=source)
    return ShownPreview("repr", encodable(ref["repr"]))


def _table(preview: PreviewRecord, shape: Sequence[int]) -> ShownPreview:
    units = zip(shape, ("row", "column"), strict=False)
    size = ", ".join(f"{count:,} {unit}{'' if count == 1 else 's'}" for count, unit in units)
    columns = [*map(encodable, preview.get("columns", [])[:_MOST])]
    rows = [[encodable(cell) for cell in row[:_MOST]] for row in preview.get("rows", [])[:_MOST]]
    return ShownPreview("table", size=size, columns=columns, rows=rows)


def _array(preview: PreviewRecord, shape: Sequence[int]) -> ShownPreview:
    text = f"{'×'.join(map(str, shape)) or 'one element'} {encodable(preview.get('dtype', ''))}"
    shown = ShownPreview("array", text, missing=preview.get("missing", 0), sampled=preview.get("sampled", 0))
    least, most = preview.get("least", math.nan), preview.get("most", math.nan)
    if not (math.isfinite(least) and math.isfinite(most)):
        return shown
    return shown._replace(counts=preview.get("counts", [])[:_MOST], least=least, most=most)
