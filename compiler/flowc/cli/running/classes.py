"""Where commands find the classes of a run's values that cannot be imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.store.values.classes import Classes

if TYPE_CHECKING:
    from flowc_runtime.store.records.store import RunStore
    from flowc_runtime.store.values.codecs import Finder


def class_finder(run: RunStore) -> Finder:
    """What `codecs.unpickle` asks for them: the flow's file that this command is, then the code that the run left."""

    def find(module: str, name: str) -> Any:
        from metaflow.client.loaded import module_of

        return Classes(run, module_of).find(module, name)

    return find
