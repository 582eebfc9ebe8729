"""Runs after a power loss: complete tasks are reused, and tasks with lost records or artifacts run again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.store.backends.objects import blob_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

FLOW = """
    from metaflow import FlowSpec, IncludeFile, step

    class Cut(FlowSpec):
        text = IncludeFile("text", default="text.txt")

        @step
        def start(self):
            self.items = [1, 2, 3]
            self.big = "x" * 5_000
            self.huge = b"h" * 5_000_000
            self.next(self.work, foreach="items")

        @step
        def work(self):
            print("item", self.input)
            self.block = bytes([self.input]) * 4_000
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs, include=["big", "huge"])
            self.blocks = b"".join(given.block for given in inputs)
            self.next(self.end)

        @step
        def end(self):
            print("sum", sum(self.blocks), len(self.big), self.huge.count(b"h"), len(self.text))

    if __name__ == "__main__":
        Cut()
    """
RESULT = "[end] sum 24000 5000 5000000 1000"


@pytest.fixture
def cut(project: Project) -> Project:
    """Return a project with a run that has no record of its end."""
    project.write("flow.py", FLOW)
    project.write("text.txt", "t" * 1_000)
    project.run("flow.py")
    os.unlink(path_of(project, f"{project.latest().prefix}/status.json"))
    return project


def path_of(project: Project, key: str) -> str:
    return f"{project.root}/.flowc/{key}"


def empty(project: Project, key: str) -> None:
    with open(path_of(project, key), "r+b") as file:
        file.truncate(0)


def shorten(project: Project, key: str) -> None:
    with open(path_of(project, key), "r+b") as file:
        file.truncate(1_000)


def lose(project: Project, key: str) -> None:
    os.unlink(path_of(project, key))


def record(run: RunStore, name: str) -> str:
    return f"{run.prefix}/tasks/{name}"


def blob(run: RunStore, step: str, artifact: str, path: str = "0") -> str:
    refs: Any = run.task(step, path)["artifacts"]
    return blob_key(refs[artifact]["digest"])


@pytest.mark.parametrize("damage", [empty, shorten, lose])
@pytest.mark.parametrize(
    ("name", "reused"), [("start/0.json", 0), ("work/0.1.json", 3), ("join/0.json", 4), ("end/0.json", 5)]
)
def test_a_record_that_is_lost(cut: Project, name: str, reused: int, damage: Callable[[Project, str], None]) -> None:
    damage(cut, record(cut.latest(), name))
    done = cut.python("flow.py", "resume")
    assert done.code == 0, done.err
    assert f"reused {reused} tasks of" in done.err
    if damage is not lose:  # flowc cannot know that a missing record existed, so it prints no message
        step = name.partition("/")[0]
        assert f"{step} runs again: the record of {name.removesuffix('.json')} is lost: " in done.err
    assert RESULT in done.out


@pytest.mark.parametrize("damage", [empty, shorten, lose])
@pytest.mark.parametrize(
    ("step", "path", "artifact", "reused"),
    [("start", "0", "big", 0), ("start", "0", "huge", 0), ("work", "0.1", "block", 3), ("join", "0", "blocks", 4)],
)
def test_an_artifact_that_is_lost(
    cut: Project, step: str, path: str, artifact: str, reused: int, damage: Callable[[Project, str], None]
) -> None:
    """The task runs again, and its blob is stored again under the same digest."""
    key = blob(cut.latest(), step, artifact, path)
    whole = os.path.getsize(path_of(cut, key))
    damage(cut, key)
    done = cut.python("flow.py", "resume")
    assert done.code == 0, done.err
    assert f"reused {reused} tasks of" in done.err
    assert f"{step} runs again: artifact '{artifact}' of {step}/{path} is lost\n" in done.err
    assert RESULT in done.out
    assert os.path.getsize(path_of(cut, key)) == whole


def test_everything_is_lost_but_the_names(cut: Project) -> None:
    """Every file of a run is empty, which happens on ext4 if the power fails directly after the run."""
    first = cut.latest()
    for directory, _, files in os.walk(cut.root / ".flowc"):
        for name in files:
            os.truncate(f"{directory}/{name}", 0)
    done = cut.python("flow.py", "resume")
    assert (done.code, "Traceback" in done.err) == (1, False)
    assert f"note: run Cut/{first.id} cannot be resumed: " in done.err
    assert " has no run of flow 'Cut' in " in done.err
    done = cut.python("flow.py", "run")
    assert done.code == 0, done.err
    assert RESULT in done.out


@pytest.mark.parametrize("name", ["run.json", "ir.json"])
def test_the_run_before_is_resumed_where_the_newest_is_lost(cut: Project, name: str) -> None:
    before = cut.latest()
    newest = cut.run("flow.py")
    empty(cut, f"{newest.prefix}/{name}")
    done = cut.python("flow.py", "resume")
    assert done.code == 0, done.err
    assert f"note: run Cut/{newest.id} cannot be resumed: " in done.err
    assert f"reused 6 tasks of Cut/{before.id}" in done.err


def test_a_file_that_is_lost(cut: Project) -> None:
    values = cut.latest().record()["parameters"]
    empty(cut, blob_key(values["text"]["digest"]))
    # without the file, flowc cannot store its content again
    (cut.root / "text.txt").rename(cut.root / "moved.txt")
    done = cut.python("flow.py", "resume", "end")
    assert (done.code, "Traceback" in done.err) == (1, False)
    assert "the store has lost text.txt, the file of parameter 'text': give --text again" in done.err
    done = cut.python("flow.py", "resume", "end", "--text", "moved.txt")
    assert done.code == 0, done.err
    assert RESULT in done.out


@pytest.mark.parametrize("what", ["cache", "blobs"])
def test_what_cached_steps_have_left(cut: Project, what: str) -> None:
    """If a cache entry or its artifacts are lost, the entry is ignored and the step runs."""
    assert "\ncached " not in cut.python("flow.py", "run", "--cache").err
    assert cut.python("flow.py", "run", "--cache").err.count("\ncached ") == 6
    for directory, _, files in os.walk(cut.root / ".flowc" / what):
        for name in files:
            os.truncate(f"{directory}/{name}", 0)
    done = cut.python("flow.py", "run", "--cache")
    assert done.code == 0, done.err
    # `end` may come from the cache, because it has no artifacts of its own that could be lost
    assert RESULT in done.out or "\ncached end from " in done.err
    for step, path in (("start", "0"), ("work", "0.1"), ("join", "0"), ("end", "0")):
        assert cut.artifacts(cut.latest(), step, path)


def test_a_collection_that_was_cut_off_stops_no_run(cut: Project) -> None:
    """A `flowc gc` that was interrupted by a power loss may leave an empty lease, which does not delay a run."""
    lease = cut.root / ".flowc" / "gc" / "sweeps" / "1-abcdef"
    lease.parent.mkdir(parents=True)
    lease.touch()
    for path in (cut.root / ".flowc" / "blobs").rglob("*"):
        os.utime(path, (0, 0))
    done = cut.python("flow.py", "run")
    assert done.code == 0, done.err
    done = cut.flowc("gc", "--delete")
    assert (done.code, lease.exists()) == (0, False), done.err
