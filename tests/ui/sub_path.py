"""A small proxy that serves a page below a path, as nginx or an ingress does."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSED = (
    "content-type",
    "location",
    "set-cookie",
    "x-total",
    "x-more",
    "content-security-policy",
    "content-disposition",
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    seen: list[str]


@contextlib.contextmanager
def proxy(port: int, prefix: str, *, strips: bool) -> Iterator[tuple[str, list[str]]]:
    """Start a proxy in front of a server of this machine.

    Args:
        port: the port of the server.
        prefix: the path below which the proxy serves it, such as `/team/runs`.
        strips: whether the server gets the paths without the prefix.

    Yields:
        The URL of the page at the proxy, and the list of the paths that browsers have requested.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Pass a request on, and its answer back in pieces as they arrive."""
            server.seen.append(self.path)
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            path = self.path.removeprefix(prefix) if strips else self.path
            onward = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {name: self.headers[name] for name in ("Host", "Cookie", "Origin") if name in self.headers}
            try:
                onward.request("GET", path, headers=headers)
                answer = onward.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() in _PASSED:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while piece := answer.read1():
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:  # the browser or the server has closed its connection
                pass
            finally:
                onward.close()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}/", server.seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
