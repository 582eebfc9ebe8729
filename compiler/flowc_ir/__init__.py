"""The intermediate representation: what every front end makes and every back end and runner takes.

`model` has the nodes, `structure` the shape of the graph, `verify` every fault of a flow, `schema` the versioned JSON
and `text` the printer. This package imports the standard library only: it also runs in the pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_ir.model import (
        IR_VERSION,
        Action,
        Branch,
        Catch,
        Choice,
        Code,
        Config,
        End,
        Flow,
        Foreach,
        Function,
        Gang,
        Goto,
        Method,
        Node,
        Notebook,
        Packages,
        Parameter,
        ParameterType,
        Resources,
        Retry,
        Schedule,
        Shell,
        Span,
        Stub,
        Switch,
        Timeout,
        Transition,
        targets,
    )
    from flowc_ir.policies import (
        Card,
        ExitHook,
        Kubernetes,
        Plugin,
        Project,
        Secret,
        SecurityContext,
        Toleration,
        Trigger,
    )

__all__ = [
    "IR_VERSION",
    "Action",
    "Branch",
    "Card",
    "Catch",
    "Choice",
    "Code",
    "Config",
    "End",
    "ExitHook",
    "Flow",
    "Foreach",
    "Function",
    "Gang",
    "Goto",
    "Kubernetes",
    "Method",
    "Node",
    "Notebook",
    "Packages",
    "Parameter",
    "ParameterType",
    "Plugin",
    "Project",
    "Resources",
    "Retry",
    "Schedule",
    "Secret",
    "SecurityContext",
    "Shell",
    "Span",
    "Stub",
    "Switch",
    "Timeout",
    "Toleration",
    "Transition",
    "Trigger",
    "targets",
]


def __getattr__(name: str) -> object:
    # A program that reads records needs `flowc_ir.versions` and none of the nodes, which take long to make.
    if name not in __all__:
        raise AttributeError(f"module 'flowc_ir' has no attribute '{name}'")
    from flowc_ir import model, policies

    value = globals()[name] = getattr(model, name, None) or getattr(policies, name)
    return value
