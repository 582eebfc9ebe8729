"""The HTML page of a card. The page is self-contained, and its content security policy forbids all network requests."""

from __future__ import annotations

import functools
import os
from html import escape

_ASSETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
# The permissions of the frame that shows a card: a link opens a separate page outside the frame.
SANDBOX = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
TOKEN = "[METAFLOW_RELOAD_TOKEN]"


def page(title: str, body: str, *, vega: bool = False) -> str:
    """Return the self-contained HTML page of a card, with a content security policy that forbids all network requests.

    Args:
        title: plain text, which is escaped.
        body: HTML.
        vega: whether to include the library Vega, which draws charts (0.8 MB). Vega compiles expressions, so the policy
            of a page with Vega allows `eval`.
    """
    scripts = f"{asset('vega.min.js')}</script>\n<script>{asset('vega-lite.min.js')}</script>\n<script>" if vega else ""
    evaluate = " 'unsafe-eval'" if vega else ""
    policy = (
        "default-src 'none'; img-src data:; media-src data:; font-src data:; style-src 'unsafe-inline'; "
        f"script-src 'unsafe-inline'{evaluate}"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{asset("card.css")}</style>
</head>
<body>
<main id="card">
{body}
</main>
<script>var METAFLOW_RELOAD_TOKEN = "{TOKEN}";</script>
<script>{scripts}
{asset("card.js")}</script>
</body>
</html>
"""


@functools.cache
def asset(name: str) -> str:
    """Return the text of a file of this package."""
    with open(os.path.join(_ASSETS, name), encoding="utf-8") as file:
        return file.read()
