"""Write the classes of the IR as JSON values, in the order of their fields. A field at its default is left out.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_ir.json_text import Json
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


def write_toleration(value: Toleration) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.key is not None:
        data["key"] = value.key
    if value.operator is not None:
        data["operator"] = value.operator
    if value.value is not None:
        data["value"] = value.value
    if value.effect is not None:
        data["effect"] = value.effect
    if value.toleration_seconds is not None:
        data["toleration_seconds"] = value.toleration_seconds
    return data


def write_security_context(value: SecurityContext) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.privileged is not None:
        data["privileged"] = value.privileged
    if value.allow_privilege_escalation is not None:
        data["allow_privilege_escalation"] = value.allow_privilege_escalation
    if value.run_as_user is not None:
        data["run_as_user"] = value.run_as_user
    if value.run_as_group is not None:
        data["run_as_group"] = value.run_as_group
    if value.run_as_non_root is not None:
        data["run_as_non_root"] = value.run_as_non_root
    return data


def write_kubernetes(value: Kubernetes) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.image is not None:
        data["image"] = value.image
    if value.image_pull_policy is not None:
        data["image_pull_policy"] = value.image_pull_policy
    if value.image_pull_secrets:
        data["image_pull_secrets"] = [*value.image_pull_secrets]
    if value.service_account is not None:
        data["service_account"] = value.service_account
    if value.namespace is not None:
        data["namespace"] = value.namespace
    if value.secrets:
        data["secrets"] = [*value.secrets]
    if value.node_selector:
        data["node_selector"] = dict(value.node_selector)
    if value.gpu_vendor is not None:
        data["gpu_vendor"] = value.gpu_vendor
    if value.tolerations:
        data["tolerations"] = [write_toleration(each) for each in value.tolerations]
    if value.labels:
        data["labels"] = dict(value.labels)
    if value.annotations:
        data["annotations"] = dict(value.annotations)
    if value.use_tmpfs:
        data["use_tmpfs"] = value.use_tmpfs
    if not value.tmpfs_tempdir:
        data["tmpfs_tempdir"] = value.tmpfs_tempdir
    if value.tmpfs_size is not None:
        data["tmpfs_size"] = value.tmpfs_size
    if value.tmpfs_path != "/metaflow_temp":
        data["tmpfs_path"] = value.tmpfs_path
    if value.persistent_volume_claims:
        data["persistent_volume_claims"] = dict(value.persistent_volume_claims)
    if value.port is not None:
        data["port"] = value.port
    if value.compute_pool is not None:
        data["compute_pool"] = value.compute_pool
    if value.executable is not None:
        data["executable"] = value.executable
    if value.hostname_resolution_timeout != 600:
        data["hostname_resolution_timeout"] = value.hostname_resolution_timeout
    if value.qos != "burstable":
        data["qos"] = value.qos
    if value.extended_resources:
        data["extended_resources"] = dict(value.extended_resources)
    if value.security_context is not None:
        data["security_context"] = write_security_context(value.security_context)
    return data


def write_secret(value: Secret) -> dict[str, Json]:
    data: dict[str, Json] = {"type": value.type, "id": value.id}
    if value.options != "{}":
        data["options"] = value.options
    if value.role is not None:
        data["role"] = value.role
    if value.allow_override:
        data["allow_override"] = value.allow_override
    return data


def write_card(value: Card) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.type != "default":
        data["type"] = value.type
    if value.id is not None:
        data["id"] = value.id
    if value.options != "{}":
        data["options"] = value.options
    if value.timeout != 45:
        data["timeout"] = value.timeout
    if value.refresh_interval != 5:
        data["refresh_interval"] = value.refresh_interval
    if not value.save_errors:
        data["save_errors"] = value.save_errors
    if value.customize:
        data["customize"] = value.customize
    return data


def write_plugin(value: Plugin) -> dict[str, Json]:
    data: dict[str, Json] = {"name": value.name}
    if value.attributes != "{}":
        data["attributes"] = value.attributes
    if value.options != "{}":
        data["options"] = value.options
    if not value.written:
        data["written"] = value.written
    return data


def write_step_files(value: StepFiles) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.get:
        data["get"] = [*value.get]
    if value.put:
        data["put"] = [*value.put]
    if not value.copy:
        data["copy"] = value.copy
    if value.folder != ".":
        data["folder"] = value.folder
    return data


def write_project(value: Project) -> dict[str, Json]:
    data: dict[str, Json] = {"name": value.name, "branch": value.branch}
    if value.production:
        data["production"] = value.production
    return data


def write_trigger(value: Trigger) -> dict[str, Json]:
    data: dict[str, Json] = {"kind": value.kind, "name": value.name, "where": str(value.where)}
    if value.computed:
        data["computed"] = value.computed
    if value.parameters:
        data["parameters"] = dict(value.parameters)
    if value.project is not None:
        data["project"] = value.project
    if value.branch is not None:
        data["branch"] = value.branch
    if value.options != "{}":
        data["options"] = value.options
    return data


def write_exit_hook(value: ExitHook) -> dict[str, Json]:
    data: dict[str, Json] = {"on": value.on, "function": value.function, "where": str(value.where)}
    if value.options != "{}":
        data["options"] = value.options
    return data
