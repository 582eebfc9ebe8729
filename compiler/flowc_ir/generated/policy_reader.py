"""Read the classes of the IR from JSON values. A wrong value raises `SchemaError`, which names its place.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

from flowc_ir.policies import Card, ExitHook, Kubernetes, Plugin, Project, Secret, SecurityContext, Toleration, Trigger
from flowc_ir.reading import flag, given, given_items, number, pairs, record, span, text, word


def read_toleration(value: object, at: str) -> Toleration:
    data = record(value, at, Toleration.__slots__, ())
    return Toleration(
        key=given(data, "key", at, text, None),
        operator=given(data, "operator", at, text, None),
        value=given(data, "value", at, text, None),
        effect=given(data, "effect", at, text, None),
        toleration_seconds=given(data, "toleration_seconds", at, number, None),
    )


def read_security_context(value: object, at: str) -> SecurityContext:
    data = record(value, at, SecurityContext.__slots__, ())
    return SecurityContext(
        privileged=given(data, "privileged", at, flag, None),
        allow_privilege_escalation=given(data, "allow_privilege_escalation", at, flag, None),
        run_as_user=given(data, "run_as_user", at, number, None),
        run_as_group=given(data, "run_as_group", at, number, None),
        run_as_non_root=given(data, "run_as_non_root", at, flag, None),
    )


def read_kubernetes(value: object, at: str) -> Kubernetes:
    data = record(value, at, Kubernetes.__slots__, ())
    return Kubernetes(
        image=given(data, "image", at, text, None),
        image_pull_policy=given(data, "image_pull_policy", at, text, None),
        image_pull_secrets=given_items(data, "image_pull_secrets", at, text),
        service_account=given(data, "service_account", at, text, None),
        namespace=given(data, "namespace", at, text, None),
        secrets=given_items(data, "secrets", at, text),
        node_selector=given(data, "node_selector", at, pairs, ()),
        gpu_vendor=given(data, "gpu_vendor", at, text, None),
        tolerations=given_items(data, "tolerations", at, read_toleration),
        labels=given(data, "labels", at, pairs, ()),
        annotations=given(data, "annotations", at, pairs, ()),
        use_tmpfs=given(data, "use_tmpfs", at, flag, False),
        tmpfs_tempdir=given(data, "tmpfs_tempdir", at, flag, True),
        tmpfs_size=given(data, "tmpfs_size", at, number, None),
        tmpfs_path=given(data, "tmpfs_path", at, text, "/metaflow_temp"),
        persistent_volume_claims=given(data, "persistent_volume_claims", at, pairs, ()),
        port=given(data, "port", at, number, None),
        compute_pool=given(data, "compute_pool", at, text, None),
        executable=given(data, "executable", at, text, None),
        hostname_resolution_timeout=given(data, "hostname_resolution_timeout", at, number, 600),
        qos=given(data, "qos", at, text, "burstable"),
        extended_resources=given(data, "extended_resources", at, pairs, ()),
        security_context=given(data, "security_context", at, read_security_context, None),
    )


def read_secret(value: object, at: str) -> Secret:
    data = record(value, at, Secret.__slots__, ("type", "id"))
    return Secret(
        type=text(data["type"], f"{at}.type"),
        id=text(data["id"], f"{at}.id"),
        options=given(data, "options", at, text, "{}"),
        role=given(data, "role", at, text, None),
        allow_override=given(data, "allow_override", at, flag, False),
    )


def read_card(value: object, at: str) -> Card:
    data = record(value, at, Card.__slots__, ())
    return Card(
        type=given(data, "type", at, text, "default"),
        id=given(data, "id", at, text, None),
        options=given(data, "options", at, text, "{}"),
        timeout=given(data, "timeout", at, number, 45),
        refresh_interval=given(data, "refresh_interval", at, number, 5),
        save_errors=given(data, "save_errors", at, flag, True),
        customize=given(data, "customize", at, flag, False),
    )


def read_plugin(value: object, at: str) -> Plugin:
    data = record(value, at, Plugin.__slots__, ("name",))
    return Plugin(
        name=text(data["name"], f"{at}.name"),
        attributes=given(data, "attributes", at, text, "{}"),
        options=given(data, "options", at, text, "{}"),
        written=given(data, "written", at, flag, True),
    )


def read_project(value: object, at: str) -> Project:
    data = record(value, at, Project.__slots__, ("name", "branch"))
    return Project(
        name=text(data["name"], f"{at}.name"),
        branch=text(data["branch"], f"{at}.branch"),
        production=given(data, "production", at, flag, False),
    )


def read_trigger(value: object, at: str) -> Trigger:
    data = record(value, at, Trigger.__slots__, ("kind", "name", "where"))
    return Trigger(
        kind=word(data["kind"], f"{at}.kind", ("event", "finish")),
        name=text(data["name"], f"{at}.name"),
        where=span(data["where"], f"{at}.where"),
        computed=given(data, "computed", at, flag, False),
        parameters=given(data, "parameters", at, pairs, ()),
        project=given(data, "project", at, text, None),
        branch=given(data, "branch", at, text, None),
        options=given(data, "options", at, text, "{}"),
    )


def read_exit_hook(value: object, at: str) -> ExitHook:
    data = record(value, at, ExitHook.__slots__, ("on", "function", "where"))
    return ExitHook(
        on=word(data["on"], f"{at}.on", ("success", "error")),
        function=text(data["function"], f"{at}.function"),
        where=span(data["where"], f"{at}.where"),
        options=given(data, "options", at, text, "{}"),
    )
