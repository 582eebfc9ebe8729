"""What a valid flow may have that Argo or Kubernetes cannot take; each check returns all that it finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flowc.passes.naming import same_names
from flowc.targets.argo import names
from flowc.targets.argo.checking import faults
from flowc.targets.argo.checking.faults import fault
from flowc.targets.argo.checking.option_checks import check_options
from flowc_ir import json_text
from flowc_runtime.pod import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.targets.argo.pod.pods import StepTemplate
    from flowc.targets.argo.settings import Settings
    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.model import Flow, Node, NodeId

# flowc's own, and Argo's own: a second variable of a name would win or lose by its place in a list.
_RESERVED_VARIABLE = re.compile(r"(?:FLOWC|ARGO)_")
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*", re.ASCII)
_CPU = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)


def check_flow(flow: Flow, settings: Settings) -> list[Diagnostic]:
    """Everything that can be said before lowering."""
    return [
        *_check_schedule(flow, settings),
        *_check_parameters(flow),
        *_check_step_names(flow),
        *check_options(flow, settings),
        *(found for node in flow.nodes for found in _check_node(node)),
    ]


def check_templates(flow: Flow, steps: Mapping[NodeId, StepTemplate], names_used: Sequence[str]) -> list[Diagnostic]:
    """Argo 4 takes 200 templates; the step that needs the first one too many is named."""
    if len(names_used) <= faults.MAX_TEMPLATES:
        return []
    own = sorted({template.name for template in steps.values()} - {"step"})
    seen: set[str] = set()
    culprit = flow.nodes[-1]
    for node in flow.nodes:
        seen.add(steps[node.id].name)
        if len(names_used) - len(own) + len(seen) > faults.MAX_TEMPLATES:
            culprit = node
            break
    return [
        fault(
            faults.TOO_MANY_TEMPLATES,
            f"flow '{flow.name}' needs {len(names_used)} templates, but Argo takes {faults.MAX_TEMPLATES}; step "
            f"'{culprit.id}' is past them ({len(own)} templates are for steps with pods unlike all others)",
            culprit.where,
            "give more steps the same decorators (they then share a template), or split the flow in two",
        )
    ]


def check_tasks(flow: Flow, templates: Mapping[str, Any]) -> list[Diagnostic]:
    """Argo 4 takes 200 tasks a DAG; `fitting.fit` sees to it, but what leads back in a loop cannot be moved."""
    found = []
    for name, template in templates.items():
        count = len(template.dag.tasks) if template.dag else 0
        if count > faults.MAX_TASKS:
            found.append(
                fault(
                    faults.TOO_MANY_TASKS,
                    f"flow '{flow.name}' needs {count} tasks in the DAG '{name}', but Argo takes {faults.MAX_TASKS}",
                    flow.where,
                    "let the loop go on from fewer places, or give the switch fewer arms",
                )
            )
    return found


def check_size(flow: Flow, manifest: Mapping[str, Any]) -> list[Diagnostic]:
    """A manifest must leave room in the 1 MiB of a run's Workflow."""
    size = len(json_text.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode())
    if size <= faults.MAX_TEMPLATE_BYTES:
        return []
    largest = max(manifest["spec"]["templates"], key=lambda template: len(json_text.dumps(template)))
    return [
        fault(
            faults.TOO_LARGE,
            f"the {manifest['kind']} of flow '{flow.name}' has {size / 1024:,.0f} KiB, but may have at most "
            f"{faults.MAX_TEMPLATE_BYTES // 1024}; its largest template is '{largest['name']}'",
            flow.where,
            "split the flow in two, or keep large values out of @environment and parameter defaults",
        )
    ]


def _check_schedule(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    if settings.kind == "cron" and flow.schedule is None:
        yield fault(
            faults.NO_SCHEDULE,
            f"flow '{flow.name}' has no schedule to make a CronWorkflow of",
            flow.where,
            "decorate the flow with @schedule, or compile it with --kind template",
        )
    if flow.schedule is None or settings.kind == "workflow":
        return
    for parameter in flow.parameters:
        if parameter.required and parameter.default is None and not parameter.computed:
            yield fault(
                faults.SCHEDULE_NEEDS_DEFAULTS,
                f"parameter '{parameter.name}' is required, but nobody gives it a value when the schedule starts a run",
                parameter.where,
                "give it a default, or remove @schedule",
            )


def _check_parameters(flow: Flow) -> Iterator[Diagnostic]:
    for parameter in flow.parameters:
        if parameter.computed and parameter.default is None:
            yield fault(
                faults.DEFAULT_NOT_COMPUTED,
                f"the default of parameter '{parameter.name}' comes from a function that was not called",
                parameter.where,
                "compile the flow from its source, not from its IR",
            )
    total = [
        {
            "name": arguments.argument_name(p.name),
            "value": arguments.encode_parameter(p, json_text.loads(p.default)),
            "description": p.help,
        }
        for p in flow.parameters
        if p.default is not None
    ]
    if arguments.variable_size(total) > faults.MAX_ARGUMENT - 1024:
        largest = max(flow.parameters, key=lambda p: len(p.default or ""))
        yield fault(
            faults.ARGUMENT_TOO_LONG,
            f"the parameters' defaults are longer than the 128 KiB that a pod takes; the longest is '{largest.name}'",
            largest.where,
            "keep large values in a file or in the store, and give its name as the parameter",
        )


def _check_step_names(flow: Flow) -> Iterator[Diagnostic]:
    for earlier, node in same_names(flow, names.STEPS):
        yield fault(
            faults.NAME_CLASH,
            f"steps '{earlier.id}' and '{node.id}' get the same name in Argo",
            node.where,
            "rename one of them",
        )


def _check_node(node: Node) -> Iterator[Diagnostic]:
    if node.packages and not node.packages.disabled:
        yield fault(
            faults.PACKAGES,
            f"step '{node.id}' has @pypi or @conda, but pods install nothing: what they have is in their image",
            node.where,
            "build an image with the packages, name it by --image, and compile with --environment=local",
        )
    for name, value in node.environment:
        problem = _variable_problem(name, value)
        if problem:
            yield fault(
                faults.ARGUMENT_TOO_LONG if "128 KiB" in problem else faults.BAD_ENVIRONMENT,
                f"step '{node.id}': the environment variable {name!r} {problem}",
                node.where,
                "change it in @environment(vars=…)",
            )
    cpu = node.resources.cpu if node.resources else None
    if cpu is not None and not _CPU.fullmatch(cpu):
        yield fault(
            faults.BAD_RESOURCES,
            f"step '{node.id}': {cpu!r} is no number of cores that Kubernetes takes",
            node.where,
            "write a decimal number with at most 3 digits after the point, such as 0.5",
        )


def _variable_problem(name: str, value: str) -> str | None:
    if not _VARIABLE.fullmatch(name) or name.startswith(".."):
        return "has a name that Kubernetes does not take"
    if _RESERVED_VARIABLE.match(name):
        return "belongs to flowc or Argo"
    if "\0" in value:
        return "holds a NUL character, which no environment can"
    try:
        size = len(f"{name}={value}".encode())
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return "is longer than 128 KiB" if size >= faults.MAX_ARGUMENT else None
