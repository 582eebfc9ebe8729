"""The faults of a flow's class, for a program that checks it: `metaflow.lint`."""

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

    Of a flow with configs that have no value, only those of the steps and how they are linked.
    """
    loaded = load_class(cls, configs=ConfigSources(environment=os.environ))
    faults = loaded.diagnostics
    if {fault.code for fault in faults} == {CONFIG_VALUE}:  # nothing else of the flow was read
        found = outline(cls)
        faults = found if isinstance(found, tuple) else ()
    return faults, loaded.package.root
