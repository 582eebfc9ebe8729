"""The contents of the files that `make generate` writes to `flowc_ir/generated`."""

from __future__ import annotations

from pathlib import Path

import flowc_ir
from flowc_ir.model import Flow
from tools.ir_shape import json_schema, limits, reader, writer
from tools.ir_shape.shape import Record, shape_of

DIRECTORY = Path(flowc_ir.__file__).parent / "generated"


def generated(root: type = Flow) -> dict[str, str]:
    """Return file name -> text."""
    parts = shape_of(root)
    policies = tuple(part for part in parts if isinstance(part, Record) and part.cls.__module__ == "flowc_ir.policies")
    others = tuple(part for part in parts if part not in policies)
    return {
        "reader.py": reader.emit(others),
        "policy_reader.py": reader.emit(policies),
        "writer.py": writer.emit(others),
        "policy_writer.py": writer.emit(policies),
        "limits.py": limits.emit(parts),
        "schema.json": json_schema.emit(parts),
    }
