"""Read only the graph of a flow's class: its steps and their transitions.

Configs, parameters and decorators are not read, and no mutator runs. The graph can therefore be read while the configs
have no values, and also by hooks of an extension's decorators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import in_order
from flowc.frontends.metaflow.structure.graph import Candidates, connect
from flowc.frontends.metaflow.structure.steps import clean_doc, find_methods, members_of
from flowc.frontends.source import Sources
from flowc.frontends.source_locations import place_of_class, written_at
from flowc_ir import Code, Flow, Method, Node
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from flowc_ir.diagnostic import Diagnostic


def outline(cls: type) -> Flow | tuple[Diagnostic, ...]:
    """Return a flow whose nodes have only a name, a span, a docstring and a transition; or the faults of its graph.

    Args:
        cls: the flow's class.

    Raises:
        TypeError: the class was not defined in a file, or the file changed and is no longer valid Python.
    """
    from metaflow import FlowSpec

    place = place_of_class(cls)
    sources = Sources(place.root, {})  # each file is read from the disk when it is first needed
    source = sources.of(str(place.path))
    if source is None:
        raise TypeError(f"{place.file} has changed while it ran and is no longer Python")
    faults = Faults()
    where, _, _ = written_at(cls, source, sources)
    members = members_of(cls, FlowSpec)
    methods, lost = find_methods(members, sources, where, faults)
    graph = connect(cls.__name__, where, Candidates(methods, lost, members, sources), faults)
    if faults:
        return in_order(faults)
    nodes = [
        Node(
            id=method.name,
            where=method.where,
            run=Method(name=method.name),
            next=transition,
            joins=graph.closes.get(method.name),
            doc=method.doc,
        )
        for method in graph.steps.values()
        if (transition := graph.next_of[method.name]) is not None
    ]
    return Flow(
        name=cls.__name__,
        code=Code(file=source.file, name=cls.__qualname__, digest=""),
        where=where,
        start=graph.start,
        nodes=tuple(nodes),
        doc=clean_doc(cls.__dict__.get("__doc__")),
    )
