"""The table of settings, which `flowc.toml`, `FLOWC_*` variables and options can set.

A new setting is a new row. docs/reference/settings.md lists all settings. Tests compare that page and the defaults of
options with this table. The variables of the contract between compiler and pods (`contract`) are not settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flowc import __version__
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Type: TypeAlias = Literal["text", "number", "place", "source"]


YES_NO: Final = ("yes", "no")


class Setting(NamedTuple):
    """One setting.

    Attributes:
        key: the name in `flowc.toml`.
        type: the type of the value: `text`, `number` (a whole number of at least 1), `place` (a URL or a directory), or
            `source` (of secrets, see `secret_setting`).
        variable: the environment variable that sets the value.
        option: the option that sets the value, and the commands that have the option.
        help: the description.
        default: the value if no source sets one; None if `without` describes the default behaviour.
        without: a description of the default behaviour.
        choices: the allowed strings; empty if every string is allowed.
        metaflow: METAFLOW_* variables that also set the value. The setting's own variable takes precedence over
            METAFLOW_* variables, which take precedence over a file.
    """

    key: str
    type: Type
    variable: str
    option: str
    help: str
    default: str | int | None = None
    without: str = ""
    choices: tuple[str, ...] = ()
    metaflow: tuple[str, ...] = ()


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        key="store",
        type="place",
        variable="FLOWC_STORE",
        option="`--store`",
        help="The store of runs: a directory or a URL.",
        without="the nearest `.flowc` in the working directory or above; else a new one in the working directory",
        metaflow=("METAFLOW_DEFAULT_DATASTORE", "METAFLOW_DATASTORE_SYSROOT_…"),
    ),
    Setting(
        key="executor",
        type="text",
        variable="FLOWC_EXECUTOR",
        option="`--executor` of `flowc run`; `--local` is the executor `local`",
        help="How `flowc run` and `Pipeline.execute` run flows: `local` (this machine), `mock` (this machine, "
        "without the user's functions), a target that runs flows, such as `argo`, or a plugin.",
        default="local",
    ),
    Setting(
        key="catalog",
        type="text",
        variable="FLOWC_CATALOG",
        option="none",
        help="Where files of `Catalog(put=…)` are kept: in the `store`, nowhere (`none`), or in a plugin's catalog.",
        default="store",
    ),
    Setting(
        key="max-workers",
        type="number",
        variable="FLOWC_MAX_WORKERS",
        option="`--max-workers` of `run`, `resume`",
        help="The maximal number of parallel tasks on this machine.",
        without="the number of CPUs; up to 16 while tasks are idle",
        metaflow=("METAFLOW_RUN_MAX_WORKERS",),
    ),
    Setting(
        key="max-num-splits",
        type="number",
        variable="FLOWC_MAX_NUM_SPLITS",
        option="`--max-num-splits` of `run`, `resume`",
        help="The maximal number of items of a foreach on this machine; a longer foreach fails.",
        without="no limit",
        metaflow=("METAFLOW_RUN_MAX_NUM_SPLITS",),
    ),
    Setting(
        key="error-format",
        type="text",
        variable="FLOWC_ERROR_FORMAT",
        option="`--error-format` of `check`, `compile`, `run`, `resume`, `spin`",
        help="Print errors and warnings about flows as text, JSON lines, GitHub annotations, or SARIF.",
        default="text",
        choices=("text", "json", "github", "sarif"),
        metaflow=("METAFLOW_RUN_ERROR_FORMAT",),
    ),
    Setting(
        key="log-format",
        type="text",
        variable="FLOWC_LOG_FORMAT",
        option="`--log-format` of `run`, `resume`, `spin`",
        help="Print text lines, or JSON lines on stdout.",
        default="text",
        choices=("text", "json"),
        metaflow=("METAFLOW_RUN_LOG_FORMAT",),
    ),
    Setting(
        key="environment",
        type="text",
        variable="FLOWC_ENVIRONMENT",
        option="`--environment` of `run`, `resume`, `spin`, `compile`, `deploy`, `diff`",
        help="Whether steps run in isolated environments with the packages of @pypi and @conda, or in flowc's.",
        without="flows with packages are refused",
        choices=("local", "pypi", "conda"),
        metaflow=("METAFLOW_ENVIRONMENT", "METAFLOW_DEFAULT_ENVIRONMENT"),
    ),
    Setting(
        key="durability",
        type="text",
        variable="FLOWC_DURABILITY",
        option="`--durability` of `run`, `resume`",
        help="Wait for the disk before a run ends (run), also before each task ends (task), or never.",
        default="run",
        choices=("run", "task", "none"),
    ),
    Setting(
        key="start",
        type="text",
        variable="FLOWC_START",
        option="`--start` of `run`, `resume`, `spin`",
        help="Start tasks as forks or with a fresh import; auto forks if the import is harmless.",
        default="auto",
        choices=("auto", "fork", "fresh"),
    ),
    Setting(
        key="verify",
        type="text",
        variable="FLOWC_VERIFY",
        option="`--verify` of `run`, `resume`, `spin`, `dump`, `artifact`",
        help="How often a large array is checked against its digest: once on this machine, or whenever it is read.",
        default="once",
        choices=("once", "always"),
    ),
    Setting(
        key="blob-cache",
        type="text",
        variable="FLOWC_BLOB_CACHE",
        option="none",
        help="Whether artifacts of a store in a bucket are also kept in the user's cache directory; never in a pod.",
        default="yes",
        choices=YES_NO,
    ),
    Setting(
        key="blob-cache-size",
        type="number",
        variable="FLOWC_BLOB_CACHE_SIZE",
        option="none",
        help="The largest total size of the cached artifacts, in MiB; at most a tenth of the free disk space is used.",
        default=4096,
    ),
    Setting(
        key="keep-sources",
        type="text",
        variable="FLOWC_KEEP_SOURCES",
        option="none",
        help="Whether a local run stores its Python files, for classes that cannot be imported later.",
        default="yes",
        choices=YES_NO,
    ),
    Setting(
        key="secrets",
        type="source",
        variable="FLOWC_SECRETS",
        option="`--secrets` of `run`, `resume`, `spin`, `compile`, `deploy`, `diff`",
        help="The source of the secrets that flows declare by name only: `env`, `dotenv:PATH`, `files:DIR`, "
        "`kubernetes:NAME`, or a plugin, `PLUGIN` or `PLUGIN:PLACE`.",
        default="env",
    ),
    Setting(
        key="pickler",
        type="text",
        variable="FLOWC_PICKLER",
        option="none",
        help="The pickler that writes artifacts: `pickle`, `cloudpickle`, or a plugin.",
        default="pickle",
    ),
    Setting(
        key="tracker",
        type="text",
        variable="FLOWC_TRACKER",
        option="none",
        help="Where the metrics of runs are sent: `mlflow`, `mlflow:URI`, a package's tracker, or `none`.",
        without="nowhere",
    ),
    Setting(
        key="image",
        type="text",
        variable="FLOWC_IMAGE",
        option="`--image` of `compile`, `deploy`, `diff`",
        help="The image that every task runs in on a cluster.",
        default=f"flowc-runtime:{__version__}",
    ),
    Setting(
        key="package-suffixes",
        type="text",
        variable="FLOWC_PACKAGE_SUFFIXES",
        option="`--package-suffixes`, which adds to this setting",
        help="Suffixes of files to package with a flow in addition to Python files, such as `.sql,.csv`.",
        without="none",
        metaflow=("METAFLOW_DEFAULT_PACKAGE_SUFFIXES",),
    ),
    Setting(
        key="package-ignored",
        type="text",
        variable="FLOWC_PACKAGE_IGNORED",
        option="none",
        help="Patterns of files to package with a flow although git ignores them, such as `_version.py,gen/*.py`.",
        without="none",
    ),
    Setting(
        key="cluster-store",
        type="text",
        variable="FLOWC_CLUSTER_STORE",
        option="`--store` of `compile`, `deploy`, `diff`, `resume --target argo`",
        help="The store of pods: `s3://bucket/prefix`, or `file:///directory` of a volume.",
        default="s3://flowc",
    ),
    Setting(
        key="store-claim",
        type="text",
        variable="FLOWC_STORE_CLAIM",
        option="`--store-claim` of `compile`, `deploy`, `diff`",
        help="The PersistentVolumeClaim of a store `file:///directory`.",
        without="no volume",
    ),
    Setting(
        key="store-secret",
        type="text",
        variable="FLOWC_STORE_SECRET",
        option="`--store-secret` of `compile`, `deploy`, `diff`",
        help="The Secret with the store's credentials.",
        default="flowc-store",
    ),
    Setting(
        key="service-account",
        type="text",
        variable="FLOWC_SERVICE_ACCOUNT",
        option="`--service-account` of `compile`, `deploy`, `diff`",
        help="The service account of the pods.",
        default="flowc",
    ),
    Setting(
        key="parallelism",
        type="number",
        variable="FLOWC_PARALLELISM",
        option="`--max-workers` of `compile`, `deploy`, `diff`",
        help="Run at most N items of a foreach at once on a cluster.",
        default=100,
    ),
    Setting(
        key="workflow-timeout",
        type="number",
        variable="FLOWC_WORKFLOW_TIMEOUT",
        option="`--workflow-timeout` of `compile`, `deploy`, `diff`",
        help="The time limit of a run on a cluster, in seconds.",
        without="no limit",
    ),
    Setting(
        key="namespace",
        type="text",
        variable="FLOWC_NAMESPACE",
        option="`--namespace` of the commands for a cluster",
        help="The Kubernetes namespace.",
        without="that of the kubeconfig's context",
    ),
    Setting(
        key="context",
        type="text",
        variable="FLOWC_CONTEXT",
        option="`--context` of the commands for a cluster",
        help="The context of the kubeconfig.",
        without="the current context",
    ),
)

BY_KEY: Final[Mapping[str, Setting]] = {setting.key: setting for setting in SETTINGS}
PLUGIN_SETTINGS: Final = ("catalog", "secrets", "pickler", "tracker")
"""The settings whose value may name a plugin. Every run and every compilation reads these settings."""


def shown_value(value: object) -> str:
    """Return a value for an error message: in TOML's notation, cut to 60 characters."""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value!r}"
    return shown[:60]
