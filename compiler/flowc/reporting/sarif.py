"""Writes faults as one SARIF 2.1.0 document. SARIF is the OASIS standard for results of static analysis."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flowc import __version__
from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.reporting.facts import Fact, Spot

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def write(facts: Sequence[Fact]) -> str:
    """Return the document as indented JSON. Without faults, the list of results is empty, so that code scanning
    services close earlier results."""
    codes = sorted({fact.code for fact in facts if fact.code is not None})
    run: dict[str, object] = {
        "tool": {"driver": {"name": "flowc", "version": __version__, "rules": [{"id": code} for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(fact, codes) for fact in facts],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return f"{json_text.dumps(document, indent=2)}\n"


def _result(fact: Fact, codes: list[str]) -> dict[str, object]:
    extra = {name: value for name, value in (("hint", fact.hint), ("note", fact.note)) if value is not None}
    text = "\n".join([fact.message, *(f"{name}: {value}" for name, value in extra.items())])
    found: dict[str, object] = {"level": "warning" if fact.is_warning else "error", "message": {"text": text}}
    if fact.code is not None:
        found |= {"ruleId": fact.code, "ruleIndex": codes.index(fact.code)}
    if fact.at is not None:
        found["locations"] = [{"physicalLocation": _location(fact.at)}]
    if fact.also:
        found["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(spot), "message": {"text": spot.label}}
            for number, spot in enumerate(fact.also, 1)
        ]
    if extra:
        found["properties"] = extra
    return found


def _location(spot: Spot) -> dict[str, object]:
    region = {"startLine": spot.line, "startColumn": spot.column, "endLine": spot.line, "endColumn": spot.end}
    return {"artifactLocation": {"uri": _uri(spot)}, "region": region}


def _uri(spot: Spot) -> str:
    """Return a relative reference for a file below the working directory, otherwise a `file:` URI."""
    path = quote(spot.relative_to(os.getcwd()))
    return f"file://{path}" if path.startswith("/") else path
