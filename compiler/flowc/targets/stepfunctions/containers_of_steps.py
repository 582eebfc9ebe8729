"""The containers of a flow's tasks: environment, resources and command, for AWS Batch and for Amazon ECS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from flowc.passes.naming import Naming
from flowc.targets.chosen import environment_of
from flowc.targets.stepfunctions.expressions import expression, literal, quoted
from flowc_ir import json_text
from flowc_ir.policies import CONFIGURED
from flowc_runtime.base import contract
from flowc_runtime.pod import arguments
from flowc_runtime.store.values.parameters import default_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.stepfunctions.sfn_settings import MachineSettings
    from flowc_ir.model import Flow, Node, Parameter, Resources

JsonObject: TypeAlias = "dict[str, object]"

CONTAINER = "flowc"
"""The name of the container in a task definition of ECS."""
DEFAULT_CPU, DEFAULT_MEMORY = "1", 2048
"""The number of cores and the memory in MiB of steps without @resources."""
_STEPS = Naming(plain=re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII), longest=50)


def own_environment(settings: MachineSettings, digest: str) -> dict[str, str]:
    """Return the variables that all containers of a flow share."""
    found = {
        contract.STORE: settings.store,
        contract.TARGET: "stepfunctions",
        contract.CODE: f"{contract.CODE_ROOT}/{contract.CODE_DIRECTORY}",
        contract.CODE_DIGEST: digest,
        contract.IR: f"{contract.CODE_ROOT}/{contract.IR_FILE}",
        "HOME": contract.TMP,
    }
    return found | environment_of(settings)


def variables(pairs: dict[str, str]) -> list[JsonObject]:
    """Return environment variables as AWS expects them: a list of objects with `Name` and `Value`."""
    return [{"Name": name, "Value": value} for name, value in pairs.items()]


def task_command(step: str, path: str) -> str:
    """Return a JSONata expression of the command that makes one attempt of a task; `path` is the JSONata expression of
    the task's index path, such as `0.3`."""
    words = [*contract.COMMAND, *contract.task_arguments(step, "PATH", "RETRY")]
    shown = {"PATH": path, "RETRY": "$string($states.input.retry)"}
    return expression(f"[{', '.join(shown.get(word) or quoted(word) for word in words)}]")


def finish_command(status: str) -> list[str]:
    """Return the command that records the end of a run."""
    return [*contract.COMMAND, *contract.finish_arguments(status)]


def step_environment(flow: Flow, node: Node, settings: MachineSettings) -> dict[str, str]:
    """Return the variables that differ between steps; the values may be JSONata expressions."""
    found = {contract.RUN: expression("$states.input.run")}
    if node.id == flow.start:
        if flow.parameters:
            found[contract.PARAMETERS] = parameters(flow.parameters)
        if settings.tags:
            found[contract.TAGS] = literal(json_text.dumps(settings.tags))
    if any(secret.type == CONFIGURED for secret in node.secrets):
        found[contract.SECRETS] = literal(settings.secrets)
    return found | {name: literal(value) for name, value in node.environment}


def parameters(declared: Sequence[Parameter]) -> str:
    """Return a JSONata expression for the values of the parameters: for each parameter, its value in the input of the
    execution, or else its default.

    A string in the input is parsed like a value on the command line; any other value is used as JSON. A required
    parameter without a value is left out; the run then fails with an error that names the parameter.
    """
    entries = []
    for parameter in declared:
        value = f"$lookup($given, {quoted(parameter.name)})"
        typed = f"$type({value}) = 'string' ? {value} : {quoted(arguments.MARKER)} & $string({value})"
        entry = f"{{'name': {quoted(arguments.argument_name(parameter.name))}, 'value': "
        if parameter.default is None and parameter.required:
            entries.append(f"$exists({value}) ? {entry}{typed}}}")
        else:
            default = quoted(arguments.encode_parameter(parameter, default_of(parameter)))
            entries.append(f"{entry}$exists({value}) ? ({typed}) : {default}}}")
    return expression(f"($given := $states.context.Execution.Input; $string([{', '.join(entries)}]))")


def batch_job(flow_name: str, step: str, command: object, pairs: dict[str, str], resources: Resources | None,
              definition: str) -> JsonObject:  # fmt: skip
    """Return the arguments of the state machine's call `batch:submitJob.sync`."""
    overrides: JsonObject = {"Command": command, "Environment": variables(pairs)}
    needs: list[JsonObject] = []
    if resources is not None:
        for kind, value in (("VCPU", resources.cpu), ("MEMORY", resources.memory), ("GPU", resources.gpu or None)):
            if value is not None:
                needs.append({"Type": kind, "Value": str(value)})
    if needs:
        overrides["ResourceRequirements"] = needs
    return {
        "JobName": f"{flow_name}-{_STEPS.name(step)}",
        "JobQueue": "${JobQueue}",
        "JobDefinition": f"${{{definition}}}",
        "ContainerOverrides": overrides,
    }


def ecs_task(command: object, pairs: dict[str, str], resources: Resources | None, definition: str) -> JsonObject:
    """Return the arguments of the state machine's call `ecs:runTask.sync`."""
    container: JsonObject = {"Name": CONTAINER, "Command": command, "Environment": variables(pairs)}
    overrides: JsonObject = {"ContainerOverrides": [container]}
    if resources is not None and resources.cpu is not None:
        overrides["Cpu"] = str(int(float(resources.cpu) * 1024))
    if resources is not None and resources.memory is not None:
        overrides["Memory"] = str(resources.memory)
    network: JsonObject = {"Subnets": expression("$split('${Subnets}', ',')"), "AssignPublicIp": "${AssignPublicIp}"}
    return {
        "Cluster": "${Cluster}",
        "TaskDefinition": f"${{{definition}}}",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "Overrides": overrides,
    }
