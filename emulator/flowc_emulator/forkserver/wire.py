"""Messages between a fork server and its client over a Unix socket: requests are pickles, replies lines of text."""

from __future__ import annotations

import os
import pickle
import socket
import struct
from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.late.dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_runtime.run.assignment import AssignmentFields

_LENGTH = struct.Struct("!Q")
_MOST_DESCRIPTORS = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The first message to a server: the run, its flow, and the directory of the flow's code.

    `path` and `argv` are `sys.path` and `sys.argv` of the process that started the run. `functions` is the directory
    with the run's pickled functions; None if the run has no pickled functions. `coverage` has the settings with which
    the process that started the run measures coverage, so that tasks can measure it in the same way
    (`flowc_runtime.process.ending.measured`); None if that process does not measure coverage.
    """

    store: str
    flow: str
    run: str
    ir: str
    root: str
    parameters: dict[str, object]
    functions: str | None
    path: tuple[str, ...]
    argv: tuple[str, ...]
    coverage: dict[str, object] | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewBranch:
    """A request to fork a branch process, which sets these variables, imports these modules and forks tasks.

    The socket of the branch process is sent along with the request.
    """

    environment: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    debugger: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StartTask:
    """A request to fork the process of an attempt; `tasks` is the number of parallel tasks.

    These descriptors are sent along: the writing ends of the pipes for stdout, stderr and control; the guardian's pipe
    if `guarded` is true; four descriptors of the terminal if `lent` is true.
    """

    assignment: AssignmentFields
    tasks: int
    guarded: bool
    lent: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StartHook:
    """A request to fork the process of an exit hook, given by its index in the flow. The writing ends of the process's
    pipes are sent along."""

    number: int


Request: TypeAlias = "Setup | NewBranch | StartTask | StartHook"


@final
@dataclass(frozen=True, slots=True)
class Started:
    """The reply that a process was forked."""

    pid: int


@final
@dataclass(frozen=True, slots=True)
class NotStarted:
    """The reply that a fork failed with this errno."""

    errno: int


@final
@dataclass(frozen=True, slots=True)
class Exited:
    """The report that a process has ended: its wait status, and its peak RSS in bytes."""

    pid: int
    status: int
    peak_rss: int


@final
@dataclass(frozen=True, slots=True)
class Ready:
    """The reply that a branch process has imported its modules."""


@final
@dataclass(frozen=True, slots=True)
class UnsafeImport:
    """The reply that the import of this package has left state in the process that forks must not share. The branch
    process has ended."""

    package: str
    why: str
    seconds: float


Reply: TypeAlias = "Started | NotStarted | Exited | Ready | UnsafeImport"


def send(link: socket.socket, request: Request, descriptors: Sequence[int] = ()) -> None:
    """Send a request, together with open descriptors: eight bytes with the pickle's length, then the pickle.

    Args:
        link: the socket.
        request: the request.
        descriptors: at most 16 descriptors, which the receiver gets as copies.

    Raises:
        OSError: the receiver has closed its end of the socket.
    """
    data = pickle.dumps(request, pickle.HIGHEST_PROTOCOL)
    message = memoryview(_LENGTH.pack(len(data)) + data)
    sent = socket.send_fds(link, [message], list(descriptors)) if descriptors else link.send(message)
    link.sendall(message[sent:])


def receive(link: socket.socket) -> tuple[Request, list[int]] | None:
    """Return the next request and its descriptors, which are not inheritable; None if the client has closed the socket.

    Raises:
        EOFError: the client has ended in the middle of a request.
        OSError: the socket cannot be read.
    """
    header, descriptors, _, _ = socket.recv_fds(link, _LENGTH.size, _MOST_DESCRIPTORS)
    while header and len(header) < _LENGTH.size:
        header += _take(link, _LENGTH.size - len(header))
    if not header:
        return None
    (length,) = _LENGTH.unpack(header)
    data = bytearray()
    while len(data) < length:
        data += _take(link, length - len(data))
    # Hazard: received descriptors are inheritable. If they stayed inheritable, a program that a task starts would keep
    # the task's pipes open.
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    request: Request = pickle.loads(data)
    return request, descriptors


def _take(link: socket.socket, most: int) -> bytes:
    data = link.recv(min(most, 1 << 20))
    if not data:
        raise EOFError("the client has ended in the middle of a request")
    return data


def reply(link: socket.socket, message: Reply) -> None:
    """Send a reply: a line of text.

    Raises:
        OSError: the client has closed its end of the socket.
    """
    match message:
        case Started(pid):
            text = f"started {pid}"
        case NotStarted(errno):
            text = f"failed {errno}"
        case Exited(pid, status, peak):
            text = f"exited {pid} {status} {peak}"
        case Ready():
            text = "ready"
        case UnsafeImport(package, why, seconds):
            text = f"unsafe {package} {seconds:.3f} {why}"
    link.sendall(text.encode() + b"\n")


@final
@dataclass(slots=True)
class Replies:
    """Assembles the lines that a socket delivers in pieces."""

    rest: bytes = field(default=b"")

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that are complete with this data."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            what, _, rest = line.decode().partition(" ")
            if what == "started":
                yield Started(int(rest))
            elif what == "failed":
                yield NotStarted(int(rest))
            elif what == "exited":
                pid, status, peak = map(int, rest.split())
                yield Exited(pid, status, peak)
            elif what == "ready":
                yield Ready()
            else:
                package, seconds, why = rest.split(" ", 2)
                yield UnsafeImport(package, why, float(seconds))
