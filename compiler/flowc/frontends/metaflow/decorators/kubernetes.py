"""Read `@kubernetes` into the IR's `Kubernetes` and `Resources`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict, cast

from flowc.frontends.metaflow.decorators.reader import (
    BOOL,
    CORES,
    COUNT,
    MIB,
    TEXT,
    ArgumentKind,
    decimal_text,
    is_texts,
    optional,
)
from flowc_ir import Kubernetes, Resources, SecurityContext, Toleration, codes
from flowc_ir.late import LateModule
from flowc_ir.policies import HOSTNAME_TIMEOUT, TMPFS_PATH

if TYPE_CHECKING:
    import decimal
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc_ir.policies import Pairs
    from metaflow.decorators import Applied

    class _Toleration(TypedDict, total=False):
        key: str | None
        operator: str | None
        value: str | None
        effect: str | None
        toleration_seconds: int | None

    class _Security(TypedDict, total=False):
        privileged: bool | None
        allow_privilege_escalation: bool | None
        run_as_user: int | None
        run_as_group: int | None
        run_as_non_root: bool | None

    class Amounts(TypedDict, total=False):
        """The arguments for resource amounts, which both `@resources` and `@kubernetes` have."""

        cpu: float | str | None
        memory: int | str | None
        disk: int | str | None
        gpu: int | str | None
        shared_memory: int | str | None

    class KubernetesArguments(Amounts, total=False):
        """The arguments of `@kubernetes`, which the table `KUBERNETES` checks."""

        image: str | None
        image_pull_policy: str | None
        image_pull_secrets: str | Sequence[str] | None
        service_account: str | None
        secrets: str | Sequence[str] | None
        node_selector: str | Mapping[str, str] | None
        namespace: str | None
        gpu_vendor: str | None
        tolerations: Sequence[_Toleration] | None
        labels: Mapping[str, str] | None
        annotations: Mapping[str, str] | None
        use_tmpfs: bool | None
        tmpfs_tempdir: bool
        tmpfs_size: int | str | None
        tmpfs_path: str | None
        persistent_volume_claims: Mapping[str, str] | None
        port: int | str | None
        compute_pool: str | None
        executable: str | None
        hostname_resolution_timeout: int | str
        qos: str
        extended_resources: Mapping[str, str] | None
        security_context: _Security | None
else:  # imported at first use, because the import costs start-up time
    decimal = LateModule("decimal")

QOS: Final = ("guaranteed", "burstable", "besteffort")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_TOLERATION: Final = {"key": str, "operator": str, "value": str, "effect": str, "toleration_seconds": int}
_SECURITY: Final = {
    "privileged": bool,
    "allow_privilege_escalation": bool,
    "run_as_user": int,
    "run_as_group": int,
    "run_as_non_root": bool,
}
# Metaflow's documented defaults: cores, and MiB of memory and disk. @kubernetes and @resources replace them.
_DEFAULTS: Final = {"cpu": 1, "memory": 4096, "disk": 10240}


def _is_selector(value: object) -> bool:
    return is_texts(value) or (
        isinstance(value, str) and all(len(part.split("=")) == 2 for part in value.split(",") if part)
    )


def _is_fields(value: object, kinds: Mapping[str, type]) -> bool:
    """Return whether a value is a dict whose keys are all in `kinds`, with values of exactly these types or None."""
    return isinstance(value, dict) and all(
        name in kinds and (inner is None or type(inner) is kinds[name]) for name, inner in value.items()
    )


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, (list, tuple)) and all(isinstance(name, str) and name for name in value)
    )


def _is_port(value: object) -> bool:
    return COUNT.accepts(value) and 0 < int(str(value)) < 65536


_TEXTS = optional(ArgumentKind("a dict from strings to strings", is_texts))
_NAMES = optional(ArgumentKind("a list of names", _is_names))

KUBERNETES: Final[Mapping[str, ArgumentKind]] = {
    "cpu": CORES,
    "memory": MIB,
    "disk": MIB,
    "image": optional(TEXT),
    "image_pull_policy": optional(
        ArgumentKind(f"one of {', '.join(_PULL_POLICIES)}", lambda value: value in _PULL_POLICIES)
    ),
    "image_pull_secrets": _NAMES,
    "service_account": optional(TEXT),
    "secrets": _NAMES,
    "node_selector": optional(
        ArgumentKind("a dict from labels to values", _is_selector, 'or a string such as "disk=ssd,zone=a"')
    ),
    "namespace": optional(TEXT),
    "gpu": optional(ArgumentKind("a whole number", COUNT.accepts)),
    "gpu_vendor": optional(ArgumentKind("'nvidia' or 'amd'", lambda value: value in ("nvidia", "amd"))),
    "tolerations": optional(
        ArgumentKind(
            f"a list of dicts with {', '.join(_TOLERATION)}",
            lambda value: isinstance(value, (list, tuple)) and all(_is_fields(one, _TOLERATION) for one in value),
        )
    ),
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "use_tmpfs": optional(BOOL),
    "tmpfs_tempdir": BOOL,
    "tmpfs_size": MIB,
    "tmpfs_path": optional(
        ArgumentKind("an absolute path", lambda value: isinstance(value, str) and value.startswith("/"))
    ),
    "persistent_volume_claims": _TEXTS,
    "shared_memory": MIB,
    "port": optional(ArgumentKind("a port number", _is_port)),
    "compute_pool": optional(TEXT),
    "executable": optional(TEXT),
    "hostname_resolution_timeout": COUNT,
    "qos": ArgumentKind(f"one of {', '.join(QOS)}", lambda value: isinstance(value, str) and value.lower() in QOS),
    "extended_resources": _TEXTS,
    "security_context": optional(
        ArgumentKind(f"a dict with {', '.join(_SECURITY)}", lambda value: _is_fields(value, _SECURITY))
    ),
}


def read_kubernetes(reader: Reader, applied: Applied, arguments: KubernetesArguments) -> Kubernetes:
    """Convert the arguments of `@kubernetes` to the IR, except the resource amounts, which `amounts` converts.

    Args:
        reader: the reader of the step; it reports a volume claim that is mounted at a relative path.
        applied: the decorator `@kubernetes` as it was applied.
        arguments: the decorator's arguments, which were checked.
    """
    claims = arguments.get("persistent_volume_claims")
    for claim, path in (claims or {}).items():
        if not path.startswith("/"):
            span = reader.span(applied, "persistent_volume_claims")
            reader.faults.add(
                codes.BAD_ARGUMENT,
                span,
                f"@kubernetes: claim '{claim}' is mounted at {path!r}",
                hint='give an absolute path: {"claim": "/data"}',
            )
    security = {name: value for name, value in (arguments.get("security_context") or {}).items() if value is not None}
    size, use, path_of_tmpfs = arguments.get("tmpfs_size"), arguments.get("use_tmpfs"), arguments.get("tmpfs_path")
    return Kubernetes(
        image=arguments.get("image"),
        image_pull_policy=arguments.get("image_pull_policy"),
        image_pull_secrets=_names(arguments.get("image_pull_secrets")),
        service_account=arguments.get("service_account"),
        namespace=arguments.get("namespace"),
        secrets=_names(arguments.get("secrets")),
        node_selector=_selector(arguments.get("node_selector")),
        gpu_vendor=arguments.get("gpu_vendor"),
        tolerations=tuple(Toleration(**one) for one in arguments.get("tolerations") or ()),
        labels=_pairs(arguments.get("labels")),
        annotations=_pairs(arguments.get("annotations")),
        # As in Metaflow, a step that sets only `tmpfs_size` gets a tmpfs, too.
        use_tmpfs=size is not None if use is None else use,
        tmpfs_tempdir=arguments.get("tmpfs_tempdir", True),
        tmpfs_size=_whole(size),
        tmpfs_path=TMPFS_PATH if path_of_tmpfs is None else path_of_tmpfs,
        persistent_volume_claims=_pairs(claims),
        port=_whole(arguments.get("port")),
        compute_pool=arguments.get("compute_pool"),
        executable=arguments.get("executable"),
        hostname_resolution_timeout=int(arguments.get("hostname_resolution_timeout", HOSTNAME_TIMEOUT)),
        qos=arguments.get("qos", "burstable").lower(),
        extended_resources=_pairs(arguments.get("extended_resources")),
        security_context=SecurityContext(**cast("_Security", security)) if security else None,
    )


def requested(arguments: Amounts) -> Resources:
    """Convert resource arguments to the IR's `Resources`, without defaults for missing ones."""
    cpu = arguments.get("cpu")
    return Resources(
        cpu=None if cpu is None else decimal_text(cpu),
        memory=_whole(arguments.get("memory")),
        gpu=_whole(arguments.get("gpu")),
        disk=_whole(arguments.get("disk")),
        shared_memory=_whole(arguments.get("shared_memory")),
    )


def amounts(arguments: KubernetesArguments) -> Resources:
    """Return the resources of one `@kubernetes`: cores as text, memory, disk and shared memory in MiB.

    Missing amounts get Metaflow's documented defaults; with `qos="besteffort"`, they stay missing.

    Args:
        arguments: the decorator's arguments, which were checked.
    """
    own = requested(arguments)
    return own if arguments.get("qos", "").lower() == "besteffort" else _with_defaults(own)


def _with_defaults(own: Resources) -> Resources:
    return Resources(
        cpu=own.cpu or str(_DEFAULTS["cpu"]),
        memory=own.memory if own.memory is not None else _DEFAULTS["memory"],
        disk=own.disk if own.disk is not None else _DEFAULTS["disk"],
        gpu=own.gpu,
        shared_memory=own.shared_memory,
        assumed=tuple(name for name in _DEFAULTS if getattr(own, name) is None),
    )


def largest(one: Resources | None, other: Resources) -> Resources | None:
    """Return, for each resource, the larger of the two amounts; None if no amount is set.

    Args:
        one: the resources of `@resources`; None for a step without this decorator.
        other: the resources of `@kubernetes`.
    """
    if one is None:
        return other if other != Resources() else None
    cpus = [cpu for cpu in (one.cpu, other.cpu) if cpu is not None]
    sizes = {
        name: max((size for size in (getattr(one, name), getattr(other, name)) if size is not None), default=None)
        for name in ("memory", "gpu", "disk", "shared_memory")
    }
    cpu, written = max(cpus, key=decimal.Decimal, default=None), (one, other)
    assumed = [name for name in dict.fromkeys((*one.assumed, *other.assumed)) if not _is_written(name, written)]
    return Resources(cpu=cpu, **sizes, assumed=tuple(assumed))


def _is_written(name: str, several: Sequence[Resources]) -> bool:
    return any(name not in each.assumed and getattr(each, name) is not None for each in several)


def _whole(value: int | str | None) -> int | None:
    return None if value is None else int(value)


def _pairs(value: Mapping[str, str] | None) -> Pairs:
    return tuple((value or {}).items())


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else tuple(value or ())


def _selector(value: str | Mapping[str, str] | None) -> Pairs:
    if isinstance(value, str):
        return tuple((key, text) for key, text in (part.split("=") for part in value.split(",") if part))
    return _pairs(value)
