"""Refuses requests that do not come from the page itself, and adds the headers that limit what a page may do.

A page on this machine is reachable by every program of this machine, and by every web page that the user opens: a page
of another site may send requests, and may give its own name the address of this machine (DNS rebinding). So the names
in `Host` and `Origin` are checked. A page that other machines reach also needs a token.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flowc.ui.site import Site

COOKIE: Final = "flowc-token"
"""The beginning of the name of the cookie with the token."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names under which this machine reaches itself."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
"""The content security policy of the pages. Cards have another one, in which their own scripts run."""
PROBE: Final = "/healthz"
"""The path for probes of a cluster, which reach a pod by its address and have no token. It shows nothing."""
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # not `no-referrer`: with it, browsers send forms of the page with `Origin: null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """The outermost part of the application: checks each request before any other code sees it."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._below_prefix(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal if refusal is not None else self._app)(scope, receive, send_guarded)

    def _below_prefix(self, scope: Scope) -> Scope:
        """Return the request with its path below the site's top; a proxy may leave the prefix in the path.

        The path stays as the browser has sent it, because in a name `%2F` is not the end of a part of the path.
        """
        prefix = quote(self._site.prefix)
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        path = raw.partition(b"?")[0].decode("latin-1")
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path.removeprefix(prefix) or "/"
        return {**scope, "path": path}

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the response to a request that is refused, or None."""
        if scope["path"] == PROBE and scope["method"] in ("GET", "HEAD"):
            return None
        headers = Headers(scope=scope)
        host = _name(headers.get("host", ""))
        if self._site.hosts and host not in self._site.hosts:
            return PlainTextResponse(
                f"the name '{host}' is not a name of this page: start it with --public-url to add the name\n", 421
            )
        origin = headers.get("origin")
        changes = scope["method"] not in ("GET", "HEAD")
        if (changes or origin is not None) and not self._is_own(origin or "", headers.get("host", "")):
            return PlainTextResponse("this request does not come from the page itself\n", 403)
        if changes and self._site.actions is None:
            return PlainTextResponse(
                "this page only shows runs: `flowc ui --allow-actions` starts one that acts\n", 403
            )
        if self._site.token:
            return self._without_token(scope, headers)
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        """Return whether an origin is this page: another port of this machine is another page. Behind a proxy, the
        origin is the public name, and `Host` may be another name."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or _name(parts.netloc) in self._site.hosts - LOOPBACK

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(name == "token" and self._is_token(value) for name, value in given):
            # the token leaves the address bar, so that it is in no bookmark, history or screenshot
            here = f"./{scope['path'].rpartition('/')[2]}"
            others = [(name, value) for name, value in given if name != "token"]
            response = RedirectResponse(f"{here}?{urlencode(others)}" if others else here, 303)
            response.set_cookie(
                _cookie_name(self._site.token), self._site.token, httponly=True, samesite="strict", path="/"
            )
            return response
        if self._is_token(_cookie(headers.get("cookie", ""), _cookie_name(self._site.token))):
            return None
        return PlainTextResponse(
            "this page needs its token: open the address that `flowc ui` printed, which ends with ?token=…\n", 403
        )

    def _is_token(self, given: str) -> bool:
        """Compare in constant time, as bytes, because `compare_digest` refuses texts that are not ASCII."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._site.token.encode())


def _name(netloc: str) -> str:
    """Return the host's name without user and port, in lower case."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def _cookie_name(token: str) -> str:
    """Return the name of the cookie. Cookies of all ports of a machine are shared, so each token has its own name."""
    return f"{COOKIE}-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""
