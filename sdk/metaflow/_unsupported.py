"""Names that Metaflow's public API has and flowc does not have yet: they are refused by name, never ignored."""

UNSUPPORTED = frozenset({
    # flow and step decorators
    "airflow", "batch", "card", "conda", "conda_base", "exit_hook", "kubernetes", "named_env", "parallel", "project",
    "pypi", "pypi_base", "secrets", "step_functions", "torchrun", "trigger", "trigger_on_finish", "unbounded_foreach",
    "checkpoint", "deepspeed", "huggingface_hub", "metaflow_ray", "mpi", "pytorch_parallel", "tensorflow_parallel",
    "model", "app_deploy", "nim", "nvidia", "uv",
    # decorators of one's own
    "FlowMutator", "MutableFlow", "MutableStep", "StepMutator", "USER_SKIP_STEP", "UserStepDecorator",
    "user_step_decorator",
    # configuration and files
    "Config", "ConfigValue", "DelayEvaluator", "FilePathClass", "IncludeFile", "config_expr",
    # client
    "DataArtifact", "Flow", "Metaflow", "Run", "Step", "Task", "default_metadata", "default_namespace",
    "get_metadata", "get_namespace", "inspect_spin", "metadata", "namespace",
    # running and deploying from Python
    "DeployedFlow", "Deployer", "NBDeployer", "NBRunner", "Runner",
    # data and helpers
    "S3", "get_aws_client", "parallel_imap_unordered", "parallel_map", "profile", "pyproject_py_packages",
})  # fmt: skip

# Submodules that programs import; see also the ones that exist beside this file.
UNSUPPORTED_MODULES = frozenset({
    "_vendor", "cards", "cli", "cli_components", "client", "events", "flowspec", "includefile", "integrations", "lint",
    "metaflow_config", "metaflow_current", "metaflow_environment", "metaflow_profile", "multicore_utils", "plugins",
    "procpoll", "profilers", "pylint_wrapper", "runner", "system", "tagging_util", "user_configs", "user_decorators",
    "util",
})  # fmt: skip
