"""The method by which the store and the S3 client create an object exactly once, even if answers are lost."""

from __future__ import annotations

import pytest

from flowc_runtime.store.backends.remote.creating import creation
from flowc_runtime.store.backends.remote.errors import explain, is_denied
from metaflow.plugins.datatools.s3 import failures

exceptions = pytest.importorskip("obstore.exceptions")


class Bucket:
    """A simulated client of a bucket with one object; its answers may be lost."""

    def __init__(self, there: str | None = None) -> None:
        self.there, self.losing, self.read = there, False, 0

    def put(self, content: str) -> None:
        """Store the object if it does not exist."""
        if self.there is not None:
            raise exceptions.AlreadyExistsError("412")
        self.there = content
        if self.losing:
            raise ConnectionError("the answer is lost")

    def same(self, content: str) -> bool | None:
        """Return whether the stored object has this content."""
        self.read += 1
        return None if self.there is None else self.there == content


def test_nothing_is_read_where_nothing_is_lost() -> None:
    bucket = Bucket()
    assert creation(lambda client: client.put("a"), lambda client: client.same("a"), lambda _: "other")(bucket) is True
    assert (bucket.there, bucket.read) == ("a", 0)


@pytest.mark.parametrize(("meanwhile", "result"), [("a", True), ("b", False), (None, True)])
def test_a_repeated_request_looks_at_what_is_there(meanwhile: str | None, result: bool) -> None:
    bucket = Bucket()
    request = creation(lambda client: client.put("a"), lambda client: client.same("a"), lambda _: "other")
    bucket.losing = True
    with pytest.raises(ConnectionError):
        request(bucket)
    bucket.losing, bucket.there = False, meanwhile
    assert request(bucket) is result
    assert bucket.read == 1


def test_an_object_of_another_writer() -> None:
    bucket = Bucket("b")
    request = creation(lambda client: client.put("a"), lambda client: client.same("a"), lambda _: "other")
    assert request(bucket) == "other"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.PermissionDeniedError("no"),
        exceptions.UnauthenticatedError("no"),
        exceptions.GenericError("<Code>AccessDenied</Code>"),
        exceptions.GenericError("the account has no permission for this"),
        exceptions.GenericError("server returned 403 Forbidden"),
    ],
)
def test_refused_credentials_are_known_alike(error: Exception) -> None:
    assert is_denied(error)
    assert "refuses these credentials" in str(explain(error, "s3://b", "k"))
    assert failures.explain(error, "s3://b/k")["error"] == "denied"


def test_a_file_of_this_machine_that_cannot_be_opened_is_no_refusal() -> None:
    assert not is_denied(PermissionError(13, "no permission", "x"))
