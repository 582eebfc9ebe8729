"""Mutators can read and change decorators of `--with`, whose arguments have Metaflow's types and values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from metaflow.user_decorators._builtin import STEP_DECORATORS, without_defaults

if TYPE_CHECKING:
    from project import Project

FLOW = """
import sys
from metaflow import FlowMutator, FlowSpec, StepMutator, card, schedule, step

class bump(StepMutator):
    def init(self, **given):
        self.given = given

    def mutate(self, mutable_step):
        for name, _, _, attributes in mutable_step.decorator_specs:
            if name == "kubernetes":
                changed = attributes | self.given
                mutable_step.add_decorator(name, deco_kwargs=changed, duplicates=mutable_step.OVERRIDE)

class once(StepMutator):
    def mutate(self, mutable_step):
        print("has it", mutable_step.has_decorator("retry"), file=sys.stderr)
        mutable_step.remove_decorator("retry")

class nightly(FlowMutator):
    def pre_mutate(self, flow):
        for name, _, _, attributes in flow.decorator_specs:
            if name == "schedule":
                attributes["cron"] = "0 3 * * *"
                flow.add_decorator(name, deco_kwargs=attributes, duplicates=flow.OVERRIDE)

@nightly
@schedule(daily=True)
class Bumped(FlowSpec):
    @once
    @bump(cpu=2, memory=8192)
    @step
    def start(self):
        print("start runs")
        self.next(self.end)

    @card
    @step
    def end(self):
        raise ValueError("no luck")
"""


def lowered(project: Project, *options: str) -> dict[str, Any]:
    """The IR."""
    done = project.flowc("ir", "flow.py", *options)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_what_is_read_changed_in_one_value_and_put_back_asks_for_nothing_else(project: Project) -> None:
    project.write("flow.py", FLOW)
    flow = lowered(project, "--with", "kubernetes:cpu=1")
    start, end = flow["nodes"]
    assert (start["resources"]["cpu"], start["resources"]["memory"]) == ("2", 8192)
    assert end["resources"]["cpu"] == "1"
    assert flow["schedule"]["crons"] == ["0 3 * * *"]
    compiled = project.flowc("compile", "--target", "argo", "flow.py", "--with", "kubernetes:cpu=1")
    assert compiled.code == 0, compiled.err
    assert 'cpu: "2"' in compiled.out


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_a_mutator_may_take_away_what_the_command_line_adds(project: Project, start: str) -> None:
    project.write("flow.py", FLOW)
    done = project.flowc("run", "flow.py", "--start", start, "--with", "retry:times=1")
    assert done.code == 1
    assert "has it True" in done.err
    assert "has it False" not in done.out + done.err  # tasks also apply the mutators, but must not print their text
    assert "trying again: ValueError: no luck" in done.err
    start_node, end_node = lowered(project, "--with", "retry:times=1")["nodes"]
    assert "retry" not in start_node
    assert end_node["retry"]["times"] == 1


def test_a_card_is_added_beside_one_that_a_step_has(project: Project) -> None:
    project.write("flow.py", FLOW)
    start, end = lowered(project, "--with", "card:type=blank")["nodes"]
    assert [card["type"] for card in start["cards"]] == ["blank"]
    assert [card.get("type", "default") for card in end["cards"]] == ["default", "blank"]
    project.write("plain.py", FLOW.replace("@nightly\n", "").replace("    @once\n", "").replace("    @bump(cpu=2, memory=8192)\n", ""))  # fmt: skip
    done = project.flowc("ir", "plain.py", "--with", "card:type=blank")
    assert [len(node["cards"]) for node in json.loads(done.out)["nodes"]] == [1, 2]


def test_inline_secrets_of_the_command_line_are_not_in_the_ir(project: Project) -> None:
    project.write(
        "flow.py", FLOW.replace('raise ValueError("no luck")', 'import os; print("got", os.environ["TOKEN"])')
    )
    source = '[{"type": "inline", "id": "x", "options": {"env_vars": {"TOKEN": "hidden"}}}]'
    assert "hidden" not in json.dumps(lowered(project, "--with", f"secrets:sources={source}"))
    done = project.flowc("run", "flow.py", "--start", "fork", "--with", f"secrets:sources={source}")
    assert "got hidden" in done.out, done.err


def test_only_a_whole_specification_is_relieved_of_its_defaults() -> None:
    every = dict(STEP_DECORATORS["kubernetes"].defaults)
    assert without_defaults("kubernetes", every, STEP_DECORATORS) == {}
    # the number 1 stays, because it differs from the default, which is the text "1"
    assert without_defaults("kubernetes", every | {"cpu": 1}, STEP_DECORATORS) == {"cpu": 1}
    assert without_defaults("kubernetes", {"qos": "burstable"}, STEP_DECORATORS) == {"qos": "burstable"}
    assert without_defaults("parallel", {}, STEP_DECORATORS) == {}


def test_a_back_end_that_flowc_has_not_has_metaflow_s_values_too(project: Project) -> None:
    project.write("flow.py", FLOW.replace('print("has it", mutable_step.has_decorator("retry"), file=sys.stderr)',
                                          "print(*mutable_step.decorator_specs, file=sys.stderr)"))  # fmt: skip
    told = project.flowc("check", "flow.py", "--with", "batch:cpu=2").err
    assert "aws.batch.batch_decorator.BatchDecorator', [], {'cpu': 2, 'gpu': None, 'memory': None, " in told
    assert "'use_tmpfs': False, " in told
    assert "'tmpfs_path': '/metaflow_temp', " in told
    assert STEP_DECORATORS["batch"].defaults["privileged"] is False
