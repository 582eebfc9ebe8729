"""The intermediate representation: what every front end makes and every back end and runner takes.

`model` has the nodes, `structure` the shape of the graph, `verify` every fault of a flow, `schema` the versioned JSON
and `text` the printer. This package imports the standard library only: it also runs in the pod.
"""

from flowc.ir.model import (
    IR_VERSION,
    Branch,
    Catch,
    Code,
    Config,
    End,
    Flow,
    Foreach,
    Goto,
    Method,
    Node,
    Parameter,
    ParameterType,
    Resources,
    Retry,
    Schedule,
    Span,
    Timeout,
    Transition,
    targets,
)

__all__ = [
    "IR_VERSION",
    "Branch",
    "Catch",
    "Code",
    "Config",
    "End",
    "Flow",
    "Foreach",
    "Goto",
    "Method",
    "Node",
    "Parameter",
    "ParameterType",
    "Resources",
    "Retry",
    "Schedule",
    "Span",
    "Timeout",
    "Transition",
    "targets",
]
