"""Lookup of flow classes that this process has imported, or defined in a notebook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from metaflow.flowspec import FlowSpec

if TYPE_CHECKING:
    from types import ModuleType

    from flowc_ir import Flow


def module_of(flow: Flow) -> ModuleType | None:
    """Return the module that has the flow's class as an attribute, under any name, or None if no module has it.

    For a class that is defined in a notebook, the module is `__main__`.
    """
    match, classes = None, list(FlowSpec.__subclasses__())
    for cls in classes:  # which grows
        classes += cls.__subclasses__()
        module = sys.modules.get(cls.__module__)
        if cls.__name__ == flow.code.name and getattr(module, cls.__name__, None) is cls:
            match = module
    return match
