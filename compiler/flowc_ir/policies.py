"""Policies that only some steps and flows have: options of pods, secrets, cards; projects, triggers and exit hooks.

Values of any type, such as a card's options, are canonical JSON text, like a parameter's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.model import Span

Pairs: TypeAlias = "tuple[tuple[str, str], ...]"
"""A mapping from strings to strings, in the order of the source."""

HOSTNAME_TIMEOUT = 600
TMPFS_PATH = "/metaflow_temp"

CONFIGURED: Final = "configured"
"""The type of a secret for which the flow has only a name; the setting `secrets` chooses the source of its value."""

ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "batch": ("AWS Batch", "flowc runs on Kubernetes: write @kubernetes or @resources instead"),
    "airflow_external_task_sensor": ("Airflow", "let the other DAG start the run when it ends: `flowc trigger`"),
    "airflow_s3_key_sensor": (
        "Airflow",
        "wait for the object in the first step, or start the run when the object exists",
    ),
}
"""Decorators of Metaflow for back ends that flowc does not have: for each decorator's name, the back end, and a hint
that says what to do instead."""


# -- policies of a step ------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A toleration of a step's pods, with the fields that Kubernetes defines."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """The security context of a step's container. If a field is None, the default of Kubernetes and the image
    applies."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """The options of a step's pods. Amounts (cpu, memory, …) are not in this class, but in `Node.resources`.

    `tmpfs_size` is in MiB; if it is None and `use_tmpfs` is true, the size is half of the memory. `qos` is a
    quality-of-service class in lower case. `persistent_volume_claims` maps the name of a claim to the path at which it
    is mounted.
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
    """A secret: the `type` of its provider, and the `id` of the secret at the provider. The values of secrets of the
    type `inline` are not in the IR, only in the flow's code.

    If `allow_override` is true, the secret may replace environment variables that are already set. The type
    `configured` means that the flow has only the secret's name, and the setting `secrets` chooses its source.
    """

    type: str
    id: str
    options: str = "{}"
    role: str | None = None
    allow_override: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card, which is a report about each task of a step. `timeout` and `refresh_interval` are in seconds."""

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
    """A decorator of a Metaflow extension: a class with hooks (methods), which flowc calls when a run begins and in the
    tasks of the run.

    `written` is true if the flow's source contains the decorator. `options` has the values of the options that the
    decorator adds to the flow's command line.
    """

    name: str
    attributes: str = "{}"
    options: str = "{}"
    written: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StepFiles:
    """The files that a step reads and writes, as patterns of paths in the step's data folder. Before the step runs, its
    data folder gets the files that earlier steps have kept and that match a pattern in `get`. After the step has run,
    the files that match a pattern in `put` are kept for later steps.

    If `copy` is false, the store gets only the digests of the kept files, and later steps read the original files.
    `folder` is the data folder, relative to the working directory of the task.
    """

    get: tuple[str, ...] = ()
    put: tuple[str, ...] = ()
    copy: bool = True
    folder: str = "."


# -- policies of a flow ------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The project of a flow. `branch` is the full name of the branch: `prod`, `prod.x`, `test.x` or `user.NAME`."""

    name: str
    branch: str
    production: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger, which starts runs of the flow: at an `event`, or at the `finish` of a run of another flow.

    `name` is the name of the event or of the other flow. `parameters` maps a parameter of the flow to a field of the
    event. If `computed` is true, `name` is the name of a function that returns the event's name when the flow is
    deployed.
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
    """A function that is called when a run has ended; `function` is the function's name in the module of the flow's
    file."""

    on: Literal["success", "error"]
    function: str
    where: Span
    options: str = "{}"
