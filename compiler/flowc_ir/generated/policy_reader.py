"""Read the classes of the IR from JSON values. A wrong value raises `SchemaError`, which names its place.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

from flowc_ir.policies import (
    Card,
    ExitHook,
    Kubernetes,
    Plugin,
    Project,
    Secret,
    SecurityContext,
    StepFiles,
    Toleration,
    Trigger,
)
from flowc_ir.reading import flag, number, optional, optional_items, pairs, record, span, text, word


def read_toleration(value: object, at: str) -> Toleration:
    data = record(value, at, Toleration.__slots__, ())
    return Toleration(
        key=optional(data, "key", at, text, None),
        operator=optional(data, "operator", at, text, None),
        value=optional(data, "value", at, text, None),
        effect=optional(data, "effect", at, text, None),
        toleration_seconds=optional(data, "toleration_seconds", at, number, None),
    )


def read_security_context(value: object, at: str) -> SecurityContext:
    data = record(value, at, SecurityContext.__slots__, ())
    return SecurityContext(
        privileged=optional(data, "privileged", at, flag, None),
        allow_privilege_escalation=optional(data, "allow_privilege_escalation", at, flag, None),
        run_as_user=optional(data, "run_as_user", at, number, None),
        run_as_group=optional(data, "run_as_group", at, number, None),
        run_as_non_root=optional(data, "run_as_non_root", at, flag, None),
    )


def read_kubernetes(value: object, at: str) -> Kubernetes:
    data = record(value, at, Kubernetes.__slots__, ())
    return Kubernetes(
        image=optional(data, "image", at, text, None),
        image_pull_policy=optional(data, "image_pull_policy", at, text, None),
        image_pull_secrets=optional_items(data, "image_pull_secrets", at, text),
        service_account=optional(data, "service_account", at, text, None),
        namespace=optional(data, "namespace", at, text, None),
        secrets=optional_items(data, "secrets", at, text),
        node_selector=optional(data, "node_selector", at, pairs, ()),
        gpu_vendor=optional(data, "gpu_vendor", at, text, None),
        tolerations=optional_items(data, "tolerations", at, read_toleration),
        labels=optional(data, "labels", at, pairs, ()),
        annotations=optional(data, "annotations", at, pairs, ()),
        use_tmpfs=optional(data, "use_tmpfs", at, flag, False),
        tmpfs_tempdir=optional(data, "tmpfs_tempdir", at, flag, True),
        tmpfs_size=optional(data, "tmpfs_size", at, number, None),
        tmpfs_path=optional(data, "tmpfs_path", at, text, "/metaflow_temp"),
        persistent_volume_claims=optional(data, "persistent_volume_claims", at, pairs, ()),
        port=optional(data, "port", at, number, None),
        compute_pool=optional(data, "compute_pool", at, text, None),
        executable=optional(data, "executable", at, text, None),
        hostname_resolution_timeout=optional(data, "hostname_resolution_timeout", at, number, 600),
        qos=optional(data, "qos", at, text, "burstable"),
        extended_resources=optional(data, "extended_resources", at, pairs, ()),
        security_context=optional(data, "security_context", at, read_security_context, None),
    )


def read_secret(value: object, at: str) -> Secret:
    data = record(value, at, Secret.__slots__, ("type", "id"))
    return Secret(
        type=text(data["type"], f"{at}.type"),
        id=text(data["id"], f"{at}.id"),
        options=optional(data, "options", at, text, "{}"),
        role=optional(data, "role", at, text, None),
        allow_override=optional(data, "allow_override", at, flag, False),
    )


def read_card(value: object, at: str) -> Card:
    data = record(value, at, Card.__slots__, ())
    return Card(
        type=optional(data, "type", at, text, "default"),
        id=optional(data, "id", at, text, None),
        options=optional(data, "options", at, text, "{}"),
        timeout=optional(data, "timeout", at, number, 45),
        refresh_interval=optional(data, "refresh_interval", at, number, 5),
        save_errors=optional(data, "save_errors", at, flag, True),
        customize=optional(data, "customize", at, flag, False),
    )


def read_plugin(value: object, at: str) -> Plugin:
    data = record(value, at, Plugin.__slots__, ("name",))
    return Plugin(
        name=text(data["name"], f"{at}.name"),
        attributes=optional(data, "attributes", at, text, "{}"),
        options=optional(data, "options", at, text, "{}"),
        written=optional(data, "written", at, flag, True),
    )


def read_step_files(value: object, at: str) -> StepFiles:
    data = record(value, at, StepFiles.__slots__, ())
    return StepFiles(
        get=optional_items(data, "get", at, text),
        put=optional_items(data, "put", at, text),
        copy=optional(data, "copy", at, flag, True),
        folder=optional(data, "folder", at, text, "."),
    )


def read_project(value: object, at: str) -> Project:
    data = record(value, at, Project.__slots__, ("name", "branch"))
    return Project(
        name=text(data["name"], f"{at}.name"),
        branch=text(data["branch"], f"{at}.branch"),
        production=optional(data, "production", at, flag, False),
    )


def read_trigger(value: object, at: str) -> Trigger:
    data = record(value, at, Trigger.__slots__, ("kind", "name", "where"))
    return Trigger(
        kind=word(data["kind"], f"{at}.kind", ("event", "finish")),
        name=text(data["name"], f"{at}.name"),
        where=span(data["where"], f"{at}.where"),
        computed=optional(data, "computed", at, flag, False),
        parameters=optional(data, "parameters", at, pairs, ()),
        project=optional(data, "project", at, text, None),
        branch=optional(data, "branch", at, text, None),
        options=optional(data, "options", at, text, "{}"),
    )


def read_exit_hook(value: object, at: str) -> ExitHook:
    data = record(value, at, ExitHook.__slots__, ("on", "function", "where"))
    return ExitHook(
        on=word(data["on"], f"{at}.on", ("success", "error")),
        function=text(data["function"], f"{at}.function"),
        where=span(data["where"], f"{at}.where"),
        options=optional(data, "options", at, text, "{}"),
    )
