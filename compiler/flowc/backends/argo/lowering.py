"""Series of calls as Argo templates: one DAG for fixed structure, one Steps template for each fan-out.

Three values cross Argo: the step, its index path, and the count of a foreach. Everything else is read from the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera.workflows import models as m

from flowc.backends.argo import names
from flowc.backends.argo.series import Block, Call, FanOut, Fork, Part, Series, first
from flowc.backends.argo.strict import make
from flowc.ir.model import NodeId, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.backends.argo.pods import StepTemplate

PATH = "{{inputs.parameters.path}}"
ROOT_PATH = "0"


class Lowering:
    """Collects the DAG and Steps templates that a series needs, in the order they are met."""

    def __init__(self, steps: Mapping[NodeId, StepTemplate], titles: Mapping[NodeId, str], parallelism: int) -> None:
        self.templates: dict[str, m.Template] = {}
        self._steps = steps
        self._titles = titles
        self._parallelism = parallelism

    def main(self, blocks: Series) -> None:
        """The entrypoint: the flow's root region, at path 0."""
        self.templates["main"] = make(m.Template, name="main")  # first in the file, filled in below
        self.templates["main"] = make(m.Template, name="main", dag=self._dag(blocks, ROOT_PATH))

    def _dag(self, blocks: Series, path: str) -> m.DAGTemplate:
        # failFast only decides how soon the DAG is called failed; running tasks and other branches go on either way.
        return make(m.DAGTemplate, fail_fast=False, tasks=_Dag(self, path).run(blocks))

    def dag_template(self, prefix: str, blocks: Series) -> str:
        """The name of a new DAG template that runs the series at its input `path`."""
        name = base = f"{prefix}-{names.step_name(first(blocks))}"
        level = 1
        while name in self.templates:  # a part that starts with a part
            level += 1
            name = f"{base}--{level}"
        self.templates[name] = make(m.Template, name=name)
        self.templates[name] = make(m.Template, name=name, inputs=_inputs("path"), dag=self._dag(blocks, PATH))
        return name

    def each_template(self, body: Series) -> tuple[str, dict[str, str]]:
        """The Steps template that runs the body for each item, and the arguments it needs besides `path` and `count`.

        Never a DAG with `withParam`: its expansion takes time quadratic in the number of items.
        """
        if len(body) == 1 and isinstance(body[0], Call):
            template = self._steps[body[0].node].name
            passed = self.step_arguments(body[0].node)
        else:
            template, passed = self.dag_template("body", body), {}
        name = f"each-{template}"
        arguments = {key: f"{{{{inputs.parameters.{key}}}}}" for key in passed} | {"path": f"{PATH}.{{{{item}}}}"}
        item = make(
            m.WorkflowStep,
            name="item",
            template=template,
            arguments=_arguments(arguments),
            with_sequence=make(m.Sequence, count="{{inputs.parameters.count}}"),
        )
        self.templates[name] = make(
            m.Template,
            name=name,
            inputs=_inputs(*passed, "path", "count"),
            parallelism=self._parallelism,
            steps=[m.ParallelSteps([item])],
        )
        return name, passed

    def step_arguments(self, node: NodeId) -> dict[str, str]:
        """What tells a shared container template which step it is."""
        return {"step": node} | ({"title": self._titles[node]} if self._steps[node].titled else {})

    def step_template(self, node: NodeId) -> str:
        """The name of a step's container template."""
        return self._steps[node].name


class _Dag:
    """The tasks of one DAG template."""

    def __init__(self, lowering: Lowering, path: str) -> None:
        self._lowering = lowering
        self._path = path
        self._tasks: list[m.DAGTask] = []

    def run(self, blocks: Series) -> list[m.DAGTask]:
        self._series(blocks, [])
        return self._tasks

    def _series(self, blocks: Series, after: list[str]) -> list[str]:
        """Add the blocks behind the tasks `after`; the tasks behind which the next one goes."""
        for block in blocks:
            after = self._block(block, after)
        return after

    def _block(self, block: Block, after: list[str]) -> list[str]:
        match block:
            case Call(node=node):
                return [self._step(node, after)]
            case FanOut(split=split, body=body):
                return [self._each(split, body, self._step(split, after))]
            case Fork(arms=arms):
                return [name for arm in arms for name in self._series(arm, after)]
            case Part(series=inner):
                template = self._lowering.dag_template("part", inner)
                return [self._task(f"part--{names.step_name(first(inner))}", template, {}, after)]
            case _:
                assert_never(block)

    def _step(self, node: NodeId, after: list[str]) -> str:
        template, arguments = self._lowering.step_template(node), self._lowering.step_arguments(node)
        return self._task(names.step_name(node), template, arguments, after)

    def _each(self, split: NodeId, body: Series, after: str) -> str:
        template, passed = self._lowering.each_template(body)
        count = f"{{{{tasks.{names.step_name(split)}.outputs.parameters.count}}}}"
        return self._task(f"each--{names.step_name(first(body))}", template, passed | {"count": count}, [after])

    def _task(self, name: str, template: str, arguments: dict[str, str], after: list[str]) -> str:
        self._tasks.append(
            make(
                m.DAGTask,
                name=name,
                template=template,
                arguments=_arguments(arguments | {"path": self._path}),
                depends=" && ".join(after) or None,
            )
        )
        return name


def _inputs(*parameters: str) -> m.Inputs:
    return make(m.Inputs, parameters=[make(m.Parameter, name=name) for name in parameters])


def _arguments(values: dict[str, str]) -> m.Arguments:
    return make(m.Arguments, parameters=[make(m.Parameter, name=key, value=value) for key, value in values.items()])
