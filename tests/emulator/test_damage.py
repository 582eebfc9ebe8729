"""Damaged blobs: every command that reads values reports them, and the next run stores them again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from damage import DAMAGES, damage
from flowc_runtime.store.records.store import Store
from gateway import gateway
from project import Project

if TYPE_CHECKING:
    from project import Finished

FLOW = """
    import numpy as np
    from metaflow import FlowSpec, IncludeFile, card, step

    class Values(FlowSpec):
        table = IncludeFile("table", default="table.csv")

        @step
        def start(self):
            self.array = np.arange(100_000, dtype="float64")
            self.text = "hello world " * 1000
            self.small = 41
            self.items = ["x" * 3000 + str(number) for number in range(2)]
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.sum = float(self.array.sum()) + len(self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.sums = [given.sum for given in inputs]
            self.merge_artifacts(inputs, include=["array", "text", "small"])
            self.next(self.end)

        @card
        @step
        def end(self):
            print("read", self.text[:5], float(self.array.sum()), len(self.table))

    if __name__ == "__main__":
        Values()
    """
SHOWS = """
    from metaflow.cards import MetaflowCard

    class Shows(MetaflowCard):
        type = "shows"

        def render(self, task):
            return "<html>" + task["text"].data + "</html>"
"""
CLIENT = """
    from metaflow import Flow
    task = Flow("Values").latest_run["end"].task
    for name in ("array", "text"):
        try:
            print("value", len(task[name].data))
        except Exception as error:
            print(type(error).__name__, error)
    """
READERS = {
    "client": ("client.py",),
    "dump": ("-m", "flowc", "dump", "Values/latest/end"),
    "dump-json": ("-m", "flowc", "dump", "Values/latest/end", "--json", "--max-value-size", "10000000"),
    "dump-file": ("-m", "flowc", "dump", "Values/latest/end", "--file", "values.pickle"),
    "flow-dump": ("flow.py", "dump", "latest/end", "--max-value-size", "10000000"),
    "spin": ("flow.py", "spin", "end"),
    "resume": ("flow.py", "resume", "end"),
    "run": ("flow.py", "run"),
}
ARTIFACTS = ("array", "text")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a successful run."""
    project = Project(tmp_path_factory.mktemp("good"))
    project.write("flow.py", FLOW)
    project.write("client.py", CLIENT)
    project.write("table.csv", "a,b\n1,2\n")
    project.run("flow.py")
    return project.root


@pytest.fixture
def values(good: Path, project: Project) -> Project:
    """Return a copy of the directory with the successful run."""
    shutil.copytree(good, project.root, dirs_exist_ok=True)
    return project


def blobs(project: Project, step: str = "start", names: tuple[str, ...] = ARTIFACTS) -> dict[str, Path]:
    """Return the files of the blobs of artifacts, by artifact name."""
    refs = project.latest().task(step, "0")["artifacts"]
    return {name: project.root / ".flowc/blobs" / refs[name]["digest"][:2] / refs[name]["digest"] for name in names}


def assert_whole(done: Finished) -> None:
    assert done.code == 0, done.out + done.err
    assert "read hello 4999950000.0 8" in done.out


# The damaged artifact is alternately the array, which readers map into memory, and the text, which they read.
CASES = [
    (reader, kind, ARTIFACTS[(row + column) % 2])
    for row, reader in enumerate(READERS)
    for column, kind in enumerate(DAMAGES)
]


@pytest.mark.parametrize(("reader", "kind", "name"), CASES)
def test_every_reader_tells_damage_and_the_next_run_is_whole(
    values: Project, reader: str, kind: str, name: str
) -> None:
    file = blobs(values)[name]
    damage(file, kind)
    done = values.python(*READERS[reader])
    if reader in ("run", "resume") and kind in ("appended", "cut", "empty"):  # detected by the size
        assert_whole(done)
        assert reader == "run" or f"start runs again: artifact '{name}' of start/0 is lost\n" in done.err
        return
    said = done.out + done.err
    assert f"blobs/{file.parent.name}/{file.name} in file://{values.root}/.flowc is damaged: expected " in said
    assert "flowc fsck" in said
    # these commands run a step, and print the traceback of the step's exception
    assert "Traceback" not in said or reader in ("resume", "spin", "run")
    assert "read hello" not in said
    assert done.out.count("value ") == (1 if reader == "client" else 0)
    assert done.code == (0 if reader == "client" else 1)
    assert [path.name for path in (values.root / ".flowc/damaged").rglob("*") if path.is_file()] == [file.name]
    if kind == "flipped":  # one kind of damage is enough, because the damaged blob has been moved aside in any case
        assert_whole(values.python("flow.py", "run"))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_artifact_tells_damage(values: Project, name: str) -> None:
    file = blobs(values)[name]
    damage(file, "flipped")
    done = values.flowc("artifact", f"Values/{name}@{file.name[:12]}", "-o", "out")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: blobs/{file.parent.name}/{file.name} in ")


def test_dump_prints_the_other_artifacts(values: Project) -> None:
    damage(blobs(values)["text"], "zeroed")
    done = values.flowc("dump", "Values/latest/start")
    assert done.code == 1
    assert "  small: int, 5 bytes = 41\n" in done.out
    assert "  text: str, 12,018 bytes = " in done.out
    assert "(cannot be read: damaged)\n" in done.out
    assert "sha256" not in done.out
    assert done.err.startswith("error: blobs/")
    done = values.flowc("dump", "Values/latest/start", "--json", "--max-value-size", "100000")
    (task,) = json.loads(done.out)
    assert task["artifacts"]["small"]["value"] == 41
    assert "value" not in task["artifacts"]["text"]
    assert done.code == 1


def test_a_file_of_the_run_is_checked(values: Project) -> None:
    digest = values.latest().record()["parameters"]["table"]["digest"]
    damage(values.root / ".flowc/blobs" / digest[:2] / digest, "flipped")
    done = values.python("flow.py", "resume", "end")
    assert done.code == 1
    assert f"blobs/{digest[:2]}/{digest} in" in done.out + done.err
    assert_whole(values.python("flow.py", "run"))


@pytest.mark.parametrize("again", ["run", "resume", "verify"])
def test_a_file_that_is_still_here_is_stored_anew(values: Project, again: str) -> None:
    """No step can create a parameter's file again, so a damaged blob is restored when the user gives the file again."""
    digest = values.latest().record()["parameters"]["table"]["digest"]
    blob = values.root / ".flowc/blobs" / digest[:2] / digest
    damage(blob, "flipped")
    if again == "run":
        done = values.python("flow.py", "run")
    elif again == "verify":
        done = values.python("flow.py", "resume", "end", "--verify", "always")
    else:
        done = values.python("flow.py", "resume", "end")
        assert done.code == 1
        assert "file 'table.csv': blobs/" in done.out + done.err
        assert "pass the file again" in done.out + done.err
        assert "run the step again that stored it" not in done.out + done.err
        done = values.python("flow.py", "resume")
    assert_whole(done)
    assert blob.read_bytes() == (values.root / "table.csv").read_bytes()
    assert (values.root / ".flowc/damaged/blobs" / digest[:2] / digest).exists()


def test_a_file_that_has_changed_is_to_be_given_again(values: Project) -> None:
    digest = values.latest().record()["parameters"]["table"]["digest"]
    damage(values.root / ".flowc/blobs" / digest[:2] / digest, "flipped")
    values.write("table.csv", "a,b\n3,4\n")
    done = values.python("flow.py", "resume", "end", "--verify", "always")
    assert done.code == 1
    assert "the store has a damaged copy of table.csv, the file of parameter 'table': give --table again" in done.err
    assert_whole(values.python("flow.py", "resume", "end", "--table", "table.csv"))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_resume_that_verifies_runs_again_what_is_damaged(values: Project, name: str) -> None:
    damage(blobs(values)[name], "flipped")
    done = values.python("flow.py", "resume", "join", "--verify", "always")
    assert_whole(done)
    assert f"start runs again: its artifact '{name}' was found damaged" in done.out + done.err
    assert_whole(values.python("flow.py", "resume", "end", "--verify", "always"))


def test_a_card_is_never_made_of_damaged_values(values: Project) -> None:
    flow = FLOW.replace("@card", '@card(type="shows")').replace('print("read", self.text[:5], ', "print(")
    values.write("flow.py", flow.replace("card, step\n", f"card, step\n{SHOWS}"))
    damage(blobs(values)["text"], "flipped")
    done = values.python("flow.py", "resume", "end")
    assert done.code == 0, done.err
    assert "[@card WARNING]" in done.err
    assert "is damaged: expected 12,018 bytes" in done.err
    (card,) = (values.root / ".flowc").glob(f"flows/Values/runs/{values.latest().id}/cards/**/*.html")
    assert "hello world" not in card.read_text()


def test_a_task_that_meets_damage_says_so_in_its_record(values: Project) -> None:
    damage(blobs(values)["array"], "flipped")
    assert values.python("flow.py", "resume", "end").code == 1
    error = values.latest().attempt("end", "0", 1)
    assert error is not None
    assert error["error"]["message"].startswith("artifact 'array': blobs/")
    assert error["error"]["type"] == "flowc_runtime.base.errors.Damaged"


@pytest.mark.parametrize("catches", [False, True])
def test_a_task_whose_input_is_damaged_is_not_retried(values: Project, catches: bool) -> None:
    """The task is not retried, because its input has been moved aside and every attempt would fail.

    The log has one error, without stack frames of flowc.
    """
    policies = "@retry(times=3, minutes_between_retries=0)" + ("\n        @catch" if catches else "")
    flow = FLOW.replace("        @card\n", f"        {policies}\n").replace("card, step", "catch, retry, step")
    values.write("flow.py", flow)
    damage(blobs(values)["array"], "flipped")
    done = values.python("flow.py", "resume", "end")
    assert done.code == (0 if catches else 1)
    assert values.latest().attempts("end") == {"0": [1]}
    error = values.latest().attempt("end", "0", 1)
    assert error is not None
    traceback = error["error"]["traceback"]
    assert traceback.count("Traceback (most recent call last)") == 1
    assert traceback.count("is damaged: expected") == 1
    assert "contextlib" not in traceback


def test_resume_makes_anew_what_was_found_damaged(values: Project) -> None:
    damage(blobs(values)["array"], "flipped")
    assert values.python("flow.py", "resume", "end").code == 1
    done = values.python("flow.py", "resume")
    assert_whole(done)
    assert "its artifact 'array' was found damaged" in done.out + done.err
    assert [path.name for path in (values.root / ".flowc/damaged").rglob("*") if path.is_file()] == [
        blobs(values)["array"].name
    ]
    again = values.python("flow.py", "resume", "end")  # `resume` has stored the artifact again, so only `end` runs
    assert_whole(again)
    assert "damaged" not in again.out + again.err


@pytest.mark.parametrize("name", ["array", "items"])
def test_resume_makes_anew_what_fsck_has_moved_aside(values: Project, name: str) -> None:
    damage(blobs(values, names=(name,))[name], "flipped")
    assert values.flowc("fsck", "--repair").code == 1
    done = values.python("flow.py", "resume", "end")
    assert_whole(done)
    what = "artifact 'array'" if name == "array" else "list of items"
    assert f"its {what} was found damaged" in done.err


def test_resume_makes_anew_the_items_that_are_lost(values: Project) -> None:
    blobs(values, names=("items",))["items"].unlink()
    done = values.python("flow.py", "resume", "each")
    assert_whole(done)
    assert "start runs again: " in done.err


def test_resume_makes_anew_the_items_that_were_found_damaged(values: Project) -> None:
    items = blobs(values, names=("items",))["items"]
    damage(items, "flipped")
    done = values.python("flow.py", "resume", "each")
    assert done.code == 1
    assert items.name in done.out + done.err
    assert_whole(values.python("flow.py", "resume"))


def test_what_a_cached_step_left_is_made_anew(project: Project) -> None:
    project.write("table.csv", "a,b\n1,2\n")
    flow = FLOW.replace("import FlowSpec", "import FlowSpec").replace(
        "        @step\n        def start", "        @cache\n        @step\n        def start"
    )
    project.write(
        "flow.py", flow.replace("import numpy as np", "import numpy as np\n    from flowc.steps import cache")
    )
    assert_whole(project.python("flow.py", "run"))
    done = project.python("flow.py", "run")
    assert "cached start" in done.out + done.err
    damage(blobs(project)["text"], "empty")  # its size says so
    done = project.python("flow.py", "run")
    assert_whole(done)
    assert "cached start" not in done.out + done.err
    damage(blobs(project)["text"], "flipped")  # its reader says so
    assert project.python("flow.py", "run").code == 1
    assert_whole(project.python("flow.py", "run"))


@pytest.mark.parametrize("asked", ["option", "variable", "file"])
def test_verify_reaches_the_tasks(values: Project, asked: str) -> None:
    values.write(
        "shows.py",
        FLOW.replace('print("read"', 'import os; print("verify", os.environ.get("FLOWC_VERIFY")); print("read"'),
    )
    if asked == "file":
        values.write("flowc.toml", 'verify = "always"\n')
    options = ["--verify", "always"] if asked == "option" else []
    done = values.python("shows.py", "run", *options, **({"FLOWC_VERIFY": "always"} if asked == "variable" else {}))
    assert "verify always" in done.out
    assert_whole(done)
    assert "verify once" in values.python("shows.py", "run", "--verify", "once").out


def test_damage_in_a_bucket_is_told_by_tasks_and_commands(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.write("flow.py", FLOW)
    project.write("client.py", CLIENT)
    project.write("table.csv", "a,b\n1,2\n")
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        project.environment |= running.environment | {"FLOWC_STORE": running.bucket("values")}
        assert_whole(project.python("flow.py", "run"))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in running.environment.items():
                patch.setenv(name, value)
            store = Store.open("s3://values")
            refs = store.run("Values", store.runs("Values")[-1]).task("start", "0")["artifacts"]
        for reader, name in (("client", "array"), ("dump", "text"), ("resume", "array")):
            digest = refs[name]["digest"]
            damage(running.directory / "values/blobs" / digest[:2] / digest, "flipped")
            done = project.python(*READERS[reader])
            said = done.out + done.err
            assert f"blobs/{digest[:2]}/{digest} in s3://values is damaged: expected " in said
            assert "read hello" not in said
            assert_whole(project.python("flow.py", "run"))
