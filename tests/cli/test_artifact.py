"""Versions of an artifact, files outside the store, and the command `flowc gc`."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.base.mounts import volume_fault
from flowc_runtime.store.backends.external import digest_of, external_file
from gateway import gateway

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

MODEL = """
    from metaflow import FlowSpec, Parameter, step

    class Train(FlowSpec):
        n = Parameter("n", default=1)

        @step
        def start(self):
            self.model = "untrained"
            self.data = b"\\0" * 3000
            self.next(self.train)

        @step
        def train(self):
            self.model = [self.n] * 1000
            self.next(self.end)

        @step
        def end(self):
            print(len(self.model))
"""


# -- versions ----------------------------------------------------------------------------------------------------------


def listed(project: Project, *arguments: str) -> list[dict[str, Any]]:
    done = project.flowc("artifact", *arguments, "--json")
    assert done.code == 0, done.err
    rows: list[dict[str, Any]] = json.loads(done.out)
    return rows


def test_every_value_is_a_version_newest_first(project: Project) -> None:
    project.write("flow.py", MODEL)
    runs = [project.run("flow.py", "--n", str(n)).id for n in (1, 2, 1)]
    rows = listed(project, "Train/model")
    assert [(row["run"], row["step"]) for row in rows] == [
        (run, step) for run in reversed(runs) for step in ("train", "start")
    ]
    assert rows[0]["digest"] == rows[4]["digest"] != rows[2]["digest"]
    row = rows[0]
    assert (row["type"], row["task"], row["flow"]) == ("list", "train-0", "Train")
    assert row["size"] > 1000
    assert row["when"] > rows[-1]["when"]
    assert len(listed(project, "Train/model", "--run", runs[1])) == 2
    assert [row["run"] for row in listed(project, "Train/model", "--run", "latest")] == [runs[2]] * 2
    assert {row["step"] for row in listed(project, "Train/model", "--step", "end")} == {"end"}
    assert len(listed(project, "Train/model", "--limit", "3")) == 3


def test_versions_for_people(project: Project) -> None:
    project.write("flow.py", MODEL)
    run = project.run("flow.py")
    lines = project.flowc("artifact", "Train/model").out.splitlines()
    assert f"{run.id}/train/train-0" in lines[0]
    assert run.task("train", "0")["artifacts"]["model"]["digest"][:12] in lines[0]
    assert lines[1].endswith("'untrained'")


def test_one_version_by_the_beginning_of_its_digest(project: Project) -> None:
    project.write("flow.py", MODEL)
    for n in (1, 2):
        project.run("flow.py", "--n", str(n))
    old = listed(project, "Train/model")[2]["digest"]
    done = project.flowc("artifact", f"Train/model@{old[:10]}", "-o", "model.pickle")
    assert done.code == 0, done.err
    assert pickle.loads((project.root / "model.pickle").read_bytes()) == [1] * 1000
    (row,) = listed(project, f"Train/model@{old}")
    assert row["digest"] == old
    data = listed(project, "Train/data")[0]["digest"]
    project.flowc("artifact", f"Train/data@{data[:10]}", "-o", "data")
    assert (project.root / "data").read_bytes() == b"\0" * 3000


def test_versions_in_python(project: Project) -> None:
    project.write("flow.py", MODEL)
    project.run("flow.py")
    project.write("read.py", """
        from metaflow import DataArtifact, Flow, namespace

        namespace(None)
        new, old = Flow("Train").artifact_versions("model")
        assert DataArtifact(new["pathspec"]).data == [1] * 1000
        print(old["pathspec"], old["repr"], old["created_at"] < new["created_at"])
        """)  # fmt: skip
    done = project.python("read.py")
    assert done.out == f"Train/{project.latest().id}/start/start-0/model 'untrained' True\n", done.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["Train"], 2, "not an artifact: 'Train'"),
        (["Train/model@12"], 2, "with at least 4 digits"),
        (["Train/model", "-o", "file"], 2, "--output needs a version"),
        (["Other/model"], 1, "no run of a flow 'Other'"),
        (["Train/nothing"], 1, "flow 'Train' has no artifact 'nothing'"),
        (["Train/n"], 1, "'n' is a parameter of flow 'Train', and parameters have no versions in the store"),
        (["Train/model@0000"], 1, "flow 'Train' has no version 0000 of artifact 'model'"),
        (["Train/model", "--run", "x"], 1, "flow 'Train' has no run 'x'"),
        (["Train/model", "--step", "x"], 1, "has no artifact 'model' in step x"),
    ],
)
def test_what_is_not_there_is_told(project: Project, arguments: list[str], code: int, told: str) -> None:
    project.write("flow.py", MODEL)
    project.run("flow.py")
    done = project.flowc("artifact", *arguments)
    assert done.code == code
    assert told in done.err


# -- external files ----------------------------------------------------------------------------------------------------

EXTERNAL = """
    import os
    from metaflow import FlowSpec, Parameter, step
    from flowc.steps import external_file

    class Big(FlowSpec):
        between = Parameter("between", default="")

        @step
        def start(self):
            self.data = external_file("data.bin")
            self.next(self.middle)

        @step
        def middle(self):
            if self.between:
                exec(self.between)
            self.next(self.end)

        @step
        def end(self):
            with self.data.open() as file:
                self.first = file.read(3)
            self.last = bytes(self.data.mmap()[-3:])
            self.size = self.data.size
            assert os.path.samefile(self.data, "data.bin")
            assert self.data.read_bytes() == self.data.mmap()
"""


def test_a_file_is_recorded_and_not_copied(project: Project) -> None:
    project.write("flow.py", EXTERNAL)
    (project.root / "data.bin").write_bytes(b"abc" + b"\0" * 5_000_000 + b"xyz")
    run = project.run("flow.py")
    assert project.artifacts(run, "end").items() >= {"first": b"abc", "last": b"xyz", "size": 5_000_006}.items()
    # the only blob contains the Python files of the run, not the external file
    (blob,) = project.store.objects.names_below("blobs")
    assert blob.endswith(run.record()["sources"]["digest"])
    ref = run.task("end", "0")["artifacts"]["data"]
    external = ref["external"]
    assert (external["path"], external["size"]) == (str(project.root / "data.bin"), 5_000_006)
    (row,) = listed(project, "Big/data")
    assert (row["digest"], row["size"]) == (external["digest"], 5_000_006)
    assert str(project.root / "data.bin") in project.flowc("artifact", "Big/data").out
    project.flowc("artifact", f"Big/data@{row['digest'][:8]}", "-o", "copy.bin")
    assert (project.root / "copy.bin").read_bytes() == (project.root / "data.bin").read_bytes()


@pytest.mark.parametrize(
    ("between", "told"),
    [
        ("os.unlink('data.bin')", "cannot be found: No such file"),
        ("open('data.bin', 'ab').write(b'+')", "has changed since it was recorded: it had 6 bytes and has 7"),
        ("open('data.bin', 'wb').write(b'abcxyZ')", "has changed since it was recorded: its content differs"),
        ("os.rename('data.bin', 'x'); os.mkdir('data.bin')", "is not a file"),
    ],
)
def test_a_changed_file_is_refused(project: Project, between: str, told: str) -> None:
    project.write("flow.py", EXTERNAL)
    (project.root / "data.bin").write_bytes(b"abcxyz")
    done = project.flowc("run", "flow.py", "--between", between)
    assert done.code == 1
    assert told in done.err
    assert "data.bin" in done.err


def test_a_file_that_is_only_touched_is_the_same(project: Project) -> None:
    project.write("flow.py", EXTERNAL)
    (project.root / "data.bin").write_bytes(b"abcxyz")
    project.run("flow.py", "--between", "os.utime('data.bin', (5, 5))")


def test_a_digest_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is hashed a second time only if it is so new that a later change could leave its modification time
    unchanged."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file, reads = tmp_path / "file", list[str]()

    def counted(path: str) -> str:
        reads.append(path)
        return digest

    file.write_bytes(b"new")
    digest = digest_of(str(file))
    assert not (tmp_path / "cache").exists()
    os.utime(file, (1, 1))
    assert digest_of(str(file)) == digest
    monkeypatch.setattr("flowc_runtime.store.backends.external._read_through", counted)
    assert digest_of(str(file)) == digest
    assert reads == []
    os.utime(file, (2, 2))
    digest_of(str(file))
    assert reads == [str(file)]


MOUNTS = """\
500 400 0:100 / / rw - overlay overlay rw,lowerdir=/x
501 500 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/tmp /tmp rw - ext4 /dev/sda1 rw
502 500 0:101 / /dev/shm rw - tmpfs shm rw
503 500 8:16 / /data\\040sets rw - ext4 /dev/sdb rw
504 500 0:102 / /mnt/nfs rw - nfs4 server:/export rw
505 504 0:103 / /mnt/nfs/scratch rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/app/file", "is in the container's own file system"),
        ("/tmp/file", "is in /tmp, which ends with the pod"),
        ("/dev/shm/file", "is in /dev/shm, which ends with the pod"),
        ("/data sets/file", None),
        ("/mnt/nfs/file", None),
        ("/mnt/nfs/scratch/file", "is in /mnt/nfs/scratch, which ends with the pod"),
    ],
)
def test_in_a_pod_a_file_has_to_be_on_a_volume(path: str, fault: str | None) -> None:
    assert volume_fault(path, MOUNTS) == fault


def test_in_a_pod_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWC_POD", "1")
    monkeypatch.setattr("flowc_runtime.base.mounts._MOUNTS", str(tmp_path / "mounts"))
    (tmp_path / "mounts").write_text("1 0 0:1 / / rw - overlay overlay rw\n")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="own file system, so other tasks could not find it; put it on a volume"):
        external_file(tmp_path / "file")


# -- garbage -----------------------------------------------------------------------------------------------------------


def make_old(project: Project) -> None:
    """Set the age of every file in the store to two days."""
    then = time.time() - 2 * 86400
    for path in (project.root / ".flowc").rglob("*"):
        os.utime(path, (then, then))
        if path.name == "status.json":
            path.write_text(json.dumps(json.loads(path.read_text()) | {"changed": then}))


def test_gc_says_what_it_would_do_and_does_it(project: Project) -> None:
    project.write("flow.py", MODEL)
    old, new = project.run("flow.py", "--n", "1"), project.run("flow.py", "--n", "2")
    make_old(project)
    done = project.flowc("gc", "Train", "--keep-last", "1")
    assert done.code == 0, done.err
    first, last = done.out.splitlines()
    assert first.startswith(f"Train/{old.id}  3 tasks  ")
    assert last.startswith("would delete 1 run and 1 blob, ")
    assert old.exists()
    done = project.flowc("gc", "Train", "--keep-last", "1", "--delete", "--json")
    found = json.loads(done.out)
    assert (found["runs_deleted"], found["blobs_deleted"], found["kept"]) == (1, 1, 1)
    assert project.store.runs("Train") == [new.id]
    assert project.artifacts(new, "end")["model"] == [2] * 1000
    assert "would delete 0 runs and 0 blobs, 0 bytes" in project.flowc("gc").out
    assert "would delete 1 run and 3 blobs" in project.flowc("gc", "--older-than", "1d").out


def test_gc_keeps_what_was_resumed(project: Project) -> None:
    project.write("flow.py", MODEL)
    first = project.run("flow.py")
    assert project.flowc("resume", "flow.py", "end").code == 0
    make_old(project)
    second = project.latest()
    second.set_status({"state": "succeeded", "changed": time.time()})
    done = project.flowc("gc", "--older-than", "1d", "--delete")
    assert f"Train/{first.id} is kept: Train/{second.id} has resumed it" in done.out
    assert project.flowc("logs", f"Train/{second.id}/end").code == 0
    assert project.artifacts(second, "end")["data"] == b"\0" * 3000


def test_gc_keeps_what_a_spun_task_needs(project: Project) -> None:
    """`flowc gc` keeps the original run of a task of `spin` as long as the directory with that task exists."""
    project.write("flow.py", MODEL)
    first = project.run("flow.py")
    assert project.flowc("spin", "flow.py", "end", "--persist").code == 0
    make_old(project)
    done = project.flowc("gc", "--older-than", "1d", "--delete")
    kept = project.root / ".flowc_spin"
    assert f"Train/{first.id} is kept: the spin results in {kept} use it" in done.out
    read = "from metaflow import *; inspect_spin(); print(len(Flow('Train').latest_run['end'].task.data.model))"
    assert project.python("-c", read).out == "1000\n"
    assert json.loads(project.flowc("gc", "--older-than", "1d", "--json").out)["spun"] == {
        f"Train/{first.id}": str(kept)
    }
    shutil.rmtree(kept)
    assert "deleted 1 run and" in project.flowc("gc", "--older-than", "1d", "--delete").out
    assert not first.exists()


def test_gc_keeps_what_a_spun_task_needs_in_a_bucket(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.write("flow.py", MODEL)
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        place = s3.environment | {"FLOWC_STORE": s3.bucket("spins") + "/team"}
        for words in (("run", "--local", "flow.py"), ("spin", "flow.py", "end", "--persist")):
            done = project.flowc(*words, **place)
            assert done.code == 0, done.err
        told = project.flowc("gc", "--keep-last", "0", "--delete", **place).out
    assert f"is kept: the spin results in {project.root}/.flowc_spin use it" in told
    assert "deleted 0 runs" in told


def test_gc_beside_runs_that_store_the_same_values_again(project: Project) -> None:
    """`flowc gc` deletes old runs while new runs store the same values, and no value is lost."""
    project.write("flow.py", MODEL)
    project.run("flow.py")
    for _ in range(3):
        make_old(project)
        running = [project.start("-m", "flowc", "run", "flow.py") for _ in range(2)]
        collecting = [project.start("-m", "flowc", "gc", "--older-than", "1d", "--delete") for _ in range(2)]
        for process in (*running, *collecting):
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
        for run in project.store.runs("Train")[-2:]:
            left = project.artifacts(project.store.run("Train", run), "end")
            assert left == {"model": [1] * 1000, "data": b"\0" * 3000}
    assert len(project.store.runs("Train")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--older-than", "soon"], 2, "'soon' is not a duration; write 90m, 12h, 30d or 8w"),
        (["--keep-tag", "x"], 2, "--keep-tag only keeps runs"),
        (["Other"], 1, "no run of a flow 'Other'"),
    ],
)
def test_gc_refuses_what_it_cannot_mean(project: Project, arguments: list[str], code: int, told: str) -> None:
    done = project.flowc("gc", *arguments)
    assert done.code == code
    assert told in done.err
