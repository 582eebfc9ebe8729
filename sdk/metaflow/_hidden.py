"""Support for an artifact that has the same name as a step: `self.train` returns the artifact, and
`self.next(self.train)` selects the step.

Later tasks inherit the artifact, so `self.train` must return the artifact there, too, and not the step's method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.ambient import ambient
from flowc_runtime.run.state import STATE
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_hideable(attribute: object) -> bool:
    """Return whether an artifact may have the same name as this class attribute, which is allowed only for methods."""
    return isinstance(attribute, classmethod) or (callable(attribute) and not isinstance(attribute, type))


def bring_forward(flow: object) -> None:
    """Load the inherited artifacts that have the name of a step; otherwise attribute access would return the step's
    method."""
    state = flow.__dict__[STATE]
    # There may be 100,000 artifacts, but a class has few attributes.
    of_class = {name for cls in type(flow).__mro__ for name in vars(cls)}
    for name in sorted(of_class & state.inherited.keys()):
        if name not in flow.__dict__ and _is_step(flow, name):
            state.load(flow, name)


def _is_step(flow: object, name: str) -> bool:
    return any(applied.name == "step" for applied in applied_to(getattr(type(flow), name, None)))


def step_names(flow: object, steps: Sequence[object]) -> list[str]:
    """Return the names of the steps that are passed to `self.next` as methods.

    If an artifact hides a step's method, the name is taken from the source of the current step.

    Args:
        flow: the flow object.
        steps: the arguments of `self.next`: bound methods, or the values of artifacts that hide a step's method.
    """
    names = [getattr(step, "__name__", None) or repr(step) for step in steps]
    if all(getattr(step, "__self__", None) is flow for step in steps):
        return names
    expected = _expected(flow)
    if len(expected) != len(names):
        return names
    hidden = flow.__dict__
    return [there if there in hidden and hidden[there] is step else name
            for name, step, there in zip(names, steps, expected, strict=True)]  # fmt: skip


def _expected(flow: object) -> Sequence[str]:
    """Return the steps that the source of the current step passes to `self.next`, in the order of the arguments."""
    from flowc_ir import Switch, targets

    task = ambient().task
    if task is None or task.ir is None:
        return ()
    leads = task.ir.by_id()[flow.__dict__[STATE].step].next
    return [target for _, target in leads.arms] if isinstance(leads, Switch) else targets(leads)
