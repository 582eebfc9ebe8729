"""Names that flows reserve, and the form of a list of names in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Public attributes of FlowSpec: a step, parameter or artifact of that name would hide them.
FLOW_API = frozenset({
    "foreach_stack", "index", "input", "merge_artifacts", "name", "next", "script_name",
})  # fmt: skip

# Options of Metaflow's `run`, which refuses parameters of these names too. `-` and `_` are equal. A parameter has
# precedence over any other option of its name (`flowc.cli.words.split`), so that new options break no flow.
METAFLOW_OPTIONS = frozenset({
    "decospecs", "max_log_size", "max_num_splits", "max_workers", "namespace", "run_id_file", "runner_attribute_file",
    "tag", "with",
})  # fmt: skip


def is_private(name: str) -> bool:
    """Return whether a name is mangled, special or reserved for the runtime."""
    return name.startswith(("__", "_flowc_"))


def listed(names: Iterable[str]) -> str:
    """Return names as `'a', 'b' and 'c'`; there must be at least one."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
