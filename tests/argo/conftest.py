"""What the tests of manifests share."""

from __future__ import annotations

import pytest

from tools import versions


@pytest.fixture(params=versions.ARGO, ids=lambda version: f"argo-{version}")
def argo_version(request: pytest.FixtureRequest) -> str:
    """Each version of Argo in turn that a manifest must be right for."""
    version: str = request.param
    return version
