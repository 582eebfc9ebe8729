"""Executes two attempts of a small flow without user code, with a store in memory, before tasks are forked.

Much of Python's work is done at the first call: the `__init__` of a dataclass is compiled, the loader finds the
functions of C libraries, caches of types and attributes are filled. A forked process inherits these results only if
they exist before the fork. Without the warm-up, each task does the same work again, which costs more than a warm-up.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast, final

from flowc_ir.model import Code, End, Flow, Foreach, Goto, Method, Node, Span
from flowc_runtime.base.ambient import apart
from flowc_runtime.base.index import ROOT, Graph
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.state import STATE, NextCall
from flowc_runtime.run.task.task import Attempt
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_runtime.run.program import Program
    from flowc_runtime.run.state import TaskState

_PLACE = Span("", 1, 1)
_FLOW = Flow(
    name="WarmUp",
    code=Code(file="", digest="sha256:0"),
    where=_PLACE,
    start="start",
    nodes=(
        Node(id="start", where=_PLACE, run=Method(name="start"), next=Foreach(over="items", body="item")),
        Node(id="item", where=_PLACE, run=Method(name="item"), next=Goto(target="end")),
        Node(id="end", where=_PLACE, run=Method(name="end"), joins="start", next=End()),
    ),
)


def warm_up() -> None:
    """Execute the attempts. The attempts change nothing outside of this call; `ambient()` and the environment stay as
    they are.

    Hazard: call this in the process that forks tasks, before `gc.freeze`.
    """
    graph = Graph(_FLOW)
    run = RunStore(MemoryObjects(), _FLOW.name, "1")
    program = cast("Program", _WarmUp())  # `_WarmUp` has only the methods that an attempt calls
    for step, path in (("start", ROOT), ("item", f"{ROOT}.0")):
        with apart():
            job = Assignment(
                run=run, graph=graph, step=step, path=path, attempt=1, program=program, parameters={}, user=""
            )
            attempt = Attempt(job)  # `perform` is not used, since it would record an interrupt as the failure of a task
            attempt.enter()
            attempt.recall()
            attempt.run_code()
            attempt.done()


@final
class _WarmUp:
    """The program of the flow: its steps assign artifacts, read them and call `self.next`."""

    directory = ""

    def bind(self, state: TaskState, parameters: Mapping[str, object]) -> SimpleNamespace:
        return SimpleNamespace(**{STATE: state})

    def constants(self, flow: Flow, parameters: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        return ()

    def start(self, task: object) -> None: ...

    def call_step(self, task: SimpleNamespace, node: Node, arguments: tuple[object, ...]) -> None:
        state: TaskState = getattr(task, STATE)
        if node.id == "start":
            # seven items have a preview, for which modules are imported
            task.items, task.text = [0] * 7, ""
            state.transition = NextCall(("item",), foreach="items")
        else:
            state.load(task, "text")
            task.result = state.input()
            state.transition = NextCall(("end",))

    def finished(self, task: object, node: Node, *, ok: bool) -> None: ...
