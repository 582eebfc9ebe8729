"""The text of every diagnostic: tests/errors/<code>.py (or .yaml, or .json for an IR) causes the text in <code>.txt.

`<code>+<what>.py` is a further case of an error with this code. Each case is first copied to its own directory.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from flowc import diagnostics
from flowc.frontends.ir.loading import load_ir
from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
from flowc.frontends.metaflow.type_warnings import check_types
from flowc.frontends.travel import check_package
from flowc.frontends.yaml.yaml_loading import load_yaml
from flowc.passes.apply_overrides import apply_overrides
from flowc.passes.check_schedule import check_schedule
from flowc.passes.context import Context, PassError
from flowc.targets import BackendError
from flowc.targets.argo import Settings, compile_flow
from flowc.targets.stepfunctions.sfn_checks import check_flow
from flowc.targets.stepfunctions.sfn_settings import MachineSettings
from flowc_ir import codes, schema
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.verify import verify
from flowc_runtime.base.config.pod_tables import PodTable, PodTables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_ir.diagnostic import Diagnostic

HERE = Path(__file__).parents[1]
CASES = sorted([*(HERE / "errors").glob("*.py"), *(HERE / "errors").glob("*.json"), *(HERE / "errors").glob("*.yaml")])

OF_ARGO = {code for code in codes.CODES if code.startswith("argo-")} | {
    codes.NO_SCHEDULE,
    codes.SCHEDULE_NEEDS_DEFAULTS,
}

OF_STEP_FUNCTIONS = {code for code in codes.CODES if code.startswith("stepfunctions-")}

# The codes of errors about IR files, each with the value of the option `--code` in its case.
OF_IR = {
    codes.IR_NOT_JSON: None, codes.NO_IR: None, codes.IR_TOO_NEW: None, codes.BAD_IR: None, codes.MISSING_CODE: None,
    codes.CODE_DIFFERS: "code", codes.BAD_ARCHIVE: "code.tgz", codes.UNSAFE_ARCHIVE: "code.tgz",
}  # fmt: skip


def code_of(case: Path) -> str:
    return case.stem.partition("+")[0]


def check(case: Path) -> Sequence[Diagnostic]:
    if code_of(case) in OF_IR:
        return load_ir(case, case.parent / OF_IR[code_of(case)] if OF_IR[code_of(case)] else None).diagnostics
    if code_of(case) == codes.UNKNOWN_OVERRIDE:
        flow = load_yaml(case).flow
        assert flow is not None
        with pytest.raises(PassError) as unknown:
            apply_overrides(flow, Context(pods=PodTables(PodTable(), {"big": PodTable(), "small": PodTable()}, {}, {})))
        return unknown.value.diagnostics
    if case.suffix == ".yaml":
        return load_yaml(case).diagnostics
    if case.suffix == ".json":
        return verify(schema.loads(case.read_text()))
    loaded = load(case)
    if loaded.flow is None or loaded.cls is None:
        return loaded.diagnostics
    if code_of(case) in OF_ARGO:
        kind: Literal["cron", "template"] = "cron" if code_of(case) == codes.NO_SCHEDULE else "template"
        with pytest.raises(BackendError) as refused:
            compile_flow(loaded.flow, loaded.package, Settings(kind=kind))
        return refused.value.diagnostics
    if code_of(case) in OF_STEP_FUNCTIONS:
        found = Faults()
        check_flow(Analysis(loaded.flow), MachineSettings(), found)
        return [*found]
    faults = Faults()
    check_package(loaded.package, loaded.flow, faults)
    if faults:
        return [*faults]
    if code_of(case) in codes.WARNINGS:
        types = check_types(loaded.cls, loaded.flow)
        return [*types, *check_schedule(loaded.flow, Context(now=datetime(2026, 4, 1, tzinfo=timezone.utc)))]
    with pytest.raises(DefaultError) as caught:
        resolve_defaults(loaded.flow, loaded.cls, user_name="someone")
    return caught.value.diagnostics


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_rendered(case: Path, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    alone = Path(shutil.copy(case, tmp_path))
    if code_of(case) == codes.PACKAGE_TOO_LARGE:
        (tmp_path / "data").mkdir()
        for number in range(2_001):
            (tmp_path / "data" / f"f{number}.py").touch()
    if code_of(case) == codes.UNREADABLE_FILE:
        (tmp_path / "other.py").symlink_to("/proc/self/mem")  # reading this file fails, even for root
    if code_of(case) == codes.CODE_DIFFERS:
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "flow.py").write_text("from metaflow import FlowSpec\n")
    if code_of(case) == codes.BAD_ARCHIVE:
        (tmp_path / "code.tgz").write_text("no archive\n")
    if code_of(case) == codes.UNSAFE_ARCHIVE:
        with tarfile.open(tmp_path / "code.tgz", "w:gz") as archive:
            archive.add(alone, "../flow.py")
    if code_of(case) == codes.ARGO_CODE_TOO_LARGE:
        (tmp_path / "table.py").write_text(f"ROWS = {'x' * 1_200_000!r}\n")
    if code_of(case) == codes.ARGO_CODE_FILE_NAME:
        (tmp_path / "of_{{day}}.py").touch()
    found = check(alone)
    assert code_of(case) in {diagnostic.code for diagnostic in found}
    golden(case.with_suffix(".txt"), diagnostics.render(found, tmp_path))


def test_codes_are_constants_of_one_file() -> None:
    """The constants of `flowc_ir.codes` are all different."""
    values = [value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)]
    assert len(values) == len(set(values)) == len(codes.CODES)


def test_codes_cases_and_documentation_are_equal() -> None:
    headings = re.findall(r"^## ([a-z-]+)$", (HERE.parent / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert headings == sorted(headings)
    assert set(headings) == codes.CODES
    assert {code_of(case) for case in CASES} == codes.CODES
    assert {path.with_suffix("").name for path in (HERE / "errors").glob("*.txt")} == {case.stem for case in CASES}
