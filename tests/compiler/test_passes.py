"""Each pass has a fixture tests/golden/passes/PASS.txt: files, the context, and the IR before and after the pass.

`--update-golden` compiles the files again and writes the fixture's IR before and after the pass.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import InternalError, render
from flowc.frontends.loaded import Loaded
from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.metaflow.resolve_defaults import resolve_defaults
from flowc.passes.context import Context, PassError, Room
from flowc.passes.pipeline import LOADED, PIPELINE, run_passes, verify_after, verify_json_after
from flowc_ir import Flow, Retry, codes
from flowc_ir.diagnostic import Diagnostic
from flowc_ir.text import print_flow
from flowc_ir.verify import verify
from flowc_runtime.base.config.config_file import find_file

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("fresh_imports")

HERE = Path(__file__).parent.parent / "golden" / "passes"
NAMES = [each.__name__ for each in (*LOADED, *PIPELINE)]
TOLD, BEFORE, AFTER = "context.json", "before", "after"
MARK = "=== "


def sections(text: str) -> dict[str, str]:
    """Return the parts of a fixture by their names."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith(MARK):
            name = line.removeprefix(MARK).strip()
            found[name] = ""
        else:
            found[name] += line
    return found


def name_in_store(path: str) -> dict[str, object]:
    return {"sent": "0" * 64, "size": Path(path).stat().st_size}


def context_of(told: dict[str, object], beside: Path) -> Context:
    """Return the compiler context in a fixture's context.json; `room` is two limits of file sizes, in bytes."""
    room = told.pop("room", None)
    now = told.pop("now", None)
    file = find_file(str(beside))
    assert set(told) <= {"scheduled", "packages"}
    return Context(
        **told,  # type: ignore[arg-type]
        beside=beside,
        now=datetime.fromisoformat(now) if isinstance(now, str) else None,
        pods=file.pods if file else None,
        room=Room(room["package"], name_in_store, room["inline"]) if isinstance(room, dict) else None,
    )


def written(parts: dict[str, str], root: Path) -> Loaded:
    """Write the files of a fixture and return the loaded flow."""
    for name, content in parts.items():
        if name not in (TOLD, BEFORE, AFTER):
            (root / name).write_text(content)
    loaded = load(root / "flow.py")
    assert loaded.flow is not None, loaded.diagnostics
    return loaded


def shown(made: Flow | tuple[Diagnostic, ...], root: Path) -> str:
    return print_flow(made) if isinstance(made, Flow) else render(made, root)


def test_every_pass_has_a_fixture_and_every_fixture_a_pass() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == {*NAMES, "resolve_defaults"}


@pytest.mark.parametrize("name", [*NAMES, "resolve_defaults"])
def test_the_fixture(name: str, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    """The pass converts the flow of the fixture to the expected flow, which is valid."""
    fixture = HERE / f"{name}.txt"
    parts = sections(fixture.read_text())
    loaded = written(parts, tmp_path)
    assert loaded.flow is not None
    assert loaded.cls is not None
    if name == "resolve_defaults":
        made: Flow | tuple[Diagnostic, ...] = resolve_defaults(loaded.flow, loaded.cls)
    else:
        each = (*LOADED, *PIPELINE)[NAMES.index(name)]
        made = each(loaded.flow, context_of(json.loads(parts[TOLD]), tmp_path))
    parts |= {BEFORE: print_flow(loaded.flow), AFTER: shown(made, tmp_path)}
    golden(fixture, "".join(f"{MARK}{part}\n{text}" for part, text in parts.items()))
    assert parts[BEFORE] != parts[AFTER]
    if isinstance(made, Flow):
        assert verify(made) == []


def test_each_pass_is_a_file_of_its_own_name() -> None:
    modules = [each.__module__ for each in (*LOADED, *PIPELINE)]  # type: ignore[attr-defined]
    assert [module.rpartition(".")[2] for module in modules] == NAMES


# -- the pipeline ------------------------------------------------------------------------------------------------------


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    parts = sections((HERE / "drop_packages.txt").read_text())
    found = written(parts, tmp_path).flow
    assert found is not None
    return found


def test_the_hook_is_called_after_each_pass_with_what_it_made(flow: Flow) -> None:
    seen: list[tuple[str, Flow]] = []
    passed = run_passes(flow, Context(packages=False), lambda name, made: seen.append((name, made)))
    assert [name for name, _ in seen] == [each.__name__ for each in PIPELINE]
    assert seen[0][1] is flow
    assert seen[-1][1] is passed.flow
    assert all(node.packages is None for node in passed.flow.nodes)


def test_a_pass_that_breaks_the_flow_is_found_at_once(flow: Flow) -> None:
    called: list[str] = []

    def break_targets(flow: Flow, context: Context) -> Flow:
        return replace(flow, start="nowhere")

    def follow_on(flow: Flow, context: Context) -> Flow:
        called.append(flow.name)
        return flow

    with pytest.raises(InternalError, match="break_targets made a flow with the fault no-start"):
        run_passes(flow, Context(), passes=(break_targets, follow_on))
    assert called == []


def test_what_json_does_not_bring_back_is_found_where_it_is_asked_for(flow: Flow) -> None:
    node = replace(flow.nodes[0], retry=Retry(times=1.5))  # type: ignore[arg-type]
    broken = replace(flow, nodes=(node, *flow.nodes[1:]))
    verify_after("a_pass", broken)
    with pytest.raises(InternalError, match="a_pass made a flow whose JSON cannot be read"):
        verify_json_after("a_pass", broken)


def test_faults_of_a_check_end_the_pipeline(flow: Flow) -> None:
    faults = tuple(
        Diagnostic(code=code, message=code, span=flow.where, hint=None)
        for code in (codes.SCHEDULE_INTERVAL, codes.NO_START)
    )

    def check_all(flow: Flow, context: Context) -> tuple[Diagnostic, ...]:
        return faults

    with pytest.raises(PassError) as caught:
        run_passes(flow, Context(), passes=(check_all,))
    assert caught.value.diagnostics == faults


def test_warnings_of_checks_are_kept_and_the_passes_go_on(flow: Flow) -> None:
    warning = Diagnostic(code=codes.SCHEDULE_INTERVAL, message="often", span=flow.where, hint=None)

    def check_warns(flow: Flow, context: Context) -> tuple[Diagnostic, ...]:
        return (warning,)

    passed = run_passes(flow, Context(packages=False), passes=(check_warns, *PIPELINE))
    assert passed.warnings == (warning,)
    assert all(node.packages is None for node in passed.flow.nodes)
