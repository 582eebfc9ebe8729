"""The tasks of a gang wait for the address of the gang's first task, up to a time limit."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from flowc_ir import Code, End, Flow, Gang, Goto, Method, Node, Span
from flowc_ir.policies import Kubernetes
from flowc_runtime.base.contract import PARALLEL_MAIN_IP, POD_IP
from flowc_runtime.base.index import Graph
from flowc_runtime.pod import coordination
from flowc_runtime.process.process import this_process
from flowc_runtime.run.task.attempts import begin_record, new_record
from flowc_runtime.store.records.record_types import RECORD_VERSION, BeginRecord
from flowc_runtime.store.records.runs import new_run_record
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore

HERE = Span("flow.py", 1, 1)
WORK = Node(
    id="work",
    where=HERE,
    run=Method(name="work"),
    next=Goto(target="join"),
    kubernetes=Kubernetes(hostname_resolution_timeout=1),
)
FLOW = Flow(
    name="Ring",
    code=Code(file="flow.py", name="Ring", digest="sha256:0"),
    where=HERE,
    start="start",
    nodes=(
        Node(id="start", where=HERE, run=Method(name="start"), next=Gang(body="work")),
        WORK,
        Node(id="join", where=HERE, run=Method(name="join"), next=Goto(target="end"), joins="start"),
        Node(id="end", where=HERE, run=Method(name="end"), next=End()),
    ),
)
GRAPH = Graph(FLOW)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv(POD_IP, "10.0.0.2")
    monkeypatch.delenv(PARALLEL_MAIN_IP, raising=False)
    run = Store.open(str(tmp_path)).run("Ring", "ring-1")
    run.create(
        new_run_record(run, FLOW, time.time(), user="ann", target="argo", parameters={}, tags=[], namespace=None), "{}"
    )
    return run


def begin(run: RunStore, attempt: int, ip: str) -> None:
    process = {**this_process(), "ip": ip}
    run.begin("work", "0.0", attempt, BeginRecord(version=RECORD_VERSION, began=time.time(), process=process))


def test_the_first_task_has_its_own_address(run: RunStore) -> None:
    coordination.meet(run, GRAPH, WORK, "0.0")
    assert os.environ[PARALLEL_MAIN_IP] == "10.0.0.2"


def test_the_others_have_that_of_its_last_attempt(run: RunStore) -> None:
    begin(run, 1, "10.0.0.7")
    failed = new_record(run, GRAPH, ("work", "0.0", 1), "failed", begin_record(time.time()), {"code": 1})
    run.finish(failed)
    later = threading.Thread(target=begin, args=(run, 2, "10.0.0.8"))
    later.start()
    coordination.meet(run, GRAPH, WORK, "0.1")
    later.join()
    assert os.environ[PARALLEL_MAIN_IP] == "10.0.0.8"


def test_a_first_task_that_does_not_start_ends_the_wait(run: RunStore) -> None:
    with pytest.raises(
        coordination.GangError, match=r"work/0\.0, the first task .* not started within 1 s: .*timeout="
    ):
        coordination.meet(run, GRAPH, WORK, "0.1")
    assert PARALLEL_MAIN_IP not in os.environ


def test_a_failed_run_ends_the_wait(run: RunStore) -> None:
    run.set_status({"state": "failed", "changed": time.time()})
    with pytest.raises(coordination.GangError, match=r"the run has failed while work/0\.1 waited"):
        coordination.meet(run, GRAPH, WORK, "0.1")
