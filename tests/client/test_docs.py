"""The examples of the client's docstrings and of docs/client.md say what happens."""

from __future__ import annotations

import doctest
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import metaflow
from project import ROOT

if TYPE_CHECKING:
    from project import Project

NAMES = {name: getattr(metaflow, name) for name in ("Flow", "Metaflow", "Run", "Step", "Task", "namespace")}


@pytest.mark.parametrize("module", ["place", "flow", "run", "step", "task", "data"])
def test_docstrings(letters: Project, module: str) -> None:
    found = doctest.testmod(import_module(f"metaflow.client.{module}"), extraglobs=NAMES, report=True)
    assert found.attempted
    assert not found.failed


def test_page(letters: Project) -> None:
    page, flags = str(ROOT / "docs" / "client.md"), doctest.ELLIPSIS
    found = doctest.testfile(page, module_relative=False, encoding="utf-8", optionflags=flags)
    assert found.attempted
    assert not found.failed
