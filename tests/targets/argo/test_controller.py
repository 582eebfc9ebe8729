"""The simulated controller of the tests, with a fake runtime: it must report everything that Argo would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowc.targets.argo import Settings, compile_flow
from flowc_ir import Flow
from targets.argo import flows
from targets.argo.controller import ManifestError, PlayedWorkflow, Pod, expand, play

FAKE_RUNTIME = str(Path(__file__).parent / "fake_runtime")


def played(
    flow: Flow, tmp_path: Path, fake: dict[str, Any], parameters: dict[str, str] | None = None
) -> tuple[PlayedWorkflow, list[dict[str, Any]]]:
    """Run the flow's manifests; return the Workflow's result, and the arguments of each call of the fake runtime."""
    store = tmp_path / "store"
    bundle = compile_flow(flow, flows.CODE, Settings(store="s3://elsewhere"))
    result = play(
        bundle.manifests,
        f"file://{store}",
        tmp_path,
        parameters,
        environment={"FAKE": json.dumps(fake), "PYTHONPATH": FAKE_RUNTIME},
    )
    return result, [json.loads(line) for line in (store / "calls.jsonl").read_text().splitlines()]


def tasks(calls: list[dict[str, Any]]) -> list[str]:
    return [f"{c['args'][1]}/{c['args'][3]}" for c in calls if c["args"][0] == "task"]


def test_nested_foreach(tmp_path: Path) -> None:
    result, calls = played(flows.EXAMPLES["nested"], tmp_path, {"counts": {"start": 2, "outer": 3}})
    assert result.phase == "Succeeded", result.logs()
    inner = [[f"inner/0.{o}.{i}" for i in range(3)] for o in range(2)]
    assert tasks(calls) == [
        "start/0",
        *("outer/0.0", *inner[0], "inner_join/0.0", "outer/0.1", *inner[1], "inner_join/0.1"),
        *("outer_join/0", "end/0"),
    ]
    assert calls[-1]["args"] == ["finish", "--status", "Succeeded"]
    assert [node.display_name for node in result.nodes][:3] == ["start-0", "outer-0.0", "inner-0.0.0"]


def test_an_empty_foreach_still_joins(tmp_path: Path) -> None:
    result, calls = played(flows.EXAMPLES["foreach"], tmp_path, {})
    assert result.phase == "Succeeded"
    assert tasks(calls) == ["start/0", "join/0", "end/0"]


@pytest.mark.parametrize(
    ("exits", "attempts", "phase"),
    [([1, 1, 1], 4, "Succeeded"), ([1] * 5, 5, "Failed"), ([1, 79], 2, "Failed"), ([], 1, "Succeeded")],
)
def test_retries(tmp_path: Path, exits: list[int], attempts: int, phase: str) -> None:
    fake = {"counts": {"start": 1}, "exits": {"train": exits}}
    # three retries, and one more attempt to record the failure
    result, calls = played(flows.EXAMPLES["policies"], tmp_path, fake)
    retries = [call["args"][5] for call in calls if call["args"][:2] == ["task", "train"]]
    assert retries == [str(attempt) for attempt in range(attempts)]
    assert result.phase == phase
    assert calls[-1]["args"] == ["finish", "--status", phase]
    assert ("join/0" in tasks(calls)) == (phase == "Succeeded")


def test_environment(tmp_path: Path) -> None:
    _, calls = played(flows.EXAMPLES["policies"], tmp_path, {"counts": {"start": 1}})
    env = next(call["env"] for call in calls if call["args"][1] == "train")
    assert env["TEMPLATE"] == "{{{x}}} $(HOME) $$ é$é"
    assert env["FLOWC_RUN"] == "played"
    assert json.loads(Path(env["FLOWC_IR"]).read_text())["name"] == "TestFlow"
    assert (Path(env["FLOWC_CODE"]) / "flow.py").read_bytes() == flows.CODE.files[0][1]


def test_parameters_reach_start_only(tmp_path: Path) -> None:
    from flowc_runtime.pod import arguments

    flow = flows.EXAMPLES["parameters"]
    _, calls = played(flow, tmp_path, {}, {"needed": "it", "alpha": "0.5"})
    start, end = calls[0]["env"], calls[1]["env"]
    assert arguments.read(start["FLOWC_PARAMETERS"], flow.parameters) == {
        "alpha": 0.5,
        "name": "{{workflow.name}} $(FLOWC_STORE)\n",
        "config": {"a": {"b": [1, "{{x}}"]}},
        "größe": 3,
        "maybe": None,
        "verbose": False,
        "needed": "it",
    }
    assert "FLOWC_PARAMETERS" not in end


def test_argo_refuses_a_run_without_a_required_parameter(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="needed"):
        played(flows.EXAMPLES["parameters"], tmp_path, {})


def broken(tmp_path: Path, change: str, to: str) -> None:
    bundle = compile_flow(flows.EXAMPLES["foreach"], flows.CODE, Settings())
    text = json.dumps(bundle.manifests)
    assert change in text

    def run(pod: Pod) -> tuple[int, str]:
        (pod.out / "count").write_text("1")
        return 0, ""

    play(json.loads(text.replace(change, to)), f"file://{tmp_path}/store", tmp_path, run=run)


@pytest.mark.parametrize(
    ("change", "to", "message"),
    [
        ("{{inputs.parameters.step}}", "{{inputs.parameters.stop}}", "nothing is known of"),
        ("{{tasks.start.outputs", "{{tasks.end.outputs", "nothing is known of"),
        ('"depends": "join"', '"depends": "joni"', "depend on each other or on nothing"),
        ('"name": "count", "value"', '"name": "cuont", "value"', "takes"),
        ('"value": "train-model"', '"value": "train_model"', "display name"),
    ],
)
def test_it_notices(tmp_path: Path, change: str, to: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        broken(tmp_path, change, to)


def test_the_kubelets_expansion() -> None:
    assert expand("$(A) $$(A) $(B) $A $", {"A": "1"}) == "1 $(A) $(B) $A $"


@pytest.mark.parametrize("typed", ["a$$b $(FLOWC_STORE)", "{{workflow.name}} {{=1+1}} {{nope}} {{", "\x1b\x7f\u2028😀"])
def test_what_people_type_arrives(tmp_path: Path, typed: str) -> None:
    from flowc_runtime.pod import arguments

    flow = flows.EXAMPLES["parameters"]
    _, calls = played(flow, tmp_path, {}, {"needed": typed})
    (parameter,) = (parameter for parameter in flow.parameters if parameter.name == "needed")
    assert arguments.read(calls[0]["env"]["FLOWC_PARAMETERS"], [parameter]) == {"needed": typed}
