"""The control task of an unbounded foreach, which the client and `flowc dump` show in addition to the items' tasks."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from metaflow import Metaflow, Run, Task, default_metadata, default_namespace, inspect_spin, metadata, namespace
from metaflow.exception import MetaflowNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

UNBOUNDED = """
    import os
    from metaflow import FlowSpec, step, unbounded_test_foreach_internal
    from metaflow.plugins import InternalTestUnboundedForeachInput as Unbounded

    class Inner(FlowSpec):
        @step
        def start(self):
            self.rows = ["p", "q"]
            self.next(self.row, foreach="rows")

        @step
        def row(self):
            self.of_row = self.input
            self.columns = Unbounded(range(2 + self.index))
            self.next(self.cell, foreach="columns")

        @unbounded_test_foreach_internal
        @step
        def cell(self):
            self.here = self.input
            if os.environ.get("FAIL") and self.of_row == "q" and self.input == 1:
                raise ValueError("as asked")
            self.next(self.join_cells)

        @step
        def join_cells(self, inputs):
            self.cells = [each.here for each in inputs]
            self.next(self.join_rows)

        @step
        def join_rows(self, inputs):
            self.cells = [each.cells for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            print(self.cells)

    if __name__ == "__main__":
        Inner()
    """


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project.write("flow.py", UNBOUNDED)
    (project.root / ".flowc").mkdir(exist_ok=True)
    monkeypatch.delenv("FLOWC_STORE", raising=False)
    metadata(str(project.root))
    namespace(None)
    yield project
    default_metadata()
    default_namespace()


def newest(project: Project) -> Run:
    found = project.latest()
    return Run(f"{found.flow}/{found.id}")


def check(run: Run) -> None:
    """Check the control tasks of both foreaches: their artifacts, parents and children."""
    cell = run["cell"]
    ids = ["cell-0.1.2", "cell-0.1.1", "cell-0.1.0", "cell-0.1", "cell-0.0.1", "cell-0.0.0", "cell-0.0"]
    assert [task.id for task in cell] == [task.id for task in cell.tasks()] == ids
    controls = list(cell.control_tasks())
    assert [task.id for task in controls] == ["cell-0.1", "cell-0.0"]
    assert cell.control_task == controls[0]
    for control, row, count in zip(controls, "qp", (3, 2), strict=True):
        assert (control.successful, control.finished, control.exception, control.current_attempt) == (
            True,
            True,
            None,
            0,
        )
        assert control.data.of_row == row
        assert "here" not in control
        assert control.metadata_dict["internal_task_type"] == "control_task"
        (split,), (join,) = control.parent_tasks, control.child_tasks
        assert (split.parent.id, join.parent.id) == ("row", "join_cells")
        assert [task.id for task in join.parent_tasks] == [
            *(f"{control.id}.{number}" for number in range(count)),
            control.id,
        ]
        assert [task.id for task in split.child_tasks] == [task.id for task in join.parent_tasks]
        assert split.finished_at == control.created_at <= control.finished_at == max(
            task.finished_at for task in join.parent_tasks if task != control
        )  # fmt: skip
        assert (control.stdout, control.stderr_size, list(control.loglines("stdout"))) == ("", 0, [])
        assert Task(control.pathspec) == run["cell"][control.id] == pickle.loads(pickle.dumps(control)) == control
    assert cell.finished_at is not None
    assert "cell-0.2" not in cell
    with pytest.raises(MetaflowNotFound):
        Task(f"{run.pathspec}/cell/cell-0.2")
    with pytest.raises(MetaflowNotFound):
        Task(f"{run.pathspec}/row/row-0")
    assert [list(run[name].control_tasks()) for name in ("start", "row", "join_cells", "end")] == [[]] * 4


def test_each_unbounded_foreach_has_one(project: Project) -> None:
    project.run("flow.py")
    run = newest(project)
    check(run)
    assert "origin-task-id" not in run["cell"].control_task.metadata_dict  # type: ignore[union-attr]
    assert run["cell"].control_task.origin_pathspec is None  # type: ignore[union-attr]


def test_a_join_does_not_follow_the_control_task_of_a_body_of_two_steps(project: Project) -> None:
    project.write("flow.py", UNBOUNDED.replace("self.next(self.join_cells)", "self.next(self.more)", 1).replace(
        "        @step\n        def join_cells", "        @step\n        def more(self):\n            "
        "self.next(self.join_cells)\n\n        @step\n        def join_cells"
    ))  # fmt: skip
    project.run("flow.py")
    run = newest(project)
    for join in run["join_cells"]:
        assert {parent.parent.id for parent in join.parent_tasks} == {"more"}
    for control in run["cell"].control_tasks():
        assert list(control.child_tasks) == []


def test_a_resumed_run_has_them_too(project: Project) -> None:
    project.run("flow.py")
    first = newest(project)
    done = project.python("flow.py", "resume", "end")
    assert done.code == 0, done.err
    run = newest(project)
    check(run)
    control = run["cell"].control_task
    assert control is not None
    assert control.metadata_dict["origin-task-id"] == control.id
    assert control.origin_pathspec == f"{first.pathspec}/cell/{control.id}"


def test_a_foreach_that_failed_and_went_on_in_a_resumed_run(project: Project) -> None:
    """A control task is done when all tasks of its foreach are done."""
    assert project.flowc("run", "--local", "flow.py", "--max-workers", "1", FAIL="yes").code == 1
    broken = newest(project)["cell"]
    done, failed = broken["cell-0.0"], broken["cell-0.1"]
    assert (done.finished, done.successful) == (True, True)
    assert (failed.finished, failed.successful, failed.finished_at, failed.exception) == (False, False, None, None)
    assert "of_row" in failed
    assert broken.finished_at is None
    resumed = project.python("flow.py", "resume")
    assert resumed.code == 0, resumed.err
    check(newest(project))
    taken, run_again = newest(project)["cell"]["cell-0.0"], newest(project)["cell"]["cell-0.1"]
    assert taken.origin_pathspec == done.pathspec
    assert run_again.origin_pathspec is None


def test_a_task_that_was_spun_stands_alone(project: Project) -> None:
    project.run("flow.py")
    done = project.python("flow.py", "spin", "cell", "--persist")
    assert done.code == 0, done.err
    inspect_spin(str(project.root))
    (flow,) = Metaflow()
    (cell,) = next(iter(flow))
    assert [task.id for task in cell] == ["cell-0.1.2"]
    assert cell.control_task is None


def test_dump_of_a_flow_s_file_prints_them(project: Project) -> None:
    project.run("flow.py")
    done = project.python("flow.py", "dump", "latest/cell", "--file", "all.pickle")
    assert done.code == 0, done.err
    left = pickle.loads((project.root / "all.pickle").read_bytes())
    assert len(left) == 7
    of = {task.rpartition("/")[2]: values for task, values in left.items()}
    assert ("here" in of["cell-0.1"], of["cell-0.1"]["of_row"], of["cell-0.1.2"]["here"]) == (False, "q", 2)
    one = project.python("flow.py", "--quiet", "dump", "latest/cell/cell-0.1", "--include", "of_row")
    assert (one.code, one.out) == (0, "of_row [size: 16 type: <class 'str'>] = q\n"), one.err
