"""Find classes of a run's values that cannot be imported, for example because the flow's file was renamed or deleted.

A pickle names a class by its module. A class of the flow's file is looked up in the flow's current module. Any other
class is looked up in the stored code of the value's run, of the runs that this run resumed, and of the runs whose
cached results it reuses.
"""

from __future__ import annotations

import sys
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, final

from flowc_ir.late import LateFunction
from flowc_runtime.base.errors import ArtifactError, FlowcError
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.values.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import RunRecord
    from flowc_runtime.store.values.stored_modules import StoredModules, names_of
else:  # imported at first use, because the import costs start-up time
    StoredModules = LateFunction("flowc_runtime.store.values.stored_modules:StoredModules")
    names_of = LateFunction("flowc_runtime.store.values.stored_modules:names_of")

_MISSING = object()
_known: dict[str, StoredModules] = {}
"""The modules of stored code, by the code's digest."""


@final
class Classes:
    """Finds the classes of one run's values."""

    def __init__(self, run: RunStore, here: Callable[[Flow], ModuleType | None]) -> None:
        """Look up classes for `run`; `here` returns the current module of a flow, or None."""
        self._run = run
        self._here = here

    def find(self, module: str, name: str) -> object:
        """Return the class or function that a pickle names.

        Args:
            module: the name of the module of the class or function.
            name: the name of the class or function in the module, which may be dotted.

        Raises:
            ArtifactError: the class or function is not found; the message contains the errors of the search.
        """
        failures: list[str] = []
        for run, record, flow in self._runs():
            names = names_of(flow.code.file)
            if (module in names or module == "__main__") and (found := _in(self._here(flow), name)) is not _MISSING:
                return found
            try:
                modules = _modules(run, record)
                stored = modules.load(names[0] if module == "__main__" else module) if modules else None
            except (Exception, SystemExit) as error:  # the import of user code may raise any exception
                failures.append(f"the stored code of run {run.flow}/{run.id} raises {type(error).__name__}: {error}")
                continue
            if (found := _in(stored, name)) is not _MISSING:
                return found
        raise ArtifactError("; ".join(failures) or "and the stored code of its run does not contain it")

    def _runs(self) -> Iterator[tuple[RunStore, RunRecord, Flow]]:
        """Yield (run, record, flow) for this run and for each run whose values it reuses. A run that cannot be read is
        left out, and so are the runs that it has resumed."""
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
    """Return the `Classes` for values that a task of the run reads, including values of other runs' cached tasks."""

    def here(_: Flow) -> ModuleType | None:
        # the flow may have had another name in earlier runs; the current module is used for values of those runs, too
        code = run.executes().code
        return next(
            (sys.modules[name] for name in names_of(code.file) if hasattr(sys.modules.get(name), code.name)), None
        )

    return Classes(run, here)


def _cached_from(run: RunStore) -> Iterator[str]:
    """Yield the ids of the runs whose results cached tasks of this run reuse."""
    for step in run.steps():
        for path in run.paths(step):
            try:
                cached = run.task(step, path).get("cached")
            except FlowcError:  # the task is not done, or its record cannot be read
                continue
            if cached is not None:
                yield cached["run"]


def _in(module: ModuleType | None, name: str) -> object:
    try:
        return _MISSING if module is None else attrgetter(name)(module)
    except AttributeError:
        return _MISSING


def _modules(run: RunStore, record: RunRecord) -> StoredModules | None:
    """Return the modules of the run's stored code, shared by runs with the same code, or None if the run has no stored
    code."""
    code = record.get("sources") or record.get("package")
    if code is None:
        return None
    if code["digest"] not in _known:
        _known[code["digest"]] = StoredModules(read_sources(run.objects, record) or {}, f"<run {run.flow}/{run.id}>")
    return _known[code["digest"]]
