"""Values that name a module of an earlier flowc can be read."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.run.task.secrets import SecretError
from flowc_runtime.store.backends.external import ExternalFile
from flowc_runtime.store.values.codecs import type_name, unpickle
from flowc_runtime.store.values.moved import _FLAT, new_name
from project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = ROOT / "runtime_image" / "flowc_runtime"
# Made by the commit 271b10f, whose runtime was one directory of modules.
EXTERNAL_FILE = (
    "gAWVggAAAAAAAACMFmZsb3djX3J1bnRpbWUuZXh0ZXJuYWyUjAxFeHRlcm5hbEZpbGWUk5QojAhkYXRhLnR4dJRLEEsAjEAyOWMzNjEzZDQ2"
    "MjhmY2U3MmE0MGUyZGFkNTVkNjI4MWQ5NWUyNTJhYjUxYzEyYTdiNjM4MTBjYWQwMmVkMmNmlHSUUpQu"
)
SECRET_ERROR = (
    "gAWVUgAAAAAAAAB9lIwFZXJyb3KUjBVmbG93Y19ydW50aW1lLnNlY3JldHOUjAtTZWNyZXRFcnJvcpSTlIwXc2VjcmV0ICdhJyBpcyBub3QgdGhl"
    "cmWUhZRSlHMu"
)


def test_an_external_file_of_an_earlier_flowc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.txt").write_text("what was stored\n")
    monkeypatch.chdir(tmp_path)
    file = unpickle(base64.b64decode(EXTERNAL_FILE))
    assert type(file) is ExternalFile
    assert file.read_text() == "what was stored\n"


def test_an_error_of_an_earlier_flowc() -> None:
    (error,) = unpickle(base64.b64decode(SECRET_ERROR)).values()
    assert (type(error), str(error)) == (SecretError, "secret 'a' is not there")


def test_a_class_that_is_gone_is_asked_for() -> None:
    """The stored sources of a flow are asked only for what flowc does not have."""
    asked: list[tuple[str, str]] = []

    def find(module: str, name: str) -> object:
        asked.append((module, name))
        return dict

    assert unpickle(b"cgone\nThing\n)R.", (), find) == {}
    assert asked == [("gone", "Thing")]
    with pytest.raises(ModuleNotFoundError, match="gone"):
        unpickle(b"cgone\nThing\n)R.")


def test_the_type_of_external_files_stays() -> None:
    assert type_name(ExternalFile) == "flowc_runtime.external.ExternalFile"


def test_each_module_of_the_flat_runtime_has_a_place() -> None:
    for name in _FLAT:
        there = new_name(f"flowc_runtime.{name}")
        assert there is not None
        assert (RUNTIME.parent / there.replace(".", os.sep)).with_suffix(".py").exists(), there
    assert new_name("flowc_runtime.nothing") is None
    assert new_name("other.external") is None
