"""Names that steps, parameters and artifacts cannot have; and functions that list names in messages."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

# Public attributes of FlowSpec. A step, parameter or artifact of such a name would hide the attribute.
FLOW_API = frozenset({
    "foreach_stack", "index", "input", "merge_artifacts", "name", "next", "script_name",
})  # fmt: skip

# Options of Metaflow's `run`; Metaflow also refuses parameters with these names. `-` and `_` are equal. For any other
# option, a parameter of the same name has precedence (`flowc.cli.words.split`), so that new options break no flow.
METAFLOW_OPTIONS = frozenset({
    "decospecs", "max_log_size", "max_num_splits", "max_workers", "namespace", "run_id_file", "runner_attribute_file",
    "tag", "with",
})  # fmt: skip


def is_private(name: str) -> bool:
    """Return whether a name begins with two underscores, or is reserved for the runtime."""
    return name.startswith(("__", "_flowc_"))


def listed(names: Iterable[str]) -> str:
    """Return names as `'a', 'b' and 'c'`; there must be at least one."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def public_functions(module: ModuleType) -> list[str]:
    """Return the names of the public functions that a module defines: each of them can be run as a flow."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
