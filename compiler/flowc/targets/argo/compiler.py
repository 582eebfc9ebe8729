"""Compiles an analyzed flow to manifests: makes the templates, then checks their number and size."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc.targets import fail_if
from flowc.targets.argo import hera_models, names, spec
from flowc.targets.argo.checking import checks, limits
from flowc.targets.argo.configmap import code_map
from flowc.targets.argo.hera.field_types import UnreadableModelError
from flowc.targets.argo.loops import budgets
from flowc.targets.argo.lowering import Lowering
from flowc.targets.argo.pod import containers
from flowc.targets.argo.pod.shared_templates import step_templates
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.fitting import fit
from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.graphs.series import series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.argo.configmap import CodeMap, CodePackage
    from flowc.targets.argo.hera_models import m
    from flowc.targets.argo.object_types import Object
    from flowc.targets.argo.settings import Settings
    from flowc_ir.model import Flow

_INDEX = 6  # each foreach or loop adds at most this many characters to an index path such as `0.3`: a dot, five digits


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Switch off Python's garbage collector in the whole process while the `with` block runs.

    All models of Hera are needed until the manifest is complete. The collector would traverse them repeatedly without
    freeing any; for thousands of steps this takes a fifth of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_collecting_nothing()
def manifests(analysis: Analysis, package: CodePackage, settings: Settings) -> tuple[Object, ...]:
    """Return the manifests of a flow, in the order to apply them: the ConfigMap of its code, the template, and the
    schedule if there is one.

    Args:
        analysis: the analysis of a flow in which `check_flow` found no fault.
        package: the code package.
        settings: the settings of the deployment; `kind` decides which objects are returned.

    Raises:
        BackendError: a ConfigMap, a template or a DAG would exceed a limit of Argo or Kubernetes.
    """
    try:
        return _manifests(analysis, package, settings)
    except UnreadableModelError:
        with hera_models.imported():
            return _manifests(analysis, package, settings)


def _manifests(analysis: Analysis, package: CodePackage, settings: Settings) -> tuple[Object, ...]:
    flow, faults = analysis.flow, Faults()
    flow_name = settings.name or names.deployment_name(flow)
    code = code_map(flow, package, flow_name, spec.metadata(settings, flow_name))
    body = spec.workflow_spec(flow, settings, flow_name, code, _templates(analysis, settings, code))
    made = _objects(flow, settings, flow_name, body)
    checks.check_size(flow, made[0], faults)
    fail_if(faults)
    return (code.manifest, *made)


def _objects(flow: Flow, settings: Settings, flow_name: str, body: m.WorkflowSpec) -> tuple[Object, ...]:
    if settings.kind == "workflow":
        return (spec.workflow(flow, settings, flow_name, body),)
    template = spec.workflow_template(flow, settings, flow_name, body)
    if flow.schedule is None:
        return (template,)
    return (template, spec.cron_workflow(flow, flow.schedule, settings, flow_name))


def _templates(analysis: Analysis, settings: Settings, code: CodeMap) -> list[m.Template]:
    flow, scopes = analysis.flow, analysis.scopes
    blocks = fit(series(analysis.region), limits.MAX_TASKS)
    path_length = 1 + _INDEX * max(map(len, scopes.values()))
    # A node of Argo fails if its display name, `title-path`, is too long: shorten the title to leave space for the
    # index path.
    room = names.MAX_LABEL - path_length - len("-")
    titles = {node.id: names.title(node.id, max(room, 8)) for node in flow.nodes}
    steps = step_templates(analysis, titles, budgets(analysis, blocks), tagged=bool(settings.tags))
    lowering = Lowering(steps, titles, scopes, settings.parallelism)
    lowering.main(blocks)
    shared = {template.name: template for template in steps.values()}
    faults = Faults()
    checks.check_templates(flow, steps, [*lowering.templates, *shared, "finish"], faults)
    checks.check_tasks(flow, lowering.templates, faults)
    fail_if(faults)
    shown = containers.ShownNames(
        name=room >= 8,
        path=path_length <= names.MAX_LABEL,
        loops=any(isinstance(scope, LoopScope) for inside in scopes.values() for scope in inside),
    )
    return [
        *lowering.templates.values(),
        *(containers.step(template, settings, code, shown) for template in shared.values()),
        containers.finish(settings, code),
    ]
