"""The JSON Schema for pipelines in YAML accepts what flowc accepts, and refuses unknown keys and wrong types."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from documents import BLOCK
from flowc.frontends.yaml.yaml_schema import pipeline_schema
from flowc.frontends.yaml.yaml_tables import DAG_KINDS, LIST_KINDS
from project import ROOT

if TYPE_CHECKING:
    from project import Project

SCHEMA = json.loads(pipeline_schema())
PAGE = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
EXAMPLES = {
    block["name"]: block["text"]
    for block in BLOCK.finditer(PAGE)
    if block["name"] and block["name"].endswith(".yaml") and block["name"] != "wrong.yaml"
}


def faults(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(yaml.safe_load(text))))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_accepts_the_examples(name: str) -> None:
    assert faults(EXAMPLES[name]) == []


def test_the_examples_have_every_kind_of_step_and_key() -> None:
    for kind, fields in LIST_KINDS.items():
        assert re.search(rf"- {kind}:", EXAMPLES["all.yaml"] + EXAMPLES["train.yaml"])
        for field in fields:
            assert re.search(rf"\b{field}:", EXAMPLES["all.yaml"] + EXAMPLES["train.yaml"]), field
    for kind in DAG_KINDS:
        assert f"type: {kind}" in EXAMPLES["dag.yaml"]


WRONG = [
    "{}",
    "steps: []",
    "steps: {}",
    "steps: [{python: 3}]",
    "steps: [{pyhton: a.b}]",
    "steps: [{python: a.b, shell: c}]",
    "steps: [{map: xs, steps: [{stub: a}]}]",
    "steps: [{loop: many, until: x, steps: [{stub: a}]}]",
    "steps: [{shell: make, timeout: soon}]",
    "steps: [{shell: make, resources: {memory: 4GB}}]",
    "steps: [{parallel: {a: [{stbu: b}]}}]",
    "dag: {steps: {a: {type: stub, next: success}}}",
    "dag: {start_at: a, steps: {a: {type: tusk, next: success}}}",
    "dag: {start_at: a, steps: {a: {type: task, comand: x.y, next: success}}}",
]


@pytest.mark.parametrize("text", WRONG)
def test_it_refuses(text: str) -> None:
    assert faults(text)


def test_every_key_has_a_description() -> None:
    def check(schema: Any) -> None:
        for name, value in schema.get("properties", {}).items():
            assert value.get("description") or name == "type", name

    for each in [*SCHEMA["anyOf"], SCHEMA["$defs"]["dag"], *SCHEMA["$defs"]["steps"]["items"]["anyOf"]]:
        check(each)


def test_a_command_prints_it(project: Project) -> None:
    done = project.flowc("check", "--schema", "yaml")
    assert json.loads(done.out) == SCHEMA
    assert project.flowc("check", "--schema", "yaml", "x.yaml").code == 2
