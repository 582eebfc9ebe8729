"""Modules of flowc that pickles name and that stand elsewhere now. What was stored once can be read for ever."""

from __future__ import annotations

from typing import Final

# Until version 0.1.0 all modules of the runtime stood in one directory: `flowc_runtime.external`.
_ROOMS: Final = {
    "base": (
        "addresses contract errors file_parts given_files ignored index mounts progress signals user_cache version"
    ),
    "base.config": "config_file config_keys configuration settings whereabouts",
    "process": "ending foreign leftovers loader logs origin own_names process watch writers",
    "store.backends": (
        "asking blobs durability external layered marks memory moving objects remote remote_client remote_errors sweeps"
    ),
    "store.values": (
        "classes codecs constants exact fanouts files parameters reducers sources stored_modules unchanged"
    ),
    "store.records": (
        "liveness missing places projects records references revision runs sealed shapes "
        "store stored tags unreadable versions"
    ),
    "store.upkeep": "beside collect completeness fsck lost scrub",
    "run": (
        "assignment caching context control family first_cache graph_info parents program reads reuse routes state"
    ),
    "run.views": "run_view",
    "run.task": "attempts breakpoints calling failures fresh isolated secrets task",
    "pod": "arguments code container hooks integrity pods workflow",
}
_FLAT: Final = {name: room for room, names in _ROOMS.items() for name in names.split()}
_RENAMED: Final = {"records": "record_types", "run_view": "records"}


def new_name(module: str) -> str | None:
    """Return the name that a module of an earlier flowc has now, or None if it was never moved."""
    package, _, name = module.partition(".")
    if package != "flowc_runtime" or name not in _FLAT:
        return None
    return f"{package}.{_FLAT[name]}.{_RENAMED.get(name, name)}"
