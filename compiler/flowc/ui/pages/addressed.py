"""What the URL of a request names: an attempt, a number, and the name of a file to save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.site import BadAddress

if TYPE_CHECKING:
    from starlette.requests import Request

    from flowc.ui.site import Site
    from flowc_runtime.run.views.task_view import AttemptView

_DIGITS = 15  # a longer number is no position in any list


def is_number(text: str) -> bool:
    """Return whether a text is a number that can be a position in a list."""
    return text.isdecimal() and len(text) <= _DIGITS


def number_of(request: Request, name: str, default: int = 0) -> int:
    """Return a number in the query of a URL; a missing or empty value is the default. Raises BadAddress."""
    return parsed_number(name, request.query_params.get(name, "") or str(default))


def parsed_number(name: str, text: str) -> int:
    """Return the number that a text of the query stands for. Raises BadAddress."""
    if not is_number(text):
        raise BadAddress(f"{name}={text} is not a number")
    return int(text)


def attempt_of(site: Site, request: Request) -> AttemptView:
    """Return the view of the attempt that a URL names, whether it has begun or not. Raises PageNotFound."""
    flow, run, step, path, attempt = (request.path_params[name] for name in ("flow", "run", "step", "path", "attempt"))
    return site.run(flow, run).attempt(step, path, attempt)


def plain_name(name: str) -> str:
    """Return the name of a file with `_` for each character that headers and file systems may not take."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._") else "_" for char in name) or "file"
