"""Asking a bucket that may not answer: again after a pause, not for ever, and never deaf to signals.

A store that has not answered yet is given up soon: its address may be wrong, and somebody waits at a prompt. One that
has answered, or that a task uses, is waited for. A pod outlasts a store that is busy for minutes, as it is while two
hundred pods start.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from flowc_runtime.base import contract
from flowc_runtime.base.errors import FlowcError, StoreError
from flowc_runtime.base.late import LateModule
from flowc_runtime.store.backends.remote_client import connect
from flowc_runtime.store.backends.remote_errors import explain, is_silence, is_transient, place, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    import obstore

    Connect = Callable[[str, float | None, float | None], Any]
else:
    obstore = LateModule("obstore")  # an extra; a process that has used it must not fork

T = TypeVar("T")


class Patience(NamedTuple):
    """How long a store is waited for.

    Attributes:
        seconds: after which it is given up, from the first request on that failed.
        quiet: seconds without a byte after which a request counts as lost; the next is given more, up to the last.
        pause: seconds before the second attempt, which grow from one to the next, up to `longest`.
    """

    seconds: float
    quiet: tuple[float, ...]
    pause: float = 0.5
    longest: float = 5.0


AT_FIRST = Patience(14.5, (4.0, 10.0))
LATER = Patience(60.0, (4.0, 10.0, 25.0))
IN_PODS = Patience(240.0, (30.0, 60.0), 1.0, 15.0)
GIVEN_UP = Patience(0.0, (4.0,))  # it has not answered for so long: one attempt, until it answers again
TOLD = 4.0  # seconds without an answer after which that is told, where it is waited for
LOOK = 3.0  # seconds between looks at a store that a large object is sent to
SLOW = 15.0  # seconds after which it is told that one is still being sent
SMALL = 1 << 20  # bytes
UPLOAD_SMALL, UPLOAD = 30.0, 300.0  # seconds that sending a request may take: of at most SMALL bytes, of more


class Asker:
    """Asks one store; `connect` makes a client, as `remote_client.connect` does.

    A request is made again at most `retries` times, where that many are named.
    """

    def __init__(self, url: str, connect: Connect = connect, *, retries: int | None = None) -> None:
        self.url = url
        self._connect = connect
        self._retries = retries
        self._clients: dict[tuple[float | None, float | None], Any] = {}
        self._answered = False
        self._given_up = False

    def ask(self, request: Callable[[Any], T], key: str) -> T:
        """Return what `request` gives for a client; it is repeated where that may help. Raises StoreError, NotFound."""
        return self._repeat(lambda quiet: _listen(lambda: request(self._client(quiet))), key)

    def send(self, request: Callable[[Any], T], key: str, size: int, *, limit: float | None = None) -> T:
        """The same for an object of many bytes, which takes long to send; looks tell whether the store is there.

        `limit` is how many seconds one request may take, where that is another number than a part of the object needs.
        """
        upload = limit or (UPLOAD if size > SMALL else UPLOAD_SMALL)

        def attempt(quiet: float) -> T:
            began, told = time.monotonic(), False

            def look() -> None:
                nonlocal told
                self.ask(_head, "")
                if not told and time.monotonic() - began > SLOW:
                    told = True
                    _note(f"{key} ({size:,} bytes) is still being sent to {self.url}")

            return _Request(lambda: request(self._client(upload=upload))).wait(look)

        return self._repeat(attempt, key)

    def _client(self, quiet: float | None = None, upload: float | None = None) -> Any:
        if (quiet, upload) not in self._clients:
            self._clients[quiet, upload] = self._connect(self.url, quiet, upload)
        return self._clients[quiet, upload]

    def _patience(self) -> Patience:
        if self._given_up:
            return GIVEN_UP
        if contract.POD in os.environ:
            return IN_PODS
        return LATER if self._answered or contract.RUN in os.environ else AT_FIRST

    def _repeat(self, attempt: Callable[[float], T], key: str) -> T:
        patience = self._patience()
        pause, failures, silences, since, told = patience.pause, 0, 0, 0.0, False
        while True:
            quiet = patience.quiet[min(silences, len(patience.quiet) - 1)]
            began = time.monotonic()
            try:
                answer = attempt(quiet)
            except FlowcError:
                raise
            except Exception as error:
                if not is_transient(error):
                    self._answered, self._given_up = True, False
                    raise explain(error, self.url, key) from error
                now = time.monotonic()
                since = since or max(began, now - quiet)
                failures += 1
                silences += is_silence(error)
                wait = pause * random.uniform(0.5, 1)
                pause = min(pause * 2, patience.longest)
                if now + wait - since > patience.seconds - patience.quiet[0] or failures - 1 == self._retries:
                    self._given_up = True
                    raise self._unreachable(error, now - since) from error
                if not told and now - since >= TOLD and patience.seconds > AT_FIRST.seconds:
                    told = True
                    self._tell(error, patience.seconds - (now - since))
                time.sleep(wait)
            else:
                self._answered, self._given_up = True, False
                return answer

    def _unreachable(self, error: Exception, seconds: float) -> StoreError:
        waited = f" (tried for {seconds:.0f} s)" if seconds >= 1 else ""
        return StoreError(f"cannot reach {place(str(error), self.url)}: {reason(str(error))}{waited}")

    def _tell(self, error: Exception, seconds: float) -> None:
        _note(f"cannot reach {place(str(error), self.url)}: {reason(str(error))}; trying for {seconds:.0f} s more")


def _head(client: Any) -> None:
    """Any answer will do, a refusal too."""
    try:
        obstore.head(client, "is-anybody-there")
    except Exception as error:
        if is_transient(error):
            raise


def _listen(request: Callable[[], T]) -> T:
    """Make a request so that signals are handled meanwhile: obstore is deaf to them in the thread that handles them."""
    if threading.current_thread() is not threading.main_thread():
        return request()
    return _Request(request).wait()


class _Request(Generic[T]):
    """A request in a thread of its own. Who waits for it may be interrupted, and leaves it to itself."""

    def __init__(self, request: Callable[[], T]) -> None:
        self._request = request
        self._answer: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        threading.Thread(target=self._make, name="flowc-store", daemon=True).start()

    def _make(self) -> None:
        try:
            self._answer.append(self._request())
        except BaseException as error:  # told in the thread that waits
            self._error = error
        self._done.set()

    def wait(self, look: Callable[[], None] | None = None) -> T:
        """Return the answer, or raise the error; `look` is called now and then meanwhile."""
        while not self._done.wait(LOOK if look is not None else None):
            if look is not None:
                look()
        if self._error is not None:
            raise self._error
        return self._answer[0]


def _note(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a closed stderr
        print(f"note: {text}", file=sys.stderr, flush=True)
