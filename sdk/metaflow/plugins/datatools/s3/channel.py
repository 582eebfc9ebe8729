"""The connection to the worker, a child process that sends requests to the store.

All clients of a process share one worker.

A process that has used the library obstore must not fork, because its children would hang. But flowc forks processes,
and the code of steps forks, too (multiprocessing, data loaders). Therefore this module never imports obstore, and each
forked child starts a separate worker.
"""

from __future__ import annotations

import atexit
import os
import pickle
import struct
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final

from flowc_ir import json_text
from metaflow.plugins.datatools.s3.errors import MetaflowS3Exception

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEAD: Final = struct.Struct("<Q")
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from metaflow.plugins.datatools.s3.worker import main; main()"
)
# prefixes of environment variables that are read for each request, since a program may set them at any time
_SETTINGS: Final = ("AWS_", "METAFLOW_S3_")

_lock = threading.Lock()
# the pid of the process that started the worker, and the worker
_process: tuple[int, subprocess.Popen[bytes]] | None = None
_parents: list[subprocess.Popen[bytes]] = []


def ask(operation: str, items: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    """Send one request per item to the worker, which processes them concurrently. Return the answers in the order of
    the items.

    A lock ensures that only one thread uses the worker at a time. An exception such as the step's timeout kills the
    worker; otherwise, its late answer would be read as the answer to the next request.

    Args:
        operation: a name in `operations.OPERATIONS`.
        items: the arguments of each request; each has a `url`.

    Returns:
        One dict per item: the result that `operations` describes, or `{"error": kind, "message": text}`.

    Raises:
        MetaflowS3Exception: the worker has died, obstore is not installed, or a setting is not a number.
    """
    settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    with _lock:
        process = _running()
        assert process.stdin is not None and process.stdout is not None
        try:
            send(process.stdin, (operation, items, settings))
            answers = receive(process.stdout)
        except OSError:
            answers = None
        # an exception such as the step's timeout: end the worker, whose late answer would be read as that to the next
        # request
        except BaseException:
            _stop()
            raise
        if answers is None:
            _stop()
            raise MetaflowS3Exception("the process that talks to S3 has died")
    if isinstance(answers, str):
        raise MetaflowS3Exception(answers)
    result: list[dict[str, object]] = answers
    return result


def send(stream: IO[bytes], message: object) -> None:
    """Write one message: the length as 8 bytes, then a pickle."""
    data = pickle.dumps(message, protocol=5)
    stream.write(HEAD.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message. Return None at the end of the stream.

    Unpickling is safe: the message was written by a process of this program.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    data = stream.read(HEAD.unpack(head)[0])
    return pickle.loads(data)


def _running() -> subprocess.Popen[bytes]:
    global _process
    if _process is not None and _process[0] != os.getpid():
        # in a forked process: the worker is a child of the parent process, and only its parent may wait for it
        _process[1].returncode = 0
        _parents.append(_process[1])
        _process = None
    if _process is not None and _process[1].poll() is not None:
        _stop()
    if _process is None:
        command = [sys.executable, "-c", _BOOT, json_text.dumps(sys.path)]
        _process = os.getpid(), subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return _process[1]


def _stop() -> None:
    global _process
    if _process is None or _process[0] != os.getpid():
        return
    process, _process = _process[1], None
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # the worker died before it read the whole request
                continue
    process.kill()
    process.wait()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # another thread may have held the lock when this process was forked


os.register_at_fork(after_in_child=_renew_lock)
atexit.register(_stop)
