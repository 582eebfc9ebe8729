"""An artifact may have the name of a step or of another method; `self.NAME` is then the artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project


def test_an_artifact_may_be_called_like_a_step(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Hidden(FlowSpec):
            @step
            def start(self):
                self.chart = "early"
                self.round = 0
                self.rows = [1, 2]
                self.next(self.chart)

            @step
            def chart(self):
                assert self.chart == "early"
                self.chart = "drawn"
                self.each = self.rows
                self.next(self.each, foreach="each")

            @step
            def each(self):
                assert (self.chart, self.each) == ("drawn", [1, 2])
                self.own = self.input
                self.next(self.meet)

            @step
            def meet(self, inputs):
                assert [i.chart for i in inputs] == ["drawn", "drawn"]
                self.merge_artifacts(inputs, exclude=["own"])
                assert self.each == [1, 2]
                self.left = self.right = 1  # one object, two names
                self.next(self.left, self.right)

            @step
            def left(self):
                self.me = "left"
                self.next(self.join)

            @step
            def right(self):
                self.me = "right"
                self.next(self.join)

            @step
            def join(self, inputs):
                self.sides = [i.me for i in inputs], inputs.left.left
                self.merge_artifacts(inputs, exclude=["me"])
                self.next(self.again)

            @step
            def again(self):
                self.round += 1
                self.again = self.way = "on" if self.round < 3 else "out"
                self.next({"on": self.again, "out": self.end}, condition="again")

            @step
            def end(self):
                self.end = self.helper()
                self.helper = 1

            def helper(self):
                return self.chart, self.again, self.round
        """,
    )
    run = project.run("flow.py")
    found = project.artifacts(run, "end")
    assert found["end"] == ("drawn", "out", 3)
    assert (found["helper"], found["sides"]) == (1, (["left", "right"], 1))
    assert [step for step in run.steps() if step == "again"] == ["again"]


def test_what_an_artifact_cannot_hide(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Hidden(FlowSpec):
            limit = 3

            @step
            def start(self):
                for name in ("limit", "next", "input"):
                    try:
                        setattr(self, name, 1)
                    except AttributeError as error:
                        print(name, error)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = project.flowc("run", "flow.py")
    assert done.code == 0, done.err
    assert [line.split()[1] for line in done.out.splitlines()] == ["limit", "next", "input"]
