"""A process that sends the supervisor's requests to a remote store.

The supervisor forks a child per attempt, and a process that has used obstore must not fork. So the agent is forked
first, and only the agent uses obstore. Requests go through a socket pair, one after the other. Requests that append a
chunk to a log have no answer, so that a slow store does not delay the tasks.

A signal may interrupt the supervisor while it waits for a slow store. An answer that arrives later is recognised by its
number and dropped.
"""

from __future__ import annotations

import io
import os
import pickle
import select
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from flowc_ir.late import LateModule
from flowc_runtime.base.errors import FlowcError, StoreError
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.objects import PIECE
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.values.files import store_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from flowc_runtime.base.signals import Wakeup
    from flowc_runtime.store.backends.objects import AgentProcess, Buffer, EndedListing, Listed, Objects
    from flowc_runtime.store.ended import ended_runs
    from flowc_runtime.store.values.files import FileRecord

    T = TypeVar("T")

else:  # imported at first use: only the end of a run needs this module
    ended_runs = LateModule("flowc_runtime.store.ended.ended_runs")

THREADS = 16  # The largest number of parallel requests.
HURRY = 3.0  # Seconds to wait for an answer of the store after a signal has ended the run.
_HEAD = struct.Struct("<Q")


class Agent:
    """The client of the agent process: implements the operations of `Objects` that the supervisor needs by requests to
    the agent.

    Every request raises StoreError if the agent has died, or if the store does not answer within `limit` seconds or,
    after a signal that ends the run, within `HURRY`. Each request also raises the errors of the store; an error of
    `append` is raised by the next request that has an answer.
    """

    ended_listing: EndedListing | None = None  # The agent process writes entries of ended runs, see `note_status`.

    @property
    def agent_process(self) -> AgentProcess | None:
        """This object."""
        return self

    def __init__(self, url: str) -> None:
        """Fork the agent for the store at `url`; no request is sent yet. Raises OSError if the fork fails.

        Hazard: this process must not have used obstore, whose threads a fork does not copy. The child closes this
        process's end of the socket; otherwise the child would never see that this process has ended. The child never
        returns to the caller.
        """
        self.url = url
        self.wakeup: Wakeup | None = None  # Set by the supervisor; shows whether a signal ends the run.
        self.limit: float | None = None  # The timeout of each answer in seconds.
        self._number = 0  # The number of the latest request.
        self._answered = 0  # The number of the latest request that was answered or needs no answer.
        self._unsent, self._unread = bytearray(), bytearray()
        self._socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._socket.close()
                _serve(open_objects(url), theirs)
            finally:
                os._exit(1)
        theirs.close()

    def descriptor(self) -> int:
        """Return the descriptor that a forked child must close, because the agent ends only when no process holds it
        open."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let the agent send the remaining requests, and wait for its end."""
        self._socket.close()
        os.waitpid(self.pid, 0)

    def leave(self) -> None:
        """Close the socket to the agent, without waiting for the agent. The agent ends when no forked child holds its
        socket.

        If an answer is still missing, kill the agent: it could keep waiting for a store that does not answer.
        """
        self._socket.close()
        if self._answered != self._number:
            self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def get(self, key: str) -> bytes:
        answer: bytes = self._ask("get", key)
        return answer

    def put(self, key: str, data: bytes) -> None:
        self._ask("put", key, data)

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        answer: bool = self._ask("create", key, [bytes(part) for part in parts])
        return answer

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        answer: str = self._ask("create_blob", [bytes(part) for part in parts])
        return answer

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        answer: bytes = self._ask("read_blob", digest, size, key)
        return answer

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        return memoryview(bytearray(self.read_blob(digest, size, key=key)))

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        return io.BytesIO(self.read_blob(digest, size))

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        with self.open_blob(digest, size) as file:
            return read(file)

    def get_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return the contents of existing objects, which are read in parallel.

        Raises:
            NotFound: an object does not exist.
            StoreError: the store or the agent fails.
        """
        answer: list[bytes] = self._ask("get_many", list(keys))
        return answer

    def create_many(self, written: Sequence[tuple[str, bytes]]) -> None:
        """Create objects in parallel; no other process may create the same objects."""
        self._ask("create_many", list(written))

    def store_file(self, path: str) -> FileRecord:
        """Store a file, and return its reference.

        The agent reads the file, so that large files do not pass through the socket.

        Raises:
            FlowcError: the file cannot be read, or the store fails.
        """
        answer: FileRecord = self._ask("store_file", os.path.abspath(path))
        return answer

    def note_status(self, flow: str, run: str, status: Mapping[str, object]) -> None:
        """If the store is a bucket, write the two objects (entry and pack) from which programs read an ended run with
        few requests."""
        self._ask("note_status", flow, run, status)

    def exists(self, key: str, size: int | None = None) -> bool:
        answer: bool = self._ask("exists", key, size)
        return answer

    def refresh(self, key: str, size: int | None = None) -> bool:
        answer: bool = self._ask("refresh", key, size)
        return answer

    def names(self, prefix: str) -> list[str]:
        answer: list[str] = self._ask("names", prefix)
        return answer

    def names_below(self, prefix: str) -> list[str]:
        answer: list[str] = self._ask("names_below", prefix)
        return answer

    def listing(self, prefix: str) -> list[Listed]:
        answer: list[Listed] = self._ask("listing", prefix)
        return answer

    def delete(self, key: str) -> None:
        self._ask("delete", key)

    def append(self, key: str, data: bytes) -> None:
        self._tell("append", key, data)
        self._answered = self._number

    def appended(self, key: str, start: int = 0) -> bytes:
        answer: bytes = self._ask("appended", key, start)
        return answer

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        data = self.appended(key, start)
        return (data[at : at + size] for at in range(0, len(data), size))

    def flush(self, *, now: bool = False) -> float | None:
        if now:  # the agent writes log chunks that are due without a request
            self._ask("flush_all")
        return None

    def map(self, key: str) -> memoryview:
        return memoryview(bytearray(self.get(key)))

    def _tell(self, operation: str, *arguments: object) -> None:
        self._number += 1
        self._unsent += _packed((self._number, operation, arguments))
        deadline = self._limited()
        while self._unsent:
            deadline = self._wait(deadline, sending=True)
            try:
                # Send only what fits into the socket's buffer: a blocking send would wait forever if the store does not
                # answer.
                del self._unsent[: self._socket.send(self._unsent, socket.MSG_DONTWAIT)]
            except BlockingIOError:
                continue
            except OSError as error:
                raise StoreError(f"the process that talks to {self.url} has died") from error

    def _ask(self, operation: str, *arguments: object) -> Any:
        self._tell(operation, *arguments)
        deadline = self._limited()
        while True:
            while (message := _unpacked(self._unread)) is None:
                deadline = self._wait(deadline)
                try:
                    data = self._socket.recv(1 << 20)
                except OSError:  # the agent was killed before it read the request
                    data = b""
                if not data:
                    raise StoreError(f"the process that talks to {self.url} has died")
                self._unread += data
            number, result, error = message
            if number != self._number:
                continue  # the answer to an earlier request, which was abandoned
            self._answered = number
            if error is not None:
                raise error
            return result

    def _limited(self) -> float | None:
        return None if self.limit is None else time.monotonic() + self.limit

    def _wait(self, deadline: float | None, *, sending: bool = False) -> float | None:
        """Wait for the agent until the deadline; a signal that ends the run makes the deadline earlier. Return the
        deadline that was used."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT if sending else select.POLLIN)
        if self.wakeup is not None:
            poll.register(self.wakeup, select.POLLIN)
        hurried = False
        while True:
            if self.wakeup is not None and not hurried and self.wakeup.has_ending():
                poll.unregister(self.wakeup)
                now, hurried = time.monotonic(), True
                deadline = min(deadline or now + HURRY, now + HURRY)
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            ready = [descriptor for descriptor, _ in poll.poll(left)]
            if self._socket.fileno() in ready:
                return deadline
            if deadline is not None and time.monotonic() >= deadline:
                self._kill()  # the agent could otherwise keep waiting for the store
                raise StoreError(f"{self.url} does not answer, and the run is being ended")


def _serve(objects: Objects, requests: socket.socket) -> NoReturn:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # these signals must not end the agent before the supervisor
    failed: FlowcError | None = None
    while True:
        due: float | None = None
        try:
            due = objects.flush()
        except FlowcError as error:
            failed = error
        if not select.select([requests], [], [], due)[0]:
            continue
        request = _receive(requests)
        if request is None:
            break
        number, operation, arguments = request
        try:
            if operation == "append":
                objects.append(*arguments)
                continue
            # the error of an earlier `append` is reported with the next request that has an answer
            if failed is not None:
                raise failed
            _send(requests, (number, _answer(objects, operation, arguments), None))
        except FlowcError as error:
            failed = error if operation == "append" else None
            if operation != "append":
                _send(requests, (number, None, error))
    try:
        objects.flush(now=True)
    except FlowcError:
        os._exit(1)  # the supervisor has ended, so the error cannot be reported
    os._exit(0)


def _answer(objects: Objects, operation: str, arguments: tuple[Any, ...]) -> Any:
    if operation == "flush_all":
        return objects.flush(now=True)
    if operation == "read_blob":
        digest, size, key = arguments
        return objects.read_blob(digest, size, key=key)
    if operation == "store_file":
        return store_file(objects, *arguments)
    if operation == "note_status":
        flow, run, status = arguments
        return ended_runs.note_status(RunStore(objects, flow, run), status) if objects.ended_listing else None
    if operation in ("get_many", "create_many"):
        with ThreadPoolExecutor(THREADS) as pool:
            if operation == "get_many":
                return list(pool.map(objects.get, arguments[0]))
            return list(pool.map(lambda entry: objects.create(entry[0], [entry[1]]), arguments[0]))
    return getattr(objects, operation)(*arguments)


def _send(to: socket.socket, message: object) -> None:
    to.sendall(_packed(message))


def _packed(message: object) -> bytes:
    data = pickle.dumps(message, protocol=5)
    return _HEAD.pack(len(data)) + data


def _unpacked(data: bytearray) -> Any:
    """Remove the first message from the received bytes and return it; None if the first message is incomplete."""
    if len(data) < _HEAD.size:
        return None
    end = _HEAD.size + _HEAD.unpack_from(data)[0]
    if len(data) < end:
        return None
    message = pickle.loads(data[_HEAD.size : end])
    del data[:end]
    return message


def _receive(source: socket.socket) -> Any:
    """Return the next message; None if the other side has closed the socket."""
    head = _read(source, _HEAD.size)
    return pickle.loads(_read(source, *_HEAD.unpack(head))) if head else None


def _read(source: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = source.recv(length - len(data))
        if not piece:
            return b""
        data += piece
    return bytes(data)
