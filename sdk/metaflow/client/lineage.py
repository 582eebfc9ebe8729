"""Finds the parents and children of steps, from the flow's graph, and of tasks, from their records and index paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Branch, Foreach, Gang, Switch, targets
from flowc_ir.graphs.scopes import ItemScope
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.base.index import item_path, parts
from flowc_runtime.run.parents import Parents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import ParentsRecord
    from metaflow.client.reader import RunReader


def in_order(flow: Flow) -> list[str]:
    """Return the steps in topological order; edges that close a loop are ignored."""
    nodes, seen, order = flow.by_id(), {flow.start}, []
    waiting = [(flow.start, iter(targets(nodes[flow.start].next)[::-1]))]
    while waiting:
        name, rest = waiting[-1]
        target = next((one for one in rest if one not in seen), None)
        if target is None:
            order.append(name)
            waiting.pop()
        else:
            seen.add(target)
            waiting.append((target, iter(targets(nodes[target].next)[::-1])))
    return order[::-1]


def steps_before(reader: RunReader, step: str) -> list[str]:
    """Return the started steps whose transitions lead to this step."""
    begun = set(reader.store.steps())
    return [node.id for node in reader.graph.predecessors.get(step, ()) if node.id in begun]


def steps_after(reader: RunReader, step: str) -> list[str]:
    """Return the started steps that follow a step. For the step `_parameters`, which is not in the graph, return no
    steps."""
    if reader.is_beside(step):
        return []
    begun = set(reader.store.steps())
    return [name for name in targets(reader.graph.nodes[step].next) if name in begun]


def tasks_before(reader: RunReader, step: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield the parents of a task as (step, index path); the parents of a join in the order of the join's inputs.

    Args:
        reader: the run.
        step: the task's step.
        path: the task's index path.

    Raises:
        RecordError: a record that names parent tasks cannot be read.
    """
    if reader.is_beside(step):
        return
    number = reader.last(step, path)
    record = reader.attempt(step, path, number) if number else None
    parents = record["parents"] if record is not None else []
    for parent in parents:
        if parent["count"] is None:
            yield parent["step"], parent["path"]
    counted = [parent for parent in parents if parent["count"] is not None]
    if counted:
        yield from _items(reader, step, path, counted)
    elif not parents:  # no parents are recorded: the task is active, or its process died before it recorded them
        yield from _by_graph(reader, step, path)


def _items(reader: RunReader, step: str, path: str, ends: list[ParentsRecord]) -> Iterator[tuple[str, str]]:
    """Yield (step, index path) of the last task for each item of a foreach.

    If the foreach contains a switch or a loop, finding the last task requires reading the store.
    """
    graph, count = reader.graph, ends[0]["count"] or 0
    plain = len(ends) == 1 and len(graph.scopes(ends[0]["step"])) == len(parts(path)) + 1
    asked = Parents(reader.store, graph, step, path)
    for number in range(count):
        if plain:
            yield ends[0]["step"], item_path(path, number)
            continue
        node, at, _ = asked.ended([graph.node(end["step"]) for end in ends], number)
        yield node.id, at
    for end in ends:  # an unbounded foreach's control task is a parent, too, if each item runs a single step
        if reader.is_control(end["step"], path):
            yield end["step"], path


def _by_graph(reader: RunReader, step: str, path: str) -> Iterator[tuple[str, str]]:
    graph = reader.graph
    node, asked = graph.node(step), Parents(reader.store, graph, step, path)
    try:
        if node.joins is None:
            if before := asked.one():
                yield before[0].id, before[1]
        elif isinstance(graph.nodes[node.joins].next, Branch):
            for arm in graph.ends(node):
                last, at, _ = asked.ended(arm, None)
                yield last.id, at
        else:
            split = reader.done(node.joins, path)
            count = split["fanout"]["count"] if split else 0
            yield from _items(reader, step, path, [{"step": end.id, "path": path, "count": count}
                                                   for end in graph.ends(node)[0]])  # fmt: skip
    except ProtocolError:  # the task failed because the record of a parent is missing
        return


def tasks_after(reader: RunReader, step: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield the started child tasks of a task as (step, index path). If the task is not done, yield nothing.

    Args:
        reader: the run.
        step: the task's step.
        path: the task's index path.
    """
    graph, record = reader.graph, reader.done(step, path)
    if record is None or reader.is_beside(step):
        return
    leaving = graph.node(step).next
    names = [record["choice"]] if isinstance(leaving, Switch) and "choice" in record else targets(leaving)
    count = 1
    if isinstance(leaving, Foreach | Gang) and "fanout" in record:
        count = record["fanout"]["count"]
        names = names if count else [graph.join_of[step]]
    for name in names:
        begun = set(reader.paths(name))
        for item in range(max(count, 1)):
            at = graph.following(step, path, name, item)
            if at in begun:
                yield name, at
        if reader.is_control(name, path):
            yield name, path


def execution_path(reader: RunReader, step: str, path: str) -> str:
    """Return the task's indices in the enclosing foreaches, as `outer:0,inner:3`, or an empty string outside of
    foreaches."""
    graph, numbers = reader.graph, parts(path)
    items: list[str] = []
    if reader.is_beside(step):
        return ""
    # a control task belongs to the foreach, not to an item
    for part, scope in zip(numbers, graph.scopes(step), strict=False):
        if isinstance(scope, ItemScope):
            (body,) = targets(graph.nodes[scope.split].next)
            items.append(f"{body}:{part[1:]}")
    return ",".join(items)


def is_gang(reader: RunReader, step: str) -> bool:
    """Return whether the tasks of a step are the members of a gang."""
    return any(isinstance(node.next, Gang) for node in reader.graph.predecessors.get(step, ()))
