"""The versioned JSON of a flow: deterministic to write, strict to read.

A field at its default is left out, so that the IR of a hundred steps stays a few kilobytes: it travels to every pod.
What each class is in JSON is generated from its fields (`flowc_ir.generated`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_ir import json_text
from flowc_ir.generated import reader, writer
from flowc_ir.model import IR_VERSION, Flow
from flowc_ir.references import check_references
from flowc_ir.versions import IR
from flowc_ir.versions import SchemaError as SchemaError  # for those who read with `loads`

if TYPE_CHECKING:
    from flowc_ir.json_text import Json


def dumps(flow: Flow, *, indent: int | None = None) -> str:
    """The flow as JSON text; the same flow gives the same bytes."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(  # noqa: TID251  # no NaN is in it
        to_json(flow), indent=indent, separators=separators, allow_nan=False, ensure_ascii=False
    )


def loads(text: str | bytes) -> Flow:
    """The flow of a JSON text.

    Raises:
        NewerError: a newer flowc wrote it.
        SchemaError: it is no JSON, has a field that is unknown, missing or of a wrong type, or names a step that there
            is not.
    """
    try:
        data = json_text.parsed(text)
    except ValueError as error:
        raise SchemaError(f"not JSON: {error}") from error
    data = IR.read("flow", data)
    del data[IR.key]
    flow = reader.read_flow(data, "flow")
    check_references(flow)
    return flow


def to_json(flow: Flow) -> dict[str, Json]:
    """The flow as plain JSON values."""
    return {IR.key: IR_VERSION, **writer.write_flow(flow)}


def json_schema() -> str:
    """The JSON Schema of a flow's JSON, draft 2020-12."""
    return (Path(__file__).with_name("generated") / "schema.json").read_text("utf-8")
