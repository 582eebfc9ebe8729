"""Names: which are reserved, and how several are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What FlowSpec itself is, in Metaflow's public API and in ours: a step, parameter or artifact of that name hides it.
FLOW_API = frozenset({
    "foreach_stack", "index", "input", "merge_artifacts", "name", "next", "script_name",
})  # fmt: skip

# Options of Metaflow's own `run`: it refuses parameters of these names too. `-` and `_` are the same. Every other
# option yields to a parameter of its name (`flowc.cli.words.split`), so that a new one takes no name from anybody.
METAFLOW_OPTIONS = frozenset({
    "decospecs", "max_log_size", "max_num_splits", "max_workers", "namespace", "run_id_file", "runner_attribute_file",
    "tag", "with",
})  # fmt: skip


def is_private(name: str) -> bool:
    """Ours by its look: mangled, special, or the runtime's."""
    return name.startswith(("__", "_flowc_"))


def listed(names: Iterable[str]) -> str:
    """`'a', 'b' and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
