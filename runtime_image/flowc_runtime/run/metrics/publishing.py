"""The program of a process that sends the metrics of one run to the tracker, so that tasks do not wait for the tracker.

Each line of its input is a JSON object: first a `PublishOrder`, then a `PublishMessage` for each task that has ended
and for the end of the run. The input may end without a message about the end of the run: either its writer was killed,
or another process reports the end of the run to the tracker (`partial`). After a failure, the process prints one line.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, cast

from flowc_ir import json_text
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.index import task_id
from flowc_runtime.run.metrics.recorded import key_of, points_of
from flowc_runtime.run.metrics.tracker import TrackedMetric, TrackedRun, find_tracker
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.run.metrics.tracker import EndState
    from flowc_runtime.store.records.run_store import RunStore

_PARAMETER: Final = 6000  # a parameter's text is cut to this number of characters
_CHUNK: Final = 1 << 16

COMMAND: Final = (
    sys.executable,
    "-c",
    # The working directory is removed from `sys.path`: its modules could hide modules of the tracker.
    f"import sys; sys.path[:] = [each for each in sys.path if each]; from {__name__} import main; sys.exit(main())",
)


class PublishOrder(TypedDict):
    """The first line of the input: the setting `tracker`, the store, the run, and whether another process reports the
    run's end."""

    tracker: str
    store: str
    flow: str
    run: str
    partial: bool


class PublishMessage(TypedDict, total=False):
    """A later line of the input: a task that has ended (step, path, attempt), or the end of the run (state and
    time)."""

    task: tuple[str, str, int]
    end: EndState
    ended: float


def main() -> int:
    """Read the input and send the metrics. Return the exit code: 1 after a failure, which is printed."""
    out = os.dup(1)
    with open(os.devnull, "w") as nothing:  # stdout is discarded, because trackers print their progress to it
        os.dup2(nothing.fileno(), 1)
    lines = (json_text.mapping(line) for line in _lines(0))
    order = cast("PublishOrder", next(lines))  # the parent process wrote the order, so its shape is not checked
    try:
        _send(order, cast("Iterator[PublishMessage]", lines))
    except Exception as error:  # any error of the tracker's library, network or server
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        name = order["tracker"].partition(":")[0]
        text = f"the tracker '{name}' has failed, and lacks metrics of {order['flow']}/{order['run']}: {why:.200}"
        os.write(out, f"{text}, but the store contains all metrics\n".encode("utf-8", "replace"))
        return 1
    return 0


def _send(order: PublishOrder, messages: Iterator[PublishMessage]) -> None:
    queue: SimpleQueue[PublishMessage | None] = SimpleQueue()
    threading.Thread(target=_receive, args=(messages, queue), daemon=True).start()
    store = Store.open(order["store"])
    tracker, address = find_tracker(order["tracker"])
    records = store.run(order["flow"], order["run"])
    run = _tracked(records, address)
    id = tracker.begin(run)
    while True:
        part = list(_waiting(queue))
        metrics = [metric for message in part if message for metric in _metrics(records, message)]
        if metrics:
            tracker.log(run, id, metrics)
        for message in part:
            if message is None:
                if not order["partial"]:
                    tracker.end(run, id, "killed", time.time())
                return
            if "end" in message:
                tracker.end(run, id, message["end"], message["ended"])
                return


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield the lines that are read from a file descriptor until its end.

    Hazard: do not use a buffered stream such as `sys.stdin`. When the interpreter ends, a thread may still wait in this
    function, and the interpreter aborts if that thread holds the lock of a buffered stream.
    """
    rest = b""
    while data := os.read(descriptor, _CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _receive(messages: Iterable[PublishMessage], queue: SimpleQueue[PublishMessage | None]) -> None:
    """Move each message from the pipe to the queue as soon as it arrives, so that the process that writes the messages
    never waits for the tracker."""
    for message in messages:
        queue.put(message)
    queue.put(None)


def _waiting(queue: SimpleQueue[PublishMessage | None]) -> Iterator[PublishMessage | None]:
    """Wait for a message; yield this message and all others in the queue."""
    yield queue.get()
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


def _tracked(run: RunStore, address: str) -> TrackedRun:
    record = run.record()
    return TrackedRun(
        flow=run.flow,
        run=run.id,
        address=address,
        began=record["created"],
        user=record["user"],
        target=record["target"],
        parameters={name: _text(value)[:_PARAMETER] for name, value in record["parameters"].items()},
        tags=sorted(record.get("tags", ())),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json_text.shown(value, ensure_ascii=False)


def _metrics(run: RunStore, message: PublishMessage) -> Iterator[TrackedMetric]:
    """Yield all points of the metrics of the task that a message names."""
    if "task" not in message:
        return
    step, path, attempt = message["task"]
    record = run.attempt(step, path, attempt)
    if record is None:
        return
    task = f"{step}/{task_id(step, path)}"
    for name, points in points_of(record, run.objects).items():
        for point in points:
            yield TrackedMetric(key_of(name, step, path), point.value, point.step, point.time, task)
