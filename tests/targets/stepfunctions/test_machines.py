"""State machines: the values that containers get, the states after a failure, and other parts of the template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flowc_ir as ir
from flowc.targets.stepfunctions.sfn_checks import check_template
from flowc.targets.stepfunctions.sfn_settings import MachineSettings
from flowc.targets.stepfunctions.stack import stack
from flowc.targets.stepfunctions.state_names import machine_name, state_name
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from gateway import gateway
from targets.argo import flows
from targets.stepfunctions.player import definition
from targets.stepfunctions.test_conformance_sfn import compiled, played

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project
    from targets.stepfunctions.player import Evaluator

NAMES = [f"s{at}" for at in range(2000)]


def states_of(machine: Any) -> Iterator[tuple[str, Any]]:
    """Return all states of a machine, also nested ones."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            yield from states_of(inner)


def machine(flow: ir.Flow, **fields: Any) -> Any:
    return definition(stack(Analysis(flow), MachineSettings(**fields), "sha256:0"), {})


def check(found: Any, evaluator: Evaluator) -> None:
    """Check that the validator accepts the machine, and that the names of states are unique.

    A state may lead only to states of its own level.
    """
    assert evaluator.faults(found) == []
    names = [name for name, _ in states_of(found)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 80 for name in names)


@pytest.mark.parametrize("name", [name for name in flows.EXAMPLES if name != "names"])
@pytest.mark.parametrize("compute", ["batch", "ecs"])
def test_examples_are_valid(evaluator: Evaluator, name: str, compute: Any) -> None:
    check(machine(flows.EXAMPLES[name], compute=compute), evaluator)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flow_is_valid(evaluator: Evaluator, data: st.DataObject) -> None:
    shape = data.draw(flows.shapes(NAMES[::-1].copy(), switches=True))
    flow = flows.flow(["start", *shape, "end"])
    found = machine(flow)
    check(found, evaluator)
    assert {node.id for node in flow.nodes} <= {name for name, _ in states_of(found)}


def test_names() -> None:
    assert [state_name(name) for name in ("train", "_private", "Überschrift", "a" * 61)][::2] == [
        "train",
        "Überschrift",
    ]
    assert state_name("a--b") != state_name("a-b") == "a-b"
    assert len(state_name("ü" * 200)) <= 60
    assert len({state_name(name) for name in ("a\nb", "a b", "a  b", "a-b", "_x", "x", "x-x12345678")}) == 7
    flow = flows.EXAMPLES["linear"]
    assert machine_name(flow) == "TestFlow"
    from dataclasses import replace

    others = [replace(flow, name=name) for name in ("Test_Flow", "Test-Flow", "T" * 70, "ü")]
    assert len({machine_name(other) for other in others}) == 4
    assert all(len(machine_name(other)) <= 60 for other in others)


# -- values that reach containers --------------------------------------------------------------------------------------

VALUES = """
    from metaflow import FlowSpec, JSONType, Parameter, environment, step
    import os


    class Values(FlowSpec):
        text = Parameter("text", default="${AWS::Region} {% $x %} quotes ' \\" \\n $HOME ü 🎉 json:1")
        typed = Parameter("typed", default="none")
        alpha = Parameter("alpha", default=0.1)
        data = Parameter("data", type=JSONType, default={"a": ["{% x %}", None]})
        many = Parameter("many", default="a,b", separator=",")
        needed = Parameter("needed", type=int, required=True)

        @environment(vars={"ONE": "{% $x %}", "TWO": "${JobQueue} \\\\u007b", "THREE": ""})
        @step
        def start(self):
            self.way = "other"
            self.variables = [os.environ.get(name) for name in ("ONE", "TWO", "THREE")]
            self.seen = [self.text, self.typed, self.alpha, self.data, self.many, self.needed]
            self.next({"none": self.end, "other": self.other}, condition="way")

        @step
        def other(self):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.mark.parametrize(("compute", "name"), [("batch", "played"), ("ecs", "näch+t@1")])
def test_values_arrive(project: Project, evaluator: Evaluator, compute: str, name: str) -> None:
    from flowc_runtime.store.values.codecs import load_value

    project.write("flow.py", VALUES)
    local = project.run("flow.py", "--needed", "3")
    given = {"typed": "{{x}} \x1b '\"", "needed": 7, "many": ["c", "d"]}
    execution, run = played(project, evaluator, "--compute", compute, "--tag", "a tag {% 1 %}", given=given, name=name)
    assert execution.status == "SUCCEEDED", execution.logs()

    def artifact(of: Any, name: str) -> Any:
        return load_value(of.objects, of.task("start", "0")["artifacts"][name])

    expected = artifact(local, "seen")
    assert artifact(run, "seen") == [expected[0], given["typed"], *expected[2:4], ["c", "d"], 7]
    assert artifact(run, "variables") == ["{% $x %}", "${JobQueue} \\u007b", ""]
    assert run.user_tags() == {"a tag {% 1 %}"}
    record = run.record()
    assert (record["target"], record["user"], record["run"]) == ("stepfunctions", "stepfunctions", name)
    assert "runtime:step-functions" in run.system_tags()


def test_a_missing_value_fails_the_run_with_its_name(project: Project, evaluator: Evaluator) -> None:
    project.write("flow.py", VALUES)
    execution, run = played(project, evaluator)
    assert execution.status == "FAILED"
    assert "parameter 'needed' is missing" in run.status()["message"]


# -- failures ----------------------------------------------------------------------------------------------------------

FORBIDS = """
    from metaflow import FlowSpec, retry, step
    from metaflow.exception import METAFLOW_EXIT_DISALLOW_RETRY
    import sys


    class Forbids(FlowSpec):
        @step
        def start(self):
            self.items = [1, 2]
            self.next(self.work, foreach="items")

        @retry(times=3, minutes_between_retries=1)
        @step
        def work(self):
            sys.exit(METAFLOW_EXIT_DISALLOW_RETRY if self.input == 1 else 1)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_an_exit_code_that_forbids_a_retry(project: Project, evaluator: Evaluator) -> None:
    project.write("flow.py", FORBIDS)
    execution, run = played(project, evaluator)
    commands = [attempt.command[3:] for attempt in execution.attempts]
    assert commands == [
        ["task", "start", "--path", "0", "--retry", "0"],
        ["task", "work", "--path", "0.0", "--retry", "0"],
        ["finish", "--status", "Failed"],
    ]
    assert execution.status == "FAILED"
    assert run.status()["state"] == "failed"
    assert "ended" in run.status()


def test_attempts_are_counted_and_wait(project: Project, evaluator: Evaluator) -> None:
    project.write("flow.py", FORBIDS.replace("self.items = [1, 2]", "self.items = [2]"))
    execution, _ = played(project, evaluator)
    tries = [attempt.command[-1] for attempt in execution.attempts if attempt.command[4:5] == ["work"]]
    assert tries == ["0", "1", "2", "3"]
    assert execution.states.count("work--wait") == 3
    assert execution.states[-2:] == ["flow--record-failure", "flow--fail"]


# -- Map ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "most", "modes"),
    [
        ("foreach", 40, {"start--each": ("INLINE", 40)}),
        ("foreach", 7, {"start--each": ("INLINE", 7)}),
        ("foreach", 1000, {"start--each": ("DISTRIBUTED", 1000)}),
        ("nested", 40, {"start--each": ("DISTRIBUTED", 40), "outer--each": ("INLINE", 40)}),
        ("nested", 100, {"start--each": ("DISTRIBUTED", 100), "outer--each": ("INLINE", 40)}),
    ],
)
def test_modes_of_maps(name: str, most: int, modes: dict[str, tuple[str, int]]) -> None:
    found = {
        state: (each["ItemProcessor"]["ProcessorConfig"]["Mode"], each["MaxConcurrency"])
        for state, each in states_of(machine(flows.EXAMPLES[name], parallelism=most))
        if each["Type"] == "Map"
    }
    assert found == modes


def test_a_bucket_has_records_under_the_keys_that_are_read(
    evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys that states read exist in a real bucket, also for names with special characters and paths with `~`."""
    from flowc_runtime.store.records.store import Store

    shape: flows.Shape = ["start", ("loop", "again", ["Überschrift", ("each", "inner", ["x"])]), "end"]
    states = dict(states_of(machine(flows.flow(shape), store="s3://bucket/some/where/")))
    key = states["Überschrift--read"]["Arguments"]["Key"]
    with gateway(tmp_path) as running:
        running.bucket("bucket")
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        run = Store.open("s3://bucket/some/where").run("TestFlow", "RUN")
        run.objects.put(run.task_key("Überschrift", "0~12"), b"{}")
        found = evaluator.fill(key, {"input": {"run": "RUN", "path": "0", "n1": 12}})
        assert (running.directory / "bucket" / found).read_bytes() == b"{}"


# -- the template ------------------------------------------------------------------------------------------------------

SCHEDULED = """
    from metaflow import FlowSpec, kubernetes, resources, schedule, step


    @schedule(cron="30 6 * * 1-5", timezone="Europe/Berlin")
    class Scheduled(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @kubernetes(image="other:2")
        @resources(cpu=2, memory=8192)
        @step
        def end(self):
            pass
    """


def test_the_template(project: Project) -> None:
    project.write("flow.py", SCHEDULED)
    template = compiled(
        project, "--job-queue", "fast", "--image", "mine:1", "--name", "nightly", "--workflow-timeout", "60"
    )
    resources = template["Resources"]
    schedule = resources["Schedule1"]["Properties"]
    assert schedule["ScheduleExpression"] == "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["Target"]["Arn"] == {"Ref": "StateMachine"}
    assert template["Parameters"]["JobQueue"]["Default"] == "fast"
    images = {
        name: each["Properties"]["ContainerProperties"]["Image"]
        for name, each in resources.items()
        if each["Type"] == "AWS::Batch::JobDefinition"
    }
    assert images == {"Containers1": "mine:1", "Containers2": "other:2"}
    properties = resources["StateMachine"]["Properties"]
    assert properties["StateMachineName"] == "nightly"
    assert properties["Definition"]["TimeoutSeconds"] == 60
    end = dict(states_of(properties["Definition"]))["end"]["Arguments"]
    assert end["JobDefinition"] == "${Containers2}"
    assert end["ContainerOverrides"]["ResourceRequirements"] == [
        {"Type": "VCPU", "Value": "2"},
        {"Type": "MEMORY", "Value": "8192"},
    ]
    again = compiled(project, "--compute", "ecs", "--cluster", "c")
    task = dict(states_of(again["Resources"]["StateMachine"]["Properties"]["Definition"]))["end"]["Arguments"]
    assert (task["Overrides"]["Cpu"], task["Overrides"]["Memory"]) == ("2048", "8192")
    assert json.dumps(again) == json.dumps(compiled(project, "--compute", "ecs", "--cluster", "c"))


def test_a_template_that_is_too_large() -> None:
    flow = flows.chain(2000)
    faults = Faults()
    check_template(flow, stack(Analysis(flow), MachineSettings(), "sha256:0"), faults)
    (fault,) = faults
    assert (fault.code, fault.span) == (codes.SFN_TOO_LARGE, flow.where)
    check_template(flow, stack(Analysis(flows.chain(200)), MachineSettings(), "sha256:0"), faults)
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--store", "gs://bucket"], "store: s3:// and a bucket"),
        (["--store", "file:///here"], "store: s3:// and a bucket"),
        (["--cluster", "c"], "cluster: is an option of --compute ecs"),
        (["--compute", "ecs", "--job-queue", "q"], "job_queue: is an option of --compute batch"),
        (["--name", "a.b"], "name: at most 60 letters"),
        (["--max-workers", "0"], "parallelism: at least 1"),
        (["--image", "a b"], "image: a plain reference"),
        (["--compute", "lambda"], "'lambda' is not one of 'batch', 'ecs'"),
    ],
)
def test_settings_that_cannot_be(project: Project, options: list[str], message: str) -> None:
    project.write("flow.py", SCHEDULED)
    done = project.flowc("compile", "flow.py", "--target", "stepfunctions", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_directory_with_files_is_no_context(project: Project) -> None:
    project.write("flow.py", SCHEDULED)
    project.write("image/other.txt", "x")
    done = project.flowc("compile", "flow.py", "--target", "stepfunctions", "--context", "image")
    assert (done.code, done.out) == (1, "")
    assert done.err == ("error: --context: image is not empty\nhint: name a new directory, or delete its files\n")
