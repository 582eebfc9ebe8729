"""Map old names of flowc's modules and classes to their current names, so that stored pickles remain readable."""

from __future__ import annotations

from typing import Final

# Until version 0.1.0, all modules of the runtime were in one directory, for example `flowc_runtime.external`.
_ROOMS: Final = {
    "base": (
        "addresses context contract errors file_parts given_files ignored index mounts progress signals "
        "user_cache version"
    ),
    "base.config": "config_file config_keys configuration settings whereabouts",
    "process": "ending foreign leftovers loader logs origin own_names process watch writers",
    "store.backends": "blobs durability external layered marks memory moving objects sweeps",
    "store.backends.remote": "asking remote remote_client remote_errors",
    "store.values": (
        "classes codecs constants exact fanouts files parameters reducers sources stored_modules unchanged"
    ),
    "store.records": (
        "missing places projects records references revision runs sealed shapes store stored tags unreadable versions"
    ),
    "store.upkeep": "beside collect completeness fsck lost scrub",
    "run": ("assignment caching control family first_cache graph_info parents program reads reuse routes state"),
    "run.views": "liveness run_view",
    "run.task": "attempts breakpoints calling failures fresh isolated secrets task",
    "pod": "arguments code container hooks integrity pods workflow",
}
_RENAMED: Final = {
    "completeness": "required_records",
    "constants": "sources",
    "context": "ambient",
    "control": "control_tasks",
    "foreign": "outside_modules",
    "given_files": "input_files",
    "lost": "power_loss",
    "missing": "lost_records",
    "places": "key_places",
    "pods": "coordination",
    "records": "record_types",
    "references": "needed_blobs",
    "remote": "bucket",
    "remote_client": "connection",
    "remote_errors": "errors",
    "run_view": "run_records",
    "versions": "artifact_versions",
}
_FLAT: Final = {name: room for room, names in _ROOMS.items() for name in names.split()}

# Modules that have moved or were renamed since version 0.1.0.
_MOVED: Final = {
    "flowc_runtime.base.given_files": "flowc_runtime.base.input_files",
    "flowc_runtime.pod.pods": "flowc_runtime.pod.coordination",  # GangError
    "flowc_runtime.run.context": "flowc_runtime.base.ambient",  # Parallel, the class of `current.parallel`
    "flowc_runtime.store.backends.asking": "flowc_runtime.store.backends.remote.asking",
    "flowc_runtime.store.backends.creating": "flowc_runtime.store.backends.remote.creating",
    "flowc_runtime.store.backends.remote_client": "flowc_runtime.store.backends.remote.connection",
    "flowc_runtime.store.backends.remote_errors": "flowc_runtime.store.backends.remote.errors",
    "flowc_runtime.store.records.liveness": "flowc_runtime.run.views.liveness",
    "metaflow.client.metadata": "metaflow.client.facts",  # Metadata, an item of `Task.metadata`
    "metaflow.current": "metaflow.metaflow_current",
    "metaflow.runner.argo_run": "metaflow.runner.argo_flow",  # ArgoWorkflowsTriggeredRun
}
_OLD_IR: Final = "flowc.ir."  # the former package of the IR, which is now `flowc_ir`; its modules have the same names

# Classes that have moved to another module: old module -> name of the class -> new module.
_SPLIT: Final = {
    "metaflow.runner.argo": {"ArgoWorkflowsTriggeredRun": "metaflow.runner.argo_flow"},
    "metaflow.user_configs.config_parameters": {"ConfigError": "metaflow.exception"},
    "flowc_runtime.store.backends.objects": {"LocalObjects": "flowc_runtime.store.backends.local"},
    "flowc_runtime.store.backends.remote": {"RemoteObjects": "flowc_runtime.store.backends.remote.bucket"},
    "flowc_runtime.store.records.store": {"RunStore": "flowc_runtime.store.records.run_store"},
    "flowc_runtime.store.upkeep.collect": dict.fromkeys(
        ("Selection", "Doomed", "Chosen"), "flowc_runtime.store.upkeep.selection"
    ),
}

# Renamed classes: current module -> old name -> new name.
_CLASSES: Final = {
    "flowc_runtime.base.config.configuration": {"Found": "SettingValue"},
    "flowc_runtime.base.errors": {"Fault": "ConfigurationFault"},
    "flowc_runtime.process.origin": {"Origin": "ProcessOrigin"},
    "flowc_runtime.process.process": {"Writers": "PipeEnds"},
    "flowc_runtime.process.writers": {"Writers": "OpenWriters"},
    "flowc_runtime.run.views.run_records": {"RunView": "RunRecords"},
    "flowc_runtime.store.records.key_places": {"Place": "KeyPlace"},
    "flowc_runtime.store.records.needed_blobs": {"Named": "References"},
    "flowc_runtime.store.records.shapes": {"Each": "EachOf", "Fields": "ObjectOf", "Words": "OneOf"},
    "flowc_runtime.store.records.artifact_versions": {"Version": "ArtifactVersion"},
    "flowc_runtime.store.upkeep.fsck": {"Fault": "StoreFault", "Found": "FsckReport"},
    "flowc_runtime.store.values.fanouts": {"Frame": "ForeachFrame"},
    "flowc_runtime.store.values.stored_modules": {"Modules": "StoredModules"},
    "flowc_runtime.store.values.unchanged": {"Origin": "ValueOrigin"},
}


def new_place(module: str, name: str) -> tuple[str, str] | None:
    """Return the current module and name of a class of an earlier flowc, or None if module and name are unchanged.

    Args:
        module: the module that a pickle names.
        name: the name of the class or function in the module.
    """
    package, _, rest = module.partition(".")
    if package == "flowc_runtime" and rest in _FLAT:
        there = f"{package}.{_FLAT[rest]}.{_RENAMED.get(rest, rest)}"
    else:
        there = f"flowc_ir.{rest.partition('.')[2]}" if module.startswith(_OLD_IR) else _MOVED.get(module, module)
    there = _SPLIT.get(there, {}).get(name, there)
    found = there, _CLASSES.get(there, {}).get(name, name)
    return found if found != (module, name) else None
