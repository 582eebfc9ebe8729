"""Previews of images: a thumbnail of an image of Pillow, and small PNG and JPEG files."""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.record_types import PreviewRecord
    from flowc_runtime.store.values.codecs import UserValue

INLINE: Final = 1024
"""The largest size of an image file, in bytes, that a preview may contain."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the markers of JPEG that precede the size
_SIDES: Final = (28, 24, 20, 16, 12, 8)  # the longest side of a thumbnail, in pixels
_LARGEST: Final = 1 << 16  # bytes of a JPEG that are searched for its size


def of_bytes(data: bytes) -> Iterator[PreviewRecord]:
    """Yield the previews of a PNG or JPEG file: with the file, which only fits if it is small, and without it."""
    if data.startswith(_PNG):
        media, size = "image/png", _size_of_png(data)
    elif data.startswith(_JPEG):
        media, size = "image/jpeg", _size_of_jpeg(data)
    else:
        return
    if size is None:
        return
    about: PreviewRecord = {"kind": "image", "media": media, "width": size[0], "height": size[1]}
    if len(data) <= INLINE:
        yield {**about, "data": base64.b64encode(data).decode("ascii")}
    yield about


def _size_of_png(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """Return width and height from the segment of a JPEG that contains them."""
    at, end = 2, min(len(data), _LARGEST) - 9
    while at < end and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return None


def of_image(value: UserValue) -> Iterator[PreviewRecord]:
    """Yield the previews of an image of Pillow, largest first: with thumbnails, and with the size only.

    Pillow writes PNG files by plug-ins, which it would have to import; so the thumbnail is written here.
    """
    module = sys.modules.get("PIL.Image")
    if module is None or not isinstance(value, module.Image):
        return
    width, height = value.size
    about: PreviewRecord = {"kind": "image", "media": "image/png", "width": width, "height": height}
    if width and height:
        for side in _SIDES:
            scale = min(1.0, side / max(width, height))
            # the nearest pixels: the cost does not depend on the size of the image
            small = value.resize((max(1, round(width * scale)), max(1, round(height * scale))), 0).convert("RGB")
            yield {**about, "data": base64.b64encode(_png(small.size, small.tobytes())).decode("ascii")}
    yield about


def _png(size: tuple[int, int], pixels: bytes) -> bytes:
    """Return a PNG file with three bytes for each pixel; only their upper bits are kept, so that it stays small."""
    width, height = size
    coarse = bytes(byte & 0xF0 | byte >> 4 for byte in pixels)
    rows = b"".join(b"\0" + coarse[at : at + 3 * width] for at in range(0, len(coarse), 3 * width))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return _PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
