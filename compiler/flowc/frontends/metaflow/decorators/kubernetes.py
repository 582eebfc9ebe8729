"""Read `@kubernetes` into the IR's `Kubernetes` and `Resources`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

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
from flowc_ir.policies import HOSTNAME_TIMEOUT, TMPFS_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.metaflow.decorators.reader import Reader
    from metaflow.decorators import Applied

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
_AS_WRITTEN: Final = (
    "image", "image_pull_policy", "service_account", "namespace", "gpu_vendor", "compute_pool", "executable",
)  # fmt: skip
_PAIRS: Final = ("labels", "annotations", "persistent_volume_claims", "extended_resources")
# The amounts that apply if neither @kubernetes nor @resources sets one, as Metaflow documents.
_DEFAULTS: Final = {"cpu": 1, "memory": 4096, "disk": 10240}


def _is_selector(value: object) -> bool:
    return is_texts(value) or (
        isinstance(value, str) and all(len(part.split("=")) == 2 for part in value.split(",") if part)
    )


def _is_fields(value: object, kinds: Mapping[str, type]) -> bool:
    """Return whether a value is a dict with only these fields, each of exactly its type or None."""
    return isinstance(value, dict) and all(
        name in kinds and (inner is None or type(inner) is kinds[name]) for name, inner in value.items()
    )


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, (list, tuple)) and all(isinstance(name, str) and name for name in value)
    )


def _is_port(value: object) -> bool:
    return COUNT.accepts(value) and 0 < int(str(value)) < 65536


_TEXTS = optional(ArgumentKind("a dict from texts to texts", is_texts))
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
        ArgumentKind("a dict from labels to values", _is_selector, 'or a text such as "disk=ssd,zone=a"')
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


def read_kubernetes(reader: Reader, applied: Applied, given: dict[str, Any]) -> Kubernetes:
    """Return everything except the amounts, which `amounts` returns."""
    asked = {name: value for name, value in given.items() if value is not None}
    for claim, path in asked.get("persistent_volume_claims", {}).items():
        if not path.startswith("/"):
            span = reader.span(applied, "persistent_volume_claims")
            reader.faults.add(
                codes.BAD_ARGUMENT,
                span,
                f"@kubernetes: claim '{claim}' is mounted at {path!r}",
                hint='give an absolute path: {"claim": "/data"}',
            )
    security = {name: value for name, value in asked.get("security_context", {}).items() if value is not None}
    size = asked.get("tmpfs_size")
    pod: dict[str, Any] = {name: asked.get(name) for name in _AS_WRITTEN}
    pod |= {name: _names(asked.get(name)) for name in ("image_pull_secrets", "secrets")}
    pod |= {name: tuple(asked.get(name, {}).items()) for name in _PAIRS}
    return Kubernetes(
        **pod,
        node_selector=_selector(asked.get("node_selector")),
        tolerations=tuple(Toleration(**one) for one in asked.get("tolerations", ())),
        # As in Metaflow, a size alone also requests the mount.
        use_tmpfs=asked.get("use_tmpfs", size is not None),
        tmpfs_tempdir=asked.get("tmpfs_tempdir", True),
        tmpfs_size=None if size is None else int(size),
        tmpfs_path=asked.get("tmpfs_path", TMPFS_PATH),
        port=int(asked["port"]) if "port" in asked else None,
        hostname_resolution_timeout=int(asked.get("hostname_resolution_timeout", HOSTNAME_TIMEOUT)),
        qos=asked.get("qos", "burstable").lower(),
        security_context=SecurityContext(**security) if security else None,
    )


def amounts(given: Mapping[str, Any]) -> Resources:
    """Return the resources of one `@kubernetes`, with a default for each missing amount (none for best effort)."""
    defaults = {} if str(given.get("qos", "")).lower() == "besteffort" else _DEFAULTS
    asked = {name: given.get(name) for name in ("cpu", "memory", "disk", "gpu", "shared_memory")}
    texts = {name: value for name, value in asked.items() if value is not None}
    cpu = texts.pop("cpu", None)
    own = Resources(cpu=None if cpu is None else decimal_text(cpu), **{name: int(text) for name, text in texts.items()})
    return own if not defaults else _with_defaults(own)


def _with_defaults(own: Resources) -> Resources:
    return Resources(
        cpu=own.cpu or str(_DEFAULTS["cpu"]),
        memory=own.memory if own.memory is not None else _DEFAULTS["memory"],
        disk=own.disk if own.disk is not None else _DEFAULTS["disk"],
        gpu=own.gpu,
        shared_memory=own.shared_memory,
    )


def largest(one: Resources | None, other: Resources) -> Resources | None:
    """Return the larger of each two amounts."""
    if one is None:
        return other if other != Resources() else None
    cpus = [cpu for cpu in (one.cpu, other.cpu) if cpu is not None]
    sizes = {
        name: max((size for size in (getattr(one, name), getattr(other, name)) if size is not None), default=None)
        for name in ("memory", "gpu", "disk", "shared_memory")
    }
    return Resources(cpu=max(cpus, key=Decimal, default=None), **sizes)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else tuple(value or ())


def _selector(value: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(value, str):
        return tuple((key, text) for key, text in (part.split("=") for part in value.split(",") if part))
    return tuple((value or {}).items())
