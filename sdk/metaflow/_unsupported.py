"""Names of Metaflow's API that flowc does not support. Using one of these names raises an error that names an
alternative.

The tables are not used for names that flowc supports: names in `metaflow.__all__`, and modules of this package.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn, final

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping

LATER = "flowc does not have it yet; remove it, or run this flow with Metaflow"
_IMAGE = "install what the step needs in its image: `@kubernetes(image=…)`"
_ARGO = "`flowc compile` and `flowc deploy` bring flows to Argo Workflows"
_CLIENT = "`flowc runs`, `flowc logs` and `flowc dump` show the results of runs"
_GANG = "start the framework in the step's own code, or use a framework that needs one machine"
_FILES = "store models and checkpoints in artifacts (`self.model_bytes = …`), or in the framework's own store"
_SERVE = "serve models with the tool of your cluster; flowc runs flows"
_INTERNAL = "Metaflow adds it itself when it compiles a flow; leave it out"
_CODE = "flowc packages the Python files below the flow's directory, and extensions"
_EXTENSION = "it belongs to an extension of Metaflow's; "

UNSUPPORTED: Mapping[str, str] = {
    "airflow": _ARGO,
    "airflow_internal": _INTERNAL,
    "app_deploy": _EXTENSION + _SERVE,
    "argo_workflows_internal": _INTERNAL,
    "checkpoint": _EXTENSION + _FILES,
    "deepspeed": _EXTENSION + _GANG,
    "EXT_PKG": "write 'metaflow_extensions'",
    "FilePathClass": "write `IncludeFile`",
    "get_aws_client": "make the client with boto3 itself: `boto3.client('s3')`",
    "huggingface_hub": _EXTENSION + _FILES,
    "JSONTypeClass": "write `JSONType`, its only instance",
    "metaflow_ray": _EXTENSION + _GANG,
    "model": _EXTENSION + _FILES,
    "mpi": _EXTENSION + _GANG,
    "named_env": _EXTENSION + _IMAGE,
    "nim": _EXTENSION + _SERVE,
    "nvidia": _EXTENSION + "ask for a GPU with `@resources(gpu=1)`",
    "package_sources": "put the code beside the flow: flowc packages the Python files below its directory",
    "pyproject_py_packages": "put the code beside the flow: flowc packages the Python files below its directory",
    "R": "flowc runs flows in Python; call R from a step with subprocess",
    "step_functions": _ARGO,
    "step_functions_internal": _INTERNAL,
    "tensorflow_parallel": _EXTENSION + _GANG,
    "torchrun": _EXTENSION + _GANG,
    "uv": _EXTENSION + _IMAGE,
}
"""Name in `metaflow` → the alternative."""

# Importing these names raises no error, but using them does. Metaflow has them even without extensions, or for other
# back ends.
IMPORTABLE = frozenset({
    "airflow_internal", "argo_workflows_internal", "JSONTypeClass", "package_sources", "R",
    "step_functions", "step_functions_internal",
})  # fmt: skip


@final
class Unsupported:
    """A placeholder for an unsupported name of Metaflow. Every use of the placeholder raises an error with an
    alternative."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __repr__(self) -> str:
        return f"<'{self.__name__}' of Metaflow, not supported by flowc>"

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise MetaflowException."""
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # attributes that `copy` and `inspect` look up on any object
            raise AttributeError(name)
        self._refuse()

    def __mro_entries__(self, bases: tuple[object, ...]) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise MetaflowException(refusal(self.__name__, UNSUPPORTED[self.__name__]))


def refusal(name: str, hint: str) -> str:
    """Return the error message for a name that flowc does not have."""
    return f"'{name}' of Metaflow is not supported by flowc; {hint}"


UNSUPPORTED_MODULES: Mapping[str, str] = {
    "R": "flowc runs flows in Python; call R from a step with subprocess",
    "cli": "call `flowc`, or the flow's file, as a program",
    "cli_components": "call `flowc`, or the flow's file, as a program",
    "cli_args": "call `flowc`, or the flow's file, as a program",
    "clone_util": "no function clones tasks; `flowc debug` runs a task again",
    "cmd": "call `flowc` as a program",
    "cmd_with_io": "call subprocess.run",
    "datastore.flow_datastore": "read artifacts with `flowc dump`; the store's layout is flowc's own",
    "datastore.task_datastore": "read artifacts with `flowc dump`; the store's layout is flowc's own",
    "datatools": "read and write objects with a client of your own, such as boto3 or obstore",
    "debug": "METAFLOW_DEBUG_… has no effect here; `flowc run` prints what happens",
    "event_logger": "print, or log with the module logging: the step's logs are kept",
    "extension_support": "extensions are found automatically; write only STEP_DECORATORS_DESC and FLOW_DECORATORS_DESC",
    "integrations": "publish events with Argo Events' own webhook",
    "metaflow_environment": "steps run in flowc's own environment, and on a cluster in the image",
    "metaflow_git": "call git in the step",
    "meta_files": _CODE,
    "mflog": "`flowc logs` prints the logs",
    "monitor": "measure in the step's own code; `flowc runs` shows how long tasks took",
    "package": "`flowc.package` packs a flow's code",
    "packaging_sys": _CODE,
    "plugins.airflow": _ARGO,
    "plugins.argo": f"{_ARGO}; its manifests are plain YAML, built with Hera",
    "plugins.aws": "flowc runs on Kubernetes and on this machine; call AWS with boto3",
    "plugins.aws.batch": "flowc runs on Kubernetes: write `@kubernetes` or `@resources` instead",
    "plugins.aws.step_functions": _ARGO,
    "plugins.azure": "flowc's store in Azure is `--store az://…`; call Azure with its own library",
    "plugins.datastores": "the store's layout is flowc's own: `flowc dump` reads it",
    "plugins.datatools": "read and write objects with a client of your own, such as boto3 or obstore",
    "plugins.gcp": "flowc's store in Google Cloud is `--store gs://…`; call Google Cloud with its own library",
    "plugins.kubernetes": "write `@resources`; `flowc deploy` talks to the cluster",
    "plugins.metadata_providers": _CLIENT,
    "plugins.pypi": _IMAGE,
    "plugins.secrets": "read the secret in the step",
    "procpoll": "call select.poll",
    "profilers": "measure in the step's own code, with cProfile",
    "pylint_wrapper": "call pylint as a program",
    "runtime": "call `flowc run`, or the flow's file, as a program",
    "sidecar": "start a thread in the step",
    "system": "print, or log with the module logging: the step's logs are kept",
    "system_context": "metaflow.current describes the running task",
    "task": "call `flowc run`, or the flow's file, as a program; in a test, flowc.testing.run_step runs one step",
    "tracing": "trace in the step's own code",
    "tuple_util": "write a NamedTuple",
    "tutorials": "copy the tutorial from Metaflow's repository",
    "vendor": "import each library from its own package, such as `import click`",
    "version": "write `from metaflow.metaflow_version import get_version`",
}
"""Module below `metaflow` → the alternative.

The longest matching entry is used; an entry also covers all modules below it.
"""


def hint_for_module(module: str) -> str | None:
    """Return the alternative to Metaflow's module `metaflow.<module>`, or None if the table has no alternative."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if hint := UNSUPPORTED_MODULES.get(".".join(parts[:end])):
            return hint
    return None


def hint_for_absent(name: str) -> str | None:
    """Return the alternative to the module `metaflow.<name>`, or None if flowc has that module or no alternative is
    known."""
    hint = UNSUPPORTED_MODULES.get(name)
    return hint if hint and find_spec(f"metaflow.{name}") is None else None
