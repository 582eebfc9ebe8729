"""Find all faults of a flow's class; `metaflow.lint` reports them."""

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
    """Return the faults of a flow, and the directory to which the file names in the faults are relative.

    If the only faults are missing values of configs, return the faults of the flow's graph instead.

    Args:
        cls: the flow's class. The class's configs get their values from environment variables and defaults.

    Raises:
        TypeError: the class was not defined in a file, or its file is no longer valid Python.
    """
    loaded = load_class(cls, configs=ConfigSources(environment=os.environ))
    faults = loaded.diagnostics
    if {fault.code for fault in faults} == {CONFIG_VALUE}:  # if values of configs are missing, nothing else was checked
        graph = outline(cls)
        faults = graph if isinstance(graph, tuple) else ()
    return faults, loaded.package.root
