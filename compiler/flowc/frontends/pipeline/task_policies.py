"""The files and the secrets of a task, in the form of the IR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.pipeline.steps import Stub, UserTask
from flowc_ir import Secret, StepFiles
from flowc_ir.policies import CONFIGURED
from flowc_runtime.base.file_patterns import parts_of

if TYPE_CHECKING:
    from flowc.pipeline.steps import Step


def files_of(step: Step) -> StepFiles | None:
    """Return the files of a step; None if it has none."""
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
    """Return the secrets of a step, whose source the setting `secrets` chooses."""
    names = step.secrets if isinstance(step, UserTask) else ()
    return tuple(Secret(type=CONFIGURED, id=name) for name in dict.fromkeys(names))
