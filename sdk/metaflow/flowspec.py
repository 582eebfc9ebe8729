"""`FlowSpec`: the class that flows derive from, and what `self` is inside a step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flowc_runtime.state import OURS, STATE, Inputs, TaskState
from metaflow.decorators import USER_ATTRIBUTE, Applied
from metaflow.exception import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowc.ir import Flow
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.errors import StepTimeout
    from flowc_runtime.store import RunStore
    from metaflow._flow_state import FlowStateItems
    from metaflow.plugins.cards._task import TaskCards

__all__ = ["FlowSpec", "FlowStateItems", "Inputs"]


class _FlowState:
    """`_flow_state` of a class and of its objects."""

    def __get__(self, flow: object, owner: type) -> Mapping[FlowStateItems, Any]:
        from metaflow._flow_state import flow_state

        return flow_state(owner)


class FlowSpec:
    """Base class of flows. `if __name__ == "__main__": MyFlow()` is the flow's command line.

    Inside a step, whatever is assigned to `self` is an artifact; reading an attribute that the step did not assign
    reads the artifact of that name from the task before it.
    """

    def __init__(self, use_cli: bool = True) -> None:
        """Run the command line of the flow's file, unless `use_cli` is false."""
        if use_cli:
            # Upward on purpose: a flow's file is a program, and the command line is what composes the packages.
            from flowc.cli import flow_main

            flow_main(type(self))

    _flow_state = _FlowState()

    # -- for the front end and the runtime

    @classmethod
    def _flowc_prepare(
        cls, configs: Mapping[str, Any], with_decorators: Sequence[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        """Bring the class to its final form: give its configs their values, then let its mutators change it.

        Both the front end, before it lowers the class, and a pod, before it runs a step, call it once; `configs` maps
        a config's name to its value (None: the config has none). `with_decorators` are the user's own that the command
        line adds: names and arguments.
        """
        # Only a program that has decorators or mutators of its own has loaded that module.
        if with_decorators or "metaflow.user_decorators.common" in sys.modules:
            from metaflow.user_decorators._mutate import mutate, restore

            restore(cls)  # before configs are bound: they are bound to what was written
            mutate(cls, [Applied(name, (), dict(arguments), "--with", 0) for name, arguments in with_decorators])

    def _flowc_call(self, step: str, arguments: tuple[Any, ...]) -> None:
        """Run a step's code: the method, inside whatever decorators of the user's own wrap it."""
        method = getattr(type(self), step)
        if not getattr(method, USER_ATTRIBUTE, ()):
            method(self, *arguments)
            return
        from metaflow.user_decorators._call import call_wrapped

        self._flowc_task("next").implied = call_wrapped(self, step, arguments)

    @classmethod
    def _flowc_timeout_error(cls) -> type[StepTimeout]:
        """What is raised in a step whose time is up. Asked before the clock starts: it imports."""
        from metaflow.plugins.timeout_decorator import TimeoutException

        return TimeoutException

    @classmethod
    def _flowc_inline_secrets(cls, step: str) -> list[Mapping[str, Any]]:
        """The options of a step's inline secrets: the only place where their values are."""
        from metaflow.decorators import inline_secrets

        return inline_secrets(cls, step)

    @classmethod
    def _flowc_cards(cls, run: RunStore, flow: Flow, attempt: tuple[str, str, int]) -> TaskCards:
        """The cards of an attempt (step, path, number) of a step with @card."""
        from metaflow.plugins.cards._task import TaskCards

        return TaskCards(run, flow, attempt, cls)

    # -- for the steps

    def next(self, *dsts: Any, foreach: str | None = None) -> None:
        """Say what follows: `self.next(self.a)`, `self.next(self.a, self.b)`, `self.next(self.a, foreach="xs")`."""
        state = self._flowc_task("next")
        if state.transition is not None:
            raise MetaflowException("self.next was called twice in this step; call it once, last")
        state.transition = tuple(getattr(dst, "__name__", repr(dst)) for dst in dsts), foreach

    @property
    def input(self) -> Any:
        """The item of the innermost foreach that this task works on; None outside of a foreach."""
        state = self.__dict__.get(STATE)
        return state.input() if state else None

    @property
    def index(self) -> int | None:
        """The number of that item, from 0; None outside of a foreach."""
        state = self.__dict__.get(STATE)
        return state.index if state else None

    def merge_artifacts(
        self, inputs: Iterable[FlowSpec], exclude: Sequence[str] = (), include: Sequence[str] = ()
    ) -> None:
        """In a join, take over from the inputs every artifact that has one value in all inputs that have it.

        Artifacts already set in this step are left alone; nothing is read or copied. Either `exclude` names artifacts
        to leave out or `include` the only ones to take.

        Raises:
            UnhandledInMergeArtifactsException: an artifact has different values; set it in the step, or exclude it.
            MissingInMergeArtifactsException: `include` names one that no input has.
            MetaflowException: not in a join, or both `exclude` and `include` are given.
        """
        state = self._flowc_task("merge_artifacts")
        if state.inputs is None:
            raise MetaflowException("merge_artifacts can be called only in a join, a step with inputs")
        if exclude and include:
            raise MetaflowException("merge_artifacts takes `exclude` or `include`, not both")
        found: dict[str, dict[str, ArtifactRef]] = {}
        for given in inputs:
            for name, ref in given._flowc_task("merge_artifacts").inherited.items():
                found.setdefault(name, {})[ref["digest"]] = ref
        if missing := [name for name in include if name not in found and name not in self.__dict__]:
            raise MissingInMergeArtifactsException(
                f"merge_artifacts(include=…) names artifacts that no input has: {', '.join(missing)}", missing
            )
        wanted = include or [name for name in found if name not in exclude]
        merging = {name: found[name] for name in wanted if name in found and name not in self.__dict__}
        if conflicts := sorted(name for name, values in merging.items() if len(values) > 1):
            raise UnhandledInMergeArtifactsException(
                f"these artifacts have different values in the inputs: {', '.join(conflicts)}; "
                "set them in the join before merge_artifacts, or exclude them",
                conflicts,
            )
        state.inherited.update({name: next(iter(values.values())) for name, values in merging.items()})

    # -- attributes are artifacts

    def __getattr__(self, name: str) -> Any:
        # Only called where the class and the object's own dict have nothing of this name.
        state = self.__dict__.get(STATE)
        if state is not None and state.load(self, name):
            return self.__dict__[name]
        raise AttributeError(f"flow '{type(self).__name__}' has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__.get(STATE)
        if state is not None:
            if state.read_only:
                raise AttributeError(f"inputs are read only: cannot set '{name}' on one; set it on self")
            if hasattr(type(self), name) and not name.startswith("__"):
                _refuse_class_attribute(type(self), name)
            state.forget(name)
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
        names = {name for name in super().__dir__() if not name.startswith(OURS)}
        return sorted(names | set(state.inherited if state else ()))

    def _flowc_task(self, asked: str) -> TaskState:
        state = self.__dict__.get(STATE)
        if state is None:
            raise MetaflowException(f"self.{asked} has a meaning only inside a step of a running flow")
        assert isinstance(state, TaskState)
        return state


def _refuse_class_attribute(cls: type, name: str) -> None:
    """A parameter or a constant of the class is the same in every task: assigning it would be lost in the next."""
    attribute = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
    if hasattr(attribute, "__set__"):  # a property or a parameter: it answers for itself
        return
    raise AttributeError(f"'{name}' is defined in the class of flow '{cls.__name__}' and cannot be set in a step")


def __getattr__(name: str) -> Any:
    if name != "FlowStateItems":
        raise AttributeError(f"module 'metaflow.flowspec' has no attribute '{name}'")
    from metaflow._flow_state import FlowStateItems

    return FlowStateItems
