"""A flow's file that a profiler, tracer or debugger runs as `__main__`."""

from __future__ import annotations

import pstats
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os
    from metaflow import FlowSpec, Parameter, step

    os.environ["SET_BY_IMPORT"] = os.environ.get("SET_BY_IMPORT", "") + "x"

    class Kept:
        def __init__(self, n):
            self.n = n

    class Profiled(FlowSpec):
        n = Parameter("n", default=3)

        @step
        def start(self):
            class Local:
                pass

            self.kept, self.local, self.items = Kept(self.n), Local(), [1, 2]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.x = self.input * self.kept.n
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(one.x for one in inputs)
            self.merge_artifacts(inputs, include=["kept", "local"])
            self.next(self.end)

        @step
        def end(self):
            self.seen = (__name__, type(self.kept).__module__, self.kept.n, os.environ["SET_BY_IMPORT"])
            del self.kept, self.local

    if __name__ == "__main__":
        Profiled()
    """
# Run the file's code in a separate namespace, as kernprof, memray and other profilers do.
OTHER = """
    import sys
    sys.argv = sys.argv[1:]
    names = {"__name__": "__main__", "__file__": sys.argv[0], "__builtins__": __builtins__}
    exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), names)
    """
PROFILERS: dict[str, tuple[str, ...]] = {
    "none": (),
    "cProfile": ("-m", "cProfile"),
    "cProfile -o": ("-m", "cProfile", "-o", "out.prof"),
    "profile": ("-m", "profile"),
    "trace": ("-m", "trace", "--count", "--coverdir=counted", "--ignore-dir=/"),
    "runpy": ("-c", "import runpy, sys; sys.argv[0:1] = []; runpy.run_path('flow.py', run_name='__main__')"),
    "another": ("other.py",),
}


@pytest.fixture
def profiled(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("other.py", OTHER)
    return project


@pytest.mark.parametrize("start", ["fork", "fresh"])
@pytest.mark.parametrize("profiler", PROFILERS)
def test_a_run_under_a_profiler_is_a_run(profiled: Project, profiler: str, start: str) -> None:
    done = profiled.python(*PROFILERS[profiler], "flow.py", "run", "--n", "5", "--start", start)
    assert done.code == 0, done.out + done.err
    run = profiled.latest()
    assert run.status()["state"] == "succeeded"
    assert run.record()["parameters"] == {"n": 5}
    left = profiled.artifacts(run, "end")
    # the values equal those of a run without a profiler
    assert (left["total"], left["seen"]) == (15, ("flow", "flow", 5, "x"))
    assert profiled.flowc("dump", f"Profiled/{run.id}/start").code == 0


@pytest.mark.parametrize("command", [["check"], ["show"], ["output-raw"]])
def test_other_commands_under_a_profiler_find_the_flow(profiled: Project, command: list[str]) -> None:
    done = profiled.python("-m", "cProfile", "flow.py", *command)
    assert (done.code, "error[" in done.err) == (0, False), done.err
    assert "flow.py:" in done.out  # the profile contains the flow's own lines


def test_the_profile_has_what_the_flow_s_file_did(profiled: Project) -> None:
    profiled.python("-m", "cProfile", "-o", "out.prof", "flow.py", "run")
    profile: dict[tuple[str, int, str], object] = vars(pstats.Stats(str(profiled.root / "out.prof")))["stats"]
    functions = {(file.rpartition("/")[2], name) for file, _, name in profile}
    assert ("flow.py", "<module>") in functions
    assert ("flow.py", "Profiled") in functions
