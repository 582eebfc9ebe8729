"""Golden manifests: tests/golden/<case>/flow.py is compiled to exactly argo.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.metaflow.resolve_defaults import resolve_defaults
from flowc.targets.argo import Bundle, Settings, compile_flow
from ir.test_golden_ir import CASES

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("fresh_imports")


def compiled(case: Path, **settings: str) -> Bundle:
    """Return the manifests of a golden case with a fixed image name: the default name contains flowc's version."""
    loaded = load(case / "flow.py")
    assert loaded.flow is not None
    assert loaded.cls is not None
    flow = resolve_defaults(loaded.flow, loaded.cls)
    return compile_flow(flow, loaded.package, Settings(image="flowc-runtime:golden", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manifests(case: Path, golden: Callable[[Path, str], None]) -> None:
    text = compiled(case).to_yaml()
    golden(case / "argo.yaml", text)
    assert compiled(case).to_yaml() == text
