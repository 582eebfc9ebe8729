"""The process that sends the metrics of one run to the tracker, so that neither a task nor a run waits for it.

Its input has a JSON object per line: first the `PublishOrder`, then the tasks that have ended, and the end of the run.
Without the end, whoever wrote the lines was killed, or another process sends it (`partial`). Its output is one line if
it fails.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypedDict, cast

from flowc_ir import json_text
from flowc_runtime.base.index import task_id
from flowc_runtime.run.metrics.recorded import key_of, points_of
from flowc_runtime.run.metrics.tracker import TrackedMetric, TrackedRun, find_tracker
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_runtime.run.metrics.tracker import EndState
    from flowc_runtime.store.records.run_store import RunStore

_PARAMETER: Final = 6000  # characters of the text of a parameter
_CHUNK: Final = 1 << 16

COMMAND: Final = (
    sys.executable,
    "-c",
    # Without the working directory, whose modules could replace the tracker's.
    f"import sys; sys.path[:] = [each for each in sys.path if each]; from {__name__} import main; sys.exit(main())",
)


class PublishOrder(TypedDict):
    """What to do: the tracker's setting, the store, the run, and whether another process sends its end."""

    tracker: str
    store: str
    flow: str
    run: str
    partial: bool


class PublishMessage(TypedDict, total=False):
    """A further line: a task (step, path, attempt) that has ended, or the state and the time in which the run has."""

    task: tuple[str, str, int]
    end: EndState
    ended: float


def main() -> int:
    """Send the metrics of the run that the input describes. Return 1 after a failure, which is printed."""
    out = os.dup(1)
    with open(os.devnull, "w") as nothing:  # trackers print progress
        os.dup2(nothing.fileno(), 1)
    lines = (json_text.mapping(line) for line in _lines(0))
    order = cast("PublishOrder", next(lines))  # the parent process wrote it
    try:
        _send(order, cast("Iterator[PublishMessage]", lines))
    except Exception as error:  # of the tracker: its library, the network, its server
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        name = order["tracker"].partition(":")[0]
        text = f"the tracker '{name}' has failed, and lacks metrics of {order['flow']}/{order['run']}: {why:.200}"
        os.write(out, f"{text}, but the store has all of them\n".encode("utf-8", "replace"))
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
    """Yield the lines of a descriptor until it ends.

    Hazard: a thread may wait in it when the interpreter ends, which aborts if the thread has the lock of a buffered
    stream such as `sys.stdin`.
    """
    rest = b""
    while data := os.read(descriptor, _CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _receive(messages: Iterable[PublishMessage], queue: SimpleQueue[PublishMessage | None]) -> None:
    """Read all messages, so that the writer never waits for the tracker."""
    for message in messages:
        queue.put(message)
    queue.put(None)


def _waiting(queue: SimpleQueue[PublishMessage | None]) -> Iterator[PublishMessage | None]:
    """Yield the next message and those that wait behind it."""
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
    """Yield the points of the task of a message."""
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
