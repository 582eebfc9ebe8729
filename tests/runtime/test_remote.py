"""The store in a bucket of a real S3 gateway."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from compare import summary
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends import chunks
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote import asking
from flowc_runtime.store.backends.remote import bucket as remote
from flowc_runtime.store.backends.remote.bucket import RemoteObjects
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value, store_value
from gateway import Gateway, gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def objects(s3: Gateway, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> RemoteObjects:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    bucket = s3.bucket(f"b{abs(hash(request.node.nodeid))}")
    return RemoteObjects(f"{bucket}/some/prefix")


def test_put_get_create(objects: RemoteObjects) -> None:
    objects.put("a/b", b"one")
    objects.put("a/b", b"two\0")
    assert objects.get("a/b") == b"two\0"
    assert objects.create("a/c", [b"first ", memoryview(b"half")])
    assert not objects.create("a/c", [b"second"])
    assert objects.get("a/c") == b"first half"
    assert (objects.exists("a/c"), objects.exists("a/d")) == (True, False)
    with pytest.raises(NotFound):
        objects.get("a/d")
    with pytest.raises(NotFound):
        objects.map("a/d")


def test_all_keys_below_a_prefix(objects: RemoteObjects) -> None:
    assert objects.names_below("tags") == []
    for key in ("tags/1/a", "tags/1/b%2Fc", "tags/2/a", "tags2/x"):
        objects.create(key, [b""])
    assert objects.names_below("tags") == ["1/a", "1/b%2Fc", "2/a"]
    objects.delete("tags/1/a")
    objects.delete("tags/1/a")
    objects.delete_many([])
    assert objects.names_below("tags") == ["1/b%2Fc", "2/a"]


def test_names(objects: RemoteObjects) -> None:
    assert objects.names("") == objects.names("d") == []
    for key in ("d/b", "d/a/c", "d/c"):
        objects.put(key, b"x")
    assert objects.names("d") == ["a/", "b", "c"]
    assert objects.names("") == ["d/"]


@pytest.mark.parametrize("size", [0, 10, remote.PART + 1, 3 * remote.PART])
def test_blobs_of_any_size(objects: RemoteObjects, size: int) -> None:
    parts = [np.random.default_rng(1).bytes(size), b"tail"]
    digest = objects.create_blob(parts)
    assert digest == sha256(parts) == objects.create_blob(parts)
    assert objects.get(blob_key(digest)) == b"".join(parts)
    view = objects.map(blob_key(digest))
    assert bytes(view) == b"".join(parts)
    view[0] = 0  # writing is allowed, since the mapping is private


def test_artifacts(objects: RemoteObjects) -> None:
    array = np.arange(5_000_000.0)
    ref = store_value(objects, {"array": array})
    back = load_value(objects, ref)["array"]
    np.testing.assert_array_equal(back, array)
    back += 1


def test_what_is_appended_waits_for_more_but_not_for_long(
    objects: RemoteObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.append("log", b"one ")
    assert objects.names("log") == []
    due = objects.flush()
    assert due is not None
    assert 0 < due <= chunks.FLUSH_SECONDS
    later = time.monotonic() + due
    monkeypatch.setattr(remote.time, "monotonic", lambda: later)
    assert objects.flush() is None
    assert objects.appended("log") == b"one "
    objects.append("log", b"x" * chunks.FLUSH_BYTES)
    objects.append("log", b"tail")
    assert objects.appended("log") == b"one " + b"x" * chunks.FLUSH_BYTES
    objects.flush(now=True)
    assert objects.appended("log") == b"one " + b"x" * chunks.FLUSH_BYTES + b"tail"


@pytest.mark.parametrize(
    ("change", "url", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3://there", "refuses these credentials"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "s3://there", "refuses these credentials"),
        ({}, "s3://no-such-bucket", "the bucket of s3://no-such-bucket does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    s3: Gateway, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], url: str, message: str
) -> None:
    for name, value in (s3.environment | change).items():
        monkeypatch.setenv(name, value)
    if not (s3.directory / "there").exists():
        s3.bucket("there")
    for request in (
        lambda objects: objects.get("k"),
        lambda objects: objects.put("k", b""),
        lambda objects: objects.create("k", [b""]),
        lambda objects: objects.names("k"),
    ):
        with pytest.raises(StoreError, match=message) as raised:
            request(RemoteObjects(url))
        assert "\n" not in str(raised.value)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, s3: Gateway) -> None:
    monkeypatch.setattr(asking, "AT_FIRST", asking.Patience(2, (1,)))
    for name, value in (s3.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=r"cannot reach s3://b at http://127\.0\.0\.1:9: connection refused"):
        RemoteObjects("s3://b").get("k")


FLOW = """
    import os, signal
    import numpy as np
    from metaflow import FlowSpec, step, retry, catch, current

    class Far(FlowSpec):
        @step
        def start(self):
            self.array = np.arange(200_000.0)
            self.items = list("abc")
            print("hello")
            self.next(self.work, foreach="items")

        @catch(var="why")
        @retry(times=1, minutes_between_retries=0)
        @step
        def work(self):
            print("item", self.input)
            if self.index == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.index == 2 and current.retry_count == 0:
                raise ValueError("once")
            self.sum = float(self.array.sum())
            self.next(self.join)

        @step
        def join(self, inputs):
            self.sums = [inp.sum for inp in inputs if not inp.why]
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_metaflow_s_settings_name_the_place_and_a_run_has_its_tags_there(project: Project, s3: Gateway) -> None:
    project.write("flow.py", FLOW)
    place = dict(s3.environment)
    place["METAFLOW_S3_ENDPOINT_URL"] = place.pop("AWS_ENDPOINT_URL")
    place |= {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": s3.bucket("tagged") + "/team"}
    done = project.flowc("run", "--local", "flow.py", "--tag", "a/b", "--tag", "ü" * 400, **place)
    assert done.code == 0, done.err
    assert project.flowc("tag", "add", "Far/latest", "c", **place).code == 0
    assert project.flowc("tag", "remove", "Far/latest", "a/b", **place).code == 0
    (row,) = json.loads(project.flowc("runs", "--tag", "c", "--json", **place).out)
    assert row["tags"] == ["c", "ü" * 400]
    assert not (project.root / ".flowc").exists()


def test_a_run_leaves_the_same_records_there(project: Project, s3: Gateway) -> None:
    project.write("flow.py", FLOW)
    url = s3.bucket("runs") + "/team"
    done = project.flowc("run", "--local", "flow.py", "--store", url, **s3.environment)
    assert done.code == 0, done.err
    assert "[start] hello\n" in done.out
    local = summary(project.run("flow.py"))
    told = project.flowc("runs", "--store", url, "--json", **s3.environment)
    (row,) = json.loads(told.out)
    assert row["state"] == "succeeded"
    program = """
        import json, sys
        from flowc_runtime.store.records.store import Store
        from compare import summary
        store = Store.open(sys.argv[1])
        print(json.dumps(summary(store.run("Far", store.runs("Far")[0]))))
        """
    project.write("summary.py", program)
    path = f"{project.environment['PYTHONPATH']}:{__file__.rpartition('/runtime/')[0]}"
    done = project.python("summary.py", url, **s3.environment | {"PYTHONPATH": path})
    assert json.loads(done.out) == json.loads(json.dumps(local)), done.err
    logs = project.flowc("logs", "Far/latest", "--store", url, "--stdout", **s3.environment)
    printed = [line for line in logs.out.splitlines() if "#3] " not in line]  # attempt 3 is that of @catch
    assert printed == [
        "[start/0] hello",
        "[work/0.0] item a",
        "[work/0.1] item b",
        "[work/0.1 #2] item b",
        "[work/0.2] item c",
        "[work/0.2 #2] item c",
    ]
    logs = project.flowc("logs", "Far/latest/work/0.1", "--attempt", "2", "--store", url, "--stderr", **s3.environment)
    assert "killed by SIGKILL" in logs.out + logs.err
    dump = project.flowc("dump", "Far/latest/join", "--store", url, **s3.environment)
    assert "sums: list" in dump.out


def test_a_killed_supervisor_is_recorded_there(project: Project, s3: Gateway) -> None:
    project.write(
        "flow.py",
        """
        import signal
        from metaflow import FlowSpec, step

        class Sleeps(FlowSpec):
            @step
            def start(self):
                print("asleep")
                signal.pause()
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    url = s3.bucket("killed")
    process = project.start("-m", "flowc", "run", "flow.py", "--store", url, **s3.environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "[start] asleep\n"
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while "killed" not in project.flowc("runs", "--store", url, **s3.environment).out:
        assert time.monotonic() < deadline
    assert "asleep" in project.flowc("logs", "Sleeps/latest", "--store", url, **s3.environment).out
    left = subprocess.run(["pgrep", "-f", url], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_a_wrong_store_ends_a_run_before_it_begins(project: Project, s3: Gateway) -> None:
    project.write("flow.py", FLOW)
    done = project.flowc("run", "flow.py", "--store", "s3://missing", **s3.environment)
    assert done.code == 1
    assert "error: the bucket of s3://missing does not exist" in done.err
    done = project.flowc("runs", "--store", "s3://missing", **s3.environment | {"AWS_SECRET_ACCESS_KEY": "no"})
    assert done.code == 1
    assert "refuses these credentials" in done.err
    assert "Traceback" not in done.err


def test_the_default_store_may_be_remote(project: Project, s3: Gateway) -> None:
    url = s3.bucket("default")
    assert Store.open(url).objects.url == url
    project.write("flow.py", FLOW)
    done = project.flowc("run", "flow.py", FLOWC_STORE=url, **s3.environment)
    assert done.code == 0, done.err
    assert not (project.root / ".flowc").exists()
