"""Index paths of tasks, and the steps and tasks that the graph derives from them."""

from __future__ import annotations

import pytest

from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.base.index import (
    Graph,
    check_path,
    item_index,
    item_path,
    iteration_path,
    outer_path,
    path_of,
    path_order,
    task_id,
    task_pathspec,
    with_task_id,
)
from targets.argo import flows


def test_paths() -> None:
    assert item_path("0", 3) == "0.3"
    assert iteration_path("0.3", 1) == "0.3~1"
    assert [outer_path("0.3~1.2", depth) for depth in range(4)] == ["0", "0.3", "0.3~1", "0.3~1.2"]
    assert [item_index(path) for path in ("0", "0~3", "0.3.1", "0.3~1")] == [None, None, 1, 3]
    assert sorted(["0.10", "0.9~1", "0", "0.9"], key=path_order) == ["0", "0.9", "0.9~1", "0.10"]


@pytest.mark.parametrize("path", ["0", "0.0", "0.12.3", "0~0", "0.3~12.4~0"])
def test_a_path(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("path", ["", "1", "0.", "0.x", "0.-1", "../0", "0.²", "0 ", "0~", "0~.1", "~0"])
def test_not_a_path(path: str) -> None:
    with pytest.raises(ProtocolError, match="not an index path"):
        check_path(path)


@pytest.mark.parametrize("step", ["train", "a", "näher", "_0", "with-dash", "end-0"])
@pytest.mark.parametrize("path", ["0", "0.3", "0.3~1.2"])
def test_the_id_of_a_task(step: str, path: str) -> None:
    assert task_id(step, path) == f"{step}-{path}"
    assert path_of(step, task_id(step, path)) == path_of(step, path) == path
    # the id consists of the step, a hyphen and the path, so both can be read from it
    assert task_id(step, path).rpartition("-")[::2] == (step, path)


@pytest.mark.parametrize(
    "task", ["", "train", "train-", "start-0", "train-train-0", "train-0.x", "0-train", "train_0", "1"]
)
def test_not_the_id_of_a_task(task: str) -> None:
    with pytest.raises(
        ProtocolError, match=r"not the id of a task of step 'train': .*; write an id such as 'train-0' or 'train-0.3'"
    ):
        path_of("train", task)


def test_pathspecs() -> None:
    assert task_pathspec("Flow", "7", "train", path="0.3") == "Flow/7/train/train-0.3"
    assert task_pathspec("train", path="0") == "train/train-0"
    for given in (["F", "7", "a", "0~1", "x"], ["F", "7", "a", "a-0~1", "x"]):
        assert with_task_id(given) == ("F", "7", "a", "a-0~1", "x")
    for same in ([], ["F"], ["F", "7", "a"], ["F", "7", "a", "b-0"], ["F", "7", "a", "12"], ["F", "7", "a", ""]):
        assert with_task_id(same) == tuple(same)


def test_a_join_sees_its_branches_in_the_order_of_the_split() -> None:
    made = flows.flow(
        ["start", ("fork", "join", [["z"], ["b", ("each", "b_join", ["one"])], ["a", ("fork", "a_join", [["x"], ["y"]])]]),
         "end"]
    )  # fmt: skip
    graph = Graph(made)
    ends = graph.ends(graph.nodes["join"])
    assert [[node.id for node in arm] for arm in ends] == [["z"], ["b_join"], ["a_join"]]


def test_a_path_must_fit_its_step() -> None:
    graph = Graph(flows.flow(["start", ("each", "join", ["a", ("loop", "latch", ["head"]), "last"]), "end"]))
    assert graph.inside("head", "0.1~2") == "0.1~2"
    assert graph.following("latch", "0.1~2", "head") == "0.1~3"
    assert graph.following("latch", "0.1~2", "last") == "0.1"
    with pytest.raises(ProtocolError, match=r"its tasks have paths of the form 0\.i~n"):
        graph.inside("head", "0.1")


def test_the_foreach_that_a_node_is_in() -> None:
    graph = Graph(
        flows.flow(
            ["start", ("each", "outer_join", ["outer", ("each", "inner_join", ["inner", "more"]), "after"]), "end"]
        )
    )
    inside = {name: split.id if (split := graph.foreach_of(node)) else None for name, node in graph.nodes.items()}
    assert inside == {
        "start": None, "outer": "start", "inner": "outer", "more": "outer", "inner_join": "start", "after": "start",
        "outer_join": None, "end": None,
    }  # fmt: skip


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no step 'nope'"):
        Graph(flows.EXAMPLES["linear"]).node("nope")
