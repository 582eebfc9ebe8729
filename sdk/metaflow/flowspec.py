"""`FlowSpec`: the base class of flows, and the type of `self` inside a step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.ambient import ambient
from flowc_runtime.process import origin
from flowc_runtime.process.loader import refuse_call
from flowc_runtime.run.state import GRAPH, NO_ARTIFACTS, OURS, PARAMETERS, STATE, Inputs, NextCall, TaskState
from metaflow import _seam, _uncalled
from metaflow._hidden import is_hideable, step_names
from metaflow._merging import merge
from metaflow.exception import MetaflowException
from metaflow.transitions import InvalidNextException, check_foreach, choose, gang_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from flowc_runtime.run.program import Program
    from metaflow._flow_state import FlowStateItems
    from metaflow.graph import DAGNode, FlowGraph

collect_rarely: LateFunction[[], None] = LateFunction("flowc_runtime.process.collecting:collect_rarely")
end_quickly: LateFunction[[SystemExit, FrameType | None], None] = LateFunction("flowc_runtime.process.quick_end:end")

__all__ = ["FlowSpec", "FlowStateItems", "ForeachFrame", "Inputs", "InvalidNextException"]

INTERNAL_ARTIFACTS_SET = NO_ARTIFACTS


class _FlowState:
    """The descriptor `_flow_state`: the decorators, parameters, configs and mutators of a flow's class."""

    def __get__(self, flow: object, owner: type) -> Mapping[FlowStateItems, Any]:
        from metaflow._flow_state import flow_state

        return flow_state(owner)


class ForeachFrame(NamedTuple):
    """One of the foreaches that contain a task, with the task's item in this foreach.

    Attributes:
        step: the step that works on the item.
        var: the artifact with the items, or None for a gang.
        num_splits: the number of items, or None for a gang and for an unbounded foreach.
        index: the index of the item, from 0.
        value: the item as text of at most 100 characters.
    """

    step: str
    var: str | None
    num_splits: int | None
    index: int  # type: ignore[assignment]  # Metaflow's name, which hides tuple.index
    value: str


class FlowSpec:
    """Base class of flows. `if __name__ == "__main__": MyFlow()` is the flow's command line.

    Inside a step, each attribute that is assigned to `self` becomes an artifact. Reading an attribute that the step did
    not assign returns the artifact of that name from the previous task.
    """

    def __init__(self, use_cli: bool = True) -> None:
        """Run the command line of the flow's file; inside a task, do nothing.

        Args:
            use_cli: whether to run the command line. With False, the constructor only creates an object to inspect, for
                example with `metaflow.lint`.

        Raises:
            SystemExit: the command has ended; the exit code is that of the command.
        """
        if use_cli and PARAMETERS not in self.__dict__:
            refuse_call(type(self))
            _uncalled.note_call()
            collect_rarely()
            try:
                _seam.run_command_line(type(self))
            except SystemExit as ended:
                end_quickly(ended, sys._getframe(1))
                raise

    def __init_subclass__(cls, **options: object) -> None:
        """Record that a flow's file has defined a flow."""
        super().__init_subclass__(**options)
        origin.defined()
        if cls.__module__ == "__main__":
            _uncalled.note(cls)

    _flow_state = _FlowState()

    @classmethod
    def _flowc_program(cls) -> Program:
        """Return the `Program` through which the runtime runs the flow's class."""
        return _seam.make_program(cls)

    # -- for the steps

    def next(
        self,
        *dsts: object,
        foreach: str | None = None,
        num_parallel: int | None = None,
        condition: str | None = None,
    ) -> None:
        """Declare the next step or steps; this call must be the last statement of a step.

        `self.next(self.a)`, `self.next(self.a, self.b)`, `self.next(self.a, foreach="xs")`,
        `self.next(self.a, num_parallel=4)`, `self.next({"x": self.a, "y": self.b}, condition="choice")`.

        Args:
            *dsts: the steps, or a dict from the choices of a switch to steps.
            foreach: the name of an artifact with items; the next step gets one task for each item.
            num_parallel: the number of tasks of a gang, 1 or more.
            condition: the name of the artifact with the choice.

        Raises:
            InvalidNextException: the named artifact is missing, cannot be iterated, or matches no choice;
                `num_parallel` is not a whole number above 0; or the step has called `self.next` already.
            MetaflowException: the code does not run inside a step.
        """
        state = self._flowc_task("next")
        if state.transition is not None:
            raise InvalidNextException("self.next was called twice in this step; call it once, as the last statement")
        cases = dsts[0] if len(dsts) == 1 and isinstance(dsts[0], dict) else {}
        names = step_names(self, [*cases.values()] if cases else dsts)
        steps = tuple(dict.fromkeys(names))
        choice, gang = "", None
        if foreach is not None:
            check_foreach(self, foreach)
        if condition is not None:
            choice = choose(self, condition, dict(zip(cases, names, strict=False)))
        if num_parallel is not None:
            gang = gang_size(num_parallel)
        state.transition = NextCall(steps, foreach, condition, choice, gang)

    @property
    def input(self) -> Any:
        """The task's item of the foreach that directly contains the step, or None outside of a foreach."""
        state = self.__dict__.get(STATE)
        return state.input() if state else None

    @property
    def index(self) -> int | None:
        """The index of the task's item, from 0, in the foreach that directly contains the step, or None outside of a
        foreach."""
        state = self.__dict__.get(STATE)
        return state.index if state else None

    def foreach_stack(self) -> list[tuple[int, int | None, Any]]:
        """Return (index, number of items, item) for each foreach that contains this task, outermost first.

        The number of items is None in a gang and in an unbounded foreach. Outside of a task, the list is empty.
        """
        state = self.__dict__.get(STATE)
        return [(frame.index, frame.num_splits, frame.item) for frame in state.frames] if state else []

    @property
    def _foreach_stack(self) -> list[ForeachFrame]:
        state = self.__dict__.get(STATE)
        return [
            ForeachFrame(frame.step, frame.fanout.get("over"), frame.num_splits, frame.index, f"{frame.item!s:.100}")
            for frame in (state.frames if state else ())
        ]

    @property
    def _current_step(self) -> str | None:
        state = self.__dict__.get(STATE)
        return state.step if state else None

    @property
    def _graph(self) -> FlowGraph:
        """The flow's graph. Outside of a run, the graph is read from the flow's source, and configs are not
        evaluated."""
        from metaflow.graph import FlowGraph

        for place in (self.__dict__, vars(type(self))):
            if (known := place.get(GRAPH)) is not None:
                assert isinstance(known, FlowGraph)
                return known
        if (task := ambient().task) is not None and task.ir is not None:
            return FlowGraph(task.ir, type(self))
        from metaflow.graph import outline

        return outline(type(self))

    @property
    def _flow_decorators(self) -> Mapping[str, Sequence[object]]:
        """The decorators of the flow's class by name, for the hooks of other decorators."""
        from metaflow._legacy.stand_ins import flow_decorators_of

        return flow_decorators_of(type(self))

    def __iter__(self) -> Iterator[DAGNode]:
        """Yield the flow's steps, sorted by name; each has an attribute `name`."""
        return iter(self._graph)

    def __str__(self) -> str:
        state = self.__dict__.get(STATE)
        return f"<flow {type(self).__name__} step {state.step}>" if state else f"<flow {type(self).__name__}>"

    def merge_artifacts(
        self, inputs: Iterable[FlowSpec], exclude: Sequence[str] = (), include: Sequence[str] = ()
    ) -> None:
        """In a join, copy each artifact whose value is the same in all inputs that have the artifact.

        Artifacts that this step has already set stay unchanged. No value is loaded: values are equal if their digests
        are equal.

        Args:
            inputs: the `inputs` of the join, or some of these inputs.
            exclude: artifacts to leave out.
            include: the only artifacts to copy; not together with `exclude`.

        Raises:
            UnhandledInMergeArtifactsException: an artifact has different values. Set it in the step, or exclude it.
            MissingInMergeArtifactsException: `include` names an artifact that no input has.
            MetaflowException: the step is not a join, or the arguments `exclude` and `include` are both given.
        """
        merge(self, self._flowc_task("merge_artifacts"), inputs, exclude, include)

    # -- attributes are artifacts

    def __getattr__(self, name: str) -> Any:
        # Called only if neither the class nor the object's `__dict__` has the name.
        state = self.__dict__.get(STATE)
        if state is not None and state.load(self, name):
            return self.__dict__[name]
        if name == "name":  # `name` and `script_name` are not properties, so that artifacts may have these names
            return type(self).__name__
        if name == "script_name":
            return _script_name(type(self))
        for owner in type(self).__mro__:
            getter: Any = vars(owner).get(name)
            # the property has raised AttributeError; a second evaluation raises the same error with its reason
            if hasattr(getter, "__get__"):
                return getter.__get__(self, type(self))
        raise AttributeError(f"flow '{type(self).__name__}' has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        state = self.__dict__.get(STATE)
        if state is not None:
            if state.read_only:
                raise AttributeError(f"inputs are read only: cannot set '{name}' on one; set it on self")
            if hasattr(type(self), name) and not name.startswith("__"):
                _refuse_class_attribute(type(self), name)
            state.assign(name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        state = self.__dict__.get(STATE)
        if state is not None and name in state.inherited and name not in self.__dict__:
            state.forget(name)
            return
        super().__delattr__(name)
        if state is not None:
            state.forget(name)

    def __dir__(self) -> Iterable[str]:
        state = self.__dict__.get(STATE)
        if state is not None:
            state.seen.add("*")
        names = {name for name in super().__dir__() if not name.startswith(OURS)}
        return sorted(names | set(state.inherited if state else ()))

    def _flowc_task(self, method: str) -> TaskState:
        state = self.__dict__.get(STATE)
        if state is None:
            raise MetaflowException(f"self.{method} is valid only inside a step of a running flow")
        assert isinstance(state, TaskState)
        return state


def _refuse_class_attribute(cls: type, name: str) -> None:
    """Reject an assignment to a parameter or a constant of the class: the next task would not see the new value."""
    attribute = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
    if hasattr(attribute, "__set__"):  # properties and parameters reject assignments themselves
        return
    if is_hideable(attribute) and name not in vars(FlowSpec):
        return
    raise AttributeError(
        f"Flow level attributes and Parameters are not modifiable: '{name}' is defined in the class of flow "
        f"'{cls.__name__}'"
    )


def _script_name(cls: type) -> str:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or sys.argv[0]
    return str(file).rpartition("/")[2]


def __getattr__(name: str) -> Any:
    if name != "FlowStateItems":
        raise AttributeError(f"module 'metaflow.flowspec' has no attribute '{name}'")
    from metaflow._flow_state import FlowStateItems

    return FlowStateItems
