"""The targets `mermaid`, `dot` and `svg`: pictures of a flow, made from its IR alone. These targets do not run
flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from flowc.targets.pictures.dot import dot_text
from flowc.targets.pictures.mermaid import mermaid_text
from flowc.targets.pictures.picture import FlowPicture, picture_of
from flowc.targets.pictures.svg import svg_text
from flowc.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.package import Package
    from flowc_ir.graphs.analysis import Analysis

    PictureTarget: TypeAlias = Target[None, FlowPicture]


def _no_settings(values: Mapping[str, object]) -> None:
    """Return None, because pictures have no settings."""


def _lower(analysis: Analysis, package: Package, settings: None) -> FlowPicture:
    return picture_of(analysis)


def _target(
    name: str, about: str, emit: Callable[[FlowPicture], str], what_next: Callable[[str, None], str]
) -> PictureTarget:
    return Target(name=name, about=about, settings=_no_settings, lower=_lower, emit=emit, what_next=what_next)


MERMAID: Final = _target(
    "mermaid",
    "Draw FLOW as a flowchart for Mermaid, which GitHub and other tools show in Markdown.",
    mermaid_text,
    lambda path, settings: "",
)
DOT: Final = _target(
    "dot",
    "Draw FLOW as a graph for Graphviz.",
    dot_text,
    lambda path, settings: f"dot -Tpdf -O {path}",
)
SVG: Final = _target(
    "svg",
    "Draw FLOW as an SVG file, in light or dark colours as the reader prefers.",
    svg_text,
    lambda path, settings: "",
)
