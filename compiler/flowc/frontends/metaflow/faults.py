"""Find the faults of a flow's class for `metaflow.lint`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.configs import ConfigSources
from flowc.frontends.metaflow.flowspec import load_class
from flowc.frontends.metaflow.outline import outline
from flowc_ir.codes import CONFIG_VALUE

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_ir.diagnostic import Diagnostic


def find_faults(cls: type) -> tuple[tuple[Diagnostic, ...], Path]:
    """Return the faults of a flow, and the directory to which their files are relative.

    If a config has no value, return only the faults of the graph of steps.

    Args:
        cls: the flow's class. Its configs get values from the environment and their defaults.

    Raises:
        TypeError: the class was not defined in a file, or its file is no longer valid Python.
    """
    loaded = load_class(cls, configs=ConfigSources(environment=os.environ))
    faults = loaded.diagnostics
    if {fault.code for fault in faults} == {CONFIG_VALUE}:  # the rest of the flow was not read
        graph = outline(cls)
        faults = graph if isinstance(graph, tuple) else ()
    return faults, loaded.package.root
