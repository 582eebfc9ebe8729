"""Renders templates: the environment of Jinja2 with the functions that the templates call."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined

from flowc import __version__
from flowc.ui import wording
from flowc.ui.ansi import ansi_html
from flowc.ui.drawing.plots import histogram, sparkline, value_histogram
from flowc.ui.page_data.run_rows import shown_value
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jinja2 import BaseLoader, Template

    from flowc.ui.site import SitePage
    from flowc_runtime.run.views.run_view import RunView

HERE: Final = Path(__file__).parent
LIVE: Final = "live_"
"""The prefix of the names of template blocks that are sent again when their content has changed."""


def _environment(*, static: bool) -> Environment:
    loader: BaseLoader = FileSystemLoader(HERE / "templates")
    if static:  # the frame of exported files takes the place of the frame of pages
        frame = (HERE / "templates" / "export_base.html").read_text("utf-8")
        loader = ChoiceLoader([DictLoader({"base.html": frame}), loader])
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        duration=wording.duration,
        moment=wording.moment,
        iso=wording.iso,
        size=wording.size,
        number=wording.number,
        shown=shown_value,
        ansi=ansi_html,
        part=quoted_part,
        encodable=wording.encodable,
    )
    made.globals.update(
        ago=_moment if static else wording.ago,
        now=time.time,
        task_id=task_id,
        sparkline=sparkline,
        histogram=histogram,
        value_histogram=value_histogram,
        query=query_text,
        version=__version__,
        duration_since=lambda began: wording.duration(time.time() - began),
    )
    # Globals, because a block that is rendered alone does not see what its template has imported.
    macros = made.get_template("macros.html").module
    names = ("state", "when", "copy", "schedule", "firing", "artifact_preview")
    made.globals.update({name: getattr(macros, name) for name in names})
    return made


def _moment(when: float | None, now: float) -> str:
    """Return a time for files, in which `5 min ago` would soon be wrong."""
    return wording.moment(when)


def quoted_part(text: str) -> str:
    """Return a name as one part of a URL's path."""
    return quote(text, safe="")


def query_text(values: Mapping[str, object], /, **changes: object) -> str:
    """Return the query of a URL, with `?`, from values and changes; empty values are left out."""
    merged = {**values, **changes}
    pairs: list[tuple[str, str]] = []
    for name, value in merged.items():
        each = value if isinstance(value, (tuple, list)) else (value,)
        pairs += [(name, str(one)) for one in each if one not in (None, "", 0)]
    return f"?{urlencode(pairs)}" if pairs else "?"


class Renderer:
    """Renders the pages of one site.

    Args:
        run_actions: returns the actions for a run; None if the page only shows.
        static: whether to render files that are read without a server, and later than they were written.
    """

    def __init__(
        self, run_actions: Callable[[RunView], Mapping[str, str]] | None = None, *, static: bool = False
    ) -> None:
        self._environment = _environment(static=static)
        self._environment.globals.update(allows_actions=run_actions is not None, run_actions=run_actions)

    def template(self, page: SitePage) -> Template:
        """Return the template of a page."""
        return self._environment.get_template(page.template)

    def text(self, page: SitePage, root: str, address: str) -> str:
        """Return the HTML of a page.

        Args:
            page: the page.
            root: the relative URL of the site's top, seen from the page.
            address: the path and the query of the page below the site's top.
        """
        return self.template(page).render(_values(page, root, address))

    def blocks(self, page: SitePage, root: str, address: str) -> Iterator[tuple[str, str]]:
        """Yield the name and the HTML of each block of the page that may change while the page is open."""
        template = self.template(page)
        context = template.new_context(_values(page, root, address))
        for name, block in template.blocks.items():
            if name.startswith(LIVE):
                yield name, "".join(block(context))


def _values(page: SitePage, root: str, address: str) -> dict[str, object]:
    return {**page.values, "title": page.title, "root": root, "address": address, "page": page}
