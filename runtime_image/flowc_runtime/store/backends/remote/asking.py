"""Send requests to a bucket that may not answer: repeat them for a limited time, and let signals interrupt them.

The wait for a store that has never answered is short: its address may be wrong, and a user may wait at a prompt. The
wait is longer if the store has answered before or a task uses it. A pod waits for minutes, because a store can be busy
for minutes while two hundred pods start.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base import contract
from flowc_runtime.base.errors import FlowcError, StoreError
from flowc_runtime.store.backends.remote.connection import connect
from flowc_runtime.store.backends.remote.errors import explain, is_silence, is_transient, place, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    import obstore
    from obstore.store import ObjectStore

    Connect = Callable[[str, float | None, float | None], ObjectStore]
else:
    # imported at first use: obstore is an optional dependency, and a process that has used it must not fork
    obstore = LateModule("obstore")

T = TypeVar("T")


class Patience(NamedTuple):
    """The limits on waiting for a store.

    Attributes:
        seconds: the time after the first failed request at which no further request is sent.
        quiet: a request is regarded as lost if no byte arrives for this number of seconds; one number for each attempt,
            the last also for all later attempts.
        pause: the seconds before the second attempt; the pause grows with each attempt.
        longest: the longest pause in seconds.
    """

    seconds: float
    quiet: tuple[float, ...]
    pause: float = 0.5
    longest: float = 5.0


AT_FIRST = Patience(14.5, (4.0, 10.0))
LATER = Patience(60.0, (4.0, 10.0, 25.0))
IN_PODS = Patience(240.0, (30.0, 60.0), 1.0, 15.0)
# after a request has failed in all of its attempts, each later request has one attempt, until the store answers again
GIVEN_UP = Patience(0.0, (4.0,))
TOLD = 4.0  # Seconds without an answer before a line about the wait is printed.
LOOK = 3.0  # Seconds between the small requests that check, during a large upload, that the store answers.
SLOW = 15.0  # Seconds of an upload before a line about the upload is printed.
SMALL = 1 << 20  # The largest number of bytes of a small object.
UPLOAD_SMALL, UPLOAD = 30.0, 300.0  # The seconds that an upload may take: of a small object, of a large object.


class Asker:
    """Sends requests to one store. `connect` creates a client, like `connection.connect`.

    A request is repeated at most `retries` times or, if `retries` is None, until the `Patience` ends.
    """

    def __init__(self, url: str, connect: Connect = connect, *, retries: int | None = None) -> None:
        self.url = url
        self._connect = connect
        self._retries = retries
        self._clients: dict[tuple[float | None, float | None], ObjectStore] = {}
        self._answered = False
        self._given_up = False

    def ask(self, request: Callable[[ObjectStore], T], key: str) -> T:
        """Call a request with a client; repeat it after transient failures.

        Hazard: a request of the main thread runs in another thread, because obstore blocks signals. An interruption
        abandons the request.

        Args:
            request: makes the request and returns its result.
            key: the key of the object, for errors.

        Raises:
            NotFound: the object does not exist.
            AddressError: obstore is not installed, or refuses the address.
            StoreError: the store does not answer in time, or refuses the request.
        """
        return self._repeat(lambda quiet: _listen(lambda: request(self._client(quiet))), key)

    def send(self, request: Callable[[ObjectStore], T], key: str, size: int, *, limit: float | None = None) -> T:
        """Send a large object, with the arguments and errors of `ask`. Meanwhile, small requests check that the store
        still answers.

        Args:
            request: makes the request and returns its result.
            key: the key of the object, for errors and for the note about a long upload.
            size: the size of the object in bytes.
            limit: the seconds that one request may take; by default UPLOAD or UPLOAD_SMALL.

        Raises:
            StoreError: the store does not answer in time, or refuses the request.
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

    def _client(self, quiet: float | None = None, upload: float | None = None) -> ObjectStore:
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


def _head(client: ObjectStore) -> None:
    """Check that the store answers; a refusal counts as an answer."""
    try:
        obstore.head(client, "is-anybody-there")
    except Exception as error:
        if is_transient(error):
            raise


def _listen(request: Callable[[], T]) -> T:
    """Make a request; in the main thread, a second thread makes it, because obstore blocks signals during a request."""
    if threading.current_thread() is not threading.main_thread():
        return request()
    return _Request(request).wait()


class _Request(Generic[T]):
    """A request that runs in a separate thread. If the waiting thread is interrupted, the request is abandoned."""

    def __init__(self, request: Callable[[], T]) -> None:
        self._request = request
        self._answer: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        threading.Thread(target=self._make, name="flowc-store", daemon=True).start()

    def _make(self) -> None:
        try:
            self._answer.append(self._request())
        except BaseException as error:  # `wait` raises the error in the waiting thread
            self._error = error
        self._done.set()

    def wait(self, look: Callable[[], None] | None = None) -> T:
        """Return the answer of the request, or raise its error; during the wait, call `look` every LOOK seconds."""
        while not self._done.wait(LOOK if look is not None else None):
            if look is not None:
                look()
        if self._error is not None:
            raise self._error
        return self._answer[0]


def _note(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a closed stderr
        print(f"note: {text}", file=sys.stderr, flush=True)
