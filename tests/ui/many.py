"""Stores with many runs, and a run of a large flow, whose records are written without running anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_ir.model import Branch, Code, End, Flow, Goto, Method, Node, Span
from flowc_ir.schema import dumps
from project import done_record, run_record

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

_HERE = Span("large.py", 1, 1)


def copy_runs(run: RunStore, store: Store, count: int) -> list[str]:
    """Write `count` copies of the record of an ended run, and return their ids, oldest first.

    The copies begin one minute after each other; the parameter `rate` is the number of the copy.
    """
    record, status, ir = run.record(), run.status(), run.ir()
    ids = []
    for number in range(count):
        began = record["created"] + 60 * (number + 1)
        copy = store.run(run.flow, f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(began))}-{number:03d}abc")
        parameters = {**record["parameters"], "rate": number}
        assert copy.create({**record, "run": copy.id, "created": began, "parameters": parameters}, ir)
        state = "failed" if number % 10 == 0 else "succeeded"
        ended = began + number % 7 + 1
        copy.set_status({**status, "state": state, "changed": ended, "ended": ended})  # type: ignore[typeddict-item]
        ids.append(copy.id)
    return ids


def large_flow(blocks: int, leaves: int) -> Flow:
    """Return a flow of `blocks` branches that follow each other; each branch has `leaves` steps and a join."""
    nodes: list[Node] = []

    def add(name: str, then: Branch | Goto | End, joins: str | None = None) -> None:
        nodes.append(Node(id=name, where=_HERE, run=Method(name=name), next=then, joins=joins))

    opened = "start"
    for block in range(blocks):
        names = [f"leaf_{block}_{leaf}" for leaf in range(leaves)]
        add(opened, Branch(targets=tuple(names)), f"join_{block - 2}" if block > 1 else ("start" if block else None))
        for name in names:
            add(name, Goto(target=f"join_{block}"))
        opened = f"join_{block}"
    add(opened, End(), f"join_{blocks - 2}")
    code = Code(file="large.py", name="LargeFlow", digest="sha256:0")
    return Flow(name="LargeFlow", code=code, where=_HERE, start="start", nodes=tuple(nodes))


def write_run(store: Store, flow: Flow, ended: int) -> RunStore:
    """Write a run of a flow whose first `ended` steps have ended, each with one task of one second."""
    run = store.run(flow.name, "20261130-120000-large")
    assert run.create(run_record(run, created=1_000.0), dumps(flow))
    for number, node in enumerate(flow.nodes[:ended]):
        began = 1_000.0 + number
        begin = {"version": 1, "began": began, "process": {}}
        assert run.begin(node.id, "0", 1, begin)  # type: ignore[arg-type]
        run.finish(done_record(run, node.id, began=began, ended=began + 1))
    status = {"state": "failed", "changed": 2_000.0, "ended": 2_000.0, "message": "stopped"}
    run.set_status(status)  # type: ignore[arg-type]
    return run
