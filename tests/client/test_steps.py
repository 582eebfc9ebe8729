"""The client inside a step: it reads the store of its own run, in the run's namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from metaflow import Run, current

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import Flow, FlowSpec, Run, current, get_metadata, get_namespace, step

    class Reads(FlowSpec):
        @step
        def start(self):
            self.earlier = Flow("Letters", _namespace_check=False).latest_successful_run
            self.letters = self.earlier.data.letters
            self.me = current.run.pathspec, current.task.pathspec, current.task.finished
            self.where = get_metadata(), get_namespace()
            current.run.add_tag("reading")
            self.next(self.end)

        @step
        def end(self):
            self.seen = Run(current.run.pathspec)["start"].task.data.letters
            self.kept = self.earlier.data.letters

    if __name__ == "__main__":
        Reads()
    """


@pytest.mark.parametrize("store", [None, "elsewhere"])
def test_a_step_reads_runs(letters: Project, store: str | None) -> None:
    letters.write("reads.py", FLOW)
    options = []
    if store is not None:
        (letters.root / ".flowc").rename(letters.root / store)
        options = ["--store", store]
    done = letters.flowc("run", "--local", "reads.py", "--tag", "mine", *options)
    assert done.code == 0, done.err
    from metaflow import Flow, metadata

    place = str(letters.root / store) if store else str(letters.root)
    metadata(place)
    run = Flow("Reads").latest_run
    assert run is not None
    assert run.data is not None
    assert (run.data.letters, run.data.seen, run.data.kept) == ("ABC", "ABC", "ABC")
    assert run.data.me == (run.pathspec, f"{run.pathspec}/start/start-0", False)
    assert run.data.where == (f"local@{place}", "user:ann")
    assert run.user_tags == {"mine", "reading"}
    assert isinstance(run.data.earlier, Run)


def test_outside_of_a_step_there_is_no_run() -> None:
    assert current.run is None
    assert current.task is None
