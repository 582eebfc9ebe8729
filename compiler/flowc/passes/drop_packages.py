"""Remove the steps' lists of packages if tasks run in an environment in which the packages are already installed.

train -> end                              ->    train -> end
  packages python 3.11, pypi six 1.16.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.dataclass import replace

if TYPE_CHECKING:
    from flowc.passes.context import Context
    from flowc_ir import Flow


def drop_packages(flow: Flow, context: Context) -> Flow:
    """Return the flow without the packages of its steps. If tasks install packages, return the flow unchanged."""
    if context.packages or not any(node.packages and not node.packages.disabled for node in flow.nodes):
        return flow
    return replace(flow, nodes=tuple(replace(node, packages=None) for node in flow.nodes))
