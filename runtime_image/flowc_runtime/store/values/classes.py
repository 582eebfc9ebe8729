"""Finds the classes of a run's values which cannot be imported: the flow's file has another name now, or is gone.

A pickle names a class by its module. That of the flow's file is looked for where the flow is now, every other one in
the code that the run, those that it has resumed and those that its cached tasks are from left in the store.
"""

from __future__ import annotations

import sys
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, final

from flowc_runtime.base.errors import ArtifactError, FlowcError
from flowc_runtime.store.records.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import RunRecord
    from flowc_runtime.store.values.stored_modules import StoredModules

_MISSING = object()
_known: dict[str, StoredModules] = {}
"""The modules of code in the store, by its digest."""


@final
class Classes:
    """Where the classes of one run's values are."""

    def __init__(self, run: RunStore, here: Callable[[Flow], ModuleType | None]) -> None:
        """`here` gives the module that a flow is in now."""
        self._run = run
        self._here = here

    def find(self, module: str, name: str) -> Any:
        """What a pickle means by `module` and `name`. Raises ArtifactError, which says where it was looked for."""
        from flowc_runtime.store.values.stored_modules import names_of

        failures: list[str] = []
        for run, record, flow in self._runs():
            names = names_of(flow.code.file)
            if (module in names or module == "__main__") and (found := _in(self._here(flow), name)) is not _MISSING:
                return found
            try:
                modules = _modules(run, record)
                stored = modules.load(names[0] if module == "__main__" else module) if modules else None
            except (Exception, SystemExit) as error:  # whatever the user's code raises
                failures.append(f"the code that run {run.flow}/{run.id} left raises {type(error).__name__}: {error}")
                continue
            if (found := _in(stored, name)) is not _MISSING:
                return found
        raise ArtifactError("; ".join(failures) or "nor is it in the code that its run left")

    def _runs(self) -> Iterator[tuple[RunStore, RunRecord, Flow]]:
        """This run, and those whose values it has taken over, as far as they are still there."""
        seen: set[str] = set()
        for run_id in chain([self._run.id], _cached_from(self._run)):
            before = run_id
            while before and before not in seen:
                seen.add(before)
                run = RunStore(self._run.objects, self._run.flow, before)
                try:
                    record, flow = run.record(), run.executes()
                except FlowcError:
                    break
                yield run, record, flow
                before = record.get("origin") or record.get("spun_from", "").partition("/")[0]


def in_task(run: RunStore) -> Classes:
    """The classes of the values that a task of the run reads: also those that a cached task of another run has left."""

    def here(_: Flow) -> ModuleType | None:
        from flowc_runtime.store.values.stored_modules import names_of

        code = run.executes().code  # whatever it was called in the runs before it
        return next(
            (sys.modules[name] for name in names_of(code.file) if hasattr(sys.modules.get(name), code.name)), None
        )

    return Classes(run, here)


def _cached_from(run: RunStore) -> Iterator[str]:
    """The ids of the runs that did what cached tasks of this run have taken over."""
    for step in run.steps():
        for path in run.paths(step):
            try:
                cached = run.task(step, path).get("cached")
            except FlowcError:  # it is not done
                continue
            if cached is not None:
                yield cached["run"]


def _in(module: ModuleType | None, name: str) -> Any:
    try:
        return _MISSING if module is None else attrgetter(name)(module)
    except AttributeError:
        return _MISSING


def _modules(run: RunStore, record: RunRecord) -> StoredModules | None:
    """The modules of what the run left: the same ones for all runs that left the same."""
    code = record.get("sources") or record.get("package")
    if code is None:
        return None
    if code["digest"] not in _known:
        from flowc_runtime.store.values.sources import read_sources
        from flowc_runtime.store.values.stored_modules import StoredModules

        _known[code["digest"]] = StoredModules(read_sources(run.objects, record) or {}, f"<run {run.flow}/{run.id}>")
    return _known[code["digest"]]
