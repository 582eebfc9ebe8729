"""Finds where a step's value for its pods is written: in `@kubernetes`, or in a table of the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir.policies import Kubernetes, SecurityContext
from flowc_runtime.base.config.configuration import current_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow
    from flowc_runtime.base.config.pod_tables import PodTable, PodTables

DECORATOR: Final = "@kubernetes"
_NOTHING: Final = Kubernetes()
_ENVIRONMENT: Final = "environment"


def source_of(flow: str, step: str, field: str, part: object) -> str:
    """Return where a value of a step is written, for errors: `@kubernetes`, or a table such as `[overrides.gpu]
    (flowc.toml:7)`.

    The IR does not contain the source of a value, so the tables are searched for the value in the order of their
    precedence.

    Args:
        flow: the name of the flow.
        step: the name of the step.
        field: a field of `Kubernetes`, or `environment`.
        part: the field's value or a part of this value. A part of a list is an item. If the list consists of pairs, a
            part is a pair, or the key or the value of a pair. A part of a `SecurityContext` is the name of an
            attribute.
    """
    file = current_file()
    if file is not None and file.pods is not None:
        for path, table in _tables(file.pods, flow, step):
            found: object = table.limits.environment if field == _ENVIRONMENT else getattr(table.pod, field)
            if found != getattr(_NOTHING, field, ()) and _has(found, part):
                return f"[{'.'.join(path)}] ({file.place_of((*path, field.replace('_', '-')))})"
    return DECORATOR


def environment_hint(flow: Flow, step: str, variable: str) -> str:
    """Return the hint for a faulty environment variable of a step: where the variable is written."""
    source = source_of(flow.name, step, _ENVIRONMENT, variable)
    own = "@environment(vars=…)" if flow.code.name else "`environment` of the task"
    return f"change it in {own if source == DECORATOR else source}"


def in_file(text: str, field: str) -> str:
    """Return a message in which the name of the field is spelled as in the configuration file: `node-selector` instead
    of `node_selector`."""
    return text.replace(field, field.replace("_", "-"))


def _tables(tables: PodTables, flow: str, step: str) -> Iterator[tuple[tuple[str, ...], PodTable]]:
    """Yield (path, table) for each table of the configuration file that may apply to a step. All tables
    `[overrides.NAME]` are included, because this module does not know which of them the step names."""
    of_step = tables.steps.get(flow, {}).get(step)
    if of_step is not None:
        yield ("steps", flow, step), of_step
    first = of_step.override if of_step is not None else ""
    for name in sorted(tables.overrides, key=lambda name: name != first):
        yield ("overrides", name), tables.overrides[name]
    yield ("defaults",), tables.defaults


def _has(found: object, part: object) -> bool:
    if isinstance(found, SecurityContext):
        return part == found or (isinstance(part, str) and getattr(found, part) is not None)
    if isinstance(found, tuple):
        return any(part == each or (isinstance(each, tuple) and part in each) for each in found)
    return found == part
