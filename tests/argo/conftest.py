"""Manifests are judged by what will judge them in a cluster; without Go the tests that need it skip, with one line."""

from __future__ import annotations

import pytest

from tools import argo, gobuild, versions


@pytest.fixture(scope="session", params=versions.ARGO, ids=lambda version: f"argo-{version}")
def argo_version(request: pytest.FixtureRequest) -> str:
    """Each version of Argo in turn, its linter and CRDs at hand."""
    version: str = request.param
    gobuild.or_skip(lambda: gobuild.build(gobuild.CRDCHECK))
    gobuild.or_skip(lambda: gobuild.build(gobuild.argolint(version)))
    gobuild.or_skip(lambda: argo.crds(version)[0])
    return version
