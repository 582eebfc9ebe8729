"""A web server for a page that shows the cards of a run and updates them while the run is active.

The server reads the store, changes nothing, and accepts requests only from this machine. A card may contain untrusted
code. Each card is shown in a frame with a different origin than the page, so that the card's code has no access to the
page and to other data of the server.
"""

from __future__ import annotations

import sys
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowc.cli.options.common import fail
from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError, NotFound
from flowc_runtime.base.index import task_id
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import UNREADABLE, read_status
from flowc_runtime.run.views.task_view import AttemptView
from flowc_runtime.store.records import unreadable
from metaflow.plugins.cards._page import SANDBOX, asset
from metaflow.plugins.cards._store import find, read, read_data, steps_with_cards

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

HOST = "127.0.0.1"
# The script that the server appends to each card. The script receives new contents of the card from the page.
_LISTENER = """<script>addEventListener("message", (event) => {
  const told = event.data || {};
  if (told.html !== undefined) {
    if (!(window.flowc_card_replace && window.flowc_card_replace(told.html))) location.reload();
  } else if (window.metaflow_card_update) window.metaflow_card_update(told.data);
});</script>"""


class ServedCards(NamedTuple):
    """The cards that the server shows: the cards of the run `run_id`. If `run_id` is None, they are the cards of the
    flow's newest run with the tag `tag`."""

    store: Store
    flow: str
    run_id: str | None
    tag: str | None
    most: int
    seconds: int

    def run(self) -> RunStore | None:
        """Return the run whose cards are shown, or None while there is no such run."""
        if self.run_id is not None:
            return self.store.run(self.flow, self.run_id)
        for name in reversed(self.store.runs(self.flow)):
            run = self.store.run(self.flow, name)
            with unreadable.skipping():
                if self.tag is None or (run.exists() and self.tag in run.system_tags() | run.user_tags()):
                    return run
        return None

    def cards(self) -> dict[str, object]:
        """Return the run, its state and its cards, as JSON for the page.

        Cards of running tasks come first. After them, cards of later steps precede cards of earlier steps.

        Returns:
            `run` (FLOW/RUN, or None while it does not exist), `state`, `cards` (at most `most`) and `more`, whether
            there are further cards. A card has `key`, `task`, `type`, `id`, `state`, `from` (the task that made it),
            `token` (it changes with the card's structure) and `changed`, in seconds since the epoch.
        """
        run = self.run()
        if run is None or not run.exists():
            return {"run": None, "state": "no run yet", "cards": [], "more": False}
        records = RunRecords(run)
        tasks = []
        for step in reversed(steps_with_cards(run)):
            done = run.done(step)
            tasks += [(path in done, step, path, numbers[-1]) for path, numbers in run.attempts(step).items()]
        found: list[dict[str, object]] = []
        for _, step, path, attempt in sorted(tasks, key=lambda task: task[0]):
            found += _of_task(AttemptView.stored(records, step, path, attempt))
            if len(found) > self.most:
                break
        state = UNREADABLE
        with unreadable.skipping():
            state = read_status(run).state
        return {
            "run": f"{run.flow}/{run.id}",
            "state": state,
            "cards": found[: self.most],
            "more": len(found) > self.most,
        }

    def has(self, key: str) -> bool:
        """Return whether an object's key is the key of a card of the flow.

        Hazard: the key is untrusted, because it is a part of the request's URL.
        """
        *before, _, cards, _, _ = self.store.run(self.flow, "").cards_key("", "", 0).split("/")
        parts = key.split("/")
        right = parts[: len(before)] == before and parts[len(before) + 1 : len(before) + 2] == [cards]
        return right and key.endswith(".html") and ".." not in parts and key.isprintable()


_STATES = {None: "running", "ok": "", "caught": "failure caught", "failed": "failed"}


def _of_task(attempt: AttemptView) -> list[dict[str, object]]:
    run, step, path = attempt.records.store, attempt.step, attempt.path
    state = UNREADABLE
    with unreadable.skipping():
        state = _STATES[attempt.readable().outcome]
    there = find(run, step, path, attempt.number, attempt.record, follow=True)
    cards = []
    for file in there.files:
        data = read_data(run.objects, file.key)
        cards.append({
            "key": file.key, "task": task_id(step, path), "type": file.type, "id": file.id, "state": state,
            "from": there.origin, "token": data["reload_token"] if data else "final",
            "changed": data["created_on"] if data else 0,
        })  # fmt: skip
    return cards


def serve(shown: ServedCards, port: int, tell: Callable[[str], None]) -> None:
    """Run the server until the program is interrupted.

    Args:
        shown: the cards to show.
        port: the port on 127.0.0.1; 0 chooses a free one.
        tell: a function that prints a line.

    Raises:
        SystemExit: the port is in use; the error is printed.
    """
    with make_server(shown, port) as server:
        tell(f"Cards of {shown.flow}{f'/{shown.run_id}' if shown.run_id else ''}: http://{HOST}:{server.server_port}")
        tell("Press Ctrl-C to stop.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            tell("")


def make_server(shown: ServedCards, port: int) -> ThreadingHTTPServer:
    """Return the server, which already listens on the port.

    Args:
        shown: the cards to show.
        port: the port on 127.0.0.1; 0 chooses a free one.

    Raises:
        SystemExit: the port is in use; the error is printed.
    """

    class Handler(_Handler):
        served = shown

    try:
        return _Server((HOST, port), Handler)
    except OSError as error:
        fail(
            f"cannot listen on {HOST}:{port}: {error.strerror}",
            "choose another port with --port; --port 0 chooses a free port",
        )


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Print an error in the handling of a request as one line, unless the client closed the connection.

        The server continues.
        """
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            print(f"error: a request failed: {type(error).__name__}: {error}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    served: ServedCards

    def do_GET(self) -> None:
        """Answer a request.

        Refuse requests whose host name is not a name of this machine, because the name of another site may resolve to
        this machine's address (DNS rebinding).
        """
        host = (self.headers.get("Host") or "").partition(":")[0]
        if host.lower() not in (HOST, "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", "this page is for this machine only")
            return
        path = unquote(self.path.partition("?")[0])
        try:
            if path == "/":
                self._answer(HTTPStatus.OK, "text/html", _page(self.served))
            elif path == "/cards.json":
                self._answer(HTTPStatus.OK, "application/json", json_text.page(self.served.cards()))
            elif path.startswith(("/card/", "/data/")):
                self._card(path[1:5], path[6:])
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", "this page does not exist")
        except NotFound:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is no such card")
        except FlowcError as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", str(error))

    do_HEAD = do_GET

    def _card(self, what: str, key: str) -> None:
        objects = self.served.store.objects
        if not self.served.has(key):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is no such card")
        elif what == "data":
            self._answer(HTTPStatus.OK, "application/json", json_text.page(read_data(objects, key)))
        else:
            self._answer(HTTPStatus.OK, "text/html", read(objects, key) + _LISTENER, sandbox=True)

    def _answer(self, status: HTTPStatus, kind: str, text: str, *, sandbox: bool = False) -> None:
        data = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if sandbox:
            self.send_header("Content-Security-Policy", f"sandbox {SANDBOX}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Do nothing: requests are not logged."""


def _page(shown: ServedCards) -> str:
    return (
        asset("server.html")
        .replace("{{title}}", escape(f"Cards of {shown.flow}"))
        .replace("{{sandbox}}", SANDBOX)
        .replace("{{seconds}}", str(shown.seconds))
    )
