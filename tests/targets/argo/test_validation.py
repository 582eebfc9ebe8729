"""A cluster's validators accept manifests of every kind that flowc compiles, and refuse manifests with a fault.

Faulty manifests show that the validators work. Each fault names the validator that finds it: `crd` is the API server
with Argo's CRDs, `lint` is Argo's validator; None means that neither finds it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools import argo
from tools.manifests import (
    Doc,
    branch,
    change,
    code,
    cron,
    dag,
    exit_hook,
    foreach,
    loop,
    run,
    step,
    switch,
    task,
    template,
)

TESTS = Path(__file__).parents[2]
GOLDEN = sorted([*TESTS.glob("targets/argo/golden/*.yaml"), *TESTS.glob("golden/*/argo.yaml")])


def test_golden_manifests(argo_version: str) -> None:
    assert GOLDEN
    docs = [doc for path in GOLDEN for doc in argo.load(path.read_text("utf-8"))]
    assert argo.schema_errors(docs, argo_version) == []
    assert argo.lint(GOLDEN, argo_version) == []


RIGHT: dict[str, list[Doc]] = {
    "branch": [branch()],
    "foreach": [foreach()],
    "switch": [switch()],
    "loop": [loop()],
    "exit": [exit_hook()],
    # the CronWorkflow comes before the WorkflowTemplate that it names
    "cron": [code(), cron("0 6 * * MON-FRI", "@hourly"), branch()],
    "run": [branch(), run()],
}


def test_right_manifests(argo_version: str) -> None:
    docs = [doc for case in RIGHT.values() for doc in case]
    assert argo.schema_errors(docs, argo_version) == []
    assert argo.lint_each({name: text(*docs) for name, docs in RIGHT.items()}, argo_version) == {n: [] for n in RIGHT}


def text(*docs: Doc) -> str:
    return "\n---\n".join(map(json.dumps, docs))  # JSON is also YAML, and all YAML readers agree on its values


@dataclass(frozen=True)
class Fault:
    """A faulty manifest and part of each validator's error; an empty text if the validator does not find the fault."""

    make: Callable[[], Doc]
    crd: str = ""
    lint: str = ""
    crd4: str = ""  # crd4, lint4: parts of the errors of Argo 4, if they differ from those of Argo 3
    lint4: str = ""

    def expected(self, version: str) -> tuple[str, str]:
        four = version.startswith("4")
        return (four and self.crd4) or self.crd, (four and self.lint4) or self.lint


def spoilt(base: Callable[[], Doc], path: str, value: Any) -> Callable[[], Doc]:
    return lambda: change(base(), path, value)


def schedule(*schedules: str, **spec: Any) -> Callable[[], Doc]:
    return lambda: cron(*schedules, **spec)


def wide() -> Doc:
    return template(dag(*(task(f"t{i}", "step") for i in range(201))), step("step"))


def many() -> Doc:
    return template(dag(task("start", "s0")), *(step(f"s{i}") for i in range(200)))


daily = schedule("0 6 * * *")
TASK = "spec.templates.0.dag.tasks.1"
ITEM = "spec.templates.1.steps.0.0"
BODY = "spec.templates.1.container"
FAULTS = {
    # fields and types
    "unknown field": Fault(
        spoilt(branch, f"{BODY}.imagePullPollicy", "Always"), "imagePullPollicy", "imagePullPollicy"
    ),
    "unknown in metadata": Fault(spoilt(branch, "metadata.lables", {"a": "b"}), "lables", "lables"),
    "unknown at the top": Fault(spoilt(branch, "specs", {}), "specs", "specs"),
    "number for a string": Fault(spoilt(branch, f"{BODY}.args", [1]), "must be of type string", "cannot unmarshal"),
    "string for a number": Fault(
        spoilt(branch, "spec.parallelism", "x"), "must be of type integer", "cannot unmarshal"
    ),
    "label value": Fault(spoilt(branch, "metadata.labels", {"a": "b c"}), "a valid label must"),
    "name with capitals": Fault(spoilt(branch, "metadata.name", "Flow"), "lowercase RFC 1123"),
    "no name": Fault(spoilt(branch, "metadata.name", ...), "name or generateName is required"),
    "env without a name": Fault(spoilt(branch, f"{BODY}.env", [{"value": "x"}]), "env[0].name: Required"),
    "a port twice": Fault(spoilt(branch, f"{BODY}.ports", [{"containerPort": 80}] * 2), "Duplicate value"),
    # templates and tasks
    "no such template": Fault(spoilt(branch, f"{TASK}.template", "stp"), lint="template name 'stp' undefined"),
    "no such entrypoint": Fault(spoilt(branch, "spec.entrypoint", "man"), lint="template name 'man' undefined"),
    "no such dependency": Fault(spoilt(branch, f"{TASK}.depends", "strat"), lint="invalid dependency strat"),
    "no such result": Fault(spoilt(branch, f"{TASK}.depends", "start.Done"), lint="task result 'Done'"),
    "cycle": Fault(spoilt(branch, "spec.templates.0.dag.tasks.0.depends", "join"), lint="graph with cycle"),
    "variable of nothing": Fault(spoilt(branch, f"{BODY}.args", ["{{inputs.parameters.x}}"]), lint="failed to resolve"),
    "output of no ancestor": Fault(spoilt(foreach, f"{TASK}.depends", ...), lint="missing dependency 'split'"),
    "argument missing": Fault(spoilt(foreach, f"{TASK}.arguments", {}), lint="not supplied"),
    "_ in a template's name": Fault(lambda: template(step("a_b")), lint="'a_b' is invalid", crd4="should match"),
    "_ in a task's name": Fault(spoilt(branch, f"{TASK}.name", "a_b"), lint="invalid", crd4="should match"),
    "two templates, one name": Fault(lambda: template(step("a"), step("a")), lint="'a' is not unique"),
    "two bodies": Fault(spoilt(branch, "spec.templates.1.suspend", {}), lint="multiple template", crd4="at most one"),
    "deadline on a dag": Fault(
        spoilt(branch, "spec.templates.0.activeDeadlineSeconds", 5), lint="leaf templates", crd4="leaf templates"
    ),
    "depends and dependencies": Fault(
        spoilt(branch, f"{TASK}.dependencies", ["start"]), lint="cannot use both", crd4="cannot use both"
    ),
    "a digit first": Fault(spoilt(branch, f"{TASK}.name", "1a"), lint="invalid", crd4="cannot begin with a digit"),
    "count and end": Fault(spoilt(foreach, f"{ITEM}.withSequence.end", "3"), lint="count or end", crd4="count or end"),
    # limits
    "201 tasks": Fault(wide, crd4="must have at most 200"),
    "201 templates": Fault(many, crd4="must have at most 200"),
    "no task": Fault(lambda: template(dag()), lint="at least one task", crd4="at least 1 items"),
    "64 characters": Fault(spoilt(branch, "metadata.name", "n" * 64), lint="must not be more than 63"),
    "53 for a cron": Fault(spoilt(daily, "metadata.name", "n" * 53), lint="must not be more than 52"),
    # schedules
    "six fields": Fault(schedule("0 0 6 * * *"), lint="expected exactly 5 fields", crd4="should match"),
    "weekday 7": Fault(schedule("0 6 * * 7"), lint="above maximum (6)"),
    "no such zone": Fault(schedule("0 6 * * *", timezone="Europe/Pariss"), lint="invalid timezone"),
    "zone in the schedule": Fault(schedule("CRON_TZ=UTC 0 6 * * *", timezone=""), crd4="should match"),
    "no schedules": Fault(
        spoilt(daily, "spec.schedules", ...), crd4="schedules: Required", lint4="at least one schedule"
    ),
    "schedule of before 3.6": Fault(
        spoilt(daily, "spec.schedule", "0 6 * * *"), lint="both", crd4="unknown field", lint4="unknown field"
    ),
    "cron of nothing": Fault(
        spoilt(daily, "spec.workflowSpec.workflowTemplateRef.name", "other"), lint='"other" not found'
    ),
    "concurrency policy": Fault(
        schedule("0 6 * * *", concurrencyPolicy="Forbit"),
        lint="not a valid concurrencyPolicy",
        crd4="Unsupported value",
    ),
    # objects of Kubernetes
    "config map key": Fault(spoilt(code, "binaryData", {"a/b": "AAEC"}), "a/b"),
    "config map field": Fault(spoilt(code, "binarydata", {}), "binarydata"),
    "config map of over 1 MiB": Fault(spoilt(code, "data", {"a": "x" * 2**20}), "Too long"),
    "another kind": Fault(spoilt(code, "kind", "Secret"), "no CRD", "unknown field"),
    "another group": Fault(spoilt(branch, "apiVersion", "argoproj.io/v1"), "apiVersion"),
    # Faults that no validator finds, but only a cluster at run time. Tests of the compiler check that the compiler never
    # creates such a manifest.
    "NOT NOTICED: depends does not parse": Fault(spoilt(branch, f"{TASK}.depends", "start && (")),
    "NOT NOTICED: retries without a strategy": Fault(spoilt(branch, "spec.templates.1.retryStrategy", ...)),
    "NOT NOTICED: a reserved word": Fault(
        lambda: template(dag(task("not", "step"), task("b", "step", depends="not")), step("step"))
    ),
    "NOT NOTICED: template.failFast": Fault(spoilt(branch, "spec.templates.0.failFast", True)),
    "NOT NOTICED: cron's when": Fault(schedule("0 6 * * *", when="((")),
}


@functools.cache
def verdicts(argo_version: str) -> dict[str, tuple[str, str]]:
    """Return the errors (crd, lint) of every faulty manifest, from one call of each validator to save time."""
    docs = {name: fault.make() for name, fault in FAULTS.items()}
    crd = dict(zip(docs, argo.schema_errors_each(list(docs.values()), argo_version), strict=True))
    beside = {"CronWorkflow": [branch()], "ConfigMap": []}
    lint = argo.lint_each({name: text(*beside.get(doc["kind"], []), doc) for name, doc in docs.items()}, argo_version)
    return {name: ("\n".join(crd[name]), "\n".join(lint[name])) for name in FAULTS}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(name: str, argo_version: str) -> None:
    for said, part in zip(verdicts(argo_version)[name], FAULTS[name].expected(argo_version), strict=True):
        assert (part if part and part in said else said) == part


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        # Argo only logs the syntax error, and continues with no object
        ("kind: WorkflowTemplate\nmetadata: {name: [\n", "did not find"),
        ("kind: WorkflowTemplate\nkind: Workflow\n", "already set"),
        ("just text\n", "document 0"),
        ("{}\n", "not a kind"),
        ("# nothing\n", "has no manifest"),
        ("", "has no manifest"),
        # the cluster's YAML reader reads a number here, although PyYAML reads a string
        ("kind: Workflow\nmetadata: {name: 1234e56}\n", "cannot unmarshal number"),
        ("kind: Workflow\nmetadata: {name: n}\n", "cannot unmarshal bool"),
    ],
)
def test_text_that_the_cluster_reads_otherwise(broken: str, says: str, argo_version: str) -> None:
    (error,) = argo.lint(broken, argo_version)
    assert says in error


def test_files_do_not_see_each_other(argo_version: str) -> None:
    found = argo.lint_each({"one": text(branch()), "two": text(cron("0 6 * * *"))}, argo_version)
    assert found["one"] == []
    assert "not found" in found["two"][0]
