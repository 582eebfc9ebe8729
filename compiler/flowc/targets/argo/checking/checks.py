"""Checks of a valid flow for constructs that Argo or Kubernetes refuses; each check reports all faults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.passes.naming import same_names
from flowc.targets.argo import names
from flowc.targets.argo.checking import limits
from flowc.targets.argo.checking.option_checks import check_options
from flowc.targets.parameter_checks import check_computed_defaults, check_scheduled_parameters
from flowc.targets.pod_sources import environment_hint
from flowc_ir import Switch, codes, json_text, targets
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.pod import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from flowc.targets.argo.hera_models import m
    from flowc.targets.argo.object_types import Object
    from flowc.targets.argo.pod.shared_templates import StepTemplate
    from flowc.targets.argo.settings import Settings
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import Flow, Node, NodeId, Span

# flowc and Argo set variables with these prefixes. Users' variables must not have them: in the container's list, users'
# variables follow flowc's and would replace variables of the same name.
_RESERVED_VARIABLE = late_pattern(r"(?:FLOWC|ARGO)_")
_VARIABLE = late_pattern(r"[A-Za-z_.-][A-Za-z0-9_.-]*", re.ASCII)
_CPU = late_pattern(r"[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)


def check_flow(analysis: Analysis, settings: Settings, faults: Faults) -> None:
    """Report the constructs that Argo or Kubernetes refuses, as far as they can be found before lowering.

    Args:
        analysis: the analysis of a flow without faults.
        settings: the settings of the deployment.
        faults: receives the faults.
    """
    flow = analysis.flow
    _check_schedule(flow, settings, faults)
    _check_parameters(flow, faults)
    _check_step_names(flow, faults)
    check_options(analysis, settings, faults)
    for node in flow.nodes:
        _check_node(flow, node, faults)


def check_templates(
    flow: Flow, steps: Mapping[NodeId, StepTemplate], names_used: Sequence[str], faults: Faults
) -> None:
    """Check that a flow has at most 200 templates, the limit of Argo 4. The fault names the step that exceeds the
    limit.

    Args:
        flow: the flow.
        steps: the container template of each step.
        names_used: the names of all templates.
        faults: receives the fault.
    """
    if len(names_used) <= limits.MAX_TEMPLATES:
        return
    own = sorted({template.name for template in steps.values()} - {"step"})
    seen: set[str] = set()
    culprit = flow.nodes[-1]
    for node in flow.nodes:
        seen.add(steps[node.id].name)
        if len(names_used) - len(own) + len(seen) > limits.MAX_TEMPLATES:
            culprit = node
            break
    faults.add(
        codes.ARGO_TOO_MANY_TEMPLATES,
        culprit.where,
        f"flow '{flow.name}' needs {len(names_used)} templates, but Argo takes {limits.MAX_TEMPLATES}; step "
        f"'{culprit.id}' exceeds the limit ({len(own)} templates are for steps whose pods differ from all others)",
        hint="give more steps the same decorators (they then share a template), or split the flow in two",
    )


def check_tasks(flow: Flow, templates: Mapping[str, m.Template], faults: Faults) -> None:
    """Report each DAG with more than the 200 tasks that Argo 4 allows.

    `fitting.fit` splits long series into several DAGs. Two things cannot be split: the arms (branches) of one switch,
    and the body of a loop if many steps of the body lead to the next iteration.

    Args:
        flow: the flow.
        templates: the templates by name.
        faults: receives the faults.
    """
    for name, template in templates.items():
        tasks = {task.name for task in template.dag.tasks} if template.dag else set()
        if len(tasks) > limits.MAX_TASKS:
            faults.add(
                codes.ARGO_TOO_MANY_TASKS,
                _widest_switch(flow, tasks),
                f"flow '{flow.name}' needs {len(tasks)} tasks in the DAG '{name}', but Argo takes {limits.MAX_TASKS}",
                hint="continue the loop from fewer places, or give the switch fewer arms",
            )


def _widest_switch(flow: Flow, tasks: Set[str]) -> Span:
    """Among the switches with an arm that begins with one of these tasks, find the switch with the most of these arms;
    return its place in the source. If there is none, return the flow's place."""
    where, most = flow.where, 0
    for node in flow.nodes:
        width = (
            len({names.step_name(arm) for arm in targets(node.next)} & tasks) if isinstance(node.next, Switch) else 0
        )
        if width > most:
            where, most = node.where, width
    return where


def check_size(flow: Flow, manifest: Object, faults: Faults) -> None:
    """Check that a manifest has at most 512 KiB. The limit for a run's Workflow is 1 MiB, but the Workflow also
    contains the state of the run's nodes.

    Args:
        flow: the flow.
        manifest: the WorkflowTemplate or Workflow.
        faults: receives the fault.
    """
    size = len(json_text.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode())
    if size <= limits.MAX_TEMPLATE_BYTES:
        return
    largest = max(manifest["spec"]["templates"] or [], key=lambda template: len(json_text.dumps(template)))
    faults.add(
        codes.ARGO_TOO_LARGE,
        flow.where,
        f"the {manifest['kind']} of flow '{flow.name}' has {size / 1024:,.0f} KiB, but may have at most "
        f"{limits.MAX_TEMPLATE_BYTES // 1024}; its largest template is '{largest['name']}'",
        hint="split the flow in two, or keep large values out of @environment and parameter defaults",
    )


def _check_schedule(flow: Flow, settings: Settings, faults: Faults) -> None:
    if settings.kind == "cron" and flow.schedule is None:
        faults.add(
            codes.NO_SCHEDULE,
            flow.where,
            f"flow '{flow.name}' has no schedule for a CronWorkflow",
            hint="decorate the flow with @schedule, or compile it with --kind template",
        )
    if flow.schedule is None or settings.kind == "workflow":
        return
    check_scheduled_parameters(flow, faults)


def _check_parameters(flow: Flow, faults: Faults) -> None:
    check_computed_defaults(flow, codes.ARGO_DEFAULT_NOT_COMPUTED, faults)
    total = [
        {
            "name": arguments.argument_name(p.name),
            "value": arguments.encode_parameter(p, json_text.loads(p.default)),
            "description": p.help,
        }
        for p in flow.parameters
        if p.default is not None
    ]
    if arguments.variable_size(total) > limits.MAX_ARGUMENT - 1024:
        largest = max(flow.parameters, key=lambda p: len(p.default or ""))
        faults.add(
            codes.ARGO_ARGUMENT_TOO_LONG,
            largest.where,
            f"the parameters' defaults are longer than the 128 KiB that a pod takes; the longest is '{largest.name}'",
            hint="keep large values in a file or in the store, and give its name as the parameter",
        )


def _check_step_names(flow: Flow, faults: Faults) -> None:
    for earlier, node in same_names(flow, names.STEPS):
        message = f"steps '{earlier.id}' and '{node.id}' get the same name in Argo"
        also = [(earlier.where, "the other step")]
        faults.add(codes.ARGO_NAME_CLASH, node.where, message, hint="rename one of them", also=also)


def _check_node(flow: Flow, node: Node, faults: Faults) -> None:
    if node.packages and not node.packages.disabled:
        faults.add(
            codes.ARGO_PACKAGES,
            node.where,
            f"step '{node.id}' has @pypi or @conda, but pods use the packages of their image and install none",
            hint="build an image with the packages, name it with --image, and compile with --environment=local",
        )
    for name, value in node.environment:
        problem = _variable_problem(name, value)
        if problem:
            faults.add(
                codes.ARGO_ARGUMENT_TOO_LONG if "128 KiB" in problem else codes.ARGO_BAD_ENVIRONMENT,
                node.where,
                f"step '{node.id}': the environment variable {name!r} {problem}",
                hint=environment_hint(flow, node.id, name),
            )
    cpu = node.resources.cpu if node.resources else None
    if cpu is not None and not _CPU.fullmatch(cpu):
        faults.add(
            codes.ARGO_BAD_RESOURCES,
            node.where,
            f"step '{node.id}': {cpu!r} is not a number of cores that Kubernetes accepts",
            hint="write a decimal number with at most 3 digits after the point, such as 0.5",
        )


def _variable_problem(name: str, value: str) -> str | None:
    if not _VARIABLE.fullmatch(name) or name.startswith(".."):
        return "has a name that Kubernetes does not accept"
    if _RESERVED_VARIABLE.match(name):
        return "belongs to flowc or Argo"
    if "\0" in value:
        return "contains a NUL character, which is not possible in environment variables"
    try:
        size = len(f"{name}={value}".encode())
    except UnicodeEncodeError:
        return "contains a lone surrogate, half of a character"
    return "is longer than 128 KiB" if size >= limits.MAX_ARGUMENT else None
