"""A client of the Debug Adapter Protocol, like an editor: it controls sessions with debugpy over loopback."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from project import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self

_SECONDS = 100


def _connected(port: int) -> socket.socket:
    """Connect to a port on which an adapter will soon listen; return the connection."""
    found: list[socket.socket] = []

    def connects() -> bool:
        with suppress(ConnectionRefusedError):
            found.append(socket.create_connection(("127.0.0.1", port), timeout=_SECONDS))
        return bool(found)

    wait_until(connects, "no adapter listens", _SECONDS)
    return found[0]


class Event(NamedTuple):
    """An event of a debugged process."""

    session: DebugSession
    name: str
    body: dict[str, Any]


class DebugSession:
    """A session with an adapter for one process.

    A thread reads the adapter's messages and puts events into a queue that all sessions share.
    """

    def __init__(self, port: int, events: queue.Queue[Event]) -> None:
        self._socket = _connected(port)
        self._stream: IO[bytes] = self._socket.makefile("rwb")
        self._sent = 0
        self._events = events
        self._responses: queue.Queue[dict[str, Any]] = queue.Queue()
        self._initialized = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def begin(self, attach: Mapping[str, Any], file: Path, lines: list[int]) -> None:
        """Attach to the process, set breakpoints at lines of the file (from 1), and let it run."""
        self.request("initialize", {"adapterID": "test", "clientID": "test", "pathFormat": "path"})
        # `attach` is answered only after configurationDone, so do not wait for the answer here
        self._send("attach", attach)
        assert self._initialized.wait(_SECONDS)
        points = {"source": {"path": str(file)}, "breakpoints": [{"line": line} for line in lines]}
        self.request("setBreakpoints", points)
        self.request("configurationDone", {})

    def close(self) -> None:
        """End the connection."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def request(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """Send a request and return the body of its response."""
        number = self._send(command, arguments)
        while True:
            message = self._responses.get(timeout=_SECONDS)
            if message["request_seq"] == number:
                assert message["success"], message
                return message.get("body")

    def _send(self, command: str, arguments: Mapping[str, Any]) -> int:
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._stream.flush()
        return self._sent

    def _read(self) -> None:
        try:
            while (message := self._message()) is not None:
                if message["type"] == "response":
                    self._responses.put(message)
                elif message["event"] == "initialized":
                    self._initialized.set()
                else:
                    self._events.put(Event(self, message["event"], message.get("body", {})))
        except (OSError, ValueError):  # `close` has closed the connection
            return

    def _message(self) -> Any:
        size = 0
        while line := self._stream.readline().strip():
            name, _, value = line.partition(b":")
            if name == b"Content-Length":
                size = int(value)
        return json.loads(self._stream.read(size)) if size else None


class DebugClient:
    """A client that debugs a program and all processes that the program starts. Use as a context manager.

    Args:
        port: the adapter's port on loopback.
        file: the file with breakpoints.
        lines: the lines of the breakpoints, from 1.
    """

    def __init__(self, port: int, file: Path, lines: list[int]) -> None:
        self._port, self._file, self._lines = port, file, lines
        self._events: queue.Queue[Event] = queue.Queue()
        self._sessions = ExitStack()

    def __enter__(self) -> Self:
        address = {"host": "127.0.0.1", "port": self._port}
        self._attach({"connect": address, "justMyCode": True, "subProcess": True})
        return self

    def __exit__(self, *exc: object) -> None:
        self._sessions.close()

    def _attach(self, arguments: Mapping[str, Any]) -> None:
        session = DebugSession(self._port, self._events)
        self._sessions.callback(session.close)
        session.begin(arguments, self._file, self._lines)

    def until_stopped(self) -> Event:
        """Attach to each new process until one stops at a breakpoint; return the event."""
        while True:
            event = self._events.get(timeout=_SECONDS)
            if event.name == "debugpyAttach":
                self._attach(event.body)
            elif event.name == "stopped":
                return event

    def until_ended(self, process: subprocess.Popen[str]) -> None:
        """Attach to each new process, which would otherwise wait for a debugger, until the program has ended."""
        deadline = time.monotonic() + _SECONDS
        while process.poll() is None:
            assert time.monotonic() < deadline, "the program does not end"
            with suppress(queue.Empty):
                event = self._events.get(timeout=0.1)
                if event.name == "debugpyAttach":
                    self._attach(event.body)
