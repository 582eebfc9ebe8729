"""The layout of the packages: the order of the runtime's directories, and the number of modules in a directory."""

from __future__ import annotations

import ast

import pytest

from house.graph import imports, modules
from project import ROOT

FLOORS = ("base", "process", "store", "run", "pod")


def floor(module: str) -> int | None:
    """Return the position of a runtime module's directory in FLOORS; None for modules outside of these directories."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return FLOORS.index(room) if package == "flowc_runtime" and room in FLOORS else None


@pytest.mark.parametrize("place", FLOORS)
def test_a_floor_imports_no_later_one(place: str) -> None:
    above = [
        f"{name}:{each.line} imports {each.name}"
        for name, path in modules().items()
        if floor(name) == FLOORS.index(place)
        for each in imports(name, path)
        if (floor(each.name) or 0) > FLOORS.index(place)
    ]
    assert above == []


@pytest.mark.parametrize(
    "package",
    ["compiler/flowc", "compiler/flowc_ir", "emulator/flowc_emulator", "runtime_image/flowc_runtime"],
)
def test_no_room_is_crowded(package: str) -> None:
    top = ROOT / package
    for directory in [top, *(path for path in top.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
        modules = [path.name for path in directory.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, f"{directory.relative_to(ROOT)} has {len(modules)} modules"


CLI = ("options", "words"), ("rendering",), ("running",), ("commands",), ("flow_file",)
"""The directories of the command line, lowest first: a directory imports only itself and directories before it. The
module `flowc.cli` may import all of them."""


def test_a_room_of_the_command_line_imports_no_later_one() -> None:
    place = {room: number for number, rooms in enumerate(CLI) for room in rooms}

    def floor_of(module: str) -> int | None:
        parts = module.split(".")
        return place.get(parts[2]) if parts[:2] == ["flowc", "cli"] and len(parts) > 2 else None

    above = [
        f"{name}:{each.line} imports {each.name}"
        for name, path in modules().items()
        if (own := floor_of(name)) is not None
        for each in imports(name, path)
        if (other := floor_of(each.name)) is not None and other > own
    ]
    assert above == []


def test_only_the_collector_makes_diagnostics() -> None:
    """Only the class `Faults` creates diagnostics; checks report to it, so that all faults are printed together."""
    calls = [
        f"{name}:{node.lineno}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Diagnostic"
    ]
    assert [call.partition(":")[0] for call in calls] == ["flowc_ir.diagnostic"], calls
