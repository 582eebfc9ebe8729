"""Puts the pieces together: checks, names, regions, containers, manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.backends.argo import checks, containers, faults, names, spec
from flowc.backends.argo.configmap import code_map
from flowc.backends.argo.lowering import Lowering
from flowc.backends.argo.pods import step_templates
from flowc.backends.argo.series import fit, series
from flowc.ir.model import assert_never
from flowc.ir.regions import Again, Choose, Each, Parallel, Region, Repeat, Task, region

if TYPE_CHECKING:
    from hera.workflows import models as m

    from flowc.backends.argo.configmap import Package
    from flowc.backends.argo.settings import Settings
    from flowc.ir.model import Flow

_INDEX = 6  # characters of a path that one foreach takes: a dot and five digits


def manifests(flow: Flow, package: Package, settings: Settings) -> tuple[dict[str, Any], ...]:
    """The manifests of a flow; see `compile_flow`."""
    faults.fail_if(checks.check_flow(flow, settings))
    flow_name = settings.name or names.deployment_name(flow)
    code = code_map(flow, package, flow_name, spec.metadata(settings, flow_name))
    body = spec.workflow_spec(flow, settings, flow_name, code, _templates(flow, settings))
    made = _objects(flow, settings, flow_name, body)
    faults.fail_if(checks.check_size(flow, made[0]))
    return (code.manifest, *made)


def _objects(flow: Flow, settings: Settings, flow_name: str, body: m.WorkflowSpec) -> tuple[dict[str, Any], ...]:
    if settings.kind == "workflow":
        return (spec.workflow(flow, settings, flow_name, body),)
    template = spec.workflow_template(flow, settings, flow_name, body)
    if flow.schedule is None:
        return (template,)
    return (template, spec.cron_workflow(flow, flow.schedule, settings, flow_name))


def _templates(flow: Flow, settings: Settings) -> list[m.Template]:
    whole = region(flow)
    path_length = 1 + _INDEX * depth(whole)
    # A title and a path that are too long together for a display name would fail the node: the title gives way.
    room = names.MAX_LABEL - path_length - len("-")
    display = room >= 8
    titles = {node.id: names.title(node.id, max(room, 8)) for node in flow.nodes}
    steps = step_templates(flow, titles)
    lowering = Lowering(steps, titles, settings.parallelism)
    lowering.main(fit(series(whole), faults.MAX_TASKS))
    shared = {template.name: template for template in steps.values()}
    faults.fail_if(checks.check_templates(flow, steps, [*lowering.templates, *shared, "finish"]))
    path_label = path_length <= names.MAX_LABEL
    return [
        *lowering.templates.values(),
        *(containers.step(template, settings, display, path_label) for template in shared.values()),
        containers.finish(settings),
    ]


def depth(inside: Region) -> int:
    """How many foreach are nested in a region."""
    deepest = 0
    for item in inside.items:
        match item:
            case Task():
                continue
            case Parallel(arms=arms):
                deepest = max(deepest, *(depth(arm) for arm in arms))
            case Each(body=body):
                deepest = max(deepest, 1 + depth(body))
            case Choose() | Repeat() | Again():
                raise AssertionError(f"checks.check_flow refuses {item}")
            case _:
                assert_never(item)
    return deepest
