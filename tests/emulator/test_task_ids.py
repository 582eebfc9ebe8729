"""Task ids: unique in a run, equal in all outputs; commands also accept the index path alone."""

from __future__ import annotations

import json
import pickle
import re
from typing import TYPE_CHECKING

import pytest

import metaflow
from flowc_runtime.base.index import task_id
from metaflow import DataArtifact, Run, Step, Task
from project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore

FLOW = """
    import os

    from metaflow import FlowSpec, card, current, step


    class Named(FlowSpec):
        @step
        def start(self):
            self.note()
            self.next(self.left, self.right)

        @step
        def left(self):
            self.note()
            self.items = ["a", "b"]
            self.next(self.work, foreach="items")

        @card(type="blank")
        @step
        def work(self):
            self.note()
            print("working on", self.input)
            if os.environ.get("FAIL") == self.input:
                raise ValueError("bad item")
            self.next(self.works)

        @step
        def works(self, inputs):
            self.note()
            self.next(self.join)

        @step
        def right(self):
            self.note()
            self.turns = 0
            self.next(self.turn)

        @step
        def turn(self):
            self.note()
            self.turns += 1
            self.more = self.turns < 2
            self.next({True: self.turn, False: self.turned}, condition="more")

        @step
        def turned(self):
            self.note()
            self.next(self.join)

        @step
        def join(self, inputs):
            if os.environ.get("MERGE"):
                self.merge_artifacts(inputs, include=["tid"])
            self.note()
            self.next(self.end)

        @step
        def end(self):
            self.note()

        def note(self):
            self.tid = current.task_id
            with open(os.path.join(os.environ["IDS"], current.task_id), "x") as file:
                file.write(current.pathspec)


    if __name__ == "__main__":
        Named()
    """


def run(project: Project, directory: str, **environment: str) -> RunStore:
    (project.root / directory).mkdir()
    project.flowc("run", "flow.py", IDS=directory, **environment)
    return project.latest()


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("named"))
    project.write("flow.py", FLOW)
    run(project, "ids")
    return project


@pytest.fixture
def chosen(named: Project) -> Iterator[RunStore]:
    """Return the run, and let the client of this process read its store."""
    metaflow.metadata(str(named.root))
    metaflow.namespace(None)
    yield named.latest()
    metaflow.default_metadata()
    metaflow.default_namespace()


def test_files_named_by_the_id_are_apart(named: Project, chosen: RunStore) -> None:
    """Each task creates a file whose name is its id: ids are unique, and valid in file names.

    The flow `Ids` in conformance.py has all kinds of steps.
    """
    files = {file.name: file.read_text() for file in (named.root / "ids").iterdir()}
    ids = {task_id(step, path) for step in chosen.steps() for path in chosen.attempts(step)}
    assert set(files) == ids == {
        "start-0", "left-0", "work-0.0", "work-0.1", "works-0", "right-0", "turn-0~0", "turn-0~1", "turned-0", "join-0",
        "end-0",
    }  # fmt: skip
    for name, pathspec in files.items():
        assert Task(pathspec).id == name
        assert Task(pathspec).pathspec == pathspec
        assert Task(pathspec).data.tid == name


def test_two_steps_ids_are_a_conflict(named: Project) -> None:
    failed = run(named, "conflict", MERGE="1")
    status = failed.status()
    assert (status["state"], status["failed"]) == ("failed", "join/0")
    assert "tid" in status["message"]
    record = failed.attempt("join", "0", 1)
    assert record is not None
    assert record["error"]["type"].endswith("UnhandledInMergeArtifactsException")
    failed.delete()


def test_the_index_path_alone_names_the_same_object(chosen: RunStore) -> None:
    top = f"Named/{chosen.id}"
    step = Step(f"{top}/work")
    for new, old in (
        (Task(f"{top}/work/work-0.1"), Task(f"{top}/work/0.1")),
        (Task(f"{top}/turn/turn-0~1"), Task(f"{top}/turn/0~1")),
        (step["work-0.1"], step["0.1"]),
        (Task(f"{top}/work/work-0.1", attempt=0), Task(f"{top}/work/0.1", attempt=0)),
        (DataArtifact(f"{top}/work/work-0.1/tid"), DataArtifact(f"{top}/work/0.1/tid")),
    ):
        assert new == old
        assert hash(new) == hash(old)
        assert new.pathspec == old.pathspec
        assert new.path_components == old.path_components
        assert new.id == old.id
        assert new.parent == old.parent
        assert repr(new) == repr(old)
    assert step["0.1"].id == "work-0.1"
    assert step["0.1"].index == 1
    assert "0.1" in step
    assert "work-0.1" in step
    assert Run(top)["start"][0].id == "start-0"  # a notebook user may give `Run` a number as the run's id


def test_what_names_no_task_is_not_found(chosen: RunStore) -> None:
    step = Step(f"Named/{chosen.id}/work")
    for name in ("work-0.7", "0.7", "start-0.1", "work", "work-", "work-work-0.1", "0.1-work", "work-0.1 ", "1"):
        assert name not in step
        with pytest.raises(KeyError):
            step[name]
        with pytest.raises(metaflow.exception.MetaflowNotFound):
            Task(f"Named/{chosen.id}/work/{name}")
        with pytest.raises(metaflow.exception.MetaflowNotFound):
            DataArtifact(f"Named/{chosen.id}/work/{name}/tid")


def test_pickles_of_older_versions(chosen: RunStore) -> None:
    task = Task(f"Named/{chosen.id}/work/work-0.1")
    for new in (task, task["tid"], task.parent):
        old = type(new).__new__(type(new))
        state = new.__getstate__()
        old.__dict__.update(new.__dict__)
        old._parts = tuple(part.removeprefix("work-") for part in new._parts)
        assert old.__getstate__() == state | {"pathspec": state["pathspec"].replace("work-0.1", "0.1")}
        again = pickle.loads(pickle.dumps(old))
        assert again == new
        assert again.pathspec == new.pathspec
    assert again.id == "work"


def test_relatives_and_metadata(named: Project, chosen: RunStore) -> None:
    top = f"Named/{chosen.id}"
    assert list(Task(f"{top}/join/0").parent_task_pathspecs) == [f"{top}/works/works-0", f"{top}/turned/turned-0"]
    assert list(Task(f"{top}/left/0").child_task_pathspecs) == [f"{top}/work/work-0.0", f"{top}/work/work-0.1"]
    (named.root / "again").mkdir()
    done = named.flowc("resume", "flow.py", "end", IDS="again")
    assert done.code == 0, done.err
    resumed = named.latest()
    task = Task(f"Named/{resumed.id}/work/0.1")
    assert task.origin_pathspec == f"{top}/work/work-0.1"
    assert task["tid"].origin_pathspec == f"{top}/work/work-0.1/tid"
    assert task.metadata_dict["origin-task-id"] == "work-0.1"
    assert task.data.tid == "work-0.1"
    resumed.delete()


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["show", "--json"],
        ["logs"],
        ["logs", "--json"],
        ["logs", "--sizes"],
        ["logs", "--follow"],
        ["dump"],
        ["dump", "--json"],
        ["card", "list"],
        ["card", "get"],
    ],
    ids=" ".join,
)
def test_commands_take_both(named: Project, command: list[str]) -> None:
    run = f"Named/{named.latest().id}"
    new, old, latest = (
        named.flowc(*command, where) for where in (f"{run}/work/work-0.1", f"{run}/work/0.1", "Named/latest/work/0.1")
    )
    assert new.code == 0, new.err
    assert new == old == latest
    assert f"{run}/work/0.1" not in new.out


@pytest.mark.parametrize(
    "command", [["logs"], ["dump"], ["dump", "--file", "out.pickle"], ["card", "list"]], ids=" ".join
)
def test_the_flows_own_commands_take_both(named: Project, command: list[str]) -> None:
    run = named.latest().id
    new, old = (named.python("flow.py", *command, where) for where in (f"{run}/work/work-0.1", f"{run}/work/0.1"))
    assert new.code == 0, new.err
    assert new == old
    assert "work-0.1" in new.out + new.err or "--file" in command
    if "--file" in command:
        assert list(pickle.loads((named.root / "out.pickle").read_bytes())) == [f"{run}/work/work-0.1"]


def test_a_task_that_is_not_there(named: Project) -> None:
    run = f"Named/{named.latest().id}"
    done = named.flowc("dump", f"{run}/work/work-0.7")
    assert done.code == 1
    assert done.err.splitlines()[0] == "error: step 'work' has no task 'work-0.7'"
    assert done.err.splitlines()[1].startswith("hint: did you mean 'work-0.")
    assert named.flowc("dump", f"{run}/work/start-0").code == 1
    followed = named.flowc("logs", f"{run}/work/nothing", "--follow")
    assert followed.code == 1
    assert followed.err == (
        "error: not the id of a task of step 'work': 'nothing'; write an id such as 'work-0' or 'work-0.3'\n"
    )


def test_spin_and_debug_take_both(named: Project) -> None:
    run = named.latest().id
    for number, task in enumerate(("work-0.1", "0.1")):
        (named.root / f"spin{number}").mkdir()
        file = named.root / f"attributes{number}.json"
        done = named.flowc(
            "spin", "flow.py", f"{run}/work/{task}", "--runner-attribute-file", str(file), IDS=f"spin{number}"
        )
        assert done.code == 0, done.err
        assert f"note: work runs with the inputs of Named/{run}/work/work-0.1" in done.err
        assert json.loads(file.read_text())["task_id"] == "work-0.1"
        assert [each.name for each in (named.root / f"spin{number}").iterdir()] == ["work-0.1"]
        debugged = named.flowc("debug", f"Named/{run}/work/{task}", "--inspect", IDS="ids")
        assert debugged.code == 0, debugged.err
        assert f"Named/{run}/work/work-0.1: self, current" in debugged.err
    done = named.flowc("debug", f"Named/{run}/work")
    assert done.err.endswith(f"hint: such as Named/{run}/work/work-0.1\n")


def test_what_is_printed_is_accepted(named: Project) -> None:
    failed = run(named, "failing", FAIL="b")
    top = f"Named/{failed.id}"
    # `start` fails, because it creates a file with the task's id as its name, which the earlier run has created already
    told = named.flowc("run", "flow.py", IDS="failing").err
    assert "error: step 'start' failed: FileExistsError" in told
    named.latest().delete()
    rows = json.loads(named.flowc("show", f"{top}/work", "--json").out)["tasks"]
    assert [(row["task"], row["path"]) for row in rows] == [("work-0.0", "0.0"), ("work-0.1", "0.1")]
    lines = named.flowc("show", f"{top}/work").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["work-0.0", "work-0.1"]
    prefixes = {line.split("]")[0].strip("[") for line in named.flowc("logs", f"{top}/work").out.splitlines()}
    assert prefixes == {"work/0.0", "work/0.1"}
    version = json.loads(named.flowc("artifact", "Named/tid", "--run", failed.id, "--step", "work", "--json").out)[-1]
    printed = {
        *(f"{top}/work/{row['task']}" for row in rows),
        *(f"{top}/{prefix}" for prefix in prefixes),
        f"{top}/{failed.status()['failed']}",
        f"{top}/{version['step']}/{version['task']}",
        f"Named/{named.flowc('artifact', 'Named/tid', '--run', failed.id, '--step', 'work').out.split()[2]}",
        named.flowc("dump", f"{top}/work/0.1").out.splitlines()[0],
    }
    assert {named.flowc("show", name).out.split()[1] for name in printed} == {
        f"{top}/work/work-0.0", f"{top}/work/work-0.1",
    }  # fmt: skip
    failed.delete()


# The forms in which commands print a task; every command accepts all forms.
FORMS = (
    r"Named/[0-9]{8}-[\w-]+/\w+/[\w.-]+",
    r"\b[0-9]{8}-[\w-]+/\w+/\w+-0[0-9.~]*",
    r"\bwork/0[0-9.]*",
    r"\bwork-0[0-9.]*",
)


def test_every_form_that_is_printed_is_taken_by_every_command(named: Project, tmp_path: Path) -> None:
    ran = named.flowc("run", "flow.py", IDS=str(tmp_path), FAIL="b")
    failed = named.latest()
    top = f"Named/{failed.id}"
    outputs = [
        ran,
        named.flowc("runs"),
        *(named.flowc("show", f"{top}{part}") for part in ("", "/work", "/work/0.1")),
        *(named.flowc("logs", f"{top}/work", *option) for option in ((), ("--merge",), ("--sizes",), ("--json",))),
        named.flowc("dump", f"{top}/work"),
        named.flowc("dump", f"{top}/work/0.7"),
        named.flowc("artifact", "Named/tid", "--run", failed.id),
        named.flowc("logs", "scrub", f"{top}/work/0.1"),
        named.flowc("card", "list", f"{top}/work"),
    ]
    for record in (named.root / ".flowc" / failed.prefix).glob("tasks/work/0.1.json"):
        record.write_bytes(b"")
    outputs += [named.flowc("fsck"), named.flowc("show", f"{top}/work"), named.flowc("gc")]
    found = {form for done in outputs for each in FORMS for form in re.findall(each, done.out + done.err)}
    found = {form for form in found if "0.7" not in form and ("2" not in form or failed.id in form)}
    assert {top + "/work/work-0.1", f"{failed.id}/work/work-0.1", "work/0.0", "work-0.0"} <= found
    for form in sorted(found):
        name = form if failed.id in form else f"{top}/{form}"
        for command in (["show"], ["logs"], ["logs", "--follow"], ["dump"], ["card", "list"], ["debug", "--inspect"]):
            done = named.flowc(*command, name)
            assert not [word for word in ("no run", "no step", "no task", "not a pathspec") if word in done.err], (
                name,
                done,
            )
    failed.delete()


@pytest.mark.parametrize("form", ["work/0.1", "work/work-0.1", "work-0.1", "latest/work-0.1", "latest/work/0.1"])
def test_spin_takes_each_form_of_a_task(named: Project, tmp_path: Path, form: str) -> None:
    done = named.flowc("spin", "flow.py", form, IDS=str(tmp_path))
    assert done.code == 0, done.err
    assert f"note: work runs with the inputs of Named/{named.latest().id}/work/work-0.1" in done.err


def test_the_line_of_a_failure_names_the_task(named: Project) -> None:
    (named.root / "told").mkdir()
    done = named.flowc("run", "flow.py", "--log-format", "json", IDS="told", FAIL="b")
    failed = named.latest()
    assert "error: step 'work' failed (task work-0.1): ValueError: bad item" in done.err
    assert f"log: flowc logs Named/{failed.id}/work/work-0.1" in done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    (event,) = (event for event in events if event["event"] == "task_failed")
    assert (event["step"], event["task"], event["path"]) == ("work", "work-0.1", "0.1")
    failed.delete()


def test_the_event_of_an_older_record(named: Project, chosen: RunStore) -> None:
    record = chosen.record()
    event = {"type": "run", "name": "metaflow.First.end", "id": "First/1/end/0", "timestamp": 1.0}
    other = {"type": "event", "name": "data", "id": "a/b/end/0", "timestamp": 2.0}
    record["run"] = "older"
    record["trigger"] = [event, other]  # type: ignore[list-item]
    older = named.store.run("Named", "older")
    assert older.create(record, chosen.ir())
    trigger = Run("Named/older").trigger
    assert trigger is not None
    assert [one.id for one in trigger] == ["a/b/end/0", "First/1/end/end-0"]
    older.delete()
