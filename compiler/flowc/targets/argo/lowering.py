"""Lowers a series of blocks to Argo templates: a DAG for a sequence and for a loop, a Steps template for a fan-out.

Only four values are arguments and outputs in Argo: the name of the step, the index path of the task (`0.3` is item 3 of
a foreach), the count of a foreach, and the choice of a switch. Tasks read everything else from the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.argo import names
from flowc.targets.argo.dag import Dag, arguments_of
from flowc.targets.argo.hera_models import m
from flowc.targets.argo.loops import iterations
from flowc.targets.argo.strict import make
from flowc.targets.argo.template_places import PATH, ROOT_PATH, TemplatePlace
from flowc_ir.graphs.series import Call, Iterations, Series, first, is_call
from flowc_ir.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.targets.argo.pod.shared_templates import StepTemplate
    from flowc_ir.graphs.scopes import Scope


class Lowering:
    """Collects the DAG and Steps templates of a flow, in the order of their first use."""

    def __init__(
        self,
        steps: Mapping[NodeId, StepTemplate],
        titles: Mapping[NodeId, str],
        scopes: Mapping[NodeId, tuple[Scope, ...]],
        parallelism: int,
    ) -> None:
        self.templates: dict[str, m.Template] = {}
        self._steps = steps
        self._titles = titles
        self._scopes = scopes
        self._parallelism = parallelism
        self._made: dict[object, str] = {}

    def main(self, blocks: Series) -> None:
        """Add the template `main`, the entry point, with the tasks of the whole flow; index paths begin with 0."""
        self.templates["main"] = make(m.Template, name="main")  # reserves the position of the first template
        self.templates["main"] = make(
            m.Template, name="main", dag=self._dag(Dag(self, TemplatePlace(ROOT_PATH)), blocks)
        )

    def _dag(self, dag: Dag, blocks: Series) -> m.DAGTemplate:
        # failFast would only mark the DAG as failed earlier. Running tasks and other branches continue with and without
        # failFast.
        return make(m.DAGTemplate, fail_fast=False, tasks=dag.run(blocks))

    def dag_template(self, prefix: str, blocks: Series, place: TemplatePlace) -> str:
        """Return the name of the DAG template that runs a series. Add the template if it does not exist.

        Args:
            prefix: the beginning of a new template's name.
            blocks: the series.
            place: the place from which the template is called.
        """
        place = place.called()
        key = (prefix, blocks, place)
        if key not in self._made:
            name = self._made[key] = self._reserve(f"{prefix}-{names.step_name(first(blocks))}")
            self._fill(name, Dag(self, place), blocks, place)
        return self._made[key]

    def loop_template(self, loop: Iterations, place: TemplatePlace) -> str:
        """Return the name of the DAG template that runs the first iterations of a loop and calls itself for further
        iterations.

        Args:
            loop: the loop.
            place: the place from which the template is called.
        """
        key = (loop, place.called())
        if key not in self._made:
            name = self._made[key] = self._reserve(f"loop-{names.step_name(loop.header)}")
            inside = place.into(loop.header, name)
            self._fill(name, Dag(self, inside, loop, iterations(loop)), loop.body, inside)
        return self._made[key]

    def _reserve(self, base: str) -> str:
        name, number = base, 1
        while name in self.templates:  # the name is taken: several templates begin with the same step
            number += 1
            name = f"{base}--{number}"
        self.templates[name] = make(m.Template, name=name)
        return name

    def _fill(self, name: str, dag: Dag, blocks: Series, place: TemplatePlace) -> None:
        inputs = _inputs(*place.inputs())
        self.templates[name] = make(m.Template, name=name, inputs=inputs, dag=self._dag(dag, blocks))

    def each_template(self, body: Series, together: bool) -> tuple[str, dict[str, str]]:
        """Return the name of the Steps template that runs the body for each item, and the arguments that this template
        needs besides `path` and `count`.

        A DAG with `withParam` is not used, because the time that Argo needs for it is quadratic in the number of items.

        Args:
            body: the series to run for each item.
            together: whether the body is a gang, whose tasks all run at once; otherwise `parallelism` limits the number
                of items that run at once.
        """
        if is_call(body) and isinstance(body[0], Call):
            template = self._steps[body[0].node].name
            passed = self.step_arguments(body[0].node)
        else:
            template, passed = self.dag_template("body", body, TemplatePlace()), {}
        name = f"{'gang' if together else 'each'}-{template}"
        arguments = {key: f"{{{{inputs.parameters.{key}}}}}" for key in passed} | {"path": f"{PATH}.{{{{item}}}}"}
        item = make(
            m.WorkflowStep,
            name="item",
            template=template,
            arguments=arguments_of(arguments),
            with_sequence=make(m.Sequence, count="{{inputs.parameters.count}}"),
        )
        self.templates[name] = make(
            m.Template,
            name=name,
            inputs=_inputs(*passed, "path", "count"),
            parallelism=None if together else self._parallelism,
            steps=[m.ParallelSteps([item])],
        )
        return name, passed

    def step_arguments(self, node: NodeId) -> dict[str, str]:
        """Return the arguments that tell a shared container template which step it runs: `step`, and `title` if the
        step has one."""
        return {"step": node} | ({"title": self._titles[node]} if self._steps[node].titled else {})

    def step_template(self, node: NodeId) -> str:
        """Return the name of a step's container template."""
        return self._steps[node].name

    def path(self, node: NodeId, place: TemplatePlace) -> str:
        """Return the index path (such as `0.3`) that a task of this step has if it is called from a template at this
        place."""
        return place.path(self._scopes[node])


def _inputs(*parameters: str) -> m.Inputs:
    return make(m.Inputs, parameters=[make(m.Parameter, name=name) for name in parameters])
