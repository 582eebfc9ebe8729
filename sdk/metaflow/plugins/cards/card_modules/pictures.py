"""Pictures."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

from metaflow.plugins.cards.card_modules.renderer_tools import NotShownError, render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent

__all__ = ["Image"]
_DENSITY = 2  # pixels of the figure per CSS pixel, so that the picture is sharp on high-resolution screens


class Image(UserComponent):
    """A picture: PNG, JPEG, GIF or WebP as bytes, or a `data:` URI.

    >>> with open("cat.png", "rb") as file:
    ...     current.card.append(Image(file.read(), label="A cat"))

    Args:
        src: the bytes or the URI. A URL is rejected, since a card cannot send network requests.
        label: the text below the picture.
        disable_updates: whether `update` has no effect.
    """

    def __init__(self, src: bytes | str | None = None, label: str | None = None, disable_updates: bool = True) -> None:
        self._fixed = disable_updates
        self._label, self._src = label, src
        self._width: int | None = None

    @classmethod
    def from_matplotlib(cls, plot: object, label: str | None = None, disable_updates: bool = False) -> Image:
        """Return an Image with a matplotlib figure as PNG.

        Args:
            plot: the figure, or one of its axes or lines; the whole figure is shown.
            label: the text below the picture.
            disable_updates: whether `update` has no effect.

        >>> current.card.append(Image.from_matplotlib(figure, label="Loss"))
        """
        image = cls(None, label, disable_updates)
        image._draw(plot)
        return image

    @classmethod
    def from_pil_image(cls, pilimage: object, label: str | None = None, disable_updates: bool = False) -> Image:
        """Return an Image with a Pillow image as PNG."""
        image = cls(None, label, disable_updates)
        image._encode(pilimage)
        return image

    def update(self, image: object, label: str | None = None) -> None:
        """Show another picture.

        If the picture was created with `disable_updates` (the default for `Image(…)`, as in Metaflow), the picture
        stays unchanged, and the task prints a warning.

        Args:
            image: bytes, a `data:` URI, a figure of matplotlib, or an image of Pillow.
            label: the text below the picture, or None to leave the text unchanged.
        """
        if self._is_fixed():
            return
        self._label = self._label if label is None else label
        if isinstance(image, bytes | str):
            self._src, self._width, self._wrong = image, None, None
        elif hasattr(image, "save"):
            self._encode(image)
        else:
            self._draw(image)

    def _draw(self, plot: object) -> None:
        drawn: bytes | None = self._try(_drawn, plot)
        self._src, self._width = drawn, _width(drawn) // _DENSITY or None if drawn else None

    def _encode(self, image: object) -> None:
        self._src, self._width = self._try(_encoded, image), None

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        source = self._src
        if isinstance(source, bytes | bytearray | memoryview):
            source = f"data:{_image_type(bytes(source[:16]))};base64,{base64.b64encode(source).decode()}"
        elif self._wrong is None and (not isinstance(source, str) or not source.startswith("data:image/")):
            raise NotShownError(
                "an Image takes the bytes of a picture or a `data:image/…` URI: a card cannot load anything"
            )
        return self._base("image", src=source, label=self._label, width=self._width)


_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def _image_type(head: bytes) -> str:
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    raise NotShownError("these bytes are not a picture: an Image takes PNG, JPEG, GIF or WebP")


def _width(png: bytes) -> int:
    width: int = struct.unpack(">I", png[16:20])[0]
    return width


def _drawn(plot: Any) -> bytes:
    """Return a figure as PNG; for an axes or a line, the figure that contains it."""
    if not hasattr(plot, "savefig") and not hasattr(plot, "get_figure"):
        raise NotShownError(f"from_matplotlib takes a figure of matplotlib, not {type(plot).__name__}")
    figure = plot if hasattr(plot, "savefig") else plot.get_figure()
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", dpi=96 * _DENSITY)
    return out.getvalue()


def _encoded(image: Any) -> bytes:
    if not hasattr(image, "save"):
        raise NotShownError(f"from_pil_image takes an image of Pillow, not {type(image).__name__}")
    out = io.BytesIO()
    try:
        image.save(out, format="PNG")
    except OSError:  # PNG does not support the colour mode, for example CMYK
        out = io.BytesIO()
        image.convert("RGB").save(out, format="PNG")
    return out.getvalue()
