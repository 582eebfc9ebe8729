"""The examples work as their READMEs describe, through the command line in a user's directory."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from project import ROOT
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FORMS = ROOT / "examples" / "digits"
DIGITS = str(FORMS / "digits.py")
ENDS = {  # the file of each form of the example -> (the name of the flow, its last step)
    "digits.py": ("DigitsFlow", "end"),
    "pipeline.py": ("DigitsPipeline", "conclude"),
    "pipeline.yaml": ("DigitsYaml", "conclude"),
    "notebooks.yaml": ("DigitsNotebooks", "show"),
}
RESULT = ("results", "failures", "best", "accuracy", "confusion", "picture", "summary")
ONE_OF_A_KIND = {
    "near": {"kind": "knn", "n_neighbors": 3},
    "linear": {"kind": "logistic", "C": 0.1},
    "radial": {"kind": "svm", "C": 10},
    "trees": {"kind": "forest", "n_estimators": 10},
}


@pytest.fixture
def digits(project: Project) -> Project:
    """Return the directory in which the example runs."""
    pytest.importorskip("sklearn")
    del project.environment["PYTHONWARNINGS"]  # allows scikit-learn's warnings
    return project


def run(digits: Project, **parameters: Any) -> Finished:
    """Run the example with these parameters."""
    words = [word for name, value in parameters.items() for word in (f"--{name}", _text(value))]
    return digits.flowc("run", "--local", DIGITS, *words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_digits_checks(digits: Project) -> None:
    """`flowc check` finds no errors in the example."""
    assert digits.flowc("check", DIGITS) == (0, "DigitsFlow: 7 steps, no faults\n", "")


def test_digits_runs(digits: Project) -> None:
    """The example finds a good model, and the commands show its stored results."""
    done = run(digits, folds=2, models=ONE_OF_A_KIND)
    assert done.code == 0, done.err
    end = digits.artifacts(digits.latest(), "end")
    assert set(end["results"]) == set(ONE_OF_A_KIND)
    assert end["best"] in ("near", "radial")
    assert sum(end["results"][end["best"]]) / 2 >= 0.95
    assert end["accuracy"] >= 0.95
    assert sum(map(sum, end["confusion"])) == len(end["test_digits"]) == 450
    right = sum(row[digit] for digit, row in enumerate(end["confusion"]))
    assert right / 450 == end["accuracy"]
    assert end["picture"].startswith("<svg ") and end["picture"].count("<rect ") == 100
    assert all(line in done.out for line in (f"[end] {line}" for line in end["summary"].splitlines()))


def test_digits_is_deterministic(digits: Project) -> None:
    """Two runs with the same seed store identical bytes, so the store has each value once."""
    few = {name: ONE_OF_A_KIND[name] for name in ("near", "trees")}
    runs = []
    for _ in range(2):
        assert run(digits, folds=2, models=few, seed=7).code == 0
        runs.append(digits.latest())
    first, second = (
        {name: ref["digest"] for name, ref in found.task("end", "0")["artifacts"].items()} for found in runs
    )
    assert first == second


def test_digits_survives_a_setting_that_fails(digits: Project) -> None:
    """A model setting that cannot be trained is tried three times and reported; other settings are not affected."""
    done = run(digits, folds=2, models={"near": ONE_OF_A_KIND["near"], "odd": {"kind": "oracle"}})
    assert done.code == 0, done.err
    found = digits.latest()
    assert found.task("train", "0.1")["attempt"] == 3
    assert digits.artifacts(found, "end")["failures"] == {"odd": "builtins.KeyError: 'oracle'"}
    assert "odd: failed: builtins.KeyError: 'oracle'" in done.out


def form(digits: Project, file: str, models: Mapping[str, Any]) -> RunStore:
    """Run the example in one of its forms."""
    words = "run", "--local", str(FORMS / file), "--folds", "2", "--models", json.dumps(models)
    done = digits.python("-m", "flowc", *words, timeout=300)
    assert done.code == 0, done.err
    flow = ENDS[file][0]
    return digits.store.run(flow, digits.store.runs(flow)[-1])


@pytest.mark.parametrize(("file", "steps"), [("pipeline.py", 9), ("pipeline.yaml", 9), ("notebooks.yaml", 6)])
def test_the_other_forms_check(digits: Project, file: str, steps: int) -> None:
    """`flowc check` finds no errors in any form of the example that is a pipeline."""
    done = digits.flowc("check", str(FORMS / file))
    assert done.code == 0, done.err
    assert done.out.endswith(f": {steps} steps, no faults\n")


def test_all_forms_give_the_same_result(digits: Project) -> None:
    """A flow class, functions in Python and YAML, and notebooks with a shell command give the same result."""
    few = {name: ONE_OF_A_KIND[name] for name in ("near", "trees")}
    found = []
    for file, (flow, last) in ENDS.items():
        run = form(digits, file, few)
        assert run.flow == flow
        artifacts = digits.artifacts(run, last)
        found.append({name: artifacts[name] for name in RESULT})
        images = artifacts.get("images")
        assert images is None or images.shape == (1347, 64)
    assert found[0]["best"] == "near"
    assert found.count(found[0]) == len(found)


@pytest.mark.parametrize(
    ("file", "failure"),
    [("pipeline.py", "builtins.KeyError: 'oracle'"), ("pipeline.yaml", "builtins.KeyError: 'oracle'"),
     ("notebooks.yaml", "KeyError: 'oracle'")],
)  # fmt: skip
def test_a_setting_that_fails_is_skipped_in_all_forms(digits: Project, file: str, failure: str) -> None:
    """A model setting that cannot be trained is tried three times and reported; other settings are not affected."""
    run = form(digits, file, {"near": ONE_OF_A_KIND["near"], "odd": {"kind": "oracle"}})
    assert run.attempts("train")["0.1"] == [1, 2, 3]
    found = digits.artifacts(run, ENDS[file][1])
    assert list(found["results"]) == ["near"]
    assert failure in found["failures"]["odd"]


@pytest.mark.parametrize("file", ["pipeline.py", "pipeline.yaml", "notebooks.yaml"])
def test_the_other_forms_compile_and_run_as_manifests(digits: Project, file: str) -> None:
    """The compiled manifests give the same result in the simulated controller."""
    pytest.importorskip("hera")
    models = {"near": ONE_OF_A_KIND["near"], "linear": ONE_OF_A_KIND["linear"]}
    there = played(digits, str(FORMS / file), folds="2", models=json.dumps(models))
    assert there.status()["state"] == "succeeded"
    last = ENDS[file][1]
    ours, theirs = digits.artifacts(form(digits, file, models), last), digits.artifacts(there, last)
    assert {name: ours[name] for name in RESULT} == {name: theirs[name] for name in RESULT}


def test_the_work_imports_nothing_of_flowc() -> None:
    """Of the example's files, only those that define flows contain the words flowc and metaflow."""
    users = {file.name for file in FORMS.glob("*.*") if re.search(r"\b(flowc|metaflow)\b", _code(file))}
    assert users == {"digits.py", "pipeline.py"}


def _code(file: Path) -> str:
    """Return the import statements of a file, or the whole text of a notebook."""
    text = file.read_text(encoding="utf-8")
    return text if file.suffix == ".ipynb" else "\n".join(re.findall(r"^\s*(?:from|import) .*", text, re.MULTILINE))
