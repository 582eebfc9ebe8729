"""`metaflow.S3` and a bucket that does not answer, drops connections, or sends wrong content."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

import faults
from faults import Faults, Mode, Request, is_put
from gateway import Gateway, gateway
from metaflow import S3
from metaflow.plugins.datatools.s3 import MetaflowS3Exception, MetaflowS3NotFound, S3GetObject, channel
from project import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from project import Project

pytest.importorskip("obstore")
LARGE = 12_000_000  # size in bytes of an object that is uploaded in several parts


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        running.bucket("objects")
        yield running


@pytest.fixture
def way(store: Gateway) -> Iterator[Faults]:
    with faults.between(store.environment["AWS_ENDPOINT_URL"]) as found:
        yield found


@pytest.fixture
def s3(
    store: Gateway, way: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[S3]:
    """Return a client that uses the proxy; the worker process ends with the test."""
    monkeypatch.chdir(tmp_path)
    for name, value in way.environment(store.environment).items():
        monkeypatch.setenv(name, value)
    with S3(s3root=f"s3://objects/{abs(hash(request.node.nodeid))}") as client:
        yield client
    channel._stop()


def is_get(request: Request) -> bool:
    return request.method == "GET" and not request.lists


def is_listing(request: Request) -> bool:
    return request.lists


def is_info(request: Request) -> bool:
    return request.method == "HEAD"


def is_end_of_parts(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.target


# -- answers that are lost ---------------------------------------------------------------------------------------------

OPERATIONS: dict[str, tuple[Callable[[S3], object], object, Callable[[Request], bool]]] = {
    "get": (lambda s3: s3.get("key").text, "value", is_get),
    "range": (lambda s3: s3.get(S3GetObject("key", 1, 3)).text, "alu", is_get),
    "info": (lambda s3: s3.info("key").size, 5, is_info),
    "list": (lambda s3: [each.size for each in s3.list_paths()], [5], is_listing),
    "list_recursive": (lambda s3: [each.size for each in s3.list_recursive()], [5], is_listing),
    "put": (lambda s3: s3.put("new", "x") and s3.get("new").text, "x", is_put),
}


@pytest.mark.parametrize("mode", ["busy", "hang", "reset-before", "reset-after", "error-after", "cut"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_lost_answer_is_asked_for_again(s3: S3, way: Faults, operation: str, mode: Mode) -> None:
    ask, expected, chosen = OPERATIONS[operation]
    s3.put("key", "value")
    way.begin(mode, chosen)
    assert ask(s3) == expected
    assert len(way.spoiled) == 1


@pytest.mark.parametrize("mode", ["busy", "reset-after", "error-after"])
def test_a_large_file_whose_last_answer_is_lost_is_stored(s3: S3, way: Faults, tmp_path: Path, mode: Mode) -> None:
    content = os.urandom(LARGE)
    (tmp_path / "file").write_bytes(content)
    way.begin(mode, is_end_of_parts)
    assert [key for key, _ in s3.put_files([("key", "file")])] == ["key"]
    assert len(way.spoiled) == 1
    way.mode = None
    assert s3.get("key").blob == content


@pytest.mark.parametrize("mode", ["hang", "conflict"])
def test_what_is_created_meets_silence_or_another_writer(s3: S3, way: Faults, mode: Mode) -> None:
    way.begin(mode, faults.is_create)
    assert [key for key, _ in s3.put_many([("key", "mine")], overwrite=False)] == ["key"]
    assert len(way.spoiled) == 1
    assert s3.put_many([("key", "another's")], overwrite=False) == []
    assert s3.get("key").text == "mine"


# -- wrong bytes -------------------------------------------------------------------------------------------------------


def test_bytes_that_came_wrong_are_asked_for_again(s3: S3, way: Faults) -> None:
    s3.put("key", "value" * 1000)
    way.begin("flip", is_get)
    assert s3.get("key").text == "value" * 1000
    assert len(way.spoiled) == 1


def test_bytes_that_come_wrong_every_time_are_an_error(s3: S3, way: Faults) -> None:
    s3.put("key", "value" * 1000)
    way.begin("noise", is_get, times=None)
    with pytest.raises(MetaflowS3Exception, match="its content was damaged twice, differently each time"):
        s3.get("key")


def test_objects_that_are_not_named_by_their_md5_are_fetched(s3: S3, way: Faults, tmp_path: Path) -> None:
    """The ETag of an object that was uploaded in parts or encrypted is no MD5, so it is not compared."""
    (tmp_path / "file").write_bytes(b"x" * LARGE)
    s3.put_files([("parts", "file")])
    s3.put_many([("a", "a" * 100), ("b", "b" * 100)])
    assert s3.get("parts").size == LARGE
    way.begin("renamed", is_get, times=None)
    assert [s3.get(key).text for key in ("a", "b")] == ["a" * 100, "b" * 100]
    assert len(way.spoiled) == 3  # `a` is requested twice


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hang", "refused"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_silence_is_told_within_twenty_seconds(
    s3: S3, way: Faults, operation: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, words = way.url, "no answer"
    if how == "hang":
        way.begin("hang", times=None)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url, words = f"http://127.0.0.1:{free.getsockname()[1]}", "connection refused"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(MetaflowS3Exception) as error:
        OPERATIONS[operation][0](s3)
    found = re.fullmatch(
        rf"s3://objects/\S*: cannot reach s3://objects at {url}: {words} \(tried for (\d+) s\)", str(error.value)
    )
    assert found is not None, error.value
    assert int(found[1]) < 18


def test_many_objects_of_a_silent_store_are_told_as_soon_as_one(s3: S3, way: Faults) -> None:
    way.begin("hang", times=None)
    with pytest.raises(MetaflowS3Exception, match=r"no answer \(tried for 1\d s\)"):
        s3.get_many([str(number) for number in range(300)])
    way.mode = None
    with pytest.raises(MetaflowS3NotFound):
        s3.get("0")


def test_the_count_of_retries_is_the_user_s(s3: S3, way: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "1")
    s3.put("key", "value")
    way.begin("reset-before", is_get, times=2)
    with pytest.raises(MetaflowS3Exception, match="cannot reach s3://objects at http://127"):
        s3.get("key")
    assert len(way.spoiled) == 2


PROGRAM = """
    from metaflow import S3
    with S3(s3root="s3://objects/x") as s3:
        s3.{call}
    """


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("call", ["get('key')", "put('key', 'value')", "get_many(map(str, range(9)))"])
def test_who_waits_can_be_interrupted(
    project: Project, store: Gateway, way: Faults, call: str, number: signal.Signals
) -> None:
    """After a signal, the program and its worker process end; if the worker stayed, `communicate` would wait for it."""
    way.begin("hang", times=None)
    project.write("program.py", PROGRAM.format(call=call))
    with project.start("program.py", **way.environment(store.environment)) as process:
        wait_until(lambda: bool(way.spoiled), "nothing is asked")
        began = time.monotonic()
        process.send_signal(number)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (-number if number == signal.SIGTERM else process.returncode)
    assert process.returncode != 0
    assert time.monotonic() - began < 3
