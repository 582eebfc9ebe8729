"""The Metaflow API, implemented independently of Metaflow's code: `from metaflow import FlowSpec, step`.

Each name is imported on first access, since every task of every flow imports this package and waits for the import. To
keep the import fast, this module and the modules that it imports do not import `typing`.
"""

from __future__ import annotations

import sys

# imported before all other modules of `metaflow`, because an extension may have modules that must be imported earlier
from metaflow import _extensions, _hints

TYPE_CHECKING = False  # type checkers treat this name as `typing.TYPE_CHECKING`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from metaflow.backends import airflow_external_task_sensor, airflow_s3_key_sensor, batch
    from metaflow.client import (
        DataArtifact,
        Flow,
        Metaflow,
        Run,
        Step,
        Task,
        default_metadata,
        default_namespace,
        get_metadata,
        get_namespace,
        inspect_spin,
        metadata,
        namespace,
    )
    from metaflow.decorators import (
        card,
        catch,
        environment,
        exit_hook,
        kubernetes,
        parallel,
        project,
        pytorch_parallel,
        resources,
        retry,
        schedule,
        secrets,
        step,
        timeout,
        trigger,
        trigger_on_finish,
        unbounded_test_foreach_internal,
    )
    from metaflow.environments import conda, conda_base, pypi, pypi_base
    from metaflow.events import namespaced_event_name
    from metaflow.flowspec import FlowSpec
    from metaflow.includefile import IncludeFile
    from metaflow.metaflow_current import current
    from metaflow.metaflow_profile import profile
    from metaflow.multicore_utils import parallel_imap_unordered, parallel_map
    from metaflow.parameters import JSONType, Parameter
    from metaflow.plugins.datatools.s3 import S3
    from metaflow.plugins.parsers import yaml_parser
    from metaflow.plugins.pypi.parsers import (
        conda_environment_yml_parser,
        pyproject_toml_parser,
        requirements_txt_parser,
    )
    from metaflow.runner.deployer import DeployedFlow, Deployer
    from metaflow.runner.metaflow_runner import Runner
    from metaflow.runner.nbdeploy import NBDeployer
    from metaflow.runner.nbrun import NBRunner
    from metaflow.user_configs.config_parameters import Config, ConfigValue, DelayEvaluator, config_expr
    from metaflow.user_decorators.mutable_flow import MutableFlow
    from metaflow.user_decorators.mutable_step import MutableStep
    from metaflow.user_decorators.user_flow_decorator import FlowMutator
    from metaflow.user_decorators.user_step_decorator import (
        USER_SKIP_STEP,
        StepMutator,
        UserStepDecorator,
        user_step_decorator,
    )

    __version__: str

__all__ = [
    "S3",
    "USER_SKIP_STEP",
    "Config",
    "ConfigValue",
    "DataArtifact",
    "DelayEvaluator",
    "DeployedFlow",
    "Deployer",
    "Flow",
    "FlowMutator",
    "FlowSpec",
    "IncludeFile",
    "JSONType",
    "Metaflow",
    "MutableFlow",
    "MutableStep",
    "NBDeployer",
    "NBRunner",
    "Parameter",
    "Run",
    "Runner",
    "Step",
    "StepMutator",
    "Task",
    "UserStepDecorator",
    "airflow_external_task_sensor",
    "airflow_s3_key_sensor",
    "batch",
    "card",
    "catch",
    "conda",
    "conda_base",
    "conda_environment_yml_parser",
    "config_expr",
    "current",
    "default_metadata",
    "default_namespace",
    "environment",
    "exit_hook",
    "get_metadata",
    "get_namespace",
    "inspect_spin",
    "kubernetes",
    "metadata",
    "namespace",
    "namespaced_event_name",
    "parallel",
    "parallel_imap_unordered",
    "parallel_map",
    "profile",
    "project",
    "pypi",
    "pypi_base",
    "pyproject_toml_parser",
    "pytorch_parallel",
    "requirements_txt_parser",
    "resources",
    "retry",
    "schedule",
    "secrets",
    "step",
    "timeout",
    "trigger",
    "trigger_on_finish",
    "unbounded_test_foreach_internal",
    "user_step_decorator",
    "yaml_parser",
]

# name: its module. Each name is also listed under TYPE_CHECKING above, for mypy and pyright.
_LAZY: Mapping[str, str] = {
    "airflow_external_task_sensor": "metaflow.backends",
    "airflow_s3_key_sensor": "metaflow.backends",
    "batch": "metaflow.backends",
    "card": "metaflow.decorators",
    "catch": "metaflow.decorators",
    "conda": "metaflow.environments",
    "conda_base": "metaflow.environments",
    "conda_environment_yml_parser": "metaflow.plugins.pypi.parsers",
    "Config": "metaflow.user_configs.config_parameters",
    "config_expr": "metaflow.user_configs.config_parameters",
    "ConfigValue": "metaflow.user_configs.config_parameters",
    "current": "metaflow.metaflow_current",
    "DataArtifact": "metaflow.client",
    "default_metadata": "metaflow.client",
    "default_namespace": "metaflow.client",
    "DelayEvaluator": "metaflow.user_configs.config_parameters",
    "DeployedFlow": "metaflow.runner.deployer",
    "Deployer": "metaflow.runner.deployer",
    "environment": "metaflow.decorators",
    "exit_hook": "metaflow.decorators",
    "Flow": "metaflow.client",
    "FlowMutator": "metaflow.user_decorators.user_flow_decorator",
    "FlowSpec": "metaflow.flowspec",
    "get_metadata": "metaflow.client",
    "get_namespace": "metaflow.client",
    "IncludeFile": "metaflow.includefile",
    "inspect_spin": "metaflow.client",
    "JSONType": "metaflow.parameters",
    "kubernetes": "metaflow.decorators",
    "metadata": "metaflow.client",
    "Metaflow": "metaflow.client",
    "MutableFlow": "metaflow.user_decorators.mutable_flow",
    "MutableStep": "metaflow.user_decorators.mutable_step",
    "namespace": "metaflow.client",
    "namespaced_event_name": "metaflow.events",
    "NBDeployer": "metaflow.runner.nbdeploy",
    "NBRunner": "metaflow.runner.nbrun",
    "parallel": "metaflow.decorators",
    "parallel_imap_unordered": "metaflow.multicore_utils",
    "parallel_map": "metaflow.multicore_utils",
    "Parameter": "metaflow.parameters",
    "profile": "metaflow.metaflow_profile",
    "project": "metaflow.decorators",
    "pypi": "metaflow.environments",
    "pypi_base": "metaflow.environments",
    "pyproject_toml_parser": "metaflow.plugins.pypi.parsers",
    "pytorch_parallel": "metaflow.decorators",
    "requirements_txt_parser": "metaflow.plugins.pypi.parsers",
    "resources": "metaflow.decorators",
    "retry": "metaflow.decorators",
    "Run": "metaflow.client",
    "Runner": "metaflow.runner.metaflow_runner",
    "S3": "metaflow.plugins.datatools.s3",
    "schedule": "metaflow.decorators",
    "secrets": "metaflow.decorators",
    "Step": "metaflow.client",
    "step": "metaflow.decorators",
    "StepMutator": "metaflow.user_decorators.user_step_decorator",
    "Task": "metaflow.client",
    "timeout": "metaflow.decorators",
    "trigger": "metaflow.decorators",
    "trigger_on_finish": "metaflow.decorators",
    "unbounded_test_foreach_internal": "metaflow.decorators",
    "USER_SKIP_STEP": "metaflow.user_decorators.user_step_decorator",
    "user_step_decorator": "metaflow.user_decorators.user_step_decorator",
    "UserStepDecorator": "metaflow.user_decorators.user_step_decorator",
    "yaml_parser": "metaflow.plugins.parsers",
    "__version__": "metaflow.metaflow_version",
}

if not TYPE_CHECKING:  # hidden from type checkers, so that type checkers report unknown names

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _LAZY:
            value = globals()[name] = getattr(import_module(_LAZY[name]), name)
            return value
        if name not in _extensions.decorators and not name.startswith("_"):
            # search for extensions again, because `sys.path` may contain new directories, such as the flow's directory
            _extensions.refresh()
            if name in globals():
                return globals()[name]
        if name in _extensions.decorators:
            value = globals()[name] = _extensions.make_decorator(name)
            return value
        if name.startswith("_"):
            # `from metaflow import _seam` looks up the attribute first; after this error, Python imports the module
            raise AttributeError(f"module 'metaflow' has no attribute '{name}'")
        from importlib.util import find_spec

        from metaflow._unsupported import IMPORTABLE, UNSUPPORTED, Unsupported, hint_for_absent, refusal

        if name in IMPORTABLE:
            return Unsupported(name)  # not stored in `globals()`, which has only names that flowc supports

        if name not in UNSUPPORTED and find_spec(f"metaflow.{name}") is not None:
            # the import sets the attribute `metaflow.NAME`, as `import metaflow` does in Metaflow
            import_module(f"metaflow.{name}")
            return globals()[name]
        if hint := UNSUPPORTED.get(name) or hint_for_absent(name):
            raise ImportError(refusal(name, hint))
        raise AttributeError(f"module 'metaflow' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


_extensions.complete(sys.modules[__name__])
_hints.install()
