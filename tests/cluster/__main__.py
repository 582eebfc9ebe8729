"""The commands of the cluster harness, which the Makefile calls.

PYTHONPATH=tests python -m cluster up        create a cluster for flows, or update it
PYTHONPATH=tests python -m cluster down      delete all of it
PYTHONPATH=tests python -m cluster status    show its status
PYTHONPATH=tests python -m cluster env       print lines for a shell: KUBECONFIG, the store and its credentials
PYTHONPATH=tests python -m cluster test …    run the cluster tests; delete the cluster afterwards if this created it
PYTHONPATH=tests python -m cluster image     build the runtime image and measure it
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import FrameType

from cluster import argo, description, docker_daemon, lifecycle, measure
from cluster.kind_cluster import Kubectl
from cluster.shell import CommandFailed, Missing, say, state
from tools import gobuild, versions


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cluster", description="a cluster for the tests")
    parser.add_argument("command", choices=("up", "down", "status", "env", "test", "image"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for pytest")
    options = parser.parse_args()
    wanted = os.environ.get("ARGO") or versions.ARGO[0]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.command in ("status", "env"):
            return _status() if options.command == "status" else _env()
        with _alone():
            match options.command:
                case "up":
                    return _up(argo.version(wanted))
                case "down":
                    lifecycle.down()
                case "image":
                    measure.image()
                case _:
                    return _test(argo.version(wanted), options.arguments)
    except (Missing, CommandFailed, gobuild.GoUnavailable) as error:
        print(f"cluster: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock, because commands of the harness share a docker daemon and a cluster."""
    with (state() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command of the harness is running; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the harness on SIGTERM in the same way as on Ctrl-C."""
    raise KeyboardInterrupt


def _up(version: str) -> int:
    _up_or_down(version)
    say(f'ready; `eval "$({sys.executable} -m cluster env)"` with PYTHONPATH=tests for a shell that talks to it')
    return 0


def _up_or_down(version: str) -> description.Cluster:
    """Create a cluster; after a failure, delete what was started."""
    was_up = description.read() is not None
    try:
        return lifecycle.up(version)
    except BaseException:
        if not was_up:
            say("that failed; ending what was started")
            lifecycle.down()
        raise


def _test(version: str, arguments: list[str]) -> int:
    was_up = _is_up()
    _up_or_down(version)
    try:
        environment = os.environ | {description.VARIABLE: str(description.path())}
        command = [sys.executable, "-m", "pytest", "tests/cluster", *arguments]
        tests = subprocess.Popen(command, env=environment)
        try:
            return tests.wait()
        finally:
            if tests.poll() is None:  # pytest has received the same Ctrl-C and needs time to end
                tests.terminate()
                tests.wait()
    finally:
        if not was_up:
            lifecycle.down()


def _is_up() -> bool:
    cluster = description.read()
    return cluster is not None and (cluster.origin == "given" or _answers(cluster))


def _answers(cluster: description.Cluster) -> bool:
    return Kubectl(cluster.kubectl, cluster.kubeconfig).has("--raw", "/readyz")


def _status() -> int:
    cluster = description.read()
    if cluster is None:
        print("down" if not docker_daemon.running() else "half up: `make cluster-down` ends what is left")
        return 1
    print(f"{'up' if _answers(cluster) else 'does not answer'}: {cluster.origin}, Argo {cluster.argo}")
    print(f"namespace {cluster.namespace}, image {cluster.image}, store {cluster.store}")
    return 0


def _env() -> int:
    cluster = description.read()
    if cluster is None:
        print("cluster: error: it is down", file=sys.stderr)
        return 1
    ours = {
        "FLOWC_IMAGE": cluster.image,
        "FLOWC_CLUSTER_STORE": cluster.store,
        description.VARIABLE: description.path(),
    }
    for name, value in (cluster.shell | cluster.environment | ours).items():
        print(f"export {name}={shlex.quote(str(value))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
