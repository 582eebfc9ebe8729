"""The intermediate representation: what every front end makes and every back end and runner takes.

`model` has the nodes, `structure` the shape of the graph, `verify` every fault of a flow, `schema` the versioned JSON
and `text` the printer. This package imports the standard library only: it also runs in the pod.
"""

from flowc.ir.model import (
    IR_VERSION,
    Branch,
    Catch,
    Choice,
    Code,
    End,
    Flow,
    Foreach,
    Gang,
    Goto,
    Method,
    Node,
    Parameter,
    ParameterType,
    Resources,
    Retry,
    Schedule,
    Span,
    Switch,
    Timeout,
    Transition,
    targets,
)
from flowc.ir.policies import Card, ExitHook, Kubernetes, Project, Secret, SecurityContext, Toleration, Trigger

__all__ = [
    "IR_VERSION",
    "Branch",
    "Card",
    "Catch",
    "Choice",
    "Code",
    "End",
    "ExitHook",
    "Flow",
    "Foreach",
    "Gang",
    "Goto",
    "Kubernetes",
    "Method",
    "Node",
    "Parameter",
    "ParameterType",
    "Project",
    "Resources",
    "Retry",
    "Schedule",
    "Secret",
    "SecurityContext",
    "Span",
    "Switch",
    "Timeout",
    "Toleration",
    "Transition",
    "Trigger",
    "targets",
]
