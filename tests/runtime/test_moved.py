"""Values that name a module of an earlier flowc can be read; the floors of the runtime are strict."""

from __future__ import annotations

import ast
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
FLOORS = ("base", "process", "store", "run", "pod")
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


def floor(module: str) -> int | None:
    """The floor on which a module of the runtime stands; None for other modules."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return FLOORS.index(room) if package == "flowc_runtime" and room in FLOORS else None


def imported(file: Path) -> set[str]:
    """All modules that a file imports: when it is imported, in functions, for types."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("place", FLOORS)
def test_a_floor_imports_no_later_one(place: str) -> None:
    for file in sorted((RUNTIME / place).rglob("*.py")):
        above = [name for name in imported(file) if (floor(name) or 0) > FLOORS.index(place)]
        assert not above, f"{file.relative_to(RUNTIME)} imports {above}"


@pytest.mark.parametrize(
    "package",
    ["compiler/flowc", "compiler/flowc_ir", "emulator/flowc_emulator", "runtime_image/flowc_runtime"],
)
def test_no_room_is_crowded(package: str) -> None:
    top = ROOT / package
    for directory in [top, *(path for path in top.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
        modules = [path.name for path in directory.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, f"{directory.relative_to(ROOT)} has {len(modules)} modules"
