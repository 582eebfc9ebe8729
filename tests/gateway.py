"""A real S3 gateway (versitygw) that serves a local directory, for tests of stores in buckets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from project import wait_until
from tools import ready
from tools.gobuild import or_skip

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS, SECRET = "flowc", "flowc-secret"


class Gateway:
    """A running gateway; `environment` has the variables for its clients."""

    def __init__(self, address: str, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "FLOWC_BLOB_CACHE": "no",  # a test that damages an object must not find it in the cache
        }

    def bucket(self, name: str) -> str:
        """Create a bucket and return its address."""
        (self.directory / name).mkdir()
        return f"s3://{name}"


@contextlib.contextmanager
def gateway(directory: Path) -> Iterator[Gateway]:
    """Run a gateway on loopback until the end of the `with` block."""
    program = or_skip(ready.gateway) / "versitygw"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    log = (directory / "gateway.log").open("wb")
    buckets = directory / "buckets"
    buckets.mkdir()
    with log, subprocess.Popen(
        [program, "--port", address, "posix", buckets], env=environment, stdout=log, stderr=log
    ) as process:  # fmt: skip
        try:
            _wait(address, process)
            yield Gateway(address, buckets)
        finally:
            process.kill()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.partition(":")

    def answers() -> bool:
        assert process.poll() is None, "the gateway has ended"
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
        return False

    wait_until(answers, "the gateway does not answer")
