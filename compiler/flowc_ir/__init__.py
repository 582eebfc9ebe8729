"""The intermediate representation (IR): front ends produce it, back ends and runners read it.

`model` defines the classes of the IR, `graphs` analyses a flow's graph, `verify` finds a flow's faults, `schema` reads
and writes the versioned JSON, and `text` prints a flow as text. This package imports only the standard library, because
it also runs in pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_ir.model import (
        IR_VERSION,
        PICKLES,
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
        LoopLimit,
        Merge,
        Method,
        Node,
        Notebook,
        Packages,
        Parameter,
        ParameterType,
        Reducer,
        Resources,
        Retry,
        Return,
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
        StepFiles,
        Toleration,
        Trigger,
    )

__all__ = [
    "IR_VERSION",
    "PICKLES",
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
    "LoopLimit",
    "Merge",
    "Method",
    "Node",
    "Notebook",
    "Packages",
    "Parameter",
    "ParameterType",
    "Plugin",
    "Project",
    "Reducer",
    "Resources",
    "Retry",
    "Return",
    "Schedule",
    "Secret",
    "SecurityContext",
    "Shell",
    "Span",
    "StepFiles",
    "Stub",
    "Switch",
    "Timeout",
    "Toleration",
    "Transition",
    "Trigger",
    "targets",
]


def __getattr__(name: str) -> object:
    # The classes are imported at first use: defining them takes long, and a program that only reads records needs no
    # module but `flowc_ir.versions`.
    if name not in __all__:
        raise AttributeError(f"module 'flowc_ir' has no attribute '{name}'")
    from flowc_ir import model, policies

    value = globals()[name] = getattr(model, name, None) or getattr(policies, name)
    return value
