"""The page of a card, for a frame in which the card's code reaches nothing else.

A card is HTML that a task made, so its code is not trusted. The response says `sandbox` without `allow-same-origin`:
even if somebody opens the card's URL itself, the card has an origin of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse

from flowc.ui.pages.addressed import attempt_of
from flowc.ui.site import missing
from metaflow.plugins.cards._page import SANDBOX
from metaflow.plugins.cards._store import find, read

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from flowc.ui.rendering import Renderer
    from flowc.ui.site import Site

POLICY: Final = f"sandbox {SANDBOX}; frame-ancestors 'self'"
"""The content security policy of a card."""


def card_file(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return the HTML of a card of an attempt."""
    attempt = attempt_of(site, request)
    store = attempt.records.store
    found = find(store, attempt.step, attempt.path, attempt.number, attempt.record, follow=True)
    for card in found.files:
        if card.name == request.path_params["name"]:
            return HTMLResponse(read(found.run.objects, card.key), headers={"content-security-policy": POLICY})
    missing(f"this attempt has no card {request.path_params['name']}")
