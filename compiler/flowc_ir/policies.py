"""Policies that only some steps and flows have: where pods run, secrets, cards; projects, triggers and exit hooks.

Free-form values (a card's options) are canonical JSON text, as a parameter's default is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.model import Span

Pairs: TypeAlias = "tuple[tuple[str, str], ...]"
"""A mapping from text to text, in the order written."""

HOSTNAME_TIMEOUT = 600
TMPFS_PATH = "/metaflow_temp"

CONFIGURED: Final = "configured"
"""The type of a secret that the flow only names: the setting `secrets` chooses its source."""

ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "batch": ("AWS Batch", "flowc runs on Kubernetes: write @kubernetes or @resources instead"),
    "airflow_external_task_sensor": ("Airflow", "start the run where the other one ends: `flowc trigger`"),
    "airflow_s3_key_sensor": ("Airflow", "wait for the object in the first step, or start the run when it is there"),
}
"""Decorators for back ends that flowc does not have: the back end, and what to do instead."""


# -- of a step ---------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A toleration of a step's pods, in Kubernetes' own terms."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """The security context of a step's container; None leaves a field to the platform."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """The settings of a step's pods that differ from the platform's; amounts (cpu, memory, …) are in `Node.resources`.

    `tmpfs_size` is in MiB; None with `use_tmpfs` is half of the memory. `qos` is a quality-of-service class in lower
    case. `persistent_volume_claims` maps a claim to the path where it is mounted.
    """

    image: str | None = None
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str | None = None
    namespace: str | None = None
    secrets: tuple[str, ...] = ()
    node_selector: Pairs = ()
    gpu_vendor: str | None = None
    tolerations: tuple[Toleration, ...] = ()
    labels: Pairs = ()
    annotations: Pairs = ()
    use_tmpfs: bool = False
    tmpfs_tempdir: bool = True
    tmpfs_size: int | None = None
    tmpfs_path: str = TMPFS_PATH
    persistent_volume_claims: Pairs = ()
    port: int | None = None
    compute_pool: str | None = None
    executable: str | None = None
    hostname_resolution_timeout: int = HOSTNAME_TIMEOUT
    qos: str = "burstable"
    extended_resources: Pairs = ()
    security_context: SecurityContext | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One source of secrets: the provider's `type` and the secret's `id`. Values of `inline` secrets stay in the code.

    `allow_override` allows it to replace variables that are set already. The `type` of a secret that the flow only
    names is `CONFIGURED`.
    """

    type: str
    id: str
    options: str = "{}"
    role: str | None = None
    allow_override: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A report about each task of a step. `timeout` and `refresh_interval` are in seconds."""

    type: str = "default"
    id: str | None = None
    options: str = "{}"
    timeout: int = 45
    refresh_interval: int = 5
    save_errors: bool = True
    customize: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A decorator of an extension, in Metaflow's older form: its hooks run when a run begins and in the tasks.

    `written` is true if the flow's source contains it. `options` are the values of the options that it adds to the
    flow's command line.
    """

    name: str
    attributes: str = "{}"
    options: str = "{}"
    written: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepFiles:
    """The files of a step, as patterns below its data folder; `get` are read before it runs, `put` are kept after it.

    `copy` is false if the store only gets the digests of the files that are put, and later steps read them where they
    are. `folder` is the data folder, relative to the working directory of the task.
    """

    get: tuple[str, ...] = ()
    put: tuple[str, ...] = ()
    copy: bool = True
    folder: str = "."


# -- of a flow ---------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The project of a flow. `branch` is resolved: `prod`, `prod.x`, `test.x` or `user.NAME`."""

    name: str
    branch: str
    production: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger of runs: an `event`, or the `finish` of a run of another flow.

    `name` is the event's or the flow's name; `parameters` maps a parameter of the flow to a field of the event. For a
    `computed` event, `name` is the function that returns the event's name at deploy time.
    """

    kind: Literal["event", "finish"]
    name: str
    where: Span
    computed: bool = False
    parameters: Pairs = ()
    project: str | None = None
    branch: str | None = None
    options: str = "{}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExitHook:
    """A function that is called when a run has ended: its name in the module of the flow's file."""

    on: Literal["success", "error"]
    function: str
    where: Span
    options: str = "{}"
