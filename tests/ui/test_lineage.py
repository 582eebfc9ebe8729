"""Lineage on the page of a task: which task made an artifact, and which later tasks have read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from flowc.ui.page_data.lineage import ITEMS, READERS, readers, where_made
from flowc_runtime.run.views.run_view import RunView
from project import Project, done_record
from ui.kept_flow import cells_of, kept, links, task_page
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.store.records.run_store import RunStore
    from ui.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with kept(tmp_path_factory.mktemp("kept"), ("--fails", "True")) as served:
        yield served


def made(served: Served, task: tuple[str, str], name: str) -> str:
    """Return the text of the cell with the maker of an artifact."""
    return re.sub("<[^>]*>", "", cells_of(task_page(served, *task), name)["made"]).strip()


def read(served: Served, task: tuple[str, str], name: str) -> list[str]:
    """Return the tasks that have read an artifact, as the links name them."""
    return re.findall(r'<a href="../[^"]*">([^<]*)</a>', cells_of(task_page(served, *task), name)["read"])


def test_the_maker_is_the_first_task_with_this_version(served: Served) -> None:
    assert made(served, ("start", "0"), "model") == "this task"
    assert made(served, ("check", "0.2"), "score") == "train-0.2"
    assert made(served, ("check", "0.2"), "checked") == "this task"
    assert made(served, ("end", "0"), "model") == "last-0"
    assert links(cells_of(task_page(served, "check", "0.2"), "score")["made"]) == ["../train/0.2"]


def test_a_join_inherits_from_its_inputs(served: Served) -> None:
    assert made(served, ("join", "0"), "scores") == "this task"
    assert made(served, ("join", "0"), "array") == "start-0"
    assert made(served, ("join", "0"), "shared") == "train-0.0"
    assert made(served, ("end", "0"), "array") == "start-0"


def test_the_readers_are_the_tasks_that_inherit_and_read_this_version(served: Served) -> None:
    assert read(served, ("train", "0.1"), "score") == ["check-0.1", "join-0"]
    assert read(served, ("join", "0"), "array") == ["last-0"]
    assert read(served, ("start", "0"), "array") == ["join-0", "last-0"]
    # `end` reads the version that `last` has made, and fails
    assert read(served, ("start", "0"), "model") == ["train-0.0", "train-0.1", "train-0.2", "join-0", "last-0"]
    assert read(served, ("last", "0"), "model") == ["end-0"]
    assert read(served, ("start", "0"), "short") == []


def test_a_reused_task_names_the_run_that_made_the_artifact(served: Served) -> None:
    origin = served.newest
    assert served.project.flowc("resume", "flow.py", "--origin-run-id", origin).code == 1
    resumed = served.project.latest().id
    assert resumed != origin
    cells = cells_of(task_page(served, "end", run=resumed), "array")
    assert links(cells["made"]) == ["../start/0", f"../../../../run/Kept/{origin}/start/0"]
    assert "histogram" in cells["preview"]
    cells = cells_of(task_page(served, "end", run=origin), "array")
    assert links(cells["made"]) == ["../start/0"]


def test_a_task_from_the_cache_names_the_task_that_made_its_artifacts(project: Project) -> None:
    run = project.store.run("F", "20260101-000000-000000")
    cached = {"run": "20250101-000000-000000", "step": "start", "path": "0", "attempt": 1}
    run.finish(done_record(run, "start", artifacts={"x": ref(1)}, cached=cached))
    with serving(project) as served:
        cells = cells_of(task_page(served, "start", run=run.id), "x")
    assert links(cells["made"]) == ["../../../../run/F/20250101-000000-000000/start/0"]


# -- many tasks --------------------------------------------------------------------------------------------------------

WIDE = """
    from metaflow import FlowSpec, step

    class Wide(FlowSpec):
        @step
        def start(self):
            self.base = 1
            self.items = [0]
            self.next(self.each, foreach="items")
        @step
        def each(self):
            self.next(self.then)
        @step
        def then(self):
            self.next(self.join)
        @step
        def join(self, inputs):
            self.merge_artifacts(inputs)
            self.next(self.end)
        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Wide()
    """
WIDTH = 150


def ref(digest: int) -> Any:
    return {"digest": f"{digest:064}", "size": 1, "type": "int", "codec": "pickle5", "repr": str(digest)}


@pytest.fixture
def wide(project: Project) -> RunStore:
    """Return a run with a wide foreach, each of whose tasks reads `base`; the join has the `own` of one of them."""
    project.write("flow.py", WIDE)
    first = project.run("flow.py")
    run = project.store.run("Wide", "20990101-000000-000000")
    assert run.create({**first.record(), "run": run.id}, first.ir())
    fields: dict[str, Any] = {"fanout": {"count": WIDTH, "over": "items", "items": ref(2)}}
    run.finish(done_record(run, "start", artifacts={"base": ref(1)}, **fields))
    parent = [{"step": "start", "path": "0", "count": None}]
    for number in range(WIDTH):
        artifacts = {"base": ref(1), "own": ref(100 + number)}
        path = f"0.{number}"
        run.finish(done_record(run, "each", path, parents=parent, artifacts=artifacts, reads={"artifacts": ["base"]}))
        each = [{"step": "each", "path": path, "count": None}]
        run.finish(done_record(run, "then", path, parents=each, artifacts=artifacts, reads={"artifacts": ["own"]}))
    before = [{"step": "then", "path": "0", "count": WIDTH}]
    run.finish(done_record(run, "join", parents=before, artifacts={"base": ref(1), "own": ref(150), "new": ref(9)}))
    after = [{"step": "join", "path": "0", "count": None}]
    run.finish(done_record(run, "end", parents=after, artifacts={"base": ref(1)}, reads={"artifacts": ["*"]}))
    return run


def test_the_work_for_many_tasks_is_bounded(wide: RunStore, project: Project) -> None:
    view = RunView.of(wide)
    found = readers(view, view.attempt("start", "0", 1))
    (each, end) = found.steps["base"]
    assert (each.step, len(each.tasks), each.looked, each.total) == ("each", READERS, READERS, WIDTH)
    assert (end.step, end.tasks) == ("end", ["0"])
    with serving(project) as served:
        cells = cells_of(task_page(served, "start", run=wide.id), "base")
    assert f"of the first {READERS} of {WIDTH} tasks" in cells["read"]
    assert f'<a href="../each">{READERS - 3} more</a>' in cells["read"]
    assert not readers(view, view.attempt("start", "0", 1), most=10).complete


def test_the_maker_in_a_wide_foreach_is_found(wide: RunStore) -> None:
    view = RunView.of(wide)
    makers = where_made(view, view.attempt("end", "0", 1))
    assert (makers["base"].id, makers["base"].certain) == ("start-0", True)
    makers = where_made(view, view.attempt("join", "0", 1))
    assert (makers["own"].id, makers["new"].id) == ("each-0.50", "join-0")
    assert ITEMS > 50


def test_an_end_of_the_search_is_told(wide: RunStore) -> None:
    view = RunView.of(wide)
    maker = where_made(view, view.attempt("end", "0", 1), most=1)["base"]
    assert (maker.id, maker.certain) == ("join-0", False)


def test_a_task_of_an_item_is_only_read_in_its_item(wide: RunStore) -> None:
    view = RunView.of(wide)
    found = readers(view, view.attempt("each", "0.140", 1))
    assert [(step.step, step.tasks) for step in found.steps["base"]] == [("end", ["0"])]
    assert [(step.step, step.tasks, step.total) for step in found.steps["own"]] == [("then", ["0.140"], 1)]


LOOP = """
    from metaflow import FlowSpec, step

    class Loop(FlowSpec):
        @step
        def start(self):
            self.items = ["a", "b"]
            self.base = "base"
            self.next(self.item, foreach="items")
        @step
        def item(self):
            self.count = 0
            self.mine = self.input
            self.next(self.again)
        @step
        def again(self):
            self.count += 1
            self.state = "more" if self.count < 3 else "done"
            self.next({"more": self.again, "done": self.leave}, condition="state")
        @step
        def leave(self):
            print(self.mine)
            self.next(self.join)
        @step
        def join(self, inputs):
            self.all = [each.mine for each in inputs]
            self.merge_artifacts(inputs, include=["base", "count"])
            self.next(self.end)
        @step
        def end(self):
            print(self.base)

    if __name__ == "__main__":
        Loop()
    """


def test_loops_inside_of_a_foreach(project: Project) -> None:
    project.write("flow.py", LOOP)
    view = RunView.of(project.run("flow.py"))
    makers = where_made(view, view.attempt("end", "0", 1))
    assert makers["base"].id == "start-0"
    assert makers["count"].id == "again-0.0~2"
    found = readers(view, view.attempt("item", "0.1", 1)).steps
    assert {step.step: step.tasks for step in found["mine"]} == {"leave": ["0.1"], "join": ["0"]}
    assert {step.step: step.tasks for step in found["count"]} == {"again": ["0.1~0"]}
    found = readers(view, view.attempt("again", "0.1~0", 1)).steps
    assert {step.step: step.tasks for step in found["count"]} == {"again": ["0.1~1"]}
    found = readers(view, view.attempt("again", "0.1~2", 1)).steps
    assert {step.step: step.tasks for step in found["count"]} == {"join": ["0"]}
