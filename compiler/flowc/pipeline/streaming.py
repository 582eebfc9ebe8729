"""Runs a pipeline and gives its caller the events of its tasks while they run. Each task sends its events to a socket.

The run is a new Python process, and a thread of this program reads the socket: neither the process nor the thread
blocks the program's event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, final

from flowc.pipeline.execution import (
    checked,
    new_directory,
    prepare,
    result_of,
    with_executor,
    words_of,
    write_program,
)
from flowc.pipeline.run_process import as_in_shells
from flowc_runtime.base.contract import EVENTS
from flowc_runtime.base.signals import heeded

if TYPE_CHECKING:
    import queue
    from types import TracebackType

    from flowc.frontends.loaded import Loaded
    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.results import ExecuteOptions, Execution
    from flowc_ir import Flow

# The largest number of reads (of 64 KiB) from a connection before other connections are served. A socket holds fewer
# bytes.
_READS = 16
Event = dict[str, Any]
Receive = Callable[[Event | None], None]  # another thread calls this function with each event, and with None at the end


def stream(pipeline: BasePipeline, options: ExecuteOptions, *, check: bool) -> AsyncGenerator[Event, None]:
    """Run a pipeline and yield its events. Raises PipelineError; see `Pipeline.execute_streaming`."""
    options = with_executor(options, streams=True)
    loaded, flow = prepare(pipeline, options)
    return RunEvents(lambda receive: StreamedRun(loaded, flow, options, receive), check=check)


def execute_into(events: queue.Queue[Event], loaded: Loaded, flow: Flow, options: ExecuteOptions) -> Execution:
    """Run a pipeline, put the events of its tasks into a queue, and return the result. Raises OSError."""

    def receive(event: Event | None) -> None:
        if event is not None:
            events.put(event)

    run = StreamedRun(loaded, flow, options, receive)
    while run.is_alive():
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C also ends the run, so wait for the run's end
            run.join()
    return run.result()


@final
class RunEvents(AsyncGenerator[Event, None]):
    """The events of a run, for one consumer. The run begins when the consumer asks for the first event.

    If the consumer stops reading, for any reason, the run is interrupted. An asynchronous generator function could not
    interrupt the run reliably: if the event loop ends soon after the consumer, Python destroys the generator before the
    generator has ended the run.
    """

    def __init__(self, begin: Callable[[Receive], StreamedRun], *, check: bool) -> None:
        """Create a stream.

        Args:
            begin: a function that begins the run.
            check: whether a run that fails raises RunFailed after its last event.
        """
        self._begin = begin
        self._check = check
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._run: StreamedRun | None = None
        self._ended = False

    async def asend(self, value: None) -> Event:
        """Return the next event.

        Raises:
            StopAsyncIteration: the run has succeeded, and there are no more events.
            RunFailed: the run has failed, and there are no more events.
            OSError: the run could not begin.
        """
        if self._ended:
            raise StopAsyncIteration
        if self._run is None:
            self._run = self._begin(self._receiver())
        try:
            event = await self._events.get()
        except BaseException:  # the consumer's task was cancelled
            await self.aclose()
            raise
        if event is not None:
            return event
        self._ended = True
        checked(self._run.result(), check=self._check)
        raise StopAsyncIteration

    def _receiver(self) -> Receive:
        """Return a function that other threads call with the events. Also make the event loop call `aclose` when the
        loop ends."""
        loop, events = asyncio.get_running_loop(), self._events
        if (hook := sys.get_asyncgen_hooks().firstiter) is not None:
            hook(self)

        def receive(event: Event | None) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop is closed, so no consumer waits for the event
                loop.call_soon_threadsafe(events.put_nowait, event)

        return receive

    async def athrow(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Event:
        """Interrupt the run, wait for its end and raise the exception."""
        await self.aclose()
        error = kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        raise error.with_traceback(traceback) if traceback is not None else error

    async def aclose(self) -> None:
        """Interrupt the run and wait for its end."""
        if self._ended:
            return
        self._ended = True
        if self._run is not None:
            self._run.interrupt()
            while await self._events.get() is not None:
                pass  # skip the events before the end of the run, which the consumer does not read

    def __del__(self) -> None:
        if self._run is not None:
            self._run.interrupt()


@final
class StreamedRun(threading.Thread):
    """A thread that begins a run in a new process, receives its events and waits for its end.

    Linux interrupts the run (see `end_with`) when the thread that started the run's process ends. Therefore the thread
    that waits for the run also starts the run's process.
    """

    def __init__(self, loaded: Loaded, flow: Flow, options: ExecuteOptions, receive: Receive) -> None:
        """Begin the run; `receive` is called in other threads with each event, and with None after the last event."""
        super().__init__(name="flowc-run", daemon=True)  # the program's exit interrupts the run, see `_end_all`
        self._make_run: Callable[[], Execution] = lambda: self._make(loaded, flow, options)
        self._receive = receive
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupted = False
        self._lock = threading.Lock()  # protects `_process` and `_interrupted`
        self._result: Execution | None = None
        self._error: BaseException | None = None
        self.start()

    def interrupt(self) -> None:
        """Interrupt the run, if it has not ended."""
        if not self.is_alive():  # the run has ended, or this process is a fork, such as a worker of `multiprocessing`
            return
        with self._lock:
            self._interrupted = True
            if self._process is not None:
                # `send_signal` does nothing if the process has ended.
                self._process.send_signal(next(iter(heeded()), signal.SIGTERM))

    def result(self) -> Execution:
        """Wait for the run's end and return its result. Raises OSError if the run could not begin."""
        self.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def run(self) -> None:
        """Make the run: the function of the thread."""
        try:
            done = self._result = self._make_run()
            self._receive({"type": "run_completed", "name": done.flow, "run": done.pathspec, "status": done.status})
        except BaseException as error:  # `result` raises the error in the consumer's thread
            self._error = error
        finally:
            del self._make_run  # the program may keep this thread object, so free at least the loaded pipeline
            self._receive(None)

    def _make(self, loaded: Loaded, flow: Flow, options: ExecuteOptions) -> Execution:
        with new_directory() as directory:
            command = write_program(loaded, words_of(flow, options, directory), directory)
            with EventReceiver(directory, self._receive) as receiver:
                with self._lock:
                    self._process = subprocess.Popen(command, env={**os.environ, EVENTS: receiver.address})
                if self._interrupted:
                    self.interrupt()
                code = self._process.wait()
            return result_of(flow, options, directory, as_in_shells(code))


def _end_all() -> None:
    """Interrupt the runs that have not ended, and wait for their threads.

    A daemon thread that still runs when Python ends keeps its objects alive, so that files that are open in the user's
    module would not be flushed.
    """
    runs = [each for each in threading.enumerate() if isinstance(each, StreamedRun)]
    for run in runs:
        run.interrupt()
    for run in runs:
        run.join()


atexit.register(_end_all)


@final
class EventReceiver:
    """A socket to which tasks connect, and a thread that receives the events of all tasks.

    Events of one task are received in order. Events of a task are received after the events of all tasks that had ended
    before the task started. The end of the `with` block waits until all connections are closed, because all events have
    been received then.
    """

    def __init__(self, directory: str, receive: Callable[[Event], object]) -> None:
        """Create a receiver with a socket in this directory; `receive` is called with each event. Raises OSError."""
        self.address = f"{directory}/events"
        self._last = f"{directory}/last"  # the address from which `__exit__` connects
        self._receive = receive
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.address)
        self._socket.listen(1000)
        self._waiting: dict[socket.socket, bytearray] = {}  # connection -> the beginning of a line
        self._thread = threading.Thread(target=self._serve, name="flowc-events", daemon=True)

    def __enter__(self) -> EventReceiver:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.bind(self._last)
            # The receiver accepts connections in order. This last connection comes after the connections of all tasks,
            # and makes the receiver stop.
            last.connect(self.address)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while selector.get_map():
                ready = {key.fileobj for key, _ in selector.select()}
                self._read_ready(selector)
                if self._socket in ready:  # the events of tasks that had ended before this connection are received
                    self._accept(selector)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        connection, address = self._socket.accept()
        if address == self._last:
            connection.close()
            selector.unregister(self._socket)
        else:
            self._waiting[connection] = bytearray()
            selector.register(connection, selectors.EVENT_READ)

    def _read_ready(self, selector: selectors.BaseSelector) -> None:
        """Receive all events that have arrived on any connection."""
        for connection, waiting in [*self._waiting.items()]:
            for _ in range(_READS):
                if (data := _received(connection)) is None:
                    break
                if not data:  # an incomplete line is from a task that was killed while it sent the event
                    selector.unregister(connection)
                    connection.close()
                    del self._waiting[connection]
                    break
                waiting += data
                if b"\n" in data:
                    *lines, rest = waiting.split(b"\n")
                    waiting[:] = rest
                    for line in lines:
                        self._receive(json.loads(line))


def _received(connection: socket.socket) -> bytes | None:
    """Return the bytes that have arrived, at most 64 KiB; no bytes at the end, and None if none have arrived."""
    try:
        return connection.recv(1 << 16, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:  # the task has died
        return b""
