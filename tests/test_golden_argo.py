"""Flows and their exact manifests: tests/golden/<case>/flow.py beside argo.yaml, or beside why there are none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc import diagnostics
from flowc.backends import BackendError
from flowc.backends.argo import Bundle, Settings, compile_flow
from flowc.frontend.flowspec import load
from flowc.passes.resolve_defaults import resolve_defaults
from test_golden_ir import COMPILED, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("fresh_imports")


def compiled(case: Path, **settings: str) -> Bundle:
    """The manifests of a case, whatever this version's own image is called."""
    loaded = load(case / "flow.py")
    assert loaded.flow is not None
    assert loaded.cls is not None
    flow = resolve_defaults(loaded.flow, loaded.cls)
    return compile_flow(flow, loaded.package, Settings(image="flowc-runtime:golden", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", COMPILED, ids=lambda case: case.name)
def test_manifests(case: Path, golden: Callable[[Path, str], None]) -> None:
    text = compiled(case).to_yaml()
    golden(case / "argo.yaml", text)
    assert compiled(case).to_yaml() == text


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_compiled_yet_is_refused(case: Path, golden: Callable[[Path, str], None]) -> None:
    with pytest.raises(BackendError) as refused:
        compiled(case)
    golden(case / "refused.txt", diagnostics.render(refused.value.diagnostics, case))
