"""`metaflow.S3` against a real S3 gateway."""

from __future__ import annotations

import io
import os
import pickle
from typing import TYPE_CHECKING

import pytest

import faults
from gateway import Gateway, gateway
from metaflow import S3
from metaflow.exception import MetaflowException
from metaflow.plugins.datatools.s3 import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
    RangeInfo,
    S3GetObject,
    S3PutObject,
    channel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

pytest.importorskip("obstore")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        yield running
        channel._stop()  # end the worker process, which would otherwise live until the interpreter ends


@pytest.fixture
def bucket(store: Gateway, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    monkeypatch.chdir(tmp_path)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store.bucket(f"b{abs(hash(request.node.nodeid))}")


@pytest.fixture
def s3(bucket: str) -> Iterator[S3]:
    with S3(s3root=f"{bucket}/root") as client:
        yield client


@pytest.fixture
def tree(s3: S3) -> S3:
    """Store the objects of the documentation's example, and `abc/x`, whose key begins with `a` but not with `a/`."""
    s3.put_many([(key, key) for key in ("a/0.txt", "a/b/1.txt", "a/c/2.txt", "a/d/e/3.txt", "f/4.txt", "abc/x")])
    return s3


@pytest.mark.parametrize("mode", ["error-after", "reset-after", "reset-before", "busy"])
def test_what_is_created_is_stored_once_though_answers_are_lost(
    s3: S3, store: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: faults.Mode
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    with faults.between(store.environment["AWS_ENDPOINT_URL"]) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        way.begin(mode, faults.is_create)
        assert s3.put_many([("key", "mine")], overwrite=False) == [("key", s3.info("key").url)]
        way.begin(mode, faults.is_create)
        assert [key for key, _ in s3.put_files([("file", "file")], overwrite=False)] == ["file"]
        assert len(way.spoiled) == 1
        assert s3.put_many([("key", "another's")], overwrite=False) == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.environment["AWS_ENDPOINT_URL"])
    assert (s3.get("key").text, s3.get("file").size) == ("mine", 100_000)


# -- one object --------------------------------------------------------------------------------------------------------


def test_put_and_get(s3: S3, bucket: str) -> None:
    url = s3.put("dir/héllo w+rld%20#1", "grüße", content_type="text/plain", metadata={"Case": "kept", "n": "ü"})
    assert url == f"{bucket}/root/dir/héllo w+rld%20#1"
    got = s3.get("dir/héllo w+rld%20#1")
    assert (got.text, got.blob, got.size) == ("grüße", "grüße".encode(), 7)
    assert (got.exists, got.downloaded, got.has_info) == (True, True, True)
    assert (got.url, got.key, got.prefix) == (url, "dir/héllo w+rld%20#1", f"{bucket}/root")
    assert (got.content_type, got.metadata) == ("text/plain", {"Case": "kept", "n": "ü"})
    assert got.range_info == RangeInfo(7, 0, 7)
    assert isinstance(got.last_modified, float)
    assert str(got) == f"<S3Object {url} (7 bytes, local)>"
    plain = s3.get("dir/héllo w+rld%20#1", return_info=False)
    assert (plain.has_info, plain.content_type, plain.metadata, plain.text) == (False, None, None, "grüße")


@pytest.mark.parametrize("value", [b"", b"bytes\0", "text", io.BytesIO(b"a file"), bytearray(b"array")])
def test_what_can_be_stored(s3: S3, value: object) -> None:
    s3.put("key", value)  # type: ignore[arg-type]
    expected = value.encode() if isinstance(value, str) else value
    expected = expected.getvalue() if isinstance(expected, io.BytesIO) else expected
    assert s3.get("key").blob == expected


def test_what_cannot_be_stored(s3: S3) -> None:
    for wrong in (5, None, io.StringIO("text")):
        with pytest.raises(MetaflowS3InvalidObject, match="'key' is not a string or a bytes object"):
            s3.put("key", wrong)  # type: ignore[arg-type]


def test_overwriting(s3: S3) -> None:
    s3.put("key", "one")
    assert s3.put("key", "two", overwrite=False).endswith("/key")
    assert s3.get("key").text == "one"
    assert s3.put_many([("key", "three"), ("new", "n")], overwrite=False) == [("new", s3.info("new").url)]
    s3.put("key", "four")
    assert s3.get("key").text == "four"


def test_ranges(s3: S3) -> None:
    s3.put("key", "0123456789")
    part = s3.get(S3GetObject("key", 2, 3))
    assert (part.text, part.size, part.range_info) == ("234", 3, RangeInfo(10, 2, 3))
    assert s3.get(S3GetObject("key", 7, None)).text == "789"
    assert s3.get(S3GetObject("key", 8, 100)).text == "89"
    parts = s3.get_many([S3GetObject("key", 0, 2), "key", S3GetObject("key", 5, 1)])
    assert [each.text for each in parts] == ["01", "0123456789", "5"]
    for wrong in ((10, 1), (0, 0), (-1, None), (0, -1)):
        with pytest.raises(MetaflowS3InvalidRange):
            s3.get(S3GetObject("key", *wrong))


def test_what_is_missing(s3: S3, bucket: str) -> None:
    for ask in (s3.get, s3.info):
        with pytest.raises(MetaflowS3NotFound, match=f"{bucket}/root/nope"):
            ask("nope")
        missing = ask("nope", return_missing=True)
        assert (missing.exists, missing.downloaded, missing.size, missing.path) == (False, False, None, None)
        assert str(missing) == f"<S3Object {bucket}/root/nope (object does not exist)>"
    with pytest.raises(MetaflowS3NotFound):
        s3.get()


def test_info_fetches_nothing(s3: S3) -> None:
    s3.put(S3PutObject("key", content_type="a/b", metadata={"k": "v"}), "value")
    info = s3.info("key")
    assert (info.size, info.content_type, info.metadata, info.range_info) == (5, "a/b", {"k": "v"}, None)
    assert (info.downloaded, info.path, info.blob, info.text) == (False, None, None, None)


# -- many --------------------------------------------------------------------------------------------------------------


def test_many(s3: S3, bucket: str, tmp_path: Path) -> None:
    names = [f"n/{number}" for number in range(200)]
    assert s3.put_many([(name, name) for name in names]) == [(name, f"{bucket}/root/{name}") for name in names]
    assert [each.text for each in s3.get_many(reversed(names))] == names[::-1]
    assert [each.size for each in s3.info_many(names[:3])] == [3, 3, 3]
    assert s3.get_many([]) == s3.put_many([]) == []
    with pytest.raises(MetaflowS3NotFound, match="root/nope"):
        s3.get_many(["n/1", "nope"])
    assert [each.exists for each in s3.get_many(["n/1", "nope"], return_missing=True)] == [True, False]
    assert [each.exists for each in s3.info_many(["nope", "n/1"], return_missing=True)] == [False, True]
    with pytest.raises(MetaflowS3URLException, match=r"get_many takes a list of keys; for one key, write \['n/1'\]"):
        s3.get_many("n/1")


def test_files(s3: S3, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 12_000_000)  # this size is sent in several parts
    stored = s3.put_files([("one", "file"), S3PutObject("two", path=str(tmp_path / "file"), content_type="a/b")])
    assert [key for key, _ in stored] == ["one", "two"]
    one, two = s3.get_many(["one", "two"])
    assert one.blob == b"x" * 12_000_000
    assert (two.size, two.content_type) == (12_000_000, "a/b")
    with pytest.raises(MetaflowS3NotFound, match="Local file not found: nofile"):
        s3.put_files([("three", "nofile")])


def test_listing(tree: S3, bucket: str) -> None:
    def told(found: list[object]) -> list[tuple[str, bool]]:
        return [(each.url.removeprefix(f"{bucket}/root/"), each.exists) for each in found]  # type: ignore[attr-defined]

    assert told([*tree.list_paths(["a", "f/"])]) == [
        ("a/0.txt", True), ("a/b/", False), ("a/c/", False), ("a/d/", False), ("f/4.txt", True),
    ]  # fmt: skip
    assert told([*tree.list_paths()]) == [("a/", False), ("abc/", False), ("f/", False)]
    assert tree.list_paths(["nothing"]) == tree.list_recursive(["nothing"]) == []
    deep = tree.list_recursive(["a"])
    assert told([*deep]) == [("a/0.txt", True), ("a/b/1.txt", True), ("a/c/2.txt", True), ("a/d/e/3.txt", True)]
    assert [(each.key, each.prefix, each.size) for each in deep[:2]] == [
        ("0.txt", f"{bucket}/root/a", 7), ("b/1.txt", f"{bucket}/root/a", 9),
    ]  # fmt: skip
    assert len(tree.list_recursive()) == 6


def test_recursive(tree: S3) -> None:
    assert [each.text for each in tree.get_recursive(["a/b", "f"])] == ["a/b/1.txt", "f/4.txt"]
    assert [each.key for each in tree.get_recursive(["a"])] == ["0.txt", "b/1.txt", "c/2.txt", "d/e/3.txt", "bc/x"]
    (one,) = tree.get_recursive(["a/b/"], return_info=True)
    assert (one.key, one.has_info) == ("a/b/1.txt", True)
    assert sorted(each.text or "" for each in tree.get_all()) == sorted(each.key for each in tree.list_recursive())


def test_what_was_fetched_goes_with_the_client(bucket: str, tmp_path: Path) -> None:
    with S3(s3root=bucket, tmproot=str(tmp_path)) as client:
        client.put("key", "v")
        path = client.get("key").path
        assert path is not None
        assert os.path.exists(path)
        assert path.startswith(str(tmp_path))
    assert not os.path.exists(path)
    assert list(tmp_path.iterdir()) == []


# -- addresses and errors ----------------------------------------------------------------------------------------------


def test_full_addresses(tree: S3, bucket: str) -> None:
    with S3() as client:
        got = client.get(f"{bucket}/root/f/4.txt")
        assert (got.text, got.key, got.prefix) == ("f/4.txt", got.url, None)
        assert len(client.list_recursive([f"{bucket}/root"])) == 6
        for wrong in ("f/4.txt", "s3://bucket", "s3://bucket/", "https://bucket/key"):
            with pytest.raises(MetaflowS3URLException, match="if you don't want to specify full s3:// urls"):
                client.get(wrong)
        with pytest.raises(MetaflowS3URLException, match="without a prefix"):
            client.get_all()
    with pytest.raises(MetaflowS3URLException, match="Don't use absolute S3 URLs"):
        tree.get(f"{bucket}/root/f/4.txt")
    with pytest.raises(MetaflowS3URLException, match="empty path segment"):
        tree.put("a//b", "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"s3root": "/x"}, "s3root needs to be an S3 URL"),
        ({"s3root": "s3://"}, "s3root needs to be an S3 URL"),
        ({"bucket": "b"}, "only together with run"),
        ({"run": "x"}, "METAFLOW_DATATOOLS_S3ROOT"),
        ({"run": "x", "bucket": "b"}, "run takes self inside a step, or a Run, not 'x'"),
    ],
)
def test_clients_that_make_no_sense(arguments: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("METAFLOW_DATATOOLS_S3ROOT", "METAFLOW_DATASTORE_SYSROOT_S3"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MetaflowS3URLException, match=message):
        S3(**arguments)  # type: ignore[arg-type]


def test_a_past_run_is_an_address_too(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Run:
        pathspec = "Flow/7"

    monkeypatch.setenv("METAFLOW_DATATOOLS_S3ROOT", f"{bucket}/data/")
    for arguments, expected in (
        ({}, f"{bucket}/data/Flow/7/k"),
        ({"prefix": "/other/"}, f"{bucket}/other/Flow/7/k"),
        ({"bucket": bucket.removeprefix("s3://")}, f"{bucket}/data/Flow/7/k"),
    ):
        with S3(run=Run(), **arguments) as client:
            assert client.put("k", "v") == expected


def test_credentials_and_endpoint_may_change_as_a_program_goes(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("key", "v")
    with monkeypatch.context() as changed:
        changed.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        for ask in (lambda: s3.get("key"), lambda: s3.get_many(["key"]), lambda: s3.put("key", "x"), s3.list_paths):
            with pytest.raises(MetaflowS3AccessDenied, match="check AWS_ACCESS_KEY_ID"):
                ask()
    with monkeypatch.context() as changed:
        changed.setenv("METAFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
        changed.setenv("METAFLOW_S3_RETRY_COUNT", "1")
        with pytest.raises(MetaflowS3Exception, match=r"127\.0\.0\.1:9"):
            s3.get("key")
    with pytest.raises(MetaflowS3NotFound, match="no such bucket"), S3() as other:
        other.get("s3://no-such-bucket/key")
    assert s3.get("key").text == "v"


def test_errors_are_metaflow_s() -> None:
    error = MetaflowS3NotFound("s3://b/k")
    assert isinstance(error, MetaflowException)
    assert f"{type(error).__module__}.{type(error).__name__}" == "metaflow.plugins.datatools.s3.s3.MetaflowS3NotFound"
    assert str(pickle.loads(pickle.dumps(error))) == "s3://b/k"


# -- in flows ----------------------------------------------------------------------------------------------------------

FLOW = """
    import os, sys
    from metaflow import FlowSpec, Parameter, S3, step

    with S3(s3root=os.environ["ROOT"]) as s3:   # in the process that forks every task
        s3.put("import", "seen")

    def newest(context):
        with S3(s3root=os.environ["ROOT"]) as s3:
            return s3.get("import").text

    class Data(FlowSpec):
        found = Parameter("found", default=newest)

        @step
        def start(self):
            with S3(run=self) as s3:
                self.url = s3.put("value", "of the run")
                s3.put_many([(f"w/{number}", str(number)) for number in range(3)])
                go = os.pipe()
                self.children = [self.work(s3, number, go) for number in range(3)]
                os.close(go[1])
                self.children = [os.waitpid(pid, 0)[1] for pid in self.children]
            self.loaded = "obstore" in sys.modules
            self.items = [1, 2]
            self.next(self.each, foreach="items")

        def work(self, s3, number, go):
            pid = os.fork()               # a data loader's workers, all at once
            if pid == 0:
                os.close(go[1])
                os.read(go[0], 1)
                os._exit(any(s3.get(f"w/{number}").text != str(number) for _ in range(10)))
            return pid

        @step
        def each(self):
            with S3(run=self) as s3:
                s3.put(str(self.input), str(self.input))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs)
            with S3(run=self) as s3:
                self.all = sorted(each.text for each in s3.get_all())
            self.next(self.end)

        @step
        def end(self):
            pass
    """


@pytest.mark.parametrize("remote", [False, True], ids=["store-on-disk", "store-in-s3"])
def test_everywhere_in_a_flow(project: Project, bucket: str, store: Gateway, remote: bool) -> None:
    """S3 works at the top level of a flow's file, in a function that computes a parameter's default, in steps, and in
    processes that a step forks."""
    project.write("flow.py", FLOW)
    environment = {**store.environment, "ROOT": f"{bucket}/shared", "METAFLOW_DATATOOLS_S3ROOT": f"{bucket}/data"}
    arguments = ["--store", f"{bucket}/flowc"] if remote else []
    done = project.flowc("run", "flow.py", *arguments, **environment)
    assert done.code == 0, done.err
    if remote:
        return
    run = project.latest()
    end = project.artifacts(run, "end")
    assert end["url"] == f"{bucket}/data/Data/{run.id}/value"
    assert (end["all"], end["children"], end["loaded"]) == (
        ["0", "1", "1", "2", "2", "of the run"],
        [0, 0, 0],
        False,
    )
    assert project.store.run(run.flow, run.id).record()["parameters"] == {"found": "seen"}


def test_without_obstore_it_says_what_to_install(project: Project) -> None:
    project.write("obstore.py", "raise ModuleNotFoundError('No module named obstore', name='obstore')\n")
    done = project.python("-c", "import metaflow\nmetaflow.S3(s3root='s3://b').get('k')")
    assert done.code == 1
    assert "metaflow.S3 needs obstore: pip install 'flowc[s3]'" in done.err
