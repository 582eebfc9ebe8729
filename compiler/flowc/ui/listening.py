"""The socket of the page's server. This module imports no web server, so that `flowc run --ui` can open the socket."""

from __future__ import annotations

import socket

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8325


def bind(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at an address.

    Args:
        host: the address.
        port: the port; 0 selects a free port. None selects DEFAULT_PORT or, if another program uses it, a free port.

    Raises:
        OSError: the address cannot be used, for example because another program listens there.
    """
    if port is None:
        try:
            return bind(host, DEFAULT_PORT)
        except OSError:
            return bind(host, 0)
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address of the page that a socket serves, with a slash at the end."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
