"""Patches that replace the code of steps in flow classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, card, step

    class SpecFlow(FlowSpec):
        alpha = Parameter("alpha", default=2)

        @step
        def start(self):
            raise ValueError("ran")
            self.next(self.fit, foreach="rows")

        @card
        @step
        def fit(self):
            raise ValueError("ran")
            self.next(self.check)

        @step
        def check(self):
            raise ValueError("ran")
            self.next({"good": self.good, "again": self.check}, condition="state")

        @step
        def good(self):
            raise ValueError("ran")
            self.next(self.join)

        @step
        def join(self, inputs):
            raise ValueError("ran")
            self.next(self.end)

        @step
        def end(self):
            self.text = f"model {self.model}"

    if __name__ == "__main__":
        SpecFlow()
    """
FAKES = """
    def fit(self):
        self.score = self.alpha * self.input

    def join(self, inputs):
        return {"model": [each.score for each in inputs]}
    """
PATCHES = ('start={"rows": [1, 2]}', "fit=fakes:fit", 'check={"state": "good"}', "good={}", "join=fakes.py")


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("spec.py", FLOW)
    project.write("fakes.py", FAKES)
    return project


def at_end(project: Project, name: str) -> Any:
    refs = project.latest().task("end", "0")["artifacts"]
    return codecs.load_value(project.store.objects, refs[name]) if name in refs else None


@pytest.mark.parametrize("start", ["auto", "fresh"])
def test_artifacts_and_functions(flow: Project, start: str) -> None:
    options = [part for word in PATCHES for part in ("--patch", word)]
    done = flow.python("spec.py", "run", "--start", start, *options)
    assert done.code == 0, done.err
    assert at_end(flow, "text") == "model [2, 4]"
    assert "mocked" not in flow.latest().task("end", "0")
    assert flow.latest().task("join", "0")["mocked"] is True


def test_a_mocked_flow_runs_no_step_and_leaves_its_loops(flow: Project) -> None:
    done = flow.python("spec.py", "run", "--mock", "--patch", 'end={"text": "fake"}')
    assert done.code == 0, done.err
    assert "'rows' is mocked: the foreach has one item, None" in done.err
    assert "'state' is mocked: the switch takes the branch at 'good'" in done.err
    assert at_end(flow, "text") == "fake"


def test_a_mocked_join_takes_over_what_its_inputs_agree_on(flow: Project) -> None:
    options = ["--patch", 'start={"rows": [1, 2], "name": "n"}', "--patch", 'good={"model": 3}', "--mock"]
    assert flow.python("spec.py", "run", *options).code == 0
    assert (at_end(flow, "name"), at_end(flow, "model")) == ("n", 3)


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["--patch", "fot=1"], 2, "did you mean 'fit'?"),
        (["--patch", "fit=1"], 2, "the patch of step 'fit' is 1, not a dict of artifacts"),
        (["--patch", "start={}"], 1, "self.rows does not exist"),
    ],
)
def test_wrong_patches(flow: Project, words: list[str], code: int, error: str) -> None:
    done = flow.python("spec.py", "run", *words)
    assert (done.code, error in done.err) == (code, True), done.err


def test_a_cluster_takes_no_patches(flow: Project) -> None:
    done = flow.flowc("resume", "spec.py", "--target", "argo", "--mock")
    assert (done.code, "--mock and --patch are only for runs on this machine" in done.err) == (2, True), done.err
