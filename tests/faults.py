"""A proxy between a store's client and the real gateway, which disturbs some of the requests."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Mode = Literal[
    # In these modes, the request does not reach the gateway.
    "busy",  # the proxy answers 503
    "reset-before",  # the proxy resets the connection
    "hang",  # the proxy never answers
    "conflict",  # the proxy answers 409, as S3 does while another writer creates the key
    # In these modes, the gateway gets the request, and its answer is changed.
    "slow",  # the answer is late
    "reset-after",  # the proxy resets the connection
    "error-after",  # the proxy answers 500
    "cut",  # the connection ends after half of the body
    "flip",  # one bit of the body is changed
    "noise",  # one byte of the body is changed, at another position each time
    "renamed",  # the ETag is not the MD5 of the content, as in a store with encryption
]
SLOW = 1.0  # the delay of slow answers, in seconds
_ANSWERS = {
    "busy": (503, "SlowDown"),
    "conflict": (409, "ConditionalRequestConflict"),
    "error-after": (500, "InternalError"),
}


class Request(NamedTuple):
    """A request.

    `target` is the path with the query; `conditional` is true for a write that must not replace an object.
    """

    method: str
    target: str
    conditional: bool

    @property
    def lists(self) -> bool:
        """Whether the request lists objects."""
        return "list-type=2" in self.target


def is_create(request: Request) -> bool:
    """Whether the request creates an object only if the object does not exist."""
    return request.conditional


def is_put(request: Request) -> bool:
    """Whether the request writes an object unconditionally."""
    return request.method == "PUT" and not request.conditional


def names(pattern: str, of: Callable[[Request], bool] = lambda request: True) -> Callable[[Request], bool]:
    """Return a function that accepts the requests whose target matches this pattern and that the function `of`
    accepts."""
    return lambda request: of(request) and re.search(pattern, request.target) is not None


@dataclass
class Faults:
    """The fault of a proxy, and the requests that get it.

    `mode` is the fault. A request that `chosen` accepts gets it with probability `rate`, until `times` requests have
    got it.

    `log` has each request, and whether it was disturbed. `url` is the URL of the proxy.
    """

    url: str
    mode: Mode | None = None
    chosen: Callable[[Request], bool] = lambda request: True
    times: int | None = 1
    rate: float = 1.0
    log: list[tuple[Request, bool]] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def begin(
        self,
        mode: Mode,
        chosen: Callable[[Request], bool] = lambda request: True,
        *,
        times: int | None = 1,
        rate: float = 1.0,
        seed: object = 1,
    ) -> None:
        """Start to disturb the requests that `chosen` accepts, up to `times` of them; None for `times` means no
        limit."""
        with self._lock:
            self.log.clear()
            self.mode, self.chosen, self.times, self.rate = mode, chosen, times, rate
            self._random = random.Random(repr(seed))

    @property
    def spoiled(self) -> list[Request]:
        """Return the requests that were disturbed since `begin`."""
        return [request for request, spoiled in self.log if spoiled]

    def environment(self, gateway: dict[str, str]) -> dict[str, str]:
        """Return the environment variables with which a client uses the proxy instead of the gateway."""
        return gateway | {"AWS_ENDPOINT_URL": self.url}

    def take(self, request: Request) -> Mode | None:
        """Decide whether a request is disturbed, and log it. Return the fault that it gets, or None."""
        with self._lock:
            hit = self.mode is not None and self.times != 0 and self.chosen(request)
            hit = hit and self._random.random() < self.rate
            if hit and self.times is not None:
                self.times -= 1
            self.log.append((request, hit))
            return self.mode if hit else None

    def wait(self, seconds: float | None = None) -> None:
        """Wait for this time, or until the proxy is closed."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """Release the requests that wait for an answer."""
        self._closed.set()


@contextlib.contextmanager
def between(upstream: str) -> Iterator[Faults]:
    """Run a proxy for the gateway at this URL; the proxy disturbs no request before `begin` is called."""
    host, _, port = upstream.removeprefix("http://").partition(":")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Do not report errors of connections that the client has closed."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while message := _read(self.rfile):
                    if not _pass_on(faults, self.connection, message, (host, int(port))):
                        return

    with Server(("127.0.0.1", 0), Handler) as server:
        faults = Faults(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield faults
        finally:
            faults.close()
            server.shutdown()


def _pass_on(faults: Faults, client: socket.socket, message: tuple[bytes, bytes], gateway: tuple[str, int]) -> bool:
    """Answer one request; return whether the connection stays open."""
    head, body = message
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
    mode = faults.take(Request(method, target, b"\nif-none-match:" in head.lower()))
    if mode == "hang":
        faults.wait()
    if mode in ("hang", "reset-before"):
        return _reset(client)
    if mode in ("busy", "conflict"):
        client.sendall(_answer(mode))
        return True
    answer = _ask(gateway, head, body)
    if mode == "slow":
        faults.wait(SLOW)
    if mode == "reset-after":
        return _reset(client)
    if mode == "error-after":
        client.sendall(_answer(mode))
        return True
    answer_head, _, content = answer.partition(b"\r\n\r\n")
    if mode == "cut":
        client.sendall(answer_head + b"\r\n\r\n" + content[: len(content) // 2])
        return False
    if mode == "flip" and content:
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]
    if mode == "noise" and content:
        at = len([each for each in faults.spoiled if each.target == target]) % len(content)
        content = content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]
    if mode == "renamed":
        answer_head = re.sub(rb'(?i)(\r\netag: *"?)[0-9a-f]{32}', rb"\g<1>" + b"0" * 32, answer_head)
    client.sendall(answer_head + b"\r\n\r\n" + content)
    return True


def _read(source: Any) -> tuple[bytes, bytes] | None:
    """Return the head and the body of a request; None if the connection has ended."""
    lines = []
    while (line := source.readline()) not in (b"\r\n", b""):
        lines.append(line.rstrip(b"\r\n"))
    if not line:
        return None
    head = b"\r\n".join(line for line in lines if not line.lower().startswith(b"connection:"))
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    return head, source.read(int(length[1])) if length else b""


def _ask(gateway: tuple[str, int], head: bytes, body: bytes) -> bytes:
    """Return the gateway's answer, with headers that keep the client's connection open."""
    answer = bytearray()
    with socket.create_connection(gateway) as upstream:
        upstream.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
        while data := upstream.recv(1 << 16):
            answer += data
    found, _, content = bytes(answer).partition(b"\r\n\r\n")
    return re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", found) + b"\r\n\r\n" + content


def _answer(mode: str) -> bytes:
    status, code = _ANSWERS[mode]
    body = f"<Error><Code>{code}</Code><Message>by the proxy</Message></Error>".encode()
    return (
        b"HTTP/1.1 %d Fault\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
    )


def _reset(client: socket.socket) -> bool:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return False
