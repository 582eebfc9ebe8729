"""Finds the classes of a run's values: in this process, or else in the code that the run recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late import LateFunction
from flowc_runtime.store.values.classes import Classes

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.values.codecs import Finder
    from metaflow.client.loaded import module_of
else:
    module_of = LateFunction("metaflow.client.loaded:module_of")


def class_finder(run: RunStore) -> Finder:
    """Return a function by which `codecs.unpickle` finds classes.

    The function searches the module of the flow in this process, then the run's recorded code.
    """

    def find(module: str, name: str) -> object:
        return Classes(run, module_of).find(module, name)

    return find
