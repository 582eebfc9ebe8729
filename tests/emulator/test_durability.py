"""Power loss (docs/adr/0020-power.md): which files are on the disk before a run is reported as ended."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from disk_faults import Call, Disk, build
from flowc_runtime.base.signals import Wakeup
from flowc_runtime.store.backends import durability
from flowc_runtime.store.backends.local import LocalObjects
from gateway import gateway
from project import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLOW = """
    import os
    from metaflow import FlowSpec, card, retry, step

    class Kept(FlowSpec):
        @card
        @step
        def start(self):
            self.items = [1, 2, 3]
            self.big = "x" * 5_000
            self.next(self.work, foreach="items")

        @retry(times=1, minutes_between_retries=0)
        @step
        def work(self):
            print("item", self.input)
            self.block = bytes([self.input]) * 4_000
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs, include=["big"])
            self.blocks = b"".join(given.block for given in inputs)
            self.next(self.end)

        @step
        def end(self):
            print("sum", sum(self.blocks), len(self.big))

    if __name__ == "__main__":
        Kept()
    """
RESULT = "sum 24000 5000"
IO = os.strerror(errno.EIO)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def kept(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


@pytest.fixture
def disk(kept: Project, library: Path) -> Disk:
    return Disk(kept, library)


def run(project: Project, *options: str, **environment: str) -> Finished:
    return project.python("flow.py", "run", *options, **environment)


def status(run: RunStore) -> dict[str, Any]:
    found: dict[str, Any] = {**run.status()}
    return found


def syncs(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name in ("syncfs", "fsync")]


# -- the order of writes ---------------------------------------------------------------------------------------------------


def test_a_run_is_on_the_disk_before_it_is_said_to_have_ended(kept: Project, disk: Disk) -> None:
    done = run(kept)
    assert (done.code, done.err.count("note:")) == (0, 0), done.err
    prefix = kept.latest().prefix
    calls = disk.calls()
    at = calls.index(Call("syncfs", "."))
    temporary = calls[at + 1].path
    assert calls[at + 1 :] == [
        Call("write", temporary),
        Call("fsync", temporary),
        Call("rename", f"{prefix}/status.json"),
        Call("fsync", prefix),
    ]
    assert len(syncs(calls)) == 3, "one call for all, however many files there are"
    before = {call.path for call in calls[:at] if call.name == "link"}
    assert f"{prefix}/tasks/end/0.json" in before


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_with_task_each_task_is_on_the_disk_before_its_record(kept: Project, disk: Disk, start: str) -> None:
    assert run(kept, "--durability", "task", "--start", start, "--max-workers", "1").code == 0
    calls, ended = disk.calls(), 0
    for at, call in enumerate(calls):
        if call.name == "link" and "/tasks/" in call.path and ".begin." not in call.path:
            ended += 1
            before = [each.name for each in calls[:at] if each.name != "write"][-2:]
            assert before == ["syncfs", "fsync"], "the data first, then the record's own bytes"
            assert calls[at + 1] == Call("fsync", os.path.dirname(call.path))
    assert ended == 6
    assert calls[-1] == Call("fsync", kept.latest().prefix)


def test_a_failed_attempt_is_kept_with_task_too(kept: Project, disk: Disk) -> None:
    kept.write("flow.py", FLOW.replace('print("item", self.input)', "assert self.input != 2"))
    assert run(kept, "--durability", "task").code == 1
    calls = disk.calls()
    at = next(at for at, call in enumerate(calls) if call.path.endswith("tasks/work/0.1-2.json"))
    assert Call("fsync", os.path.dirname(calls[at].path)) in calls[at:]
    assert status(kept.latest())["state"] == "failed"


@pytest.mark.parametrize("how", ["option", "variable", "file", "pyproject"])
def test_with_none_nothing_is_waited_for(kept: Project, disk: Disk, how: str) -> None:
    options = ["--durability", "none"] if how == "option" else []
    variables = {"FLOWC_DURABILITY": "none"} if how == "variable" else {}
    if how == "file":
        kept.write("flowc.toml", 'durability = "none"\n')
    if how == "pyproject":
        kept.write("pyproject.toml", '[tool.flowc]\ndurability = "none"\n')
    assert run(kept, *options, **variables).code == 0
    assert syncs(disk.calls()) == []
    assert status(kept.latest())["state"] == "succeeded"


def test_other_words_are_refused(kept: Project) -> None:
    done = run(kept, "--durability", "always")
    assert (done.code, "'always' is not one of 'run', 'task', 'none'" in done.err) == (2, True), done.err
    done = run(kept, FLOWC_DURABILITY="always")
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        'error: FLOWC_DURABILITY=always: must be one of run, task, none, not "always"',
    )


def test_runs_that_fail_are_kept_as_well(kept: Project, disk: Disk) -> None:
    kept.write("flow.py", FLOW.replace('print("sum"', 'raise ValueError("no") or print("sum"'))
    assert run(kept).code == 1
    assert [call.name for call in syncs(disk.calls())] == ["syncfs", "fsync", "fsync"]
    assert status(kept.latest())["state"] == "failed"


def test_a_run_that_cannot_begin_is_kept_as_well(kept: Project, disk: Disk) -> None:
    assert run(kept, "--run-id-file", "nowhere/id").code == 1
    assert [call.name for call in syncs(disk.calls())] == ["syncfs", "fsync", "fsync"]
    assert status(kept.latest())["state"] == "failed"


def test_a_run_whose_supervisor_is_killed_is_kept_as_well(kept: Project, disk: Disk) -> None:
    kept.write(
        "flow.py", FLOW.replace('print("item", self.input)', 'print("here", flush=True); import signal; signal.pause()')
    )
    with kept.start("flow.py", "run") as process:
        assert process.stdout is not None
        wait_until(lambda: "here" in process.stdout.readline(), "no task began")  # type: ignore[union-attr]
        process.kill()
        process.communicate(timeout=60)
    wait_until(lambda: status(kept.latest())["state"] == "killed", "the guardian says nothing")
    wait_until(lambda: len(syncs(disk.calls())) == 3, "the guardian does not wait for the disk")


def test_a_bucket_has_what_it_acknowledges(kept: Project, disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> None:
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        done = run(kept, "--durability", "task", FLOWC_STORE=s3.bucket("power"), **s3.environment)
    assert done.code == 0, done.err
    assert syncs(disk.calls()) == []


# -- disks that fail -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=["EIO", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("call", ["syncfs", "fsync", "rename"])
def test_a_run_that_the_disk_may_not_have_has_not_succeeded(kept: Project, disk: Disk, call: str, number: int) -> None:
    disk.fail((call, number, "status.json" if call == "rename" else ".flowc"))
    done = run(kept)
    problem = f"cannot write all data of the store file://{kept.root}/.flowc to the disk: {os.strerror(number)}"
    assert done.code == 1
    assert f"error: {problem}\nhint: " in done.err
    assert "Traceback" not in done.err
    assert " failed: 6 tasks done in " in done.err
    found = status(kept.latest())
    if call == "rename":  # then nothing is printed
        assert found["state"] == "running"
    else:
        assert (found["state"], found["message"]) == ("failed", problem)
    disk.well()
    done = kept.python("flow.py", "resume")
    assert (done.code, "reused 6 tasks" in done.err) == (0, True), done.err


def test_a_task_that_the_disk_may_not_have_has_failed(kept: Project, disk: Disk) -> None:
    disk.fail(("syncfs", errno.EIO, ""))
    done = run(kept, "--durability", "task")
    assert (
        done.code,
        f"failed start: cannot write all data of the store file://{kept.root}/.flowc to the disk: {IO}" in done.err,
    ) == (1, True)
    assert "Traceback" not in done.err
    assert not kept.latest().is_done("start", "0")


def test_a_failed_run_still_says_why_it_failed(kept: Project, disk: Disk) -> None:
    kept.write("flow.py", FLOW.replace('print("sum"', 'raise ValueError("no") or print("sum"'))
    disk.fail(("syncfs", errno.EIO, ""))
    done = run(kept)
    assert done.code == 1
    assert "error: cannot write all data of" in done.err
    assert "error: step 'end' failed" in done.err
    assert status(kept.latest())["message"] == "ValueError: no"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP], ids=["ENOSYS", "EOPNOTSUPP"])
def test_where_there_is_no_syncfs_each_file_is_waited_for(kept: Project, disk: Disk, number: int) -> None:
    disk.fail(("syncfs", number, ""))
    assert run(kept).code == 0
    waited = [call.path for call in syncs(disk.calls()) if call.name == "fsync"]
    store = kept.root / ".flowc"
    recordable_files = {
        str(path.relative_to(store))
        for path in store.rglob("*")
        if path.name != "status.json" and path != store / "tmp"
    }
    assert recordable_files <= set(waited[:-2])
    assert waited[-1] == kept.latest().prefix
    for at, path in enumerate(waited[:-3]):
        assert not any(later.startswith(f"{path}/") for later in waited[at:-3]), "a directory comes after what is in it"


# -- disks that are slow ---------------------------------------------------------------------------------------------------


def test_a_slow_disk_is_told(kept: Project, disk: Disk) -> None:
    disk.slow("syncfs", 2.5)
    done = run(kept)
    assert done.code == 0, done.err
    (line,) = [line for line in done.err.splitlines() if line.startswith("note: ")]
    assert line.startswith(
        f"note: waiting until all data of {kept.root}/.flowc is on the disk: the disk must also write"
    )
    disk.slow("syncfs", 0.1)
    assert "note: " not in run(kept).err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_waits_for_the_disk_can_be_interrupted(kept: Project, disk: Disk, number: int) -> None:
    disk.slow("syncfs", 300)
    with kept.start("flow.py", "run") as process:
        assert process.stderr is not None
        lines: list[str] = []
        while not lines or "waiting until all data of" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert " interrupted: 6 tasks done in " in err
    found = status(kept.latest())
    name = signal.Signals(number).name
    assert (found["state"], found["message"]) == ("interrupted", f"by {name}, before all data was on the disk")
    disk.well()
    assert kept.python("flow.py", "resume").code == 0


def test_a_disk_that_is_quick_is_waited_for_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that arrives during a quick sync to the disk does not change the status of a successful run."""
    monkeypatch.setattr(durability, "_HURRY", 60)
    monkeypatch.setattr(durability, "PATIENCE", 60)
    disk = durability.Disk(LocalObjects(tmp_path))
    os.write((wakeup := Wakeup()).open(), bytes([signal.SIGINT]))
    try:
        assert disk.wait_apart((tmp_path / "then").touch, lambda told: None, wakeup) is None
        assert (tmp_path / "then").exists()
    finally:
        wakeup.close()
        os.close(disk.descriptor())


@pytest.mark.parametrize("looked", [False, True], ids=["not seen", "seen"])
@pytest.mark.parametrize("patience", [0.05, 60], ids=["told before", "not told"])
def test_a_signal_before_the_word_ends_the_wait_too(
    monkeypatch: pytest.MonkeyPatch, patience: float, looked: bool
) -> None:
    monkeypatch.setattr(durability, "_HURRY", 0.05)
    monkeypatch.setattr(durability, "PATIENCE", patience)
    told: list[str] = []
    never = os.pipe()
    # SIGUSR1 arrives first, which does not end the wait, since the user's program handles it.
    os.write((wakeup := Wakeup()).open(), bytes([signal.SIGUSR1, signal.SIGTERM]))
    try:
        assert wakeup.has_ending() or not looked
        assert durability._first(never[0], wakeup, lambda: told.append("slow")) == signal.SIGTERM
    finally:
        wakeup.close()
        for descriptor in never:
            os.close(descriptor)
    assert told == []


# -- pods with a volume ----------------------------------------------------------------------------------------------------


class Pods:
    """The pods of a workflow whose store is on a volume: its methods call the entry point as Argo's pods do."""

    def __init__(self, project: Project) -> None:
        self.project = project
        (project.root / "ir.json").write_text(project.flowc("ir", "flow.py").out)
        self.run = project.store.run("Kept", "kept-1")
        self.environment = {
            "FLOWC_STORE": f"file://{project.root}/.flowc",
            "FLOWC_RUN": "kept-1",
            "FLOWC_IR": str(project.root / "ir.json"),
            "FLOWC_CODE": str(project.root),
            "FLOWC_OUT": str(project.root / "out"),
            "FLOWC_POD": "kept-1-pod",
        }

    def call(self, *arguments: str, **environment: str) -> Finished:
        return self.project.python("-m", "flowc_runtime", *arguments, **self.environment | environment)

    def task(self, step: str, path: str = "0", **environment: str) -> Finished:
        return self.call("task", step, "--path", path, "--retry", "0", **environment)


@pytest.fixture
def pods(kept: Project) -> Pods:
    return Pods(kept)


def test_a_pod_ends_when_the_disk_has_what_it_wrote(pods: Pods, disk: Disk) -> None:
    assert pods.task("start").code == 0
    calls = disk.calls()
    assert calls[-1] == Call("syncfs", ".")
    assert len(syncs(calls)) == 1
    disk.forget()
    assert pods.call("finish", "--status", "Succeeded").code == 0
    assert [call.name for call in disk.calls()] == ["syncfs", "write", "fsync", "rename", "fsync"]
    assert status(pods.run)["state"] == "succeeded"


def test_a_pod_waits_for_its_record_with_task(pods: Pods, disk: Disk) -> None:
    assert pods.task("start", FLOWC_DURABILITY="task").code == 0
    names = [call.name for call in syncs(disk.calls())]
    assert names == ["syncfs", "fsync", "fsync", "syncfs"]


def test_pods_wait_for_nothing_with_none(pods: Pods, disk: Disk) -> None:
    assert pods.task("start", FLOWC_DURABILITY="none").code == 0
    assert pods.call("finish", "--status", "Succeeded", FLOWC_DURABILITY="none").code == 0
    assert syncs(disk.calls()) == []


def test_a_pod_whose_disk_fails_is_tried_again(pods: Pods, disk: Disk) -> None:
    disk.fail(("syncfs", errno.EIO, ""))
    done = pods.task("start")
    assert (done.code, f"to the disk: {IO}\n" in done.err, "Traceback" in done.err) == (75, True, False)
    done = pods.call("finish", "--status", "Succeeded")
    assert (done.code, f"to the disk: {IO}\n" in done.err, "Traceback" in done.err) == (0, True, False)
    assert status(pods.run)["state"] == "failed"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=["ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize(
    ("call", "part"),
    [("link", "/blobs/"), ("link", "/run.json"), ("link", ".begin.json"), ("link", "/0.json"), ("write", "/logs/")],
)
def test_a_pod_whose_volume_cannot_be_written(pods: Pods, disk: Disk, call: str, part: str, number: int) -> None:
    """The exit code is 75, as for all failures of a store, because another attempt may succeed."""
    pods.project.write("flow.py", FLOW.replace("self.items = [1, 2, 3]", 'print("here"); self.items = [1, 2, 3]'))
    disk.fail((call, number, part))
    done = pods.task("start")
    assert (done.code, "Traceback" in done.err) == (75, False), done.err
    assert f"cannot write to the store file://{pods.project.root}/.flowc: {os.strerror(number)}\n" in done.err
