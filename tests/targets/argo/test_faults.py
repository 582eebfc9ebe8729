"""Features that Argo or Kubernetes cannot run are errors of `flowc compile`, with the position of the step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowc.targets import BackendError
from flowc.targets.argo import Settings, compile_flow
from flowc_ir import Flow, Packages, Resources, Schedule, Span
from flowc_ir.codes import CODES
from targets.argo import flows

SCHEDULE = Schedule(crons=("@daily",), where=Span("flow.py", 3, 1))
ONE = flows.flow(["start", "end"])


def codes(flow: Flow, code: flows.Files = flows.CODE, **settings: Any) -> list[tuple[str, int]]:
    """Return (code, line) for each error of the compiler."""
    with pytest.raises(BackendError) as raised:
        compile_flow(flow, code, Settings(**settings))
    assert all(fault.code in CODES for fault in raised.value.diagnostics)
    return [(fault.code, fault.span.line) for fault in raised.value.diagnostics]


def environment(name: str, value: str) -> Flow:
    return flows.with_policies(ONE, "end", environment=((name, value),))


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (environment("FLOWC_STORE", "x"), [("argo-environment", 15)]),
        (environment("ARGO_TEMPLATE", "x"), [("argo-environment", 15)]),
        (environment("A B", "x"), [("argo-environment", 15)]),
        (environment("", "x"), [("argo-environment", 15)]),
        (environment("A", "\0"), [("argo-environment", 15)]),
        (environment("A", "\ud800"), [("argo-environment", 15)]),
        (environment("A", "x" * 131072), [("argo-argument-too-long", 15)]),
        (flows.with_policies(ONE, "end", resources=Resources(cpu="1e99999")), [("argo-resources", 15)]),
        (flows.with_policies(ONE, "end", resources=Resources(cpu="many")), [("argo-resources", 15)]),
        (flows.with_policies(ONE, "end", packages=Packages(python="3.12")), [("argo-packages", 15)]),
        (replace(ONE, parameters=(flows.parameter("big", "str", "x" * 140000),)), [("argo-argument-too-long", 5)]),
        (replace(ONE, parameters=(flows.parameter("now", "str", computed=True),)), [("argo-default-not-computed", 5)]),
        (
            replace(ONE, parameters=(flows.parameter("who", "str", required=True),), schedule=SCHEDULE),
            [("schedule-needs-defaults", 5)],
        ),
    ],
)
def test_flows(flow: Flow, expected: list[tuple[str, int]]) -> None:
    assert codes(flow) == expected


def test_all_faults_at_once() -> None:
    flow = flows.with_policies(environment("FLOWC_X", "x"), "start", resources=Resources(cpu="many"))
    assert codes(flow) == [("argo-resources", 10), ("argo-environment", 15)]


def test_cron_needs_a_schedule() -> None:
    assert codes(ONE, kind="cron") == [("no-schedule", 4)]


def test_a_workflow_needs_no_defaults() -> None:
    flow = replace(ONE, parameters=(flows.parameter("who", "str", required=True),), schedule=SCHEDULE)
    compile_flow(flow, flows.CODE, Settings(kind="workflow"))


def test_too_many_templates() -> None:
    flow = flows.chain(300)
    for at, node in enumerate(flow.nodes):
        flow = flows.with_policies(flow, node.id, environment=(("AT", str(at)),))
    # 200 templates are allowed: `main`, its two parts, `finish` and 196 steps; the 197th step is the error
    assert codes(flow) == [("argo-too-many-templates", flow.nodes[196].where.line)]


def test_too_large() -> None:
    flow = flows.flow(["start", *(f"s{at}" for at in range(10)), "end"])
    for at in range(10):
        flow = flows.with_policies(flow, f"s{at}", environment=(("LARGE", str(at) * 100_000),))
    assert codes(flow) == [("argo-too-large", 4)]


def test_the_largest_files_are_named() -> None:
    files = flows.Files((("data.py", b"x" * 900_000), ("flow.py", b"y" * 200_000), ("small.py", b"")))
    with pytest.raises(BackendError, match=r"data\.py \(879 KiB\), flow\.py \(195 KiB\)") as raised:
        compile_flow(ONE, files, Settings())
    assert raised.value.diagnostics[0].code == "argo-code-too-large"


@pytest.mark.parametrize("name", ["{{x}}.py", "a\nb.py", "..data/x.py"])
def test_file_names(name: str) -> None:
    assert codes(ONE, flows.Files(((name, b""),))) == [("argo-code-file-name", 4)]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "job"},
        {"image": ""},
        {"image": "{{workflow.name}}"},
        {"image": "a b"},
        {"image": "a\tb"},
        {"store": "s3://bucket/$(HOME)"},
        *(
            {"store": f"file://{path}", "store_claim": "c"}
            for path in ("/flowc/x", "//flowc", "/tmp/x", "/dev/shm", "/run/argo")
        ),
        {"store": "file:///x/../flowc", "store_claim": "c"},
        {"namespace": "Team_A"},
        {"parallelism": 0},
    ],
)
def test_settings(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        Settings(**fields)
