"""The CloudFormation template of a flow: its state machine, the definitions of its containers, and its schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.stepfunctions import containers_of_steps as containers
from flowc.targets.stepfunctions.machine import state_machine
from flowc.targets.stepfunctions.schedules import schedule_expression
from flowc.targets.stepfunctions.state_names import machine_name
from flowc_ir.versions import MANIFESTS
from flowc_runtime.base import contract

if TYPE_CHECKING:
    from flowc.targets.stepfunctions.containers_of_steps import JsonObject
    from flowc.targets.stepfunctions.sfn_settings import MachineSettings
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import Flow, Schedule

MISSED_SECONDS: Final = 300
"""The maximum number of seconds by which a scheduled run may start late."""


def stack(analysis: Analysis, settings: MachineSettings, digest: str) -> JsonObject:
    """Return the CloudFormation template of a flow in which `check_flow` found no faults.

    Args:
        analysis: the analysis of the flow.
        settings: the settings.
        digest: the digest of the code and the IR in the image.
    """
    flow = analysis.flow
    name = settings.name or machine_name(flow)
    definitions = _definition_names(flow, settings)
    make = _job_definition if settings.compute == "batch" else _task_definition
    resources: JsonObject = {
        definition: make(name, image, containers.own_environment(settings, digest), at)
        for at, (image, definition) in enumerate(definitions.items())
    }
    resources["StateMachine"] = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": name,
            "StateMachineType": "STANDARD",
            "RoleArn": {"Ref": "StateMachineRole"},
            "Definition": state_machine(analysis, settings, name, definitions),
            "DefinitionSubstitutions": _substitutions(settings, definitions),
        },
    }
    if flow.schedule is not None:
        for at, cron in enumerate(flow.schedule.crons):
            resources[f"Schedule{at + 1}"] = _schedule(f"{name}-{at + 1}", cron, flow.schedule)
    on_fargate: JsonObject = {"OnFargate": {"Fn::Equals": [{"Ref": "Platform"}, "FARGATE"]}}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The flow {flow.name}, compiled by flowc",
        "Metadata": {MANIFESTS.key: str(MANIFESTS.current)},
        "Parameters": _parameters(settings, scheduled=flow.schedule is not None),
        **({"Conditions": on_fargate} if settings.compute == "batch" else {}),
        "Resources": resources,
        "Outputs": {"StateMachine": {"Value": {"Ref": "StateMachine"}}},
    }


def _definition_names(flow: Flow, settings: MachineSettings) -> dict[str, str]:
    """Return the name of the container definition for each image; the first image is the image of the settings."""
    images = [settings.image, *(node.kubernetes.image for node in flow.nodes if node.kubernetes)]
    distinct = dict.fromkeys(image for image in images if image)
    return {image: f"Containers{at + 1}" for at, image in enumerate(distinct)}


def _parameters(settings: MachineSettings, *, scheduled: bool) -> JsonObject:
    def text(about: str, default: str | None = None, **more: object) -> JsonObject:
        found: JsonObject = {"Type": "String", "Description": about, **more}
        return found if default is None else found | {"Default": default}

    found: JsonObject = {
        "StateMachineRole": text("The role that starts containers and reads records in the store"),
        "TaskRole": text("The role of the containers, which read and write the store"),
        "ExecutionRole": text("The role that pulls images and writes logs"),
    }
    if settings.compute == "batch":
        found["JobQueue"] = text("The queue of AWS Batch", settings.job_queue)
        found["Platform"] = text("The kind of the queue's machines", "FARGATE", AllowedValues=["FARGATE", "EC2"])
    else:
        found["Cluster"] = text("The cluster of Amazon ECS", settings.cluster)
        found["Subnets"] = {"Type": "CommaDelimitedList", "Description": "The subnets of the containers"}
    found["AssignPublicIp"] = text(
        "Whether containers get a public address", "DISABLED", AllowedValues=["ENABLED", "DISABLED"]
    )
    if scheduled:
        found["ScheduleRole"] = text("The role that starts runs of the schedule")
    return found


def _substitutions(settings: MachineSettings, definitions: dict[str, str]) -> JsonObject:
    found: JsonObject = {definition: {"Ref": definition} for definition in definitions.values()}
    if settings.compute == "batch":
        return found | {"JobQueue": {"Ref": "JobQueue"}}
    subnets: JsonObject = {"Fn::Join": [",", {"Ref": "Subnets"}]}
    return found | {"Cluster": {"Ref": "Cluster"}, "Subnets": subnets, "AssignPublicIp": {"Ref": "AssignPublicIp"}}


def _job_definition(name: str, image: str, environment: dict[str, str], number: int) -> JsonObject:
    network = {"AssignPublicIp": {"Ref": "AssignPublicIp"}}
    return {
        "Type": "AWS::Batch::JobDefinition",
        "Properties": {
            "JobDefinitionName": f"{name}-{number + 1}",
            "Type": "container",
            "PlatformCapabilities": [{"Ref": "Platform"}],
            # The old definition is kept, because active runs use the definition with which they began.
            "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
            "ContainerProperties": {
                "Image": image,
                "Command": [*contract.COMMAND, "--help"],
                "Environment": containers.variables(environment),
                "JobRoleArn": {"Ref": "TaskRole"},
                "ExecutionRoleArn": {"Ref": "ExecutionRole"},
                "NetworkConfiguration": {"Fn::If": ["OnFargate", network, {"Ref": "AWS::NoValue"}]},
                "ResourceRequirements": [
                    {"Type": "VCPU", "Value": containers.DEFAULT_CPU},
                    {"Type": "MEMORY", "Value": str(containers.DEFAULT_MEMORY)},
                ],
            },
        },
    }


def _task_definition(name: str, image: str, environment: dict[str, str], number: int) -> JsonObject:
    logs = {
        "awslogs-group": f"/flowc/{name}",
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-stream-prefix": "task",
        "awslogs-create-group": "true",
    }
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": f"{name}-{number + 1}",
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "Cpu": str(int(containers.DEFAULT_CPU) * 1024),
            "Memory": str(containers.DEFAULT_MEMORY),
            "TaskRoleArn": {"Ref": "TaskRole"},
            "ExecutionRoleArn": {"Ref": "ExecutionRole"},
            "ContainerDefinitions": [
                {
                    "Name": containers.CONTAINER,
                    "Image": image,
                    "Essential": True,
                    "Environment": containers.variables(environment),
                    "LogConfiguration": {"LogDriver": "awslogs", "Options": logs},
                }
            ],
        },
        # The old definition is kept, because active runs use the definition with which they began.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
    }


def _schedule(name: str, cron: str, schedule: Schedule) -> JsonObject:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": name,
            "ScheduleExpression": schedule_expression(cron),
            "ScheduleExpressionTimezone": schedule.timezone or "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": {"Ref": "StateMachine"},
                "RoleArn": {"Ref": "ScheduleRole"},
                "Input": "{}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": MISSED_SECONDS},
            },
        },
    }
