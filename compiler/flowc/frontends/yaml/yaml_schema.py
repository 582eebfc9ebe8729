"""The JSON Schema of pipelines in YAML, for editors: `flowc check --schema yaml` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.frontends.yaml.yaml_shapes import Record
from flowc.frontends.yaml.yaml_tables import DAG, DAG_FORM, DAG_KINDS, LIST_FORM, LIST_KINDS
from flowc_ir import json_text

if TYPE_CHECKING:
    from flowc.frontends.yaml.yaml_shapes import JsonSchema


def pipeline_schema() -> str:
    """Return, as text, a JSON Schema that allows both forms of pipelines."""
    steps = [Record(fields).schema() for fields in LIST_KINDS.values()]
    nodes = [_node(kind, record) for kind, record in DAG_KINDS.items()]
    schema: JsonSchema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of flowc",
        "type": "object",
        "anyOf": [LIST_FORM.schema(), DAG_FORM.schema()],
        "$defs": {
            "steps": {"type": "array", "minItems": 1, "items": {"anyOf": [*steps, {"enum": ["success", "fail"]}]}},
            "branches": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/steps"}},
            "dag": DAG.schema(),
            "dags": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/dag"}},
            "nodes": {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": nodes}},
        },
    }
    return json_text.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _node(kind: str, record: Record) -> JsonSchema:
    found = record.schema()
    properties = found["properties"]
    assert isinstance(properties, dict)
    return {**found, "properties": {**properties, "type": {"const": kind}}}
