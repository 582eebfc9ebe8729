"""The text of the file with a flow's IR, which is packaged with the flow's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import json_text, schema

if TYPE_CHECKING:
    from flowc_ir.model import Flow


def ir_text(flow: Flow) -> str:
    """Return the IR as JSON with one line for each node, so that a diff shows the changed steps."""
    fields = []
    for name, value in schema.to_json(flow).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            fields.append(f"{_json(name)}:[\n" + ",\n".join(_json(item) for item in value) + "\n]")
        else:
            fields.append(f"{_json(name)}:{_json(value)}")
    return "{" + ",\n".join(fields) + "}\n"


def _json(value: object) -> str:
    return json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))
