"""Steps that are asynchronous functions or generators, and the events of an asynchronous run."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from flowc.pipeline import AsyncPythonTask, PipelineError, truncate_value
from flowc.pipeline.streaming import EventReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished, Project

STEPS = """
    import asyncio

    async def meet(mode):
        # The two sides of the named pipe wait for each other.
        await asyncio.to_thread(lambda: open("pipe", mode).close())

    async def stream(x: int = 1):
        yield {"type": "chunk", "k": 0, "odd": {1, 2}, "object": print}
        yield "a text, which is no event"
        yield {"no": "type"}
        yield {"type": "done", "b": 2, "a": x}

    async def add(a, b):
        return a + b

    async def steered():
        yield {"type": "ready"}
        await meet("r")
        yield {"type": "end", "value": "went"}

    async def left():
        yield {"type": "left waits"}
        await meet("r")
        yield {"type": "done", "l": 1}

    async def right():
        await meet("w")
        return 2

    async def endless():
        yield {"type": "ready"}
        await asyncio.Event().wait()

    async def endless_without_event():
        yield {"type": "chunk"}

    async def other_names():
        yield {"type": "done", "sum": 1}

    async def fails():
        yield {"type": "chunk"}
        raise ValueError("bad stream")

    def plain(a, b):
        return a * b
    """
PROGRAM = """
    import asyncio, json, queue, sys
    import steps
    from flowc.pipeline import AsyncPipeline, AsyncPythonTask, Parallel, RunFailed, set_stream_queue

    def T(name, *returns, **more):
        return AsyncPythonTask(name=name, function=getattr(steps, name), returns=list(returns), **more)

    def P(*parts):
        return AsyncPipeline(steps=list(parts))

    several = AsyncPipeline(name="several", steps=[T("stream", "a", "b"), T("add", "sum"), T("plain", "product")])
    steered = AsyncPipeline(name="steered", steps=[T("steered", "value", stream_end_type="end")])
    branches = AsyncPipeline(name="branches", steps=[
        Parallel(name="both", branches={"l": P(T("left", "l")), "r": P(T("right", "r"))}),
    ])
    endless = AsyncPipeline(name="endless", steps=[T("endless")])
    no_end = AsyncPipeline(name="no_end", steps=[T("endless_without_event", "x")])
    names = AsyncPipeline(name="names", steps=[T("other_names", "total")])
    fails = AsyncPipeline(name="fails", steps=[T("fails", "x")])

    def tell(value):
        print(json.dumps(value), flush=True)

    async def events(pipeline, *arguments):
        async for event in pipeline.execute_streaming(*arguments):
            tell(event)
    """


def program(project: Project, body: str) -> Finished:
    os.mkfifo(project.root / "pipe")
    project.write("steps.py", STEPS)
    project.write("base.py", PROGRAM)
    project.write("program.py", f"from base import *\n\n{body}")
    return project.python("program.py")


def events(done: Finished) -> list[Any]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_events_come_with_those_of_the_tasks_and_values_by_name(project: Project) -> None:
    done = program(project, "asyncio.run(events(several, {'x': 5}))")
    assert done.code == 0, done.err
    *others, last = events(done)
    chunk = others.pop(1)
    assert chunk.pop("object") == "<built-in function print>"
    assert chunk == {"type": "chunk", "k": 0, "odd": [1, 2]}
    assert others == [
        {"type": "task_started", "name": "stream", "task": "0"},
        {"type": "done", "b": 2, "a": 5},
        {"type": "task_completed", "name": "stream", "task": "0", "outputs": {"a": 5, "b": 2}},
        {"type": "task_started", "name": "add", "task": "0"},
        {"type": "task_completed", "name": "add", "task": "0", "outputs": {"sum": 7}},
        {"type": "task_started", "name": "plain", "task": "0"},
        {"type": "task_completed", "name": "plain", "task": "0", "outputs": {"product": 10}},
    ]
    assert (last["type"], last["status"]) == ("run_completed", "succeeded")
    assert project.store.runs("several") == [last["run"].partition("/")[2]]


def test_events_come_while_the_task_runs(project: Project) -> None:
    done = program(project, """
async def main():
    async for event in steered.execute_streaming():
        if event["type"] == "ready":
            open("pipe", "w").close()  # the task waits for this
        tell(event)

asyncio.run(main())
""")  # fmt: skip
    assert done.code == 0, done.err
    assert [event["type"] for event in events(done)] == [
        "task_started", "ready", "end", "task_completed", "run_completed",
    ]  # fmt: skip


def test_branches_run_at_the_same_time(project: Project) -> None:
    done = program(project, "asyncio.run(events(branches))")  # each branch waits until the other branch has started
    assert done.code == 0, done.err
    outputs = [event["outputs"] for event in events(done) if event["type"] == "task_completed"]
    assert {"l": 1} in outputs
    assert {"r": 2} in outputs


def test_a_plain_execution_ignores_events_and_works_in_a_running_loop(project: Project) -> None:
    done = program(project, """
async def main():
    tell(several.execute()["product"])

asyncio.run(main())
tell(several.execute({"x": 3})["sum"])
""")  # fmt: skip
    assert done.code == 0, done.err
    assert events(done) == [2, 5]


def test_a_queue_gets_the_events_of_plain_executions(project: Project) -> None:
    done = program(project, """
received = queue.Queue()
set_stream_queue(received)
tell(several.execute()["sum"])
set_stream_queue(None)
several.execute()
while not received.empty():
    tell(received.get()["type"])
""")  # fmt: skip
    assert done.code == 0, done.err
    assert events(done) == [
        3, "task_started", "chunk", "done", "task_completed", *["task_started", "task_completed"] * 2, "run_completed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_end", "ended without an event of the type 'done', which has the values of its returns"),
        ("names", "the event 'done' of other_names() has no value 'total'; its values: sum"),
        ("fails", "bad stream"),
    ],
)
def test_a_failing_stream_raises_after_its_events(project: Project, name: str, message: str) -> None:
    done = program(project, f"""
try:
    asyncio.run(events({name}))
except RunFailed as error:
    print(error, file=sys.stderr)
""")  # fmt: skip
    assert done.code == 0, done.err
    first, _, failed, last = events(done)
    assert first["type"] == "task_started"
    assert failed["type"] == "task_failed"
    assert message in failed["error"]
    assert last["status"] == "failed"
    assert f"the run {name}/" in done.err


@pytest.mark.parametrize("handler", ["default_int_handler", "SIG_IGN"])
def test_a_consumer_that_leaves_interrupts_the_run(project: Project, handler: str) -> None:
    done = program(project, f"""
import signal
signal.signal(signal.SIGINT, signal.{handler})

async def main():
    several = endless.execute_streaming()
    async for event in several:
        if event["type"] == "ready":
            await several.aclose()

asyncio.run(main())
""")  # fmt: skip
    assert done.code == 0, done.err
    (run,) = project.store.runs("endless")
    shown = project.flowc("runs", "endless")
    assert "interrupted" in shown.out
    assert run in shown.out


@pytest.mark.parametrize("leave", ["break", "return", "raise SystemExit(0)"])
@pytest.mark.parametrize("events", ["endless.execute_streaming()", "kept"])
def test_the_run_ends_without_an_error_when_the_coroutine_ends(project: Project, events: str, leave: str) -> None:
    done = program(project, f"""
kept = endless.execute_streaming()

async def main():
    async for event in {events}:
        if event["type"] == "ready":
            {leave}

asyncio.run(main())
""")  # fmt: skip
    assert (done.code, "Exception" in done.err, "Traceback" in done.err) == (0, False, False), done.err
    assert project.latest().status()["state"] == "interrupted"


def test_the_run_goes_on_when_the_thread_that_began_it_has_ended(project: Project) -> None:
    done = program(project, """
import threading
kept = steered.execute_streaming()
loop = asyncio.new_event_loop()

def begin():
    tell(loop.run_until_complete(kept.__anext__())["type"])

thread = threading.Thread(target=begin)
thread.start()
thread.join()

async def rest():
    async for event in kept:
        if event["type"] == "ready":
            open("pipe", "w").close()
        tell(event["type"])

loop.run_until_complete(rest())
loop.close()
""")  # fmt: skip
    assert done.code == 0, done.err
    assert events(done) == ["task_started", "ready", "end", "task_completed", "run_completed"]


def test_an_exception_that_is_thrown_into_the_events_ends_the_run(project: Project) -> None:
    done = program(project, """
async def main():
    kept = endless.execute_streaming()
    await kept.__anext__()
    try:
        await kept.athrow(ValueError("mine"))
    except ValueError as error:
        tell(str(error))
    tell([each async for each in kept])

asyncio.run(main())
""")  # fmt: skip
    assert done.code == 0, done.err
    assert events(done) == ["mine", []]
    assert project.latest().status()["state"] == "interrupted"


def test_an_event_that_was_sent_in_part_is_left_out(tmp_path: Path) -> None:
    received: list[dict[str, Any]] = []
    with EventReceiver(str(tmp_path), received.append) as receiver, socket.socket(socket.AF_UNIX) as task:
        task.connect(receiver.address)
        task.sendall(b'{"type": "chunk"}\n{"type": "chu')
    assert received == [{"type": "chunk"}]


def test_events_of_a_task_come_after_those_of_the_tasks_that_have_ended(tmp_path: Path) -> None:
    received: list[dict[str, Any]] = []
    sent = [{"task": task, "number": number} for task in range(200) for number in range(20)]
    with EventReceiver(str(tmp_path), received.append) as receiver:
        for start in range(0, len(sent), 20):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(receiver.address)
                connection.sendall("".join(f"{json.dumps(event)}\n" for event in sent[start : start + 20]).encode())
    assert received == sent


def test_parallel_tasks_send_large_events(tmp_path: Path) -> None:
    received: list[dict[str, Any]] = []

    def send(task: int) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(receiver.address)
            for number in range(3):
                event = {"task": task, "number": number, "text": str(task) * 3_000_000}
                connection.sendall(f"{json.dumps(event)}\n".encode())

    with EventReceiver(str(tmp_path), received.append) as receiver, ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    assert all(event["text"] == str(event["task"]) * 3_000_000 for event in received)
    for task in range(4):
        assert [event["number"] for event in received if event["task"] == task] == [0, 1, 2]


def test_the_type_of_the_last_event_is_a_text() -> None:
    with pytest.raises(PipelineError, match="stream_end_type is 3, not a type of events"):
        AsyncPythonTask(name="s", function=print, stream_end_type=3)  # type: ignore[arg-type] # this is the mistake


def test_a_text_is_cut_to_bytes() -> None:
    assert truncate_value([1, 2]) == "[1, 2]"
    assert truncate_value("x" * 300, 10) == "xxxxxxx..."
    assert truncate_value("é" * 300, 10) == "ééé..."
