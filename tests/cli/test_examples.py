"""The examples work as in their README: through the command line, in a user's directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from project import ROOT

if TYPE_CHECKING:
    from project import Finished, Project

DIGITS = str(ROOT / "examples" / "digits" / "digits.py")
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
    del project.environment["PYTHONWARNINGS"]  # we cannot fix scikit-learn's warnings
    return project


def run(digits: Project, **parameters: Any) -> Finished:
    """Run the example with these parameters."""
    words = [word for name, value in parameters.items() for word in (f"--{name}", _text(value))]
    return digits.flowc("run", "--local", DIGITS, *words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_digits_checks(digits: Project) -> None:
    """The example has no faults."""
    assert digits.flowc("check", DIGITS) == (0, "DigitsFlow: 7 steps, no faults\n", "")


def test_digits_runs(digits: Project) -> None:
    """The example finds a good model, and shows its stored results."""
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
    """Two runs with the same seed give the same bytes, which the store keeps once."""
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
    """A setting that cannot be trained is tried three times, reported, and does not affect the others."""
    done = run(digits, folds=2, models={"near": ONE_OF_A_KIND["near"], "odd": {"kind": "oracle"}})
    assert done.code == 0, done.err
    found = digits.latest()
    assert found.task("train", "0.1")["attempt"] == 3
    assert digits.artifacts(found, "end")["failures"] == {"odd": "builtins.KeyError: 'oracle'"}
    assert "odd: failed: builtins.KeyError: 'oracle'" in done.out
