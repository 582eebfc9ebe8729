"""Tests of single parts of manifests: the ConfigMap with the code, parameters, pods, schedules. Unlike Hera's own
models, `strict.make` refuses unknown fields."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hera.workflows import models as m

from flowc.targets.argo import Settings, compile_flow
from flowc.targets.argo.pod.containers import literal
from flowc.targets.argo.strict import make
from flowc_ir import Flow, Schedule, Span, schema
from flowc_runtime.base import contract
from targets.argo import flows
from targets.argo.controller import expand


def manifests(flow: Flow, code: flows.Files = flows.CODE, **settings: Any) -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in compile_flow(flow, code, Settings(**settings)).manifests}


def template(flow: Flow, name: str) -> dict[str, Any]:
    spec = manifests(flow)["WorkflowTemplate"]["spec"]
    return next(t for t in spec["templates"] if t["name"] == name)


# -- code --------------------------------------------------------------------------------------------------------------

FILES = (
    ("binary.so", b"\xff\x00\x01"),
    ("crlf.py", b"a = 1  \r\n\tb = 2\r\n"),
    ("flow.py", "def f():\n\treturn 'ü😀'  \n\n\n".encode()),
    ("pkg/__init__.py", b""),
    ("pkg/ctrl.py", b"x = '\x1b'\n"),
    ("pkg/latin.py", "é".encode("latin-1")),
    ("pkg/tags.py", b"'{{workflow.name}}'\n"),
)


def test_every_byte_of_the_code_arrives() -> None:
    made = manifests(flows.EXAMPLES["linear"], flows.Files(FILES))
    config_map = yaml.safe_load(
        compile_flow(flows.EXAMPLES["linear"], flows.Files(FILES), Settings()).to_yaml().split("\n---\n")[0]
    )
    assert config_map == made["ConfigMap"]
    volume = made["WorkflowTemplate"]["spec"]["volumes"][0]["configMap"]
    assert volume["name"] == config_map["metadata"]["name"]
    arrived = {}
    for item in volume["items"]:
        text = config_map["data"].get(item["key"])
        key = item["key"]
        arrived[item["path"]] = base64.b64decode(config_map["binaryData"][key]) if text is None else text.encode()
    assert schema.loads(arrived.pop("ir/ir.json")) == flows.EXAMPLES["linear"]
    assert arrived == {f"code/{path}": content for path, content in FILES}
    assert config_map["immutable"] is True


def test_the_code_maps_name_is_its_content() -> None:
    def name(files: tuple[tuple[str, bytes], ...], flow: Flow = flows.EXAMPLES["linear"]) -> str:
        found = manifests(flow, flows.Files(files))["ConfigMap"]["metadata"]["name"]
        assert isinstance(found, str)
        return found

    assert name(FILES) == name(FILES)
    others = {name(FILES), name(FILES[1:]), name((("flow.py", b"x"),)), name((("f.py", b"x"),)),
              name(FILES, flows.EXAMPLES["branch"])}  # fmt: skip
    assert len(others) == 5
    assert all(other.startswith("test-flow-code-") for other in others)


def test_the_ir_has_a_line_for_each_step() -> None:
    text = manifests(flows.EXAMPLES["linear"])["ConfigMap"]["data"]["ir.json"]
    assert [line for line in text.splitlines() if line.startswith('{"id"')] == [
        json.dumps(record, separators=(",", ":")) + ("," if at < 2 else "")
        for at, record in enumerate(schema.to_json(flows.EXAMPLES["linear"])["nodes"])
    ]


# -- parameters --------------------------------------------------------------------------------------------------------


def test_parameters() -> None:
    declared = manifests(flows.EXAMPLES["parameters"])["WorkflowTemplate"]["spec"]["arguments"]["parameters"]
    assert {p["name"]: p.get("value") for p in declared} == {
        "alpha": "0.1",
        "name": r'json:"\u007b{workflow.name}} $(FLOWC_STORE)\n"',
        "config": r'{"a":{"b":[1,"\u007b{x}}"]}}',
        "x-6772c3b6c39f65": "3",
        "maybe": "json:null",
        "verbose": "false",
        "needed": None,
    }
    assert declared[0]["description"] == "learning rate"


# -- pods --------------------------------------------------------------------------------------------------------------


def test_policies() -> None:
    train = template(flows.EXAMPLES["policies"], "step-train")
    assert train["retryStrategy"] == {
        "limit": "4",
        "retryPolicy": "Always",
        "expression": "lastRetry.exitCode != '79'",
        "backoff": {"duration": "30s"},
    }
    assert train["activeDeadlineSeconds"] == "3720"
    assert "backoff" not in template(flows.EXAMPLES["policies"], "step")["retryStrategy"]


def test_resources() -> None:
    big = template(flows.EXAMPLES["policies"], "step-big")
    assert big["container"]["resources"] == {
        "requests": {"cpu": "0.5", "memory": "4096Mi", "ephemeral-storage": "10240Mi", "nvidia.com/gpu": "1"},
        "limits": {"nvidia.com/gpu": "1"},
    }
    assert big["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}}]
    assert {"name": "shm", "mountPath": "/dev/shm"} in big["container"]["volumeMounts"]


def test_a_users_variable_takes_the_place_of_ours() -> None:
    flow = flows.with_policies(flows.EXAMPLES["linear"], "train", environment=(("HOME", "/data"),))
    env = template(flow, "step-train")["container"]["env"]
    assert [variable["value"] for variable in env if variable["name"] == "HOME"] == ["/data"]


@pytest.mark.parametrize("value", ["plain", "{{", "{{{", "{{{{x}}}}", "$(HOME)", "$$", "$", "$é", "{$({", "\n\t"])
def test_environment_values_survive(value: str) -> None:
    written = literal(value)
    assert "{{" not in written
    assert expand(written, {contract.BRACE: "{", "HOME": "expanded"}) == value


def test_deep_nesting_keeps_display_names_short() -> None:
    shape: flows.Shape = ["a_step_with_quite_a_long_name", "last"]
    for depth in range(12):
        shape = [f"split{depth}", ("each", f"join{depth}", shape)]
        spec = manifests(flows.flow(shape))["WorkflowTemplate"]["spec"]
        step = next(t for t in spec["templates"] if t["name"] == "step")
        longest = 1 + 6 * (depth + 1)
        titles = [len(p["value"]) for t in spec["templates"] for task in t.get("dag", {}).get("tasks", [])
                  for p in task["arguments"]["parameters"] if p["name"] == "title"]  # fmt: skip
        if "annotations" in step:
            assert max(titles) + 1 + longest <= 63
        assert ("flowc.dev/path" in step["metadata"]["labels"]) == (longest <= 63)


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_schedule() -> None:
    made = manifests(flows.EXAMPLES["schedule"])
    assert list(made) == ["ConfigMap", "WorkflowTemplate", "CronWorkflow"]
    assert made["CronWorkflow"]["spec"] == {
        "schedules": ["0 6 * * MON-FRI"],
        "timezone": "Europe/Berlin",
        "concurrencyPolicy": "Allow",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "workflowSpec": {"workflowTemplateRef": {"name": "test-flow"}},
    }
    about = made["WorkflowTemplate"]["metadata"]["annotations"]
    assert about["workflows.argoproj.io/description"] == "Runs **daily**.\n\nSays { {nothing}}."


def test_a_schedule_without_timezone_says_utc() -> None:
    flow = replace(flows.EXAMPLES["linear"], schedule=Schedule(crons=("@daily",), where=Span("flow.py", 3, 1)))
    assert manifests(flow, kind="cron")["CronWorkflow"]["spec"]["timezone"] == "UTC"


# -- Hera --------------------------------------------------------------------------------------------------------------


def test_hera_would_drop_an_unknown_field_and_we_do_not() -> None:
    assert m.RetryStrategy(limt="3").model_dump(exclude_none=True) == {}  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="RetryStrategy has no field limt"):
        make(m.RetryStrategy, limt="3")
    assert make(m.RetryStrategy, limit="3", expression=None).model_dump(exclude_none=True) == {"limit": "3"}
