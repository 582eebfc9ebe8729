"""The worker: a process that sends requests to the store.

The worker reads requests on stdin and writes answers to stdout until stdin ends.

An answer has the properties of an object, or is {"error": kind, "message": text}, where kind is a key of
`errors.BY_KIND`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from flowc_runtime.store.backends.remote.asking import Asker
from metaflow.plugins.datatools.s3.channel import receive, send
from metaflow.plugins.datatools.s3.failures import explain
from metaflow.plugins.datatools.s3.operations import OPERATIONS

if TYPE_CHECKING:
    from datetime import timedelta

_WHOLE: Final = 3600.0  # seconds that a request may take as long as data is still transferred


def main() -> None:
    """Serve requests until stdin ends.

    Descriptor 1 (stdout) is redirected to stderr, so that output of a library cannot damage an answer. Answers are
    written to a copy of the original stdout. SIGINT is ignored: an interrupt from the terminal is handled by the
    caller's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the caller's process
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of a library on stdout must not damage an answer
    threading.Thread(target=_leave, args=(requests.fileno(),), daemon=True).start()
    try:
        import obstore  # noqa: F401  # only to report at once if it is missing
    except ModuleNotFoundError:
        problem: str | None = "metaflow.S3 needs obstore: pip install 'flowc[s3]'; in @pypi, add it to the packages"
    except ImportError as error:  # importing obstore fails, for example because a shared library is missing
        problem = f"metaflow.S3 needs obstore, which cannot be loaded ({error}): pip install 'flowc[s3]'"
    else:
        problem = None
    while (request := receive(requests)) is not None:
        operation, items, settings = request
        send(answers, problem or _serve(operation, items, settings))


def _leave(requests: int) -> None:
    """End this process when the caller's process has ended, even during a request to the store."""
    poller = select.poll()
    poller.register(requests, 0)  # even without requested events, poll reports POLLHUP
    poller.poll()
    os._exit(0)


def _serve(operation: str, items: list[dict[str, object]], settings: dict[str, str]) -> list[dict[str, object]] | str:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings)
    try:
        workers = int(settings.get("METAFLOW_S3_WORKER_COUNT") or 64)
        retries = int(settings["METAFLOW_S3_RETRY_COUNT"]) if settings.get("METAFLOW_S3_RETRY_COUNT") else None
    except ValueError as error:
        return f"METAFLOW_S3_WORKER_COUNT and METAFLOW_S3_RETRY_COUNT are whole numbers: {error}"
    endpoint = settings.get("METAFLOW_S3_ENDPOINT_URL") or settings.get("AWS_ENDPOINT_URL_S3")
    endpoint = endpoint or settings.get("AWS_ENDPOINT_URL")
    identity = tuple(sorted(settings.items()))
    function = OPERATIONS[operation]
    unreachable: list[
        dict[str, object]
    ] = []  # if the store does not respond to one item, the remaining items get the same answer without a request

    def serve_item(item: dict[str, Any]) -> dict[str, Any]:
        if unreachable:
            return unreachable[0]
        bucket, _, key = item["url"].removeprefix("s3://").partition("/")
        try:
            return function(_open(bucket, endpoint, retries, item.get("encryption"), identity), key, item)
        except Exception as error:
            answer = explain(error, item["url"])
            if answer["error"] == "unreachable":
                unreachable.append(answer)
            return answer

    if len(items) == 1:
        return [serve_item(items[0])]
    with ThreadPoolExecutor(max(1, min(workers, len(items)))) as pool:
        return [*pool.map(serve_item, items)]


@cache
def _open(bucket: str, endpoint: str | None, retries: int | None, encryption: str | None, _identity: object) -> Asker:
    config: Any = {}
    if endpoint:
        config["endpoint"] = endpoint
    if encryption:
        config["aws_server_side_encryption"] = encryption
    allow = (endpoint or "").startswith("http://") or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")

    def connect(_: str, quiet: float | None, upload: float | None) -> Any:
        from datetime import timedelta

        from obstore.store import S3Store

        limits: dict[str, timedelta] = {"timeout": timedelta(seconds=upload or _WHOLE)}
        if quiet is not None:
            limits["read_timeout"] = timedelta(seconds=quiet)
        options: Any = {"allow_http": allow, "connect_timeout": timedelta(seconds=4), **limits}
        retry: Any = {"max_retries": 3 if retries is None else 0, "retry_timeout": timedelta(seconds=3)}
        return S3Store(bucket, config=config, client_options=options, retry_config=retry)

    return Asker(f"s3://{bucket}", connect, retries=retries)
