"""Makes SVG elements with escaped texts. Elements have classes and no style attributes, which the page's content
security policy forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from flowc.targets.pictures.svg import number_text

if TYPE_CHECKING:
    from collections.abc import Iterable


def element(name: str, *inside: str, **attributes: object) -> Markup:
    """Return an element. An attribute that is None is left out; `_` at the end of a name is removed, and other `_`
    become `-`. The strings inside are escaped, except for `Markup`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = "".join(str(escape(each)) for each in inside)
    return Markup(f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>")


def _shown(value: object) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def drawing(
    width: float,
    height: float,
    label: str,
    parts: Iterable[Markup],
    kind: str,
    *,
    fits: bool = True,
    links: bool = False,
) -> Markup:
    """Return an SVG picture.

    Args:
        width: the width of the picture in its own units.
        height: the height of the picture.
        label: the text for screen readers.
        parts: the elements.
        kind: the classes of the picture.
        fits: whether the picture becomes as wide as the page; else it has its own size.
        links: whether the picture contains links, which screen readers then reach.
    """
    size = {} if fits else {"width": float(width), "height": float(height)}
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {number_text(width)} {number_text(height)}",
        role="group" if links else "img",
        aria_label=label,
        class_=kind,
        **size,
    )
