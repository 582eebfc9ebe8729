"""Forms that Metaflow accepts: of schedules, of artifact names, of a join's signature, and of `node_info`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc_ir import Foreach, schema

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_ir import Flow

pytestmark = pytest.mark.usefixtures("fresh_imports")

STEPS = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
FOREACH = """
from enum import Enum
import names

KEY = "items"

class Keys(str, Enum):
    ITEMS = "items"

class Base(FlowSpec):
    OF_CLASS = "others"

def made(inner):
    class Demo(Base):
        OF_CLASS = "items"
        settings = Config("settings", default_value='{"over": "items", "deep": {"over": "items"}}')

        @step
        def start(self):
            self.items = [1, 2]
            self.next(self.body, foreach=OVER)

        @step
        def body(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    return Demo

Demo = made("items")
"""


def write(root: Path, text: str) -> Path:
    (root / "names.py").write_text("class Of:\n    KEY = 'items'\n\nKEY = 'items'\n")
    (root / "case_flow.py").write_text("from metaflow import *\n" + textwrap.dedent(text))
    return root / "case_flow.py"


def flow_of(root: Path, text: str) -> Flow:
    loaded = load(write(root, text), class_name="Demo")
    assert loaded.flow is not None, loaded.diagnostics
    return loaded.flow


def messages(root: Path, text: str) -> list[str]:
    return [fault.message for fault in load(write(root, text), class_name="Demo").diagnostics]


@pytest.mark.parametrize(
    ("written", "crons"),
    [
        ('cron="0 10 * * ? *"', ("0 10 * * *",)),
        ('cron="15 10 ? * MON-FRI *"', ("15 10 * * MON-FRI",)),
        ('cron=["0/5 8-17 ? * SUN,MON *", "0 6 1 * *"]', ("0/5 8-17 * * SUN,MON", "0 6 1 * *")),
        ('cron="0 10 * * ?"', ("0 10 * * ?",)),
        ("daily=False", None),
        ("hourly=False, daily=False, weekly=False", None),
        ("daily=False, weekly=True", ("0 0 * * 0",)),
        ("weekly=False", ("0 0 * * *",)),
    ],
)
def test_schedules(tmp_path: Path, written: str, crons: tuple[str, ...] | None) -> None:
    schedule = flow_of(tmp_path, f"@schedule({written})\nclass Demo(FlowSpec):{STEPS}").schedule
    assert (schedule.crons if schedule else None) == crons


@pytest.mark.parametrize(
    ("cron", "what"),
    [
        ("0 10 ? * 2 *", "an AWS schedule with days of the week by numbers"),
        ("0 10 * * ? 2027-2030", "an AWS schedule with a year"),
        ("0 0 12 ? * *", "is not a schedule: 6 fields"),  # six fields, of which the first is the seconds
        ("0 0 12 * * ?", "is not a schedule: 6 fields"),
        # without `?`, six fields may begin with the seconds or end with the year
        ("0 10 * * * *", "is not a schedule: 6 fields"),
        ("0 10 L * ? *", "is not a schedule: day of month 'L'"),
    ],
)
def test_schedules_that_mean_something_else_to_argo_are_refused(tmp_path: Path, cron: str, what: str) -> None:
    (message,) = messages(tmp_path, f'@schedule(cron="{cron}")\nclass Demo(FlowSpec):{STEPS}')
    assert what in message
    assert repr(cron) in message  # the message quotes the schedule as written


@pytest.mark.parametrize(
    "expression",
    ["KEY", "names.KEY", "names.Of.KEY", "Keys.ITEMS", "self.OF_CLASS", "inner", 'f"{KEY}"', '"it" + "ems"',
     "self.settings.over", "self.settings.deep.over"],
)  # fmt: skip
def test_a_foreach_over_what_a_constant_names(tmp_path: Path, expression: str) -> None:
    start = flow_of(tmp_path, FOREACH.replace("OVER", expression)).by_id()["start"]
    assert start.next == Foreach(over="items", body="body")


@pytest.mark.parametrize(
    "expression", ["self.items", "nowhere", "self.nowhere", 'str("items")', 'f"{KEY:>9}"', "names"]
)
def test_a_foreach_over_what_only_a_run_would_tell(tmp_path: Path, expression: str) -> None:
    (message,) = messages(tmp_path, FOREACH.replace("OVER", expression))
    assert message == "foreach takes the name of an artifact: a string, or a constant of the module or the class"


@pytest.mark.parametrize("signature", ["self, inputs=None", "self, inputs: list = None", "self, inputs, **more",
                                       "self, inputs, *, more=1"])  # fmt: skip
def test_signatures_of_joins(tmp_path: Path, signature: str) -> None:
    text = FOREACH.replace("OVER", "KEY").replace("self, inputs", signature)
    assert flow_of(tmp_path, text).by_id()["join"].joins == "start"


def test_an_argument_that_nobody_gives_is_a_fault(tmp_path: Path) -> None:
    (message,) = messages(tmp_path, FOREACH.replace("OVER", "KEY").replace("self, inputs", "self, inputs, *, more"))
    assert message == "step 'join' has arguments that a step is not called with"


def test_info_about_a_step_is_in_the_ir(tmp_path: Path) -> None:
    written = STEPS.replace("@step", '@step(node_info={"team": "x", "ranks": [1, 2]})', 1)
    flow = flow_of(tmp_path, f"class Demo(FlowSpec):{written}")
    assert flow.by_id()["start"].info == '{"team":"x","ranks":[1,2]}'
    assert flow.by_id()["end"].info is None
    assert schema.loads(schema.dumps(flow)) == flow


@pytest.mark.parametrize("info", ['{"a": object()}', '{"a": (1, 2)}', "{1: 2}", 'float("nan")'])
def test_info_is_what_json_gives_back(tmp_path: Path, info: str) -> None:
    written = STEPS.replace("@step", f"@step(node_info={info})", 1)
    (message,) = messages(tmp_path, f"class Demo(FlowSpec):{written}")
    assert message.startswith("@step: node_info is a value that JSON can hold, not ")
