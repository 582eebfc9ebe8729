"""The scheduler, which starts no processes: the tests tell it the results of jobs."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from flowc_emulator.scheduling.scheduler import Job, Scheduler
from flowc_ir import Catch, Flow, Foreach, Gang, Retry, targets
from flowc_runtime.base.index import Graph
from targets.argo import flows

if TYPE_CHECKING:
    from collections.abc import Callable


def scheduler(flow: Flow) -> Scheduler:
    return Scheduler(Graph(flow))


def play(flow: Flow, count: Callable[[Job], int], pick: random.Random) -> list[Job]:
    """Run a flow with up to three jobs at a time; return the jobs in the order of their starts.

    The jobs end in random order.
    """
    state = scheduler(flow)
    started: list[Job] = []
    running: list[Job] = []
    while True:
        while len(running) < 3 and (job := state.take()):
            started.append(job)
            running.append(job)
        if not running:
            assert state.finished
            assert state.totals.exact
            assert state.done == state.totals.least == len(started)
            return started
        job = running.pop(pick.randrange(len(running)))
        state.succeeded(job, count(job) if isinstance(state_node(flow, job), Foreach) else 0)


def state_node(flow: Flow, job: Job) -> object:
    return flow.by_id()[job.step].next


def reference(flow: Flow, count: Callable[[Job], int]) -> set[tuple[str, str]]:
    """Return all tasks of a run. They are found without the scheduler, by following the transitions of the graph."""
    by_id, found = flow.by_id(), set()
    todo = [(flow.start, "0")]
    while todo:
        step, path = todo.pop()
        if (step, path) in found:
            continue
        found.add((step, path))
        node = by_id[step]
        for target in targets(node.next):
            if isinstance(node.next, Foreach):
                items = count(Job(step, path, 1, last=True))
                todo += [(target, f"{path}.{index}") for index in range(items)]
                if not items:
                    todo.append((next(n.id for n in flow.nodes if n.joins == step), path))
            else:
                joins = by_id[target].joins
                over = joins is not None and isinstance(by_id[joins].next, Foreach)
                todo.append((target, path.rpartition(".")[0] if over else path))
    return found


@given(flows.flows(), st.integers(0, 2**32))
def test_every_task_runs_once_and_after_its_parents(flow: Flow, seed: int) -> None:
    def count(job: Job) -> int:
        return (len(job.step) + len(job.path)) % 4

    started = [(job.step, job.path) for job in play(flow, count, random.Random(seed))]
    assert len(started) == len(set(started))
    assert set(started) == reference(flow, count)
    graph, at = Graph(flow), {task: order for order, task in enumerate(started)}
    for step, path in started:
        node = graph.nodes[step]
        for before in graph.predecessors[step] if node.joins is None else ():
            parent = path.rpartition(".")[0] if isinstance(before.next, Foreach) else path
            assert at[before.id, parent] < at[step, path]
        if node.joins is not None:
            for before in graph.predecessors[step]:
                inside = [task for task in started if task[0] == before.id and task[1].startswith(path)]
                assert all(at[task] < at[step, path] for task in inside)


def test_an_item_is_brought_to_its_end_before_the_next_begins() -> None:
    state = scheduler(flows.flow(["start", ("each", "join", ["a", "b"]), "end"]))
    order = []
    while job := state.take():
        order.append(job.task)
        state.succeeded(job, 2)
    assert order == ["start", "a/0.0", "b/0.0", "a/0.1", "b/0.1", "join", "end"]


def test_a_wide_foreach_is_not_expanded() -> None:
    state = scheduler(flows.EXAMPLES["foreach"])
    first = state.take()
    assert first is not None
    state.succeeded(first, 1_000_000)
    assert (state.totals.least, state.totals.exact) == (1_000_003, True)
    assert len(state._ready) == 1
    assert [job.path for job in (state.take(), state.take()) if job] == ["0.0", "0.1"]


def test_a_gang_starts_when_it_has_its_places_or_all_there_are() -> None:
    made = flows.flow(["start", ("each", "join", ["train"]), "end"])
    nodes = [replace(node, next=Gang(body="train")) if node.id == "start" else node for node in made.nodes]
    nodes[1] = replace(nodes[1], retry=Retry(times=1))
    state = scheduler(replace(made, nodes=tuple(nodes)))
    start = state.take()
    assert start is not None
    state.succeeded(start, 3)
    assert [state.startable(free, 4) for free in range(5)] == [0, 0, 0, 3, 3]
    assert [state.startable(free, 2) for free in range(3)] == [0, 0, 3]
    members = [job for job in (state.take(), state.take(), state.take()) if job]
    assert [job.path for job in members] == ["0.0", "0.1", "0.2"]
    assert len({state.gang(job) for job in members}) == 1
    state.failed(members[1])
    # the failed task's retry may start, because the running tasks of the gang may wait for it
    assert state.startable(-1, 2) == 1


def with_policies(**policies: object) -> tuple[Scheduler, Job]:
    state = scheduler(flows.with_policies(flows.EXAMPLES["linear"], "start", **policies))
    job = state.take()
    assert job is not None
    return state, job


def test_without_retry_a_failure_is_final() -> None:
    state, job = with_policies()
    assert job.last
    assert state.failed(job) is None
    assert state.take() is None
    assert not state.finished


def test_retries_are_counted() -> None:
    state, job = with_policies(retry=Retry(times=2))
    for attempt in (2, 3):
        assert not job.last
        assert state.failed(job) == Job("start", "0", attempt, last=attempt == 3)
        following = state.take()
        assert following is not None
        job = following
    assert state.failed(job) is None


def test_what_must_not_be_retried_is_not() -> None:
    state, job = with_policies(retry=Retry(times=2))
    assert state.failed(job, retryable=False) is None


def test_a_death_under_catch_gets_one_more_attempt_that_only_catches() -> None:
    state, job = with_policies(retry=Retry(times=1), catch=Catch())
    second = state.failed(job, died=True)
    assert second == Job("start", "0", 2, last=True)
    third = state.failed(second, died=True)
    assert third == replace(second, attempt=3, only_catch=True)
    assert state.failed(third, died=True) is None


def test_a_retry_goes_before_everything_else() -> None:
    state = scheduler(flows.with_policies(flows.EXAMPLES["foreach"], "train_model", retry=Retry(times=1)))
    start = state.take()
    assert start is not None
    state.succeeded(start, 5)
    item = state.take()
    assert item is not None
    state.failed(item)
    assert state.take() == Job("train_model", "0.0", 2, last=True)
