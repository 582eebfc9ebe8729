"""Write and read the versioned JSON of a flow: writing is deterministic, reading is strict.

Fields that have their default value are left out. Therefore the IR of a hundred steps, which every pod gets, has only a
few kilobytes. The JSON form of each class is generated from its fields (`flowc_ir.generated`).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from flowc_ir import json_text
from flowc_ir.generated import writer
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.model import IR_VERSION, Flow
from flowc_ir.versions import IR
from flowc_ir.versions import SchemaError as SchemaError  # re-exported for callers of `loads`

if TYPE_CHECKING:
    from flowc_ir.generated import reader
    from flowc_ir.json_text import Json
    from flowc_ir.references import check_references
else:  # imported at first use, because the import costs start-up time
    reader = LateModule("flowc_ir.generated.reader")
    check_references = LateFunction("flowc_ir.references:check_references")


def dumps(flow: Flow, *, indent: int | None = None) -> str:
    """Return the flow as JSON text; equal flows have equal texts.

    Args:
        flow: the flow.
        indent: the spaces per level; None writes one line without spaces.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(  # noqa: TID251  # no NaN is in it
        to_json(flow), indent=indent, separators=separators, allow_nan=False, ensure_ascii=False
    )


def loads(text: str | bytes) -> Flow:
    """Read a flow from its JSON text.

    Raises:
        NewerError: a newer flowc wrote the text.
        SchemaError: the text is not JSON, has a field that is unknown, missing or of a wrong type, or names a step that
            does not exist.
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
    """Return the flow as dicts, lists and scalars: the version, and the fields that differ from their default."""
    return {IR.key: IR_VERSION, **writer.write_flow(flow)}


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a flow's JSON."""
    with open(os.path.join(os.path.dirname(__file__), "generated", "schema.json"), encoding="utf-8") as file:
        return file.read()
