"""Runs a pipeline and yields the events of its tasks while they run. Each task sends its events to a socket.

The run is a new Python process. The program that reads the events has an event loop, which the run must not block.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any, Final, final

from flowc.pipeline.execution import (
    checked,
    new_directory,
    prepare,
    result_of,
    with_executor,
    words_of,
    write_program,
)
from flowc.pipeline.run_process import ending_signal
from flowc_runtime.base.contract import EVENTS

if TYPE_CHECKING:
    import queue
    from collections.abc import AsyncGenerator

    from flowc.frontends.loaded import Loaded
    from flowc.pipeline.pipelines import BasePipeline
    from flowc.pipeline.results import ExecuteOptions, Execution
    from flowc_ir import Flow

_LONGEST_LINE: Final = 1 << 30


def stream(pipeline: BasePipeline, options: ExecuteOptions, *, check: bool) -> AsyncGenerator[dict[str, Any], None]:
    """Run a pipeline and yield its events. Raises PipelineError; see `Pipeline.execute_streaming`."""
    options = with_executor(options, streams=True)
    loaded, flow = prepare(pipeline, options)
    return _events(loaded, flow, options, [], check=check)


async def _events(
    loaded: Loaded, flow: Flow, options: ExecuteOptions, results: list[Execution], *, check: bool | None
) -> AsyncGenerator[dict[str, Any], None]:
    """Run a flow and yield its events; add the result to `results` at the end.

    This is one generator, because `asyncio.run` closes all generators at the same time, and two of them would fail.

    Args:
        loaded: the loaded pipeline.
        flow: the flow.
        options: the arguments of the call.
        results: the list that gets the result.
        check: whether a run that fails raises RunFailed after the last event; if None, an interrupted run also raises
            nothing.
    """
    directory = new_directory()
    try:
        receiver = EventReceiver(f"{directory}/events")
        await receiver.listen()
        process = await asyncio.create_subprocess_exec(
            *write_program(loaded, words_of(flow, options, directory), directory),
            env={**os.environ, EVENTS: receiver.address},
        )
        end = asyncio.create_task(_end(process, receiver))
        try:
            while (event := await receiver.events.get()) is not None:
                yield event
        finally:  # if the consumer has closed the generator, interrupt the run
            if process.returncode is None:
                process.send_signal(ending_signal())
            try:
                code = await end
            except asyncio.CancelledError:  # `asyncio.run` cancels all tasks at its end, also `end`
                await process.wait()
                raise
            finally:
                receiver.close()
        done = result_of(flow, options, directory, code)
        results.append(done)
        yield {"type": "run_completed", "name": done.flow, "run": done.pathspec, "status": done.status}
        if check is not None:
            checked(done, check=check)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process, receiver: EventReceiver) -> int:
    """Wait until the run has ended and all its events are in the queue; return the run's exit code."""
    code = await process.wait()
    await receiver.finish()
    return code if code >= 0 else 128 - code


@final
class EventReceiver:
    """A socket to which tasks send their events. The queue `events` gets the events, and None after the last event."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._connections: set[asyncio.Task[None]] = set()
        self._last = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Begin to accept connections. Raises OSError."""
        self._server = await asyncio.start_unix_server(self._accept, self.address, limit=_LONGEST_LINE, backlog=1000)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # If this were a coroutine, asyncio would print an error when the task is cancelled.
        self._connections.add(asyncio.create_task(self._read(reader, writer)))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in reader:
                event = json.loads(line)
                if event is None:
                    self._last.set()
                    return
                self.events.put_nowait(event)
        finally:
            writer.close()

    async def finish(self) -> None:
        """Wait until all events are in the queue. It is called when all tasks have ended."""
        _, writer = await asyncio.open_unix_connection(self.address)  # accepted after the tasks' connections
        writer.write(b"null\n")
        await self._last.wait()
        writer.close()
        await asyncio.gather(*self._connections)
        self.events.put_nowait(None)

    def close(self) -> None:
        """Accept no further connections."""
        if self._server is not None:
            self._server.close()


def execute_into(events: queue.Queue[dict[str, Any]], loaded: Loaded, flow: Flow, options: ExecuteOptions) -> Execution:
    """Run a pipeline, put the events of its tasks into a queue, and return the result.

    The event loop runs in a new thread, because the program's own event loop may run in the current thread.
    """
    results: list[Execution] = []

    async def consume() -> None:
        async for event in _events(loaded, flow, options, results, check=None):
            events.put(event)

    thread = threading.Thread(target=asyncio.run, args=(consume(),), name="flowc-events")
    thread.start()
    while thread.is_alive():
        with contextlib.suppress(KeyboardInterrupt):  # the run gets the interrupt too
            thread.join()
    return results[0]
