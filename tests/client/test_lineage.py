"""Parents and children of tasks: through nested foreach, a switch, a loop, a branch and a gang."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from metaflow import Flow, Run, Task

if TYPE_CHECKING:
    from project import Project


@pytest.fixture
def run(shapes: Project) -> Run:
    found = Flow("Shapes").latest_run
    assert found is not None
    return found


def before(task: Task) -> list[str]:
    """Return the parents of a task, as STEP/PATH."""
    return ["/".join(parent.path_components[2:]) for parent in task.parent_tasks]


def after(task: Task) -> list[str]:
    """Return the children of a task."""
    return ["/".join(child.path_components[2:]) for child in task.child_tasks]


def test_steps_in_the_order_of_the_graph(run: Run) -> None:
    assert [step.id for step in run] == [
        *("end", "gather", "member", "crowd", "meet", "right", "left", "split", "turn"),
        *("join_rows", "join_cells", "even", "odd", "cell", "row", "start"),
    ]
    assert [step.id for step in run["join_cells"].parent_steps] == ["odd", "even"]
    assert [step.id for step in run["cell"].child_steps] == ["odd", "even"]
    assert [step.id for step in run["turn"].child_steps] == ["turn", "split"]
    assert list(run["start"].parent_steps) == []
    assert list(run["end"].child_steps) == []


def test_a_foreach_in_a_foreach(run: Run) -> None:
    assert before(run["start"].task) == []
    assert after(run["start"].task) == ["row/row-0.0", "row/row-0.1"]
    assert before(run["cell"]["0.1.2"]) == ["row/row-0.1"]
    assert after(run["row"]["0.1"]) == ["cell/cell-0.1.0", "cell/cell-0.1.1", "cell/cell-0.1.2"]
    assert before(run["join_rows"].task) == ["join_cells/join_cells-0.0", "join_cells/join_cells-0.1"]
    assert after(run["join_cells"]["0.1"]) == ["join_rows/join_rows-0"]
    assert run["cell"]["0.1.2"].index == 2
    assert run["join_cells"]["0.1"].index == 1
    assert run["cell"]["0.1.2"].metadata_dict["foreach-execution-path"] == "row:1,cell:2"


def test_a_switch(run: Run) -> None:
    assert after(run["cell"]["0.0.1"]) == ["even/even-0.0.1"]
    assert before(run["even"]["0.0.1"]) == ["cell/cell-0.0.1"]
    assert before(run["join_cells"]["0.0"]) == ["odd/odd-0.0.0", "even/even-0.0.1", "odd/odd-0.0.2"]
    assert [task.id for task in run["even"]] == ["even-0.1.1", "even-0.0.1"]


def test_a_loop(run: Run) -> None:
    assert [task.id for task in run["turn"]] == ["turn-0~2", "turn-0~1", "turn-0~0"]
    assert before(run["turn"]["0~0"]) == ["join_rows/join_rows-0"]
    assert before(run["turn"]["0~2"]) == ["turn/turn-0~1"]
    assert after(run["turn"]["0~1"]) == ["turn/turn-0~2"]
    assert after(run["turn"]["0~2"]) == ["split/split-0"]
    assert before(run["split"].task) == ["turn/turn-0~2"]


def test_a_branch_with_a_caught_failure(run: Run) -> None:
    assert before(run["meet"].task) == ["left/left-0", "right/right-0"]
    assert after(run["split"].task) == ["left/left-0", "right/right-0"]
    right = run["right"].task
    assert (right.successful, right.finished, right.exception) == (False, True, None)
    assert after(right) == ["meet/meet-0"]
    assert "ZeroDivisionError" in str(right.data.oops)
    assert run.successful


def test_a_gang(run: Run) -> None:
    members = run["member"]
    assert members.control_task == members["member-0.0"]
    assert list(members.control_tasks()) == [members["member-0.0"]]
    assert list(members.control_tasks("nothing")) == []
    assert run["cell"].control_task is None
    assert before(run["gather"].task) == ["member/member-0.0", "member/member-0.1", "member/member-0.2"]
    assert before(members["0.1"]) == ["crowd/crowd-0"]
    kinds = [task.metadata_dict.get("internal_task_type") for task in members]
    assert kinds == [None, None, "control_task"]


def test_pathspecs(run: Run) -> None:
    task = run["join_rows"].task
    assert list(task.parent_task_pathspecs) == [
        f"{run.pathspec}/join_cells/join_cells-0.0", f"{run.pathspec}/join_cells/join_cells-0.1",
    ]  # fmt: skip
    assert list(task.child_task_pathspecs) == [f"{run.pathspec}/turn/turn-0~0"]


@pytest.mark.parametrize(
    ("place", "parents"),
    [
        ("meet/0", ["left/left-0", "right/right-0"]),
        ("join_rows/0", ["join_cells/join_cells-0.0", "join_cells/join_cells-0.1"]),
        ("turn/0~1", ["turn/turn-0~0"]),
        ("start/0", []),
    ],
)
def test_a_task_that_has_not_ended_knows_its_parents(run: Run, shapes: Project, place: str, parents: list[str]) -> None:
    step, path = place.split("/")
    (shapes.root / f".flowc/flows/Shapes/runs/{run.id}/tasks/{step}/{path}.json").unlink()
    task = Run(run.pathspec)[step][path]
    assert not task.finished
    assert before(task) == parents
    assert after(task) == []


def test_what_a_resumed_run_took_over(run: Run, shapes: Project) -> None:
    """The field `origin` is in the record of a resumed run and in the records of its reused attempts."""
    runs = shapes.root / ".flowc/flows/Shapes/runs"
    other = runs / "20990101-000000-resumed"
    (other / "tasks/right").mkdir(parents=True)
    record = json.loads((runs / run.id / "run.json").read_text()) | {"run": other.name, "origin": run.id}
    (other / "run.json").write_text(json.dumps(record))
    (other / "ir.json").write_bytes((runs / run.id / "ir.json").read_bytes())
    record = json.loads((runs / run.id / "tasks/right/0.json").read_text()) | {
        "run": other.name,
        "origin": {"run": run.id, "step": "right", "path": "0", "attempt": 1},
    }
    (other / "tasks/right/0.json").write_text(json.dumps(record))
    resumed = Flow("Shapes").latest_run
    assert resumed is not None
    assert resumed.id == other.name
    assert resumed.origin_pathspec == run.pathspec
    (task,) = resumed["right"]
    assert task.origin_pathspec == run["right"].task.pathspec
    assert task["oops"].origin_pathspec == f"{task.origin_pathspec}/oops"
    assert resumed["right"].origin_pathspec == run["right"].pathspec
    assert task.metadata_dict["origin-run-id"] == run.id
    assert task.metadata_dict["origin-task-id"] == "right-0"
    assert task.stdout == "about to fail\n"
    assert "ZeroDivisionError" in str(task.data.oops)
    assert task.created_at == task.parent.created_at
