"""Rules that every manifest follows, checked for the golden manifests and for manifests of random flows."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from flowc.targets.argo import Bundle, Settings, compile_flow
from flowc_ir import Flow
from targets.argo import flows

GOLDEN = Path(__file__).parent / "golden"

TAG = re.compile(r"\{\{(.*?)\}\}")
ALLOWED = re.compile(
    r"inputs\.parameters\.(step|title|path|count)|item|retries|workflow\.(name|status)|"
    r"tasks\.[a-z][-a-z0-9]*\.outputs\.parameters\.count|=sprig\.b64enc\(workflow\.parameters\.json\)"
)


def compiled(flow: Flow, **fields: Any) -> Bundle:
    return compile_flow(flow, flows.CODE, Settings(**fields))


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield from strings(key)
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)


def check_rules(flow: Flow, bundle: Bundle) -> None:
    assert list(yaml.safe_load_all(bundle.to_yaml())) == list(bundle.manifests)
    for manifest in bundle.manifests[1:]:
        check_tags(manifest)
        if "templates" in manifest["spec"]:
            check_templates(flow, manifest["spec"])


def check_tags(manifest: dict[str, Any]) -> None:
    """Check that the manifest contains only template tags that flowc writes, and none in texts of users."""
    for text in strings(manifest):
        for tag in TAG.findall(text):
            assert ALLOWED.fullmatch(tag), text
        assert "{{" not in TAG.sub("", text)
    # Only the environment of the first pod has a tag for the user's values.
    assert sum("workflow.parameters" in text for text in strings(manifest)) <= 1


def check_templates(flow: Flow, spec: dict[str, Any]) -> None:
    templates = {template["name"]: template for template in spec["templates"]}
    assert len(templates) == len(spec["templates"]) <= 200
    assert {spec["entrypoint"], spec["onExit"]} <= templates.keys()
    for template in templates.values():
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", template["name"])
        assert len(template["name"]) <= 63
        # Argo hangs if `failFast` is a field of a template; as a field of `dag` it is safe
        assert "failFast" not in template
        for output in template.get("outputs", {}).get("parameters", []):
            assert output["valueFrom"]["default"] == "0"
        for call in calls(template):
            assert not {"when", "withParam", "withItems", "continueOn", "dependencies", "hooks", "onExit"} & call.keys()
            declared = {p["name"] for p in templates[call["template"]].get("inputs", {}).get("parameters", [])}
            assert declared == {p["name"] for p in call["arguments"]["parameters"]}
        if "dag" in template:
            check_dag(template["dag"], templates)
        if "container" in template:
            check_container(flow, template)


def calls(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [*template.get("dag", {}).get("tasks", []), *(step for group in template.get("steps", []) for step in group)]


def check_dag(dag: dict[str, Any], templates: dict[str, Any]) -> None:
    tasks = {task["name"]: task for task in dag["tasks"]}
    assert len(tasks) == len(dag["tasks"]) <= 200
    before: dict[str, set[str]] = {}
    for name, task in tasks.items():  # tasks are sorted so that each comes after its dependencies
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        assert len(name) <= 63
        direct = task["depends"].split(" && ") if "depends" in task else []
        assert set(direct) <= before.keys()
        before[name] = {*direct, *(far for near in direct for far in before[near])}
        for tag in TAG.findall("".join(strings(task))):
            if tag.startswith("tasks."):
                source = tag.split(".")[1]
                assert source in before[name]
                outputs = templates[tasks[source]["template"]]["outputs"]["parameters"]
                assert [output["name"] for output in outputs] == ["count"]


def check_container(flow: Flow, template: dict[str, Any]) -> None:
    container = template["container"]
    assert container["command"] == ["python", "-m", "flowc_runtime"]
    assert container["args"][0] in ("task", "finish")
    names = [variable["name"] for variable in container["env"]]
    assert len(set(names)) == len(names)
    assert "FLOWC_CODE_DIGEST" in names
    if "FLOWC_PARAMETERS" in names:
        assert flow.parameters
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    retry = template["retryStrategy"]
    assert retry["retryPolicy"] == "Always"
    assert retry["limit"].isdecimal()
    if container["args"][0] == "task":
        assert retry["expression"] == "lastRetry.exitCode != '79'"
        assert container["args"][1:] == [
            "{{inputs.parameters.step}}", "--path", "{{inputs.parameters.path}}", "--retry", "{{retries}}",
        ]  # fmt: skip


@pytest.mark.parametrize("kind", ["template", "workflow"])
@pytest.mark.parametrize("name", flows.EXAMPLES)
def test_rules(name: str, kind: str) -> None:
    flow = flows.EXAMPLES[name]
    check_rules(flow, compiled(flow, kind=kind))


@given(flows.flows())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rules_of_random_flows(flow: Flow) -> None:
    bundle = compiled(flow)
    check_rules(flow, bundle)
    assert compiled(flow).to_yaml() == bundle.to_yaml()


@pytest.mark.parametrize("name", flows.EXAMPLES)
def test_golden(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{name}.yaml", compiled(flows.EXAMPLES[name]).to_yaml())


def test_the_workflow_kind_is_complete_in_itself(golden: Callable[[Path, str], None]) -> None:
    bundle = compiled(flows.EXAMPLES["schedule"], kind="workflow", namespace="team-a")
    assert [manifest["kind"] for manifest in bundle.manifests] == ["ConfigMap", "Workflow"]
    assert {manifest["metadata"]["namespace"] for manifest in bundle.manifests} == {"team-a"}
    golden(GOLDEN / "kind-workflow.yaml", bundle.to_yaml())


def test_a_hundred_steps_are_small_and_fast() -> None:
    flow = flows.chain(100)
    lines = "".join(f"    @step\n    def {n.id}(self):\n        self.next(self.{n.id})\n\n" for n in flow.nodes)
    code = flows.Files(
        (("flow.py", f"from metaflow import FlowSpec, step\n\nclass TestFlow(FlowSpec):\n{lines}".encode()),)
    )
    compile_flow(flows.chain(3), code, Settings())  # imports Hera
    start = time.process_time()
    written = compile_flow(flow, code, Settings()).to_yaml()
    assert time.process_time() - start < 0.2
    assert len(written.encode()) <= 60_000


def test_the_same_in_every_process() -> None:
    script = (
        "from targets.argo import flows; from flowc.targets.argo import *; import sys;"
        "[sys.stdout.write(compile_flow(f, flows.CODE, Settings()).to_yaml()) for f in flows.EXAMPLES.values()]"
    )
    path, command = ":".join(sys.path), [sys.executable, "-c", script]
    written = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(written) == 1
    assert written.pop().decode() == "".join(compiled(flow).to_yaml() for flow in flows.EXAMPLES.values())


def test_settings_load_no_hera() -> None:
    script = (
        "import sys, flowc.targets.argo as a; a.Settings();"
        "assert not {'hera', 'pydantic', 'yaml'} & sys.modules.keys(), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
