"""Requests to a bucket whose answers are lost: each fault of the network with each operation, on a real gateway."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

import pytest

import faults
from faults import Faults, Mode, is_create
from flowc_runtime.base.errors import NotFound
from flowc_runtime.run.task.attempts import begin_record
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.backends.remote import asking
from flowc_runtime.store.backends.remote.asking import Patience
from flowc_runtime.store.backends.remote.bucket import LARGE, PART, RemoteObjects
from flowc_runtime.store.records.store import Store
from gateway import Gateway, gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults import Request


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("s3")) as running:
        running.bucket("objects")
        yield running


@pytest.fixture(scope="module")
def way(s3: Gateway) -> Iterator[Faults]:
    """Return the proxy in front of the gateway."""
    with faults.between(s3.environment["AWS_ENDPOINT_URL"]) as found:
        yield found


@pytest.fixture
def objects(
    s3: Gateway, way: Faults, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[RemoteObjects]:
    """Return a store with a new prefix in the bucket, through the proxy; requests time out after half a second."""
    for name, value in way.environment(s3.environment).items():
        monkeypatch.setenv(name, value)
    for name in ("AT_FIRST", "LATER"):
        monkeypatch.setattr(asking, name, Patience(20, (0.5, 8.0), 0.05))
    for name in ("UPLOAD_SMALL", "UPLOAD"):
        monkeypatch.setattr(asking, name, 3.0)
    yield RemoteObjects(f"s3://objects/{abs(hash(request.node.nodeid))}")
    way.mode = None


def begin(objects: RemoteObjects) -> None:
    """Claim an attempt, as a task does, and check that a second claim of the same attempt fails."""
    run = Store(objects).run("F", "1")
    record = begin_record(time.time())
    assert run.begin("start", "0", 1, record)
    assert not run.begin("start", "0", 1, begin_record(1.0))
    assert run.beginning("start", "0", 1) == record


def lease(objects: RemoteObjects) -> None:
    with sweeps.Sweep(objects) as sweep:
        sweep.renew()
        assert len(objects.names("gc/sweeps")) == 1
    assert objects.names("gc/sweeps") == []


def create(objects: RemoteObjects) -> None:
    assert objects.create("new", [b"mine"])
    assert not objects.create("new", [b"another's"])
    assert objects.get("new") == b"mine"


def put(objects: RemoteObjects) -> None:
    objects.put("k", b"again")
    assert objects.get("k") == b"again"


def get(objects: RemoteObjects) -> None:
    assert objects.get("k") == b"value"
    with pytest.raises(NotFound):
        objects.get("nothing")


def large(objects: RemoteObjects) -> None:
    """Create a blob that is sent in one request, and a larger blob that is sent in parts; read both."""
    for size in (LARGE + 1, PART + 1):
        digest = objects.create_blob([b"x" * size])
        assert bytes(objects.map(blob_key(digest))) == b"x" * size


def listing(objects: RemoteObjects) -> None:
    assert objects.names("l") == ["a", "b/"]
    assert objects.names_below("l") == ["a", "b/c"]
    assert [listed.name for listed in objects.listing("l")] == ["a", "b/c"]


def delete(objects: RemoteObjects) -> None:
    objects.delete("k")
    assert not objects.exists("k")
    objects.delete_below("l")
    assert objects.names("l") == []


def log(objects: RemoteObjects) -> None:
    objects.append("log", b"one ")
    objects.flush(now=True)
    objects.append("log", b"two")
    objects.flush(now=True)
    assert objects.appended("log") == b"one two"


OPERATIONS = (begin, lease, create, put, get, large, listing, delete, log)
MODES: tuple[Mode, ...] = ("busy", "reset-before", "reset-after", "error-after", "cut", "hang", "slow")
QUICK = {
    (mode, operation)
    for mode in ("busy", "reset-before", "reset-after", "error-after", "cut")
    for operation in (begin, create, put, get, listing, delete, log)
}


@pytest.mark.parametrize(
    ("mode", "operation"),
    [
        pytest.param(mode, operation, marks=() if (mode, operation) in QUICK else pytest.mark.slow)
        for mode in MODES
        for operation in OPERATIONS
    ],
)
def test_an_operation_survives_a_fault_at_each_of_its_requests(
    objects: RemoteObjects, way: Faults, mode: Mode, operation: Callable[[RemoteObjects], None]
) -> None:
    undisturbed = filled(objects, "undisturbed")
    way.begin("slow", times=0)
    operation(undisturbed)
    count = len(way.log)
    assert count
    for number in range(count):
        prefix = filled(objects, str(number))
        way.begin(mode, chosen=nth(number))
        operation(prefix)
        assert len(way.spoiled) == 1


def filled(objects: RemoteObjects, name: str) -> RemoteObjects:
    """Return a store with the objects that the operations need, and with a client that has no open connections."""
    found = RemoteObjects(f"{objects.url}/{name}")
    for key in ("k", "l/a", "l/b/c"):
        objects.put(f"{name}/{key}", b"value")
    return found


def nth(number: int) -> Callable[[Request], bool]:
    """Return a function that selects only the request with this number, counted from 0."""
    numbers = itertools.count()
    return lambda request: next(numbers) == number


def test_a_creation_that_was_applied_is_not_taken_for_another_s(objects: RemoteObjects, way: Faults) -> None:
    """An object is created once, although answers are lost: to the creation, and to the request that reads it back."""
    for mode in ("error-after", "reset-after"):
        way.begin(mode, times=6)
        assert objects.create(mode, [b"mine"])
        assert len(way.spoiled) == 6


def test_a_creation_of_which_no_answer_ever_comes_is_looked_for(objects: RemoteObjects, way: Faults) -> None:
    for mode in ("error-after", "reset-after"):
        way.begin(mode, is_create, times=None)
        assert objects.create(mode, [b"mine"])
        assert not RemoteObjects(objects.url).create(mode, [b"another's"])
        digest = objects.create_blob([mode.encode() * LARGE])
        way.mode = None
        assert objects.get(mode) == b"mine"
        assert objects.get(blob_key(digest)) == mode.encode() * LARGE


def test_of_many_creators_one_wins_whatever_is_lost(objects: RemoteObjects, way: Faults) -> None:
    way.begin("reset-after", times=None, rate=0.4)
    made: list[str] = []

    def make(name: str) -> None:
        if RemoteObjects(objects.url).create("k", [name.encode()]):
            made.append(name)

    threads = [threading.Thread(target=make, args=(f"writer {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    way.mode = None
    assert made == [objects.get("k").decode()]


def test_a_conflict_without_an_object_is_no_object(objects: RemoteObjects, way: Faults) -> None:
    """S3 answers 409 while another request creates the key; since that request may fail, flowc must try again."""
    way.begin("conflict", is_create, times=2)
    assert objects.create("k", [b"mine"])
    way.begin("conflict", is_create, times=2)
    digest = objects.create_blob([b"a blob"])
    assert objects.get(blob_key(digest)) == b"a blob"


def test_bytes_that_came_wrong_are_asked_for_again(objects: RemoteObjects, way: Faults) -> None:
    digest = objects.create_blob([b"a blob"])
    for read in (objects.read_blob, objects.map_blob):
        way.begin("flip", faults.names("/blobs/"))
        assert bytes(read(digest)) == b"a blob"
        assert len(way.spoiled) == 1


def test_a_long_listing_goes_on_where_it_was_cut_off(objects: RemoteObjects, s3: Gateway, way: Faults) -> None:
    directory = s3.directory / objects.url.removeprefix("s3://") / "many"
    directory.mkdir(parents=True)
    for number in range(1200):
        (directory / f"{number:04}").touch()
    way.begin("cut", faults.names("continuation-token|start-after"), times=4)
    assert objects.names_below("many") == [f"{number:04}" for number in range(1200)]
    assert len(way.spoiled) == 4
