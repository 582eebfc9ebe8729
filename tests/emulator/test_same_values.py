"""An artifact that a step only reads keeps its digest, so it is equal to the earlier artifact in comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.values.codecs import load_value
from flowc_runtime.store.values.descriptions import without_previews

if TYPE_CHECKING:
    from project import Project

READS = """
import numpy as np
from metaflow import FlowSpec, step

try:
    import pandas as pd
except ModuleNotFoundError:
    pd = None

class Reads(FlowSpec):
    @step
    def start(self):
        whole = np.arange(30.0).reshape(10, 3)
        self.view = whole[::2]
        self.objects = np.array([{"a"}, None, "x"], dtype=object)[::-1]
        self.texts = {f"s{number}" for number in range(50)}
        self.frame = {"a", "b", "c"}
        if pd is not None:
            self.frame = pd.DataFrame({"a": [1, 2], "b": list("xy")}, index=pd.date_range("2024", periods=2))[::2]
        self.nested = {"view": whole[:, 1:], "set": {"q", "w", "e"}}
        self.function = lambda: self.texts
        self.kept = whole.T[::2]
        self.changed = whole[::2]
        self.items = [0, 1]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        if self.input == 0:
            self.view.sum(), list(self.texts), repr(self.nested), self.objects[0], self.function
            if pd is not None:
                self.frame.loc[self.frame.index[0]]
            self.kept = self.kept
            self.changed[0] = 7
        self.next(self.join)

    @step
    def join(self, inputs):
        self.passed = inputs[0].view
        self.changed = inputs[0].changed
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        self.view.sum()
        self.again = self.frame
"""


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_what_was_only_read_keeps_its_digest(project: Project, start: str) -> None:
    project.write("flow.py", READS)
    run = project.run("flow.py", "--start", start)
    first = without_previews(run.task("start", "0")["artifacts"])
    last = without_previews(run.task("end", "0")["artifacts"])
    for name in ("view", "objects", "texts", "frame", "nested", "function", "kept"):
        assert last[name]["digest"] == first[name]["digest"], name
    assert last["passed"] == first["view"]
    assert last["again"] == first["frame"]
    read, other = (run.task("work", f"0.{number}")["artifacts"] for number in (0, 1))
    assert read["changed"]["digest"] != first["changed"]["digest"] == other["changed"]["digest"]
    assert last["changed"] == without_previews(read)["changed"]
    assert load_value(run.objects, last["changed"])[0].tolist() == [7, 7, 7]


def test_a_version_is_a_value_and_not_a_pickle(project: Project) -> None:
    project.write("flow.py", READS)
    project.run("flow.py")
    listed = project.flowc("artifact", "Reads/frame")
    assert listed.code == 0, listed.err
    assert len(listed.out.strip().splitlines()) == 1, listed.out


def test_a_cached_step_is_not_run_again_because_another_has_read_its_input(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import numpy as np
        from metaflow import FlowSpec, Parameter, step
        from flowc.steps import cache

        class Cached(FlowSpec):
            reads = Parameter("reads", default=False)

            @step
            def start(self):
                self.view = np.arange(30.0)[::2]
                self.next(self.look)

            @step
            def look(self):
                if self.reads:
                    self.view.sum()
                self.next(self.end)

            @cache
            @step
            def end(self):
                print("computed", self.view.sum())
        """,
    )
    assert "computed" in project.flowc("run", "flow.py").out
    again = project.flowc("run", "flow.py", "--reads", "true")
    assert again.code == 0, again.err
    assert "cached end" in again.err + again.out
