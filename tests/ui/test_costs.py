"""The cost of the pages as counts: requests to a bucket, and bytes of a page."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn

from flowc.ui.app import application
from flowc.ui.listening import bind
from flowc.ui.site import Site
from flowc_runtime.store.records.store import Store
from runtime.test_ended_runs import Bucket, bucket, s3  # noqa: F401  # fixtures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FEW, MORE = 60, 240
FIRST_PAGE = 150_000  # bytes


@contextmanager
def serving(store: Store) -> Iterator[Callable[[str], bytes]]:
    """Serve a store in a thread; yield a function that returns the bytes of a page."""
    with bind("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(application(Site.of(store)), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"

        def get(page: str) -> bytes:
            with urllib.request.urlopen(url + page, timeout=60) as answer:
                return bytes(answer.read())

        try:
            yield get
        finally:
            server.should_exit = True
            thread.join()


def test_a_page_needs_few_requests_to_a_bucket(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.counter.url)
    run = f"run/Wide/{bucket.first}"
    pages = ("", "?status=failed", "?tags=user:ann", "?text=zzz", "flow/Wide", run, f"{run}/each", f"{run}/each/0.3")
    counts: list[dict[str, int]] = []
    for number in (FEW, MORE):
        bucket.add(number)
        counts.append({})
        for page in pages:
            with serving(Store.open(bucket.url)) as get:  # a new server, which has nothing in memory
                bucket.counter.log.clear()
                assert len(get(page)) < FIRST_PAGE, page
                counts[-1][page] = len(bucket.counter.log)
    assert all(counts[1][page] - counts[0][page] <= 1 for page in pages), counts  # a listing has pages
    assert max(counts[1].values()) <= 20, counts
    runs = Store.open(bucket.url).runs("Wide")
    with serving(Store.open(bucket.url)) as get:
        bucket.counter.log.clear()
        assert "Compare 2 runs" in get(f"compare?run=Wide/{runs[-2]}&run=Wide/{runs[-1]}").decode()
        assert len(bucket.counter.log) <= 16
    with serving(Store.open(bucket.url)) as get:
        bucket.counter.log.clear()
        assert "Compare 8 runs" in get("compare?" + "&".join(f"run=Wide/{run}" for run in runs[-8:])).decode()
        lists = [each for each, _ in bucket.counter.log if "list-type" in each.target and "tags%2F" in each.target]
        own = [each for each, _ in bucket.counter.log if each.target.endswith(("/run.json", "/status.json"))]
        assert (len(lists), own) == (1, []), "one listing has the tags of all, and one has the records of all"
