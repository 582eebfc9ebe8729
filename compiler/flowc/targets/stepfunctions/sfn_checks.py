"""Checks of a valid flow for constructs that Step Functions, AWS Batch or Amazon ECS refuse or cannot express."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from flowc.targets.parameter_checks import check_computed_defaults, check_scheduled_parameters
from flowc.targets.pod_sources import DECORATOR, environment_hint, source_of
from flowc.targets.stepfunctions.containers_of_steps import step_environment
from flowc.targets.stepfunctions.schedules import ScheduleProblem, schedule_expression
from flowc_ir import codes, json_text
from flowc_ir.late.pattern import late_pattern
from flowc_ir.model import Gang
from flowc_ir.policies import CONFIGURED, ELSEWHERE, Kubernetes
from flowc_runtime.base.config.secret_setting import SecretSetting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.stepfunctions.containers_of_steps import JsonObject
    from flowc.targets.stepfunctions.sfn_settings import MachineSettings
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import Flow, Node

MAX_OVERRIDES: Final = 8192
"""The maximum size in bytes of the command and the environment variables with which a state starts a container, in
addition to the container's definition."""
MAX_TEMPLATE: Final = 1_000_000
"""The maximum size of a template in bytes; a state machine has the same limit."""
DISK: Final = 20 * 1024
"""The disk in MiB that a container on Fargate has by default."""
_ROOM: Final = 1024  # bytes reserved for the command, the run's id and the names of fields (an estimate)
_VARIABLE = late_pattern(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = ("FLOWC_", "AWS_BATCH", "ECS_")
_CPU = late_pattern(r"[0-9]{1,4}(?:\.[0-9]{1,3})?", re.ASCII)
_USED = frozenset({"image", "hostname_resolution_timeout"})


def check_flow(analysis: Analysis, settings: MachineSettings, faults: Faults) -> None:
    """Report the constructs of a flow that cannot run on Step Functions."""
    flow = analysis.flow
    _check_starts(flow, faults)
    _check_schedule(flow, faults)
    check_computed_defaults(flow, codes.SFN_CONSTRUCT, faults)
    for node in flow.nodes:
        for code, message, hint in _problems(flow, node, settings):
            faults.add(code, node.where, f"step '{node.id}' {message}", hint=hint)
        _check_size(flow, node, settings, faults)


def template_text(template: JsonObject) -> str:
    """Return the template as text."""
    return json_text.dumps(template, indent=1, ensure_ascii=False) + "\n"


def check_template(flow: Flow, template: JsonObject, faults: Faults) -> None:
    """Report a template that is too large."""
    size = len(template_text(template).encode())
    if size > MAX_TEMPLATE:
        message = f"the template of flow '{flow.name}' has {size:,} bytes, but AWS takes at most {MAX_TEMPLATE:,}"
        faults.add(codes.SFN_TOO_LARGE, flow.where, message, hint="split the flow in two")


def _check_starts(flow: Flow, faults: Faults) -> None:
    for name in flow.elsewhere:
        service, _ = ELSEWHERE[name]
        message = f"flow '{flow.name}' has @{name}, which is for {service}"
        faults.add(codes.SFN_CONSTRUCT, flow.where, message, hint="remove the decorator")
    for trigger in flow.triggers:
        message = f"flow '{flow.name}' starts on '{trigger.name}', which flowc does not support on Step Functions"
        hint = "remove the decorator; let a rule of EventBridge start the state machine, or use @schedule"
        faults.add(codes.SFN_CONSTRUCT, trigger.where, message, hint=hint)


def _check_schedule(flow: Flow, faults: Faults) -> None:
    if flow.schedule is None:
        return
    for cron in flow.schedule.crons:
        try:
            schedule_expression(cron)
        except ScheduleProblem as problem:
            message = f"the schedule {cron!r} cannot be expressed on AWS: {problem.message}"
            faults.add(codes.SFN_SCHEDULE, flow.schedule.where, message, hint=problem.hint)
    check_scheduled_parameters(flow, faults)


def _problems(flow: Flow, node: Node, settings: MachineSettings) -> Iterator[tuple[str, str, str]]:
    """Yield (code, message, hint) for each fault that is found in a step."""
    if isinstance(node.next, Gang):
        message = "starts a gang, but containers of AWS Batch and ECS do not know the address of its first task"
        yield codes.SFN_CONSTRUCT, message, "use a foreach, or compile for Argo"
    for name in node.elsewhere:
        message = f"has @{name}, whose arguments are not in the IR"
        yield codes.SFN_CONSTRUCT, message, "use @resources, and the options --job-queue and --image"
    if node.packages is not None and not node.packages.disabled:
        hint = "build an image with the packages, name it with --image, and compile with --environment=local"
        yield codes.SFN_CONSTRUCT, "has @pypi or @conda, but containers install no packages", hint
    source = SecretSetting.parse(settings.secrets)
    for secret in node.secrets:
        if secret.type == CONFIGURED and not source.is_plugin:
            message = (
                f"has the secret '{secret.id}' from {source.shown} (`secrets`), which containers on AWS do not have"
            )
            yield codes.SFN_OPTION, message, "choose a plugin that reads AWS Secrets Manager: `secrets` in flowc.toml"
        if secret.type in ("kubernetes", "env", "dotenv", "files", "inline"):
            message = f"has the secret '{secret.id}' ({secret.type}), which containers on AWS do not have"
            yield codes.SFN_OPTION, message, "write a class that reads AWS Secrets Manager, and name it in @secrets"
    if node.kubernetes is not None:
        plain = Kubernetes()
        for field in fields(Kubernetes):
            given: object = getattr(node.kubernetes, field.name)
            if field.name not in _USED and given != getattr(plain, field.name):
                written_in = source_of(flow.name, node.id, field.name, given[0] if isinstance(given, tuple) else given)
                written = f"{field.name.replace('_', '-')} from {written_in}"
                shown = f"@kubernetes({field.name}=…)" if written_in == DECORATOR else written
                message = f"has {shown}, which containers on AWS do not have"
                yield codes.SFN_OPTION, message, "leave it out; only `image` and the amounts of @resources are used"
        image = node.kubernetes.image
        if image is not None and (not image.isprintable() or " " in image or "${" in image):
            written_in = source_of(flow.name, node.id, "image", image)
            where = "" if written_in == DECORATOR else f" from {written_in}"
            yield codes.SFN_OPTION, f"has the image {image!r}{where}, not a valid reference", "write a reference"
    yield from _resource_problems(node, settings)
    for name, value in node.environment:
        if not _VARIABLE.fullmatch(name) or name.startswith(_RESERVED) or "\0" in value:
            message = f"has the environment variable {name!r}, which AWS refuses or flowc sets"
            yield codes.SFN_ENVIRONMENT, message, environment_hint(flow, node.id, name)


def _resource_problems(node: Node, settings: MachineSettings) -> Iterator[tuple[str, str, str]]:
    asked = node.resources
    if asked is None:
        return
    disk = asked.disk if asked.disk is not None and asked.disk > DISK else None
    refused = {"disk": disk, "shared_memory": asked.shared_memory}
    if settings.compute == "ecs":
        refused["gpu"] = asked.gpu
    for name, value in refused.items():
        if value:
            hint = "leave it out, and change the job or task definition of the stack"
            yield codes.SFN_OPTION, f"has @resources({name}={value}), which a task cannot choose on AWS", hint
    if asked.cpu is not None and not _CPU.fullmatch(asked.cpu):
        yield codes.SFN_OPTION, f"has @resources(cpu={asked.cpu}), which AWS does not take", "write 0.25, 0.5, 1, 2, …"


def _check_size(flow: Flow, node: Node, settings: MachineSettings, faults: Faults) -> None:
    """Check the size of the environment variables that the step's state adds to the variables in the container's
    definition."""
    values = step_environment(flow, node, settings)
    size = sum(len(f"{name}{value}".encode("utf-8", "surrogatepass")) for name, value in values.items()) + _ROOM
    if size > MAX_OVERRIDES:
        longest = max(values, key=lambda name: len(values[name]))
        limit = f"AWS takes {MAX_OVERRIDES:,}; the longest is {longest}"
        message = f"step '{node.id}' gets {size:,} bytes of variables, but {limit}"
        hint = "keep large values in a file or in the store, and give its name as the parameter"
        faults.add(codes.SFN_TOO_LARGE, node.where, message, hint=hint)
