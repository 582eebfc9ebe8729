"""The names in a store, for completion. If the store is a directory, the names are listed without importing the modules
of stores and records."""

from __future__ import annotations

import os

from flowc_ir.late import LateFunction, LateModule

TYPE_CHECKING = False  # `typing` is not imported, because its import takes time
if TYPE_CHECKING:
    from flowc_runtime.base.index import task_id
    from flowc_runtime.store.records import store as records_store
    from flowc_runtime.store.records.store import Store
else:  # most completions need neither of these modules
    task_id = LateFunction("flowc_runtime.base.index:task_id")
    records_store = LateModule("flowc_runtime.store.records.store")


class StoredNames:
    """The flows, runs and steps in a store. The methods return the same values as the methods of `Store` and
    `RunStore`."""

    def __init__(self, url: str) -> None:
        path = url.removeprefix("file://")
        self._url = url
        self._root = None if "://" in path or os.path.exists(f"{path}/below.url") else path

    @property
    def whole(self) -> Store:
        """The store. Raises AddressError, StoreError."""
        return records_store.Store.open(self._url)

    def flows(self) -> list[str]:
        """Return the names of the flows that have run."""
        found = self._inside("flows")
        return self.whole.flows() if found is None else found

    def runs(self, flow: str) -> list[str]:
        """Return the run ids of a flow, oldest first."""
        found = self._inside(f"flows/{flow}/runs") if flow.isidentifier() and flow.isascii() else None
        # Names that begin with the time are sorted by time. For other names, the store must read the times in the runs'
        # records.
        return found if found is not None and all(map(_begins_with_time, found)) else self.whole.runs(flow)

    def steps(self, flow: str, run: str) -> list[str]:
        """Return the steps of a run that have started tasks."""
        simple = flow.isidentifier() and flow.isascii() and run.isascii() and run.replace("-", "").isalnum()
        found = self._inside(f"flows/{flow}/runs/{run}/tasks") if simple else None
        return self.whole.run(flow, run).steps() if found is None else found

    def tasks(self, flow: str, run: str, step: str) -> dict[str, str]:
        """Return the ids of the started tasks of a step, by index path. Raises StoreError."""
        return {path: task_id(step, path) for path in self.whole.run(flow, run).attempts(step)}

    def _inside(self, prefix: str) -> list[str] | None:
        """Return the sorted names of the directories in a directory, or None if only the store's own code can list
        them."""
        if self._root is None:
            return None
        try:
            with os.scandir(f"{self._root}/{prefix}") as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return None if any("%" in name for name in names) else names  # quoted names


def _begins_with_time(run: str) -> bool:
    """Return whether a run id has the form of flowc's ids, such as `20260401-093000-123abc`. Ids of this form sort by
    time."""
    parts = run.split("-")
    return (
        len(parts) == 3
        and [len(parts[0]), len(parts[1])] == [8, 6]
        and (parts[0] + parts[1] + parts[2][:3]).isdigit()
        and len(parts[2]) > 3
        and run.isascii()
    )
