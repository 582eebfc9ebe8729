"""A target whose output is the names of the flow's steps, one name per line."""

from __future__ import annotations

from flowc.targets import Target

TARGET = Target(
    name="names",
    about="Print the names of the steps of FLOW.",
    settings=dict,
    lower=lambda analysis, package, settings: [node.id for node in analysis.flow.nodes],
    emit=lambda names: "".join(f"{name}\n" for name in names),
)
