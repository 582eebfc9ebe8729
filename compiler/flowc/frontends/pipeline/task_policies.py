"""Converts two arguments of a pipeline's step to the IR: `catalog` (the files that the step gets and puts) and
`secrets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.pipeline.steps import Stub, UserTask
from flowc_ir import Secret, StepFiles
from flowc_ir.policies import CONFIGURED
from flowc_runtime.base.file_patterns import parts_of

if TYPE_CHECKING:
    from flowc.pipeline.steps import Step


def files_of(step: Step) -> StepFiles | None:
    """Convert a step's argument `catalog`, which names the files that the step gets and puts, to the IR's `StepFiles`;
    None if the step has no `catalog`."""
    if not isinstance(step, UserTask | Stub) or step.catalog is None:
        return None
    catalog = step.catalog
    return StepFiles(
        get=tuple(catalog.get),
        put=tuple(catalog.put),
        copy=catalog.store_copy,
        folder="/".join(parts_of(catalog.compute_data_folder)) or ".",
    )


def secrets_of(step: Step) -> tuple[Secret, ...]:
    """Convert a step's secrets to the IR. The setting `secrets` chooses the provider from which tasks read the
    values."""
    names = step.secrets if isinstance(step, UserTask) else ()
    return tuple(Secret(type=CONFIGURED, id=name) for name in dict.fromkeys(names))
