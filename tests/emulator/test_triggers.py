"""`--trigger FLOW/RUN`: a flow with @trigger_on_finish runs as if the end of that run had started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from metaflow import Flow, Run, default_metadata, default_namespace, metadata, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, current, step, trigger_on_finish

    {decorator}
    class {name}(FlowSpec):
        works = Parameter("works", default=True)

        @step
        def start(self):
            {code}
            self.next(self.end)

        @step
        def end(self):
            assert self.works

    if __name__ == "__main__":
        {name}()
    """


@pytest.fixture
def first(project: Project) -> Iterator[str]:
    """Write two flows, and return the pathspec of a successful run of the first, which triggers the second."""
    project.write("first.py", FLOW.format(name="First", decorator="", code="self.x = 41"))
    code = 'self.x = current.trigger["First"].data.x + 1 if "trigger" in current else current.trigger'
    decorator = '@trigger_on_finish(flow="First")'
    project.write("second.py", FLOW.format(name="Second", decorator=decorator, code=code))
    run = project.run("first.py")
    metadata(str(project.root))
    namespace(None)
    yield f"First/{run.id}"
    default_metadata()
    default_namespace()


def test_a_step_and_the_client_see_what_started_the_run(project: Project, first: str) -> None:
    assert project.python("second.py", "--trigger", first, "run").code == 0
    run = Flow("Second").latest_run
    assert run is not None
    assert run.data.x == 42
    assert run.trigger is not None
    assert run.trigger.run == Run(first)
    (event,) = run.trigger
    assert (event.type, event.name, event.id) == ("run", "metaflow.First.end", f"{first}/end/end-0")
    assert event.timestamp == Run(first).finished_at


def test_nothing_started_it_otherwise(project: Project, first: str) -> None:
    assert project.python("second.py", "run").code == 0
    run = Flow("Second").latest_run
    assert run is not None
    assert (run.data.x, run.trigger) == (None, None)


def test_what_is_resumed_keeps_it(project: Project, first: str) -> None:
    assert project.flowc("run", "second.py", "--trigger", "First/latest", "--works", "False").code == 1
    done = project.python("second.py", "resume", "start", "--works", "True")
    assert done.code == 0, done.err
    assert Flow("Second")[project.store.runs("Second")[-1]].data.x == 42


@pytest.mark.parametrize(
    ("file", "run", "code", "message"),
    [
        ("first.py", "First/latest", 2, "--trigger: flow 'First' has no @trigger_on_finish"),
        ("second.py", "First", 2, "not a pathspec: 'First'; give FLOW/RUN"),
        ("second.py", "First/latest/end", 2, "--trigger takes a run, FLOW/RUN, not 'First/latest/end'"),
        ("second.py", "First/7", 1, "flow 'First' has no run '7'"),
        ("second.py", "Third/7", 1, "no run of a flow 'Third' in"),
        (
            "second.py",
            "Second/latest",
            1,
            "has not succeeded\nhint: name a run that succeeded: only its end triggers a flow",
        ),
    ],
)
def test_what_starts_nothing(project: Project, first: str, file: str, run: str, code: int, message: str) -> None:
    assert project.flowc("run", "second.py", "--works", "False").code == 1
    before = project.store.runs("Second"), project.store.runs("First")
    done = project.python(file, "run", "--trigger", run)
    assert done.code == code
    assert message in done.err
    assert (project.store.runs("Second"), project.store.runs("First")) == before
