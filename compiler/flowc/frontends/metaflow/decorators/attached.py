"""Decorators that hooks have put on a step, once the flow was lowered -> its node."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flowc.frontends.metaflow.decorators.cards import check_card_types
from flowc.frontends.metaflow.decorators.plugins import is_json
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS, policies
from flowc.frontends.metaflow.decorators.reader import canonical
from flowc_ir import Plugin, codes
from flowc_ir.diagnostic import Faults
from metaflow.decorators import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Node
    from metaflow._legacy.hooks import Added

_NOT_LATER: Final = frozenset({"step", "parallel", "unbounded_test_foreach_internal", "cache"})
"""What the graph, or the code of the step, was read by."""


def attach(node: Node, method: StepMethod, added: Sequence[Added], faults: Faults) -> Node:
    """Return the node with these decorators besides its own; of what a node has once, its own counts."""
    own: list[Applied] = []
    plugins: list[Plugin] = []
    for decorator in added:
        if not decorator.plugin and (decorator.name not in STEP_DECORATORS or decorator.name in _NOT_LATER):
            _fault(faults, method, decorator, "flowc cannot put it on a step any more", "write it in the flow")
        elif not decorator.plugin:
            own.append(Applied(decorator.name, (), dict(decorator.attributes), "--with", 0))
        elif not is_json(decorator.attributes):
            hint = "they travel to every pod: name what is meant by a text"
            _fault(faults, method, decorator, "JSON cannot hold its attributes", hint)
        else:
            attributes = canonical(decorator.attributes)
            plugins.append(Plugin(name=decorator.name, attributes=attributes, written=False))
    fields: dict[str, Any] = policies(replace(method, applied=()), node.next, faults, own) if own else {}
    fields.pop("plugins", None)
    check_card_types(replace(method, applied=()), own, {**fields, "kubernetes": node.kubernetes}, faults)
    cards = (*node.cards, *fields.pop("cards", ()))
    missing = {name: value for name, value in fields.items() if not getattr(node, name)}
    return replace(node, cards=cards, plugins=(*node.plugins, *plugins), **missing)


def _fault(faults: Faults, method: StepMethod, decorator: Added, why: str, hint: str) -> None:
    message = f"a hook has put @{decorator.name} on step '{method.name}': {why}"
    faults.add(codes.UNSUPPORTED_FEATURE, method.where, message, hint=hint)
