"""Built-in decorators in the form that mutators see: with full names and with the defaults of all arguments."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, final

from flowc_ir.late.dataclass import dataclass, field
from metaflow import _extensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.decorators import Applied


@final
@dataclass(frozen=True, slots=True)
class Builtin:
    """A built-in decorator.

    Attributes:
        full_name: the decorator's name with its module, as in Metaflow.
        defaults: the defaults of all arguments.
        multiple: whether a step or flow can have the decorator more than once.
    """

    full_name: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    multiple: bool = False


def _plugin(module: str, cls: str, multiple: bool = False, **defaults: object) -> Builtin:
    return Builtin(f"metaflow.plugins.{module}.{cls}", defaults, multiple)


_PACKAGES: Final[Mapping[str, Any]] = {"packages": {}, "python": None, "disabled": None}
_CONDA: Final[Mapping[str, Any]] = {"packages": {}, "libraries": {}, "python": None, "disabled": None}
_KUBERNETES: Final[Mapping[str, Any]] = {
    "cpu": "1", "memory": "4096", "disk": "10240", "image": None, "image_pull_policy": None,
    "image_pull_secrets": None, "service_account": None, "secrets": None, "node_selector": None, "namespace": None,
    "gpu": None, "gpu_vendor": None, "tolerations": None, "labels": None, "annotations": None, "use_tmpfs": None,
    "tmpfs_tempdir": True, "tmpfs_size": None, "tmpfs_path": "/metaflow_temp", "persistent_volume_claims": None,
    "shared_memory": None, "port": None, "compute_pool": None, "executable": None, "hostname_resolution_timeout": 600,
    "qos": "burstable", "extended_resources": {}, "security_context": None,
}  # fmt: skip

_BATCH: Final[Mapping[str, Any]] = {
    "cpu": None, "gpu": None, "memory": None, "image": None, "queue": None, "iam_role": None, "execution_role": None,
    "shared_memory": None, "max_swap": None, "swappiness": None, "inferentia": None, "trainium": None, "efa": None,
    "host_volumes": None, "efs_volumes": None, "use_tmpfs": False, "aws_batch_tags": None, "tmpfs_tempdir": True,
    "tmpfs_size": None, "tmpfs_path": "/metaflow_temp", "ephemeral_storage": None, "log_driver": None,
    "log_options": None, "executable": None, "privileged": False,
}  # fmt: skip

STEP_DECORATORS: Final[Mapping[str, Builtin]] = {
    "retry": _plugin("retry_decorator", "RetryDecorator", times="3", minutes_between_retries="2"),
    "catch": _plugin("catch_decorator", "CatchDecorator", var=None, print_exception=True),
    "timeout": _plugin("timeout_decorator", "TimeoutDecorator", seconds=0, minutes=0, hours=0),
    "resources": _plugin(
        "resources_decorator", "ResourcesDecorator", cpu="1", gpu=None, disk=None, memory="4096", shared_memory=None
    ),
    "environment": _plugin("environment_decorator", "EnvironmentDecorator", vars={}),
    "kubernetes": _plugin("kubernetes.kubernetes_decorator", "KubernetesDecorator", **_KUBERNETES),
    "batch": _plugin("aws.batch.batch_decorator", "BatchDecorator", **_BATCH),
    "secrets": _plugin("secrets.secrets_decorator", "SecretsDecorator", sources=[], role=None,
                       allow_override=False),
    "card": _plugin("cards.card_decorator", "CardDecorator", multiple=True, type="default", options={}, scope="task",
                    rank=None, timeout=45, id=None, save_errors=True, customize=False, refresh_interval=5),
    "parallel": _plugin("parallel_decorator", "ParallelDecorator"),
    "conda": _plugin("pypi.conda_decorator", "CondaStepDecorator", **_CONDA),
    "pypi": _plugin("pypi.pypi_decorator", "PyPIStepDecorator", **_PACKAGES),
}  # fmt: skip

FLOW_DECORATORS: Final[Mapping[str, Builtin]] = {
    "project": _plugin("project_decorator", "ProjectDecorator", name=None, production=False, branch=None),
    "schedule": _plugin(
        "aws.step_functions.schedule_decorator", "ScheduleDecorator", cron=None, weekly=False, daily=True, hourly=False,
        timezone=None,
    ),
    "trigger": _plugin("events_decorator", "TriggerDecorator", event=None, events=[], options={}),
    "trigger_on_finish": _plugin("events_decorator", "TriggerOnFinishDecorator", flow=None, flows=[], options={}),
    "exit_hook": _plugin("exit_hook.exit_hook_decorator", "ExitHookDecorator", multiple=True,
                         on_success=[], on_error=[], options={}),
    "conda_base": _plugin("pypi.conda_decorator", "CondaFlowDecorator", **_CONDA),
    "pypi_base": _plugin("pypi.pypi_decorator", "PyPIFlowDecorator", **_PACKAGES),
}  # fmt: skip


def supported(table: Mapping[str, Builtin]) -> list[str]:
    """Return the names of the built-in decorators, and of extensions' decorators that have hooks (Metaflow's older
    form).

    Args:
        table: STEP_DECORATORS or FLOW_DECORATORS.
    """
    # no import is needed: the package `metaflow`, which contains this module, is already loaded
    public = sys.modules["metaflow"].__all__
    added = [name for name in _extensions.decorators if _is_legacy(name, table)]
    return [*(name for name in table if name in public), *added]


def _is_legacy(name: str, table: Mapping[str, Builtin]) -> bool:
    """Return whether an extension's decorator derives from `StepDecorator` or `FlowDecorator`. If the decorator cannot
    be loaded, print a warning."""
    from metaflow._extensions.discover import ExtensionError

    try:
        return _legacy(name, table) is not None
    except ExtensionError as error:
        _extensions.warn(str(error))
        return False


def _legacy(name: str, table: Mapping[str, Builtin]) -> type[object] | None:
    if name not in _extensions.decorators:
        return None
    from metaflow._legacy.known import legacy

    return legacy(name, "flow" if table is FLOW_DECORATORS else "step")


def allows_multiple(name: str, table: Mapping[str, Builtin]) -> bool:
    """Return whether a step or a flow can have more than one decorator with this name."""
    return table[name].multiple if name in table else bool(getattr(_legacy(name, table), "allow_multiple", False))


def attributes(applied: Applied, table: Mapping[str, Builtin]) -> dict[str, Any]:
    """Return all arguments of a decorator: the arguments as given, and defaults for the missing arguments."""
    known = table.get(applied.name)
    defaults = known.defaults if known else getattr(_legacy(applied.name, table), "defaults", {})
    return {**defaults, **applied.kwargs}


def without_defaults(name: str, arguments: Mapping[str, object], table: Mapping[str, Builtin]) -> dict[str, Any]:
    """Remove the arguments that equal their defaults. If `arguments` does not contain all arguments, return it
    unchanged.

    With this function, a mutator can read a decorator's `decorator_specs`, change one value, and add the decorator
    again with only this value set.
    """
    defaults = table[name].defaults if name in table else {}
    if not defaults or not arguments.keys() >= defaults.keys():
        return dict(arguments)
    same = {key for key, value in defaults.items() if type(arguments[key]) is type(value) and arguments[key] == value}
    return {key: value for key, value in arguments.items() if key not in same}


def full_name(name: str, table: Mapping[str, Builtin]) -> str:
    """Return the decorator's name with its module, as in Metaflow."""
    known = table.get(name)
    return known.full_name if known else f"metaflow.{name}"
