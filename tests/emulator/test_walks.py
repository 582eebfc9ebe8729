"""Random flows of nested switches, loops, branches and foreaches: the tasks that run, their index paths and parents.

The expected tasks are found without a graph or a scheduler: the class `Walk` follows the shape from which the flow was
generated.
"""

from __future__ import annotations

import itertools
import random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowc_emulator.scheduling.scheduler import Scheduler
from flowc_ir import Foreach, Switch
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.regions import Again, BranchArms, Choose, Each, Region, Repeat, Task
from flowc_ir.graphs.scopes import ItemScope, LoopScope
from flowc_ir.schema import dumps
from flowc_ir.verify import verify
from flowc_runtime.base.index import Graph
from flowc_runtime.run.parents import Parents
from flowc_runtime.run.reuse import Reuse
from flowc_runtime.run.task.attempts import begin_record, new_record
from flowc_runtime.store.records.store import Store
from project import run_record
from targets.argo import flows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_emulator.scheduling.scheduler import Job
    from flowc_ir import Flow
    from flowc_runtime.run.task.attempts import Result
    from flowc_runtime.store.records.run_store import RunStore
    from targets.argo.flows import Shape

At = tuple[str, str]  # a task: its step and its index path


def number(task: At, most: int) -> int:
    """Return a number from 0 to `most` - 1 that depends only on the task. It decides how many items a foreach has,
    which arm a switch chooses, and whether a loop continues."""
    return random.Random(repr(task)).randrange(most)


class Walk:
    """The tasks of a run in a possible order, each with its parents. They are found by following the shape from which
    the flow was generated."""

    def __init__(self, shape: Shape) -> None:
        self.parents: dict[At, list[At]] = {}
        self.choices: dict[At, str] = {}
        self.run(shape, "0", [])

    def run(self, shape: Shape, path: str, before: list[At]) -> list[At]:
        for item in shape:
            if isinstance(item, str):
                before = self.task(item, path, before)
                continue
            kind, step, inner = item
            assert isinstance(inner, list)
            if kind == "fork":
                before = self.task(step, path, [last for arm in inner for last in self.run(arm, path, before)])
            elif kind == "each":
                items = range(number(before[0], 4))
                ends = [last for at in items for last in self.run(inner, f"{path}.{at}", before)]
                before = self.task(step, path, ends)
            elif kind == "choose":
                arm = inner[number(before[0], len(inner))]
                self.choices[before[0]] = arm[0] if arm else step
                before = self.task(step, path, self.run(arm, path, before))
            else:
                for at in itertools.count():
                    before = self.task(step, f"{path}~{at}", self.run(inner, f"{path}~{at}", before))
                    if number(before[0], 3) == 0:
                        break
                    self.choices[before[0]] = inner[0]
        return before

    def task(self, step: str, path: str, before: list[At]) -> list[At]:
        for parent in before:
            # a task that continues a loop has its entry in `choices` already; for every other parent, the choice is
            # `step`
            self.choices.setdefault(parent, step)
        self.parents[step, path] = before
        return [(step, path)]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    return draw(flows.shapes([f"s{at}" for at in range(900)], 2, switches=True))


def played(flow: Flow, walk: Walk, pick: random.Random, scheduler: Scheduler | None = None) -> Iterator[Job]:
    """Run the flow with up to three jobs at a time; return the jobs in the order of their ends."""
    scheduler, running = scheduler or Scheduler(Graph(flow)), list[Any]()
    by_id = flow.by_id()
    while True:
        while len(running) < 3 and (job := scheduler.take()):
            running.append(job)
        if not running:
            assert scheduler.finished
            return
        job = running.pop(pick.randrange(len(running)))
        yield job
        task, following = (job.step, job.path), by_id[job.step].next
        count = number(task, 4) if isinstance(following, Foreach) else 0
        choice = walk.choices[task] if isinstance(following, Switch) else ""
        scheduler.succeeded(job, count, choice)


@given(shapes(), st.integers(0, 2**32))
def test_what_runs_is_what_the_shape_says(shape: Shape, seed: int) -> None:
    flow = flows.flow(shape)
    assert verify(flow) == []
    walk = Walk(shape)
    ended = [(job.step, job.path) for job in played(flow, walk, random.Random(seed))]
    assert len(ended) == len(set(ended))
    assert set(ended) == set(walk.parents)
    at = {task: order for order, task in enumerate(ended)}
    assert all(at[parent] < at[task] for task, parents in walk.parents.items() for parent in parents)


@settings(max_examples=30)
@given(shapes())
def test_parents_are_found_in_the_store(shape: Shape) -> None:
    flow = flows.flow(shape)
    graph, walk = Graph(flow), Walk(shape)
    with TemporaryDirectory() as directory:
        run = Store.open(directory).run(flow.name, "1")
        for step, path in walk.parents:
            record = new_record(run, graph, (step, path, 1), "ok", begin_record(0.0), {})
            if (step, path) in walk.choices:
                record["choice"] = walk.choices[step, path]
            run.finish(record)
        for (step, path), expected in walk.parents.items():
            assert graph.inside(step, path) == path
            parents, node = Parents(run, graph, step, path), graph.nodes[step]
            if node.joins is None:
                one = parents.one()
                found = [one] if one else []
            elif isinstance(graph.nodes[node.joins].next, Foreach):
                found = [parents.ended(graph.ends(node)[0], item) for item in range(len(expected))]
            else:
                found = [parents.ended(arm, None) for arm in graph.ends(node)]
            assert [(parent.id, at) for parent, at, _ in found] == expected


@given(shapes())
def test_regions_walk_the_same_way(shape: Shape) -> None:
    """Following the tree of regions, from which targets are compiled, gives the same tasks and index paths."""
    flow = flows.flow(shape)
    graph, walk = Graph(flow), Walk(shape)
    assert set(Analysis(flow).region.nodes()) == {node.id for node in flow.nodes}
    done: list[At] = []

    def path_of(node: str, numbers: dict[object, int]) -> str:
        return "0" + "".join(
            f".{numbers[scope]}" if isinstance(scope, ItemScope) else f"~{numbers[scope]}"
            for scope in graph.scopes(node)
        )

    def run(inside: Region, numbers: dict[object, int]) -> str | None:
        """Run the items of a region; return the first step of the loop that continues, or None if no loop continues."""
        for item in inside.items:
            again: str | None = None
            match item:
                case Task(node=node):
                    done.append((node, path_of(node, numbers)))
                case BranchArms(arms=arms):
                    for arm in arms:
                        assert run(arm, numbers) is None
                case Each(split=split, body=body):
                    for at in range(number((split, path_of(split, numbers)), 4)):
                        assert run(body, {**numbers, ItemScope(split): at}) is None
                case Choose(switch=switch, arms=chosen):
                    target = walk.choices[switch, path_of(switch, numbers)]
                    (way,) = [arm for arm in chosen if arm.target == target]
                    again = run(way.region, numbers)
                case Repeat(header=header, body=body):
                    for at in itertools.count():
                        again = run(body, {**numbers, LoopScope(header): at})
                        if again != header:
                            break
                case Again(header=header):
                    again = header
            if again is not None:
                return again
        return None

    assert run(Analysis(flow).region, {}) is None
    assert sorted(done) == sorted(walk.parents)


@settings(max_examples=40)
@given(shapes(), st.integers(0, 2**32))
def test_what_a_resumption_reuses(shape: Shape, seed: int) -> None:
    """A resumed run reuses a finished task unless the task, or a task before it, has to run again.

    The scheduler and the pods reuse the same tasks, although a pod knows only its own task; every other task runs
    exactly once.
    """
    pick, flow = random.Random(seed), flows.flow(shape, parameters=(flows.parameter("n", "int", 1),))
    graph, walk = Graph(flow), Walk(shape)
    failed, readers = ({task for task in walk.parents if pick.random() < 0.1} for _ in range(2))
    again, n = pick.choice([None, pick.choice(flow.nodes).id]), pick.choice([1, 2])

    def record(run: RunStore, task: At) -> Any:
        made: Any = new_record(run, graph, (*task, 1), "ok", begin_record(0.0), {})
        made["reads"] = {"parameters": ["n"] if task in readers else []}
        if isinstance(graph.nodes[task[0]].next, Switch):
            made["choice"] = walk.choices[task]
        if isinstance(graph.nodes[task[0]].next, Foreach):
            made["fanout"] = {"count": number(task, 4)}
        return made

    with TemporaryDirectory() as directory:
        store = Store.open(directory)
        origin, here, pods = (store.run(flow.name, name) for name in "123")
        origin.create(run_record(origin, parameters={"n": 1}), dumps(flow))
        done, expected = set[At](), set[At]()
        for task, found in walk.parents.items():
            split = graph.nodes[task[0]].joins
            # a join without parents in `walk` follows an empty foreach: its parent is the split
            parents = found or ([(split, task[1])] if split is not None else [])
            if task not in failed and done.issuperset(parents):
                origin.finish(record(origin, task))
                done.add(task)
                if task[0] != again and not (n == 2 and task in readers) and expected.issuperset(parents):
                    expected.add(task)

        scheduler, reuse, taken = Scheduler(graph), Reuse(origin, graph, {"n": n}, again), list[At]()

        def find(step: str, path: str) -> Result | None:
            if (old := reuse.find(step, path)) is None:
                return None
            taken.append((step, path))
            return reuse.take(here, old)

        scheduler.replay(find)
        reuse.flush(here)
        assert sorted(taken) == sorted(expected)
        ran = [(job.step, job.path) for job in played(flow, walk, pick, scheduler)] if not scheduler.finished else []
        assert sorted([*ran, *taken]) == sorted(walk.parents)

        for task in walk.parents:
            reuse = Reuse(origin, graph, {"n": n}, again)
            if (old := reuse.find(*task)) is not None and reuse.follows(pods, *task):
                reuse.take(pods, old)
                reuse.flush(pods)
            else:
                assert pods.begin(*task, 1, begin_record(0.0))
                pods.finish(record(pods, task))
        assert {task for task in walk.parents if "origin" in pods.task(*task)} == expected
