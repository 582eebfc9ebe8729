"""Artifacts named like a step: `self.name` is the artifact, in later tasks too, and `self.next(self.name)` still works.

Python finds other methods of the class before artifacts of earlier tasks, like any attribute of a class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.ambient import ambient
from flowc_runtime.run.state import STATE
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_hideable(attribute: object) -> bool:
    """Return whether an artifact may have the name of this attribute of a flow's class: only methods may be hidden."""
    return isinstance(attribute, classmethod) or (callable(attribute) and not isinstance(attribute, type))


def bring_forward(flow: object) -> None:
    """Load the inherited artifacts with the names of steps: Python would find the methods of the class first."""
    state = flow.__dict__[STATE]
    for name in [name for name in state.inherited if name not in flow.__dict__ and _is_step(flow, name)]:
        state.load(flow, name)


def _is_step(flow: object, name: str) -> bool:
    return any(applied.name == "step" for applied in applied_to(getattr(type(flow), name, None)))


def step_names(flow: object, steps: Sequence[object]) -> list[str]:
    """Return the names of steps given as methods. If an artifact hides a step, the name comes from the step's source.

    Args:
        flow: the flow object.
        steps: the arguments of `self.next`: bound methods, or values of artifacts with the names of steps.
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
    """Return the names in the step's own `self.next`, in its order."""
    from flowc_ir import Switch, targets

    task = ambient().task
    if task is None or task.ir is None:
        return ()
    leads = task.ir.by_id()[flow.__dict__[STATE].step].next
    return [target for _, target in leads.arms] if isinstance(leads, Switch) else targets(leads)
